"""Sealing states what was checked; publishing adds the approval and touches no media byte."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import av
import c2pa
import pytest

from core.canonical import digest_file
from core.media.essence import essence, media_boxes
from provenance import credential, stamping
from provenance.credential import publish, seal
from provenance.errors import ProvenanceError, PublishMismatch, SigningError, TimestampUnavailable
from provenance.models import ApprovalFacts
from provenance.trust import library_settings
from tests.provenance.conftest import MARK_ID, Studio, seal_facts


def read(path: Path, anchors: str) -> dict[str, Any]:
    context = c2pa.Context(c2pa.Settings.from_dict(library_settings(anchors)))
    with path.open("rb") as file, c2pa.Reader("video/mp4", file, context=context) as reader:
        document: dict[str, Any] = json.loads(reader.json())
    return document


def assertions(document: dict[str, Any], urn: str) -> dict[str, Any]:
    return {entry["label"]: entry["data"] for entry in document["manifests"][urn]["assertions"]}


def test_a_sealed_video_is_trusted_under_our_anchor_and_by_nobody_else(studio: Studio) -> None:
    assert read(studio.sealed.path, studio.anchors.own)["validation_state"] == "Trusted"
    assert read(studio.sealed.path, "")["validation_state"] == "Valid"


def test_the_sealed_credential_says_what_was_checked(studio: Studio) -> None:
    document = read(studio.sealed.path, studio.anchors.own)
    assert document["active_manifest"] == studio.sealed.id
    said = assertions(document, studio.sealed.id)
    actions = said["c2pa.actions.v2"]["actions"]
    assert [action["action"] for action in actions] == ["c2pa.created", "c2pa.watermarked.bound"]
    assert len(actions[0]["parameters"]["ingredients"]) == 2
    assert said["c2pa.soft-binding"]["alg"] == "com.greenroom.mark.1"
    assert said["c2pa.soft-binding"]["blocks"][0]["value"] == f"{MARK_ID:010x}"
    assert {use["use"] for use in said["cawg.training-mining"]["entries"].values()} == {"notAllowed"}
    gates = said["com.greenroom.gates"]
    assert gates["gateSetSha256"] == "ab" * 32 and gates["demonstration"] is True
    assert gates["verdicts"][0] == {
        "gate": "lip_sync",
        "version": "1",
        "verdict": "pass",
        "receipt": "sha256:" + "cd" * 32,
    }
    assert said["com.greenroom.label"] == {"profile": "eu", "territory": "DE"}
    assert "score" not in json.dumps(said)


def test_one_essence_from_examined_to_published(studio: Studio) -> None:
    assert essence(studio.asset).sha256 == studio.sealed.essence == studio.published.essence
    assert media_boxes(studio.sealed.path) == media_boxes(studio.published.path)
    assert set(media_boxes(studio.sealed.path)) == {"ftyp", "moov", "mdat"}


def test_the_published_credential_names_the_approval_and_not_the_person(studio: Studio) -> None:
    document = read(studio.published.path, studio.anchors.own)
    assert document["validation_state"] == "Trusted"
    said = assertions(document, studio.published.id)
    assert [action["action"] for action in said["c2pa.actions.v2"]["actions"]] == [
        "c2pa.opened",
        "c2pa.published",
    ]
    assert said["com.greenroom.approval"] == {
        "approval": "sha256:" + "33" * 32,
        "manner": "seen",
        "mannerReportedBy": "player",
        "approvals": 1,
        "demonstration": True,
    }
    parent = document["manifests"][studio.published.id]["ingredients"][0]
    assert parent["relationship"] == "parentOf" and parent["active_manifest"] == studio.sealed.id


def test_the_manifest_alone_verifies_beside_the_file(studio: Studio) -> None:
    """The sidecar of the manifest store: the same manifest is recovered for a file that lost its own."""
    context = c2pa.Context(c2pa.Settings.from_dict(library_settings(studio.anchors.own)))
    with studio.sealed.path.open("rb") as file:
        reader = c2pa.Reader("video/mp4", file, manifest_data=studio.sealed.manifest, context=context)
        assert reader.get_validation_state() == "Trusted"


def test_an_import_is_opened_and_keeps_its_own_credential(studio: Studio, tmp_path: Path) -> None:
    facts = seal_facts(parent=studio.sealed.path, mark_id=None, ingredients=())
    imported = seal(
        studio.sealed.path, tmp_path / "imported.mp4", facts, studio.signer, anchors=studio.anchors.own
    )
    document = read(imported.path, studio.anchors.own)
    assert document["validation_state"] == "Trusted"
    actions = assertions(document, imported.id)["c2pa.actions.v2"]["actions"]
    assert [action["action"] for action in actions] == ["c2pa.opened"]
    parent = document["manifests"][imported.id]["ingredients"][0]
    assert parent["active_manifest"] == studio.sealed.id
    assert studio.sealed.id in document["manifests"]


def test_an_import_that_was_labelled_and_marked_says_so(studio: Studio, tmp_path: Path) -> None:
    """And claims nothing about how the customer's picture came to be."""
    facts = seal_facts(parent=studio.sealed.path, ingredients=())
    imported = seal(studio.asset, tmp_path / "out.mp4", facts, studio.signer, anchors=studio.anchors.own)
    actions = assertions(read(imported.path, studio.anchors.own), imported.id)["c2pa.actions.v2"]["actions"]
    assert [action["action"] for action in actions] == [
        "c2pa.opened",
        "c2pa.addedText",
        "c2pa.watermarked.bound",
        "c2pa.transcoded",
    ]
    assert "trainedAlgorithmicMedia" not in str(actions)


def test_an_import_whose_container_carries_no_credential_is_stated_by_its_digest(
    studio: Studio, tmp_path: Path
) -> None:
    original = tmp_path / "original.mkv"
    with av.open(str(studio.asset)) as source, av.open(str(original), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    facts = seal_facts(parent=original, ingredients=())
    imported = seal(studio.asset, tmp_path / "out.mp4", facts, studio.signer, anchors=studio.anchors.own)
    document = read(imported.path, studio.anchors.own)
    assert document["validation_state"] == "Trusted"
    parent = document["manifests"][imported.id]["ingredients"][0]
    assert (
        parent["relationship"] == "parentOf" and parent["description"] == f"SHA-256 {digest_file(original)}"
    )


def test_a_credential_that_would_say_nothing_is_refused(studio: Studio, tmp_path: Path) -> None:
    with pytest.raises(ProvenanceError, match="without gate verdicts"):
        seal(studio.asset, tmp_path / "out.mp4", seal_facts(gates=()), studio.signer)
    with pytest.raises(ProvenanceError, match="must carry a mark"):
        seal(studio.asset, tmp_path / "out.mp4", seal_facts(mark_id=None), studio.signer)
    assert list(tmp_path.iterdir()) == []


def test_without_a_timestamp_nothing_is_signed(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stamping, "PAUSE", 0.01)
    deaf = replace(studio.signer, timestamp_url="http://127.0.0.1:9/")
    with pytest.raises(TimestampUnavailable, match="did not answer") as caught:
        seal(studio.asset, tmp_path / "out.mp4", seal_facts(), deaf)
    assert caught.value.retryable
    assert list(tmp_path.iterdir()) == []


@dataclass(frozen=True)
class BrokenService:
    """A key service that refuses."""

    chain: str
    timestamp_url: str
    development: bool = True

    def sign(self, data: bytes) -> bytes:
        raise ConnectionError("the key service is away")


def test_the_key_services_own_error_reaches_the_caller(studio: Studio, tmp_path: Path) -> None:
    broken = BrokenService(studio.signer.chain, studio.signer.timestamp_url)
    with pytest.raises(SigningError, match="signer failed") as caught:
        seal(studio.asset, tmp_path / "out.mp4", seal_facts(), broken)
    assert isinstance(caught.value.__cause__, ConnectionError)
    assert caught.value.retryable
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("carried", ["", "e5" * 32])
def test_a_published_file_with_other_media_bytes_is_deleted(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, carried: str
) -> None:
    answers = iter([{"mdat": "one"}, {"mdat": "another"}])
    monkeypatch.setattr(credential, "media_boxes", lambda path: next(answers))
    with pytest.raises(PublishMismatch, match="sealed media bytes"):
        facts = ApprovalFacts("33" * 32, "seen")
        publish(studio.sealed.path, tmp_path / "out.mp4", facts, studio.signer, carried=carried)
    assert list(tmp_path.iterdir()) == []
