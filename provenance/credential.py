"""Content credentials: seal an examined video, publish an approved one (trust steps 9 and 12; C2PA 2.4).

Sealing adds a manifest with what was done and what the gates said. Publishing appends an UPDATE manifest
that names the approval; the media boxes stay byte-identical, which is proven here before the file may be
used. The library that builds it works in a child without the key (:mod:`provenance.signing`), and what is written into
a file beside foreign bytes is read back by another. What is signed here is checked by ``verify.py``, which shares
nothing with this file.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.canonical import digest_file_once
from core.heartbeat import beat
from core.media.essence import essence, media_boxes
from core.media.own import OwnFile
from provenance.errors import ProvenanceError, PublishMismatch, SigningError
from provenance.manifest import published_manifest, sealed_manifest
from provenance.models import (
    APPROVAL_ASSERTION,
    CONTAINER_ASSERTION,
    GATES_ASSERTION,
    LABEL_ASSERTION,
    Anchors,
    ApprovalFacts,
    Credential,
    SealFacts,
)
from provenance.reader import holds_manifest, read_raw
from provenance.signer import Signer
from provenance.signing import Material, SigningJob, sign

MEDIA_TYPE = "video/mp4"
PARENT = {"title": "imported video", "relationship": "parentOf", "label": "parent"}
OUR_WORD = (GATES_ASSERTION, CONTAINER_ASSERTION, LABEL_ASSERTION, APPROVAL_ASSERTION)
"""Assertions whose data a reader gives back as they were ordered."""


def seal(
    asset: Path,
    out: Path,
    facts: SealFacts,
    signer: Signer,
    *,
    anchors: str = "",
    own: OwnFile | None = None,
) -> Credential:
    """Sign ``asset`` (an mp4) into ``out``. The essence does not change; that is checked.

    Args:
        anchors: PEM of trusted roots; an ingredient's own credential is recorded as trusted under these.
        own: the caller's word that ``asset`` is ours; ``out`` is ours too then, if no other credential goes into it.

    Raises:
        ProvenanceError: no gate verdicts, or an import whose own credential does not hold.
        TimestampUnavailable: the authority did not answer after a few tries; can be tried again.
        SigningError: anything else; the signer's own exception is its cause.
    """
    for material in (facts.parent, *(ingredient.path for ingredient in facts.ingredients)):
        if material is not None:
            beat()
            if _carries_credential(material, anchors):
                own = None
    urn = _new_urn()
    parent_type = _media_type(facts.parent) if facts.parent is not None else None
    stated = (
        PARENT | {"description": f"SHA-256 {digest_file_once(facts.parent)}"}
        if facts.parent is not None
        else None
    )
    boxes = media_boxes(asset)
    manifest = sealed_manifest(
        urn,
        facts,
        stated_parent=stated if parent_type is None else None,
        ftyp_sha256=boxes.get("ftyp", ""),
        demonstration=_demonstration(facts.environment, signer),
    )

    job = SigningJob(
        urn,
        manifest,
        asset,
        signer,
        anchors,
        intent="EDIT" if facts.parent is not None else "",
        materials=_materials(facts, parent_type),
    )
    store = sign(job, out)
    try:
        if own is None:
            _check_says(out, job)
        own = OwnFile(digest_file_once(out)) if own is not None else None
        digest = essence(out, own=own).sha256
        # Equal boxes are an equal essence, and cheaper to prove; a container whose boxes move is read again.
        if media_boxes(out) != boxes and digest != essence(asset).sha256:
            raise SigningError("sealing changed the media", where=asset.name)
    except BaseException:
        out.unlink(missing_ok=True)
        raise
    return Credential(out, urn, store, digest_file_once(out), digest, own)


def publish(
    sealed: Path,
    out: Path,
    approval: ApprovalFacts,
    signer: Signer,
    *,
    anchors: str = "",
    own: OwnFile | None = None,
    carried: str = "",
) -> Credential:
    """Append the approval to a sealed mp4. ``ftyp``, ``moov`` and ``mdat`` are proven byte-identical.

    Args:
        anchors: PEM of trusted roots.
        own: the caller's word that ``sealed`` is ours; ``out`` is ours too then, as nobody else's bytes are added.
        carried: the essence of ``sealed``, where the caller knows it: equal media bytes carry it over. Empty: it is
            read from ``out``.

    Raises:
        PublishMismatch: the media bytes would differ; ``out`` was deleted.
        TimestampUnavailable, SigningError: as for :func:`seal`.
    """
    urn = _new_urn()
    manifest = published_manifest(urn, approval, demonstration=_demonstration(approval.environment, signer))

    material = Material(
        sealed, MEDIA_TYPE, {"title": "sealed video", "relationship": "parentOf", "label": "parent"}
    )
    job = SigningJob(urn, manifest, sealed, signer, anchors, intent="UPDATE", materials=(material,), own=own)
    store = sign(job, out)
    try:
        if own is None:
            _check_says(out, job)
        if media_boxes(out) != media_boxes(sealed):
            raise PublishMismatch(
                "the published file does not carry the sealed media bytes",
                where=sealed.name,
                next_step="seal the examined asset again; the file was deleted",
            )
        own = OwnFile(digest_file_once(out)) if own is not None else None
        digest = carried or essence(out, own=own).sha256
    except BaseException:
        out.unlink(missing_ok=True)
        raise
    return Credential(out, urn, store, digest_file_once(out), digest, own)


def _media_type(path: Path) -> str | None:
    """Of a container that can carry a credential; None for one that cannot, such as Matroska."""
    with path.open("rb") as file:
        head = file.read(12)
    if head[4:8] == b"ftyp":
        return MEDIA_TYPE
    return "video/x-msvideo" if head[:4] + head[8:] == b"RIFFAVI " else None


def _materials(facts: SealFacts, parent_type: str | None) -> tuple[Material, ...]:
    """What the library reads beside the video. An ingredient without a file is stated by its digest in the manifest."""
    found = []
    if facts.parent is not None and parent_type is not None:
        found.append(Material(facts.parent, parent_type, PARENT))
    for index, ingredient in enumerate(facts.ingredients):
        if ingredient.path is not None:
            entry = {
                "title": ingredient.title,
                "relationship": "inputTo",
                "label": f"input{index}",
                "description": f"SHA-256 {ingredient.sha256}",
            }
            found.append(Material(ingredient.path, ingredient.media_type, entry))
    return tuple(found)


def _check_says(out: Path, job: SigningJob) -> None:
    """What was signed is what was ordered: foreign bytes may have taken over the child that wrote it.

    Raises SigningError; the file is of no use then.
    """
    document = read_raw(out, Anchors(own=job.anchors)).store
    said = {
        entry.get("label"): entry.get("data")
        for entry in ((document.get("manifests") or {}).get(job.urn) or {}).get("assertions") or []
    }
    ordered = {
        entry["label"]: entry["data"] for entry in job.manifest["assertions"] if entry["label"] in OUR_WORD
    }
    if document.get("active_manifest") != job.urn or {label: said.get(label) for label in ordered} != ordered:
        raise SigningError(
            "the signed file does not say what was ordered",
            where=job.source.name,
            next_step="the file was deleted; look at what this video was imported or made from",
        )


def _carries_credential(material: Path, anchors: str) -> bool:
    """Whether it has a credential of its own. One that we carry along must hold; who signed it is not for us to say."""
    if not holds_manifest(material):
        return False
    reading = read_raw(material, Anchors(own=anchors))
    if reading.status in ("none", "unsupported"):
        return False
    results: Mapping[str, Any] = {"activeManifest": {"failure": [{"code": "unreadable"}]}}
    if reading.status == "found":
        results = reading.store.get("validation_results") or {}
    deltas = [delta["validationDeltas"] for delta in results.get("ingredientDeltas") or []]
    codes = {
        str(entry["code"])
        for part in (results.get("activeManifest") or {}, *deltas)
        for entry in part.get("failure") or []
    }
    broken = {code for code in codes if not code.startswith(("signingCredential.", "timeStamp."))}
    if broken:
        raise ProvenanceError(
            "the imported file's own credential does not hold: it was changed after signing",
            where=min(broken),
            next_step="import the original file",
            code="broken_parent_credential",
        )
    return True


def _new_urn() -> str:
    return f"urn:c2pa:{uuid.uuid4()}"


def _demonstration(environment: str, signer: Signer) -> bool:
    return environment != "production" or signer.development
