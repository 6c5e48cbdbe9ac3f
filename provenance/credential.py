"""Content credentials: seal an examined video, publish an approved one (trust steps 9 and 12; C2PA 2.4).

Sealing adds a manifest with what was done and what the gates said. Publishing appends an UPDATE manifest
that names the approval; the media boxes stay byte-identical, which is proven here before the file may be
used. What is signed here is checked by ``verify.py``, which shares nothing with this file.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import c2pa

from core.canonical import digest_file_once
from core.heartbeat import beat
from core.media.essence import essence, media_boxes
from core.media.own import OwnFile
from provenance.errors import (
    ProvenanceError,
    PublishMismatch,
    SignerFailed,
    SigningError,
    TimestampUnavailable,
)
from provenance.manifest import published_manifest, sealed_manifest
from provenance.models import ApprovalFacts, Credential, SealFacts
from provenance.signer import Signer
from provenance.trust import library_settings

MEDIA_TYPE = "video/mp4"
PARENT = {"title": "imported video", "relationship": "parentOf", "label": "parent"}
TIMESTAMP_TRIES = 3
TIMESTAMP_PAUSE = 0.4  # seconds, doubled after each try


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

    def build(builder: c2pa.Builder) -> None:
        if facts.parent is not None:
            builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
            if parent_type is not None:
                with facts.parent.open("rb") as file:
                    builder.add_ingredient(PARENT, parent_type, file)
        for index, ingredient in enumerate(facts.ingredients):
            if ingredient.path is None:
                continue  # stated by its digest in the manifest
            entry = {
                "title": ingredient.title,
                "relationship": "inputTo",
                "label": f"input{index}",
                "description": f"SHA-256 {ingredient.sha256}",
            }
            beat()
            with ingredient.path.open("rb") as file:
                builder.add_ingredient(entry, ingredient.media_type, file)

    store = _sign(_Job(manifest, build, asset, signer, anchors), out)
    try:
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

    def build(builder: c2pa.Builder) -> None:
        builder.set_intent(c2pa.C2paBuilderIntent.UPDATE)
        with sealed.open("rb") as file:
            builder.add_ingredient(
                {"title": "sealed video", "relationship": "parentOf", "label": "parent"}, MEDIA_TYPE, file
            )

    store = _sign(_Job(manifest, build, sealed, signer, anchors), out)
    try:
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


def _carries_credential(material: Path, anchors: str) -> bool:
    """Whether it has a credential of its own. One that we carry along must hold; who signed it is not for us to say."""
    context = c2pa.Context(c2pa.Settings.from_dict(library_settings(anchors)))
    try:
        with material.open("rb") as file, c2pa.Reader(file, context=context) as reader:
            results = reader.get_validation_results() or {}
    except (c2pa.C2paError.ManifestNotFound, c2pa.C2paError.NotSupported):
        return False
    except c2pa.C2paError:
        results = {"activeManifest": {"failure": [{"code": "unreadable"}]}}
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


@dataclass(frozen=True)
class _Job:
    manifest: dict[str, Any]
    build: Callable[[c2pa.Builder], None]
    source: Path
    signer: Signer
    anchors: str


def _sign(job: _Job, out: Path) -> bytes:
    """Sign with bounded tries. ``out`` appears complete or not at all."""
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    for attempt in range(TIMESTAMP_TRIES):
        try:
            store = _sign_once(job, part)
            part.replace(out)
            return store
        except TimestampUnavailable:
            if attempt == TIMESTAMP_TRIES - 1:
                raise
            beat()
            time.sleep(TIMESTAMP_PAUSE * 2**attempt)
        finally:
            part.unlink(missing_ok=True)
    raise AssertionError("unreachable")


def _sign_once(job: _Job, part: Path) -> bytes:
    beat()
    failures: list[BaseException] = []
    signed: list[bool] = []

    def sign(data: bytes) -> bytes:
        # The library would report any exception here only as "COSE signature invalid": keep the real one.
        try:
            signature = job.signer.sign(data)
        except BaseException as error:
            failures.append(error)
            return b""
        signed.append(True)
        return signature

    try:
        context = c2pa.Context(c2pa.Settings.from_dict(library_settings(job.anchors)))
        builder = c2pa.Builder(job.manifest, context)
        job.build(builder)
        native = c2pa.Signer.from_callback(
            sign, c2pa.C2paSigningAlg.ES256, job.signer.chain, job.signer.timestamp_url
        )
        with job.source.open("rb") as reading, part.open("w+b") as writing:
            store = builder.sign(native, MEDIA_TYPE, reading, writing)
    except c2pa.C2paError as error:
        if failures and not isinstance(failures[0], Exception):
            raise failures[0] from None  # the work is to stop: that is no answer of the signer
        raise _explained(error, failures, bool(signed)) from (failures[0] if failures else error)
    if not store:
        raise SigningError("the library returned no manifest", where=job.source.name)
    return bytes(store)


def _explained(error: Exception, failures: list[BaseException], signed: bool) -> ProvenanceError:
    text = str(error).lower()
    if failures:
        return SignerFailed(
            f"the signer failed ({type(failures[0]).__name__})",
            next_step="check the key service; the asset stays unsigned and the stage can be tried again",
        )
    if signed and any(word in text for word in ("http", "timestamp", "time stamp", "timed out")):
        return TimestampUnavailable(
            "the timestamp authority did not answer",
            where="GREENROOM_TIMESTAMP_URL",
            next_step="nothing was signed; try again when the authority answers",
        )
    return SigningError(f"the credential could not be made: {error}")
