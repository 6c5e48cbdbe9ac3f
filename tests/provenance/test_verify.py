"""Every verdict, in the architecture's order, with what is seen told to the verifier.

The credential, the container and the registry are real; marks and fingerprints have their own tests, and the
whole is measured in benchmarks/verify_confusion.py.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import c2pa
import numpy as np
import pytest

from core.errors import MediaError
from provenance.credential import publish, seal
from provenance.errors import ProvenanceError
from provenance.mark import MarkReading
from provenance.models import Agreement, Anchors, ApprovalFacts, Difference, RegistryEntry, VerifyReport
from provenance.pki import init_pki
from provenance.signer import FileSigner
from provenance.timestamp import DevelopmentTimestamps, TimestampAuthority
from provenance.trust import library_settings
from provenance.verdicts import ORDER, SENTENCES, first_that_holds
from provenance.verify import verify
from tests.provenance.conftest import MARK_ID, Studio, seal_facts, write_clip
from tests.provenance.doubles import MemoryRegistry, ToldSenses, differing

Check = Callable[..., VerifyReport]


def entry_of(studio: Studio, **changes: Any) -> RegistryEntry:
    usual = RegistryEntry(
        studio.published.sha256,
        studio.published.essence,
        MARK_ID,
        "released",
        fingerprint=lambda: "stored",  # type: ignore[arg-type, return-value]
    )
    return replace(usual, **changes)


@pytest.fixture
def check(studio: Studio) -> Check:
    """Verify against a registry that knows the studio's video, with the mark seen unless told otherwise."""

    def run(path: Path, senses: ToldSenses | None = None, **changes: Any) -> VerifyReport:
        registry = MemoryRegistry()
        registry.add(entry_of(studio, **changes), studio.sealed.sha256)
        return verify(
            path, registry=registry, anchors=studio.anchors, senses=senses or ToldSenses(mark_id=MARK_ID)
        )

    return run


def rewritten(path: Path, out: Path) -> Path:
    """The same packets in a new container: the credential is lost."""
    with av.open(str(path)) as source, av.open(str(out), "w") as target:
        streams = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    return out


def changed(path: Path, out: Path, box: bytes, offset: int = 2000) -> Path:
    """One bit of a box's payload flipped."""
    data = bytearray(path.read_bytes())
    data[data.index(box) + 4 + offset] ^= 1
    out.write_bytes(data)
    return out


# intact -------------------------------------------------------------------------------------------------------


def test_the_released_file_is_intact(studio: Studio, check: Check) -> None:
    senses = ToldSenses(mark_id=MARK_ID)
    report = check(studio.published.path, senses)
    assert (report.verdict, report.trusted, report.release) == ("intact", True, "released"), report
    assert report.problems == () and report.exit_code == 0
    assert senses.asked == ["expected mark"]  # the fast path: no blind search, no fingerprint
    assert report.credential["state"] == "trusted" and report.credential["demonstration"] is True
    assert report.credential["approval"]["manner"] == "seen"
    assert report.watermark["id"] == f"{MARK_ID:010x}"


@pytest.mark.parametrize("manner", ["seen", "decided", "sampled"])
def test_the_credential_says_how_it_was_approved(
    studio: Studio, check: Check, tmp_path: Path, manner: Any
) -> None:
    facts = ApprovalFacts("33" * 32, manner)
    made = publish(studio.sealed.path, tmp_path / "p.mp4", facts, studio.signer, anchors=studio.anchors.own)
    report = check(made.path, asset_sha256=made.sha256)
    assert report.verdict == "intact" and report.credential["approval"]["manner"] == manner


def test_a_manner_without_a_meaning_is_not_signed(studio: Studio, tmp_path: Path) -> None:
    facts = ApprovalFacts("33" * 32, "watched twice")  # type: ignore[arg-type]
    with pytest.raises(ProvenanceError, match="seen, decided or sampled"):
        publish(studio.sealed.path, tmp_path / "p.mp4", facts, studio.signer)
    assert not (tmp_path / "p.mp4").exists()


def test_the_document_has_the_keys_that_people_script_against(studio: Studio, check: Check) -> None:
    document = check(studio.published.path).as_dict()
    assert {"verdict", "trusted", "release", "credential", "watermark", "system", "problems"} <= set(document)


def test_offline_the_answer_is_for_the_credential_alone(studio: Studio) -> None:
    report = verify(
        studio.published.path, registry=None, anchors=studio.anchors, senses=ToldSenses(mark_id=MARK_ID)
    )
    assert (report.verdict, report.trusted, report.release) == ("intact", True, "unknown_offline")
    assert report.exit_code == 1 and "could not be asked" in report.sentence


# unreleased, recalled ------------------------------------------------------------------------------------------


def test_a_sealed_file_is_trusted_and_unreleased(studio: Studio, check: Check) -> None:
    """What step 10 wants to hear before a person reviews."""
    report = check(studio.sealed.path, release="unreleased", asset_sha256=studio.sealed.sha256)
    assert (report.verdict, report.trusted, report.problems) == ("unreleased", True, ())
    assert report.exit_code == 1


def test_a_published_file_is_unreleased_until_the_state_says_so(studio: Studio, check: Check) -> None:
    """What step 12 wants to hear before the compare-and-set: the registry does not know the new bytes yet."""
    report = check(studio.published.path, release="unreleased", asset_sha256=studio.sealed.sha256)
    assert (report.verdict, report.trusted, report.problems) == ("unreleased", True, ())


def test_the_sealed_file_of_a_released_video_is_not_the_released_one(studio: Studio, check: Check) -> None:
    report = check(studio.sealed.path)
    assert (report.verdict, report.release) == ("unreleased", "unreleased")


def test_our_signature_without_a_place_in_the_registry_is_unreleased(studio: Studio) -> None:
    report = verify(
        studio.published.path,
        registry=MemoryRegistry(),
        anchors=studio.anchors,
        senses=ToldSenses(mark_id=MARK_ID),
    )
    assert (report.verdict, report.release) == ("unreleased", "unreleased")


@pytest.mark.parametrize(
    "taken_back, by", [("recalled", "recalled by its publisher"), ("withdrawn", "withdrawn by the person")]
)
def test_what_was_taken_back_is_so_in_every_form(
    studio: Studio, check: Check, tmp_path: Path, taken_back: str, by: str
) -> None:
    """The released file, the sealed one, a re-encoded copy, a changed file, half of it: never trusted, and by whom."""
    copy = rewritten(studio.published.path, tmp_path / "copy.mp4")
    tampered = changed(studio.published.path, tmp_path / "tampered.mp4", b"mdat")
    half = ToldSenses(MARK_ID, differing(Difference(1, 2, "picture"), share=0.5))
    whole = ToldSenses(MARK_ID, Agreement(True, 0.2))  # whatever the share: it agrees and nothing is missing
    other = write_clip(tmp_path / "other.mp4", seconds=1, seed=9)
    seen = [(path, None) for path in (studio.published.path, studio.sealed.path, copy, tampered)]
    for path, senses in [*seen, (tampered, half), (copy, half), (other, whole)]:
        report = check(path, senses, release=taken_back)
        assert (report.verdict, report.release) == (taken_back, taken_back), path
        assert (report.trusted, report.exit_code) == (False, 1) and by in report.sentence
        assert not report.answer_is_yes


@pytest.mark.parametrize("taken_back", ["recalled", "withdrawn"])
def test_such_a_mark_lifted_onto_another_picture_says_nothing_of_it(
    check: Check, tmp_path: Path, taken_back: str
) -> None:
    other = write_clip(tmp_path / "other.mp4", seconds=1, seed=9)
    senses = ToldSenses(MARK_ID, differing(Difference(0, 1, "picture"), share=0.0))
    report = check(other, senses, release=taken_back)
    assert (report.verdict, report.trusted, report.release) == ("tampered", False, "unreleased")


def test_offline_nobody_knows_that_it_was_withdrawn(studio: Studio) -> None:
    report = verify(
        studio.published.path, registry=None, anchors=studio.anchors, senses=ToldSenses(mark_id=MARK_ID)
    )
    assert report.release == "unknown_offline" and report.exit_code == 1


# tampered -----------------------------------------------------------------------------------------------------


def test_one_changed_bit_of_the_picture_is_tampering(studio: Studio, check: Check, tmp_path: Path) -> None:
    report = check(changed(studio.published.path, tmp_path / "changed.mp4", b"mdat"))
    assert (report.verdict, report.trusted, report.exit_code) == ("tampered", False, 1)
    assert "assertion.bmffHash.mismatch" in {problem.code for problem in report.problems}


class BlindSenses(ToldSenses):
    """The decoder gives up on the damaged picture."""

    def mark(self, path: Path, expected: int | None) -> MarkReading:
        raise MediaError("too much of the file is damaged", code="damaged")


def test_damage_that_the_decoder_gives_up_on_is_still_tampering(
    studio: Studio, check: Check, tmp_path: Path
) -> None:
    path = changed(studio.published.path, tmp_path / "changed.mp4", b"mdat")
    assert check(path, BlindSenses()).verdict == "tampered"
    assert check(studio.published.path, BlindSenses()).verdict == "unreadable"


def test_bytes_that_the_standard_leaves_out_are_looked_at_too(
    studio: Studio, check: Check, tmp_path: Path
) -> None:
    """`ftyp` is outside the hard binding; our own assertion holds its digest."""
    report = check(changed(studio.published.path, tmp_path / "ftyp.mp4", b"ftyp", offset=7))
    assert report.verdict == "tampered"
    out = tmp_path / "mfra.mp4"
    out.write_bytes(studio.published.path.read_bytes() + b"\0\0\0\x10mfraABCDEFGH")
    assert check(out).verdict == "tampered"


def test_a_whole_file_that_is_not_the_released_bytes_is_tampering(studio: Studio, check: Check) -> None:
    report = check(studio.published.path, asset_sha256="77" * 32)
    assert report.verdict == "tampered"


def test_our_mark_on_what_does_not_agree_is_tampering_with_the_seconds(check: Check, tmp_path: Path) -> None:
    other = write_clip(tmp_path / "other.mp4", seconds=1, seed=9)
    senses = ToldSenses(MARK_ID, differing(Difference(3.0, 4.0, "face"), Difference(3.0, 4.0, "speech")))
    report = check(other, senses)
    assert (report.verdict, report.release) == ("tampered", "unreleased")
    assert [(p.code, p.t0, p.t1) for p in report.problems] == [
        ("face_differs", 3.0, 4.0),
        ("speech_differs", 3.0, 4.0),
    ]
    assert report.problem_lines()[0] == "The face differs from the released video. (3.0 to 4.0 s)"


def test_a_mark_alone_proves_nothing(check: Check, tmp_path: Path) -> None:
    other = write_clip(tmp_path / "other.mp4", seconds=1, seed=9)
    report = check(other, fingerprint=lambda: None)
    assert report.verdict == "tampered" and report.problems[0].code == "no_fingerprint"


# credential and mark disagree ----------------------------------------------------------------------------------


def test_a_credential_whose_mark_is_not_in_the_picture(studio: Studio, check: Check) -> None:
    assert check(studio.published.path, ToldSenses(mark_id=None)).verdict == "credential_mark_disagree"
    assert check(studio.published.path, ToldSenses(mark_id=77)).verdict == "credential_mark_disagree"


def transplanted(donor: Path, body: Path, out: Path) -> Path:
    """The donor's credential box behind another file's media, where it moves no offset."""
    data = donor.read_bytes()
    first = int.from_bytes(data[:4], "big")
    length = int.from_bytes(data[first : first + 4], "big")
    assert data[first + 4 : first + 8] == b"uuid"
    out.write_bytes(body.read_bytes() + data[first : first + length])
    return out


def test_a_manifest_moved_to_another_file(studio: Studio, tmp_path: Path) -> None:
    other = write_clip(tmp_path / "other.mp4", seconds=1, seed=9)
    moved = transplanted(studio.sealed.path, other, tmp_path / "moved.mp4")
    registry = MemoryRegistry()
    registry.add(entry_of(studio), studio.sealed.sha256)
    registry.add(entry_of(studio, mark_id=99, asset_sha256="99" * 32, essence="98" * 32))
    for seen, expected in ((99, "credential_mark_disagree"), (None, "tampered")):
        report = verify(moved, registry=registry, anchors=studio.anchors, senses=ToldSenses(mark_id=seen))
        assert report.verdict == expected


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory, studio: Studio) -> FileSigner:
    """Somebody else with a certificate that looks like ours."""
    pki = init_pki(tmp_path_factory.mktemp("stranger"))
    return FileSigner.load(pki.key, pki.chain, timestamp_url=studio.signer.timestamp_url)


def test_a_strangers_credential_on_our_video(
    studio: Studio, check: Check, stranger: FileSigner, tmp_path: Path
) -> None:
    """Our own words in a stranger's mouth are worth nothing; another mark in them is a contradiction."""
    sealed = seal(studio.asset, tmp_path / "s.mp4", seal_facts(), stranger)
    forged = publish(sealed.path, tmp_path / "p.mp4", ApprovalFacts("33" * 32, "seen"), stranger)
    report = check(forged.path)
    assert report.verdict == "reencoded_copy"  # the picture is the released one; the credential is not ours
    assert report.credential["state"] == "valid" and "approval" not in report.credential
    other = seal(studio.asset, tmp_path / "o.mp4", seal_facts(mark_id=5), stranger)
    assert check(other.path).verdict == "credential_mark_disagree"


def test_our_signature_outlives_its_certificate(studio: Studio, tmp_path: Path) -> None:
    """The timestamp says that the certificate was good when it signed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("provenance.pki.LEAF_DAYS", 308 / 86_400)  # valid for 300 s before now and 8 s after
        pki = init_pki(tmp_path / "short")
        ends = time.monotonic() + 9
    clock = DevelopmentTimestamps(TimestampAuthority.of(pki))
    signer = FileSigner.load(pki.key, pki.chain, timestamp_url=clock.url, development=True)
    anchors = Anchors(own=pki.anchors.read_text())
    sealed = seal(studio.asset, tmp_path / "s.mp4", seal_facts(), signer, anchors=anchors.own)
    time.sleep(max(0.0, ends - time.monotonic()))
    report = verify(sealed.path, registry=None, anchors=anchors, senses=ToldSenses(mark_id=MARK_ID))
    clock.close()
    assert (report.verdict, report.trusted, report.credential["state"]) == ("unreleased", True, "trusted"), (
        report
    )


# reencoded_copy, foreign_c2pa, nothing_found -------------------------------------------------------------------


def test_a_stripped_copy_that_agrees_throughout(studio: Studio, check: Check, tmp_path: Path) -> None:
    senses = ToldSenses(mark_id=MARK_ID)
    copy = rewritten(studio.published.path, tmp_path / "copy.mp4")
    report = check(copy, senses)
    assert (report.verdict, report.trusted, report.release) == ("reencoded_copy", True, "released")
    assert report.exit_code == 0 and report.credential == {"present": False, "state": "none"}
    assert senses.asked == ["mark", "fingerprint"]


def test_a_copy_of_what_is_not_released_is_unreleased(studio: Studio, check: Check, tmp_path: Path) -> None:
    copy = rewritten(studio.published.path, tmp_path / "copy.mp4")
    report = check(copy, release="unreleased")
    assert (report.verdict, report.exit_code) == ("unreleased", 1)


def test_a_mark_that_the_registry_does_not_know_is_no_mark(check: Check, tmp_path: Path) -> None:
    other = write_clip(tmp_path / "other.mp4", seconds=1, seed=9)
    report = check(other, ToldSenses(mark_id=1))
    assert report.verdict == "nothing_found" and report.watermark["present"] is False


def test_somebody_elses_credential(
    studio: Studio, check: Check, stranger: FileSigner, tmp_path: Path
) -> None:
    other = write_clip(tmp_path / "other.mp4", seconds=1, seed=9)
    foreign = seal(other, tmp_path / "foreign.mp4", seal_facts(mark_id=5), stranger)
    report = check(foreign.path, ToldSenses(mark_id=None))
    assert (report.verdict, report.trusted) == ("foreign_c2pa", False)
    assert [problem.code for problem in report.problems] == ["signingCredential.untrusted"]
    assert report.system["made_here"] is False


def test_a_trusted_stranger_is_still_a_stranger(studio: Studio, stranger: FileSigner, tmp_path: Path) -> None:
    """Other people's anchors make a credential valid, never ours."""
    other = write_clip(tmp_path / "other.mp4", seconds=1, seed=9)
    foreign = seal(other, tmp_path / "foreign.mp4", seal_facts(mark_id=5), stranger)
    anchors = Anchors(own=studio.anchors.own, others=_root_of(stranger))
    report = verify(foreign.path, registry=MemoryRegistry(), anchors=anchors, senses=ToldSenses())
    assert (report.verdict, report.trusted) == ("foreign_c2pa", False)


def _root_of(signer: FileSigner) -> str:
    """The certificate under which a signer's chain can be trusted: here its own intermediate."""
    certificates = signer.chain.split("-----BEGIN CERTIFICATE-----")
    return "-----BEGIN CERTIFICATE-----" + certificates[2]


def test_a_video_of_nobody(check: Check, tmp_path: Path) -> None:
    report = check(write_clip(tmp_path / "other.mp4", seconds=1, seed=9), ToldSenses())
    assert (report.verdict, report.trusted, report.exit_code) == ("nothing_found", False, 1)


# unreadable ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"hello world\n" * 50, b"\0" * 5000], ids=["empty", "text", "zeros"])
def test_what_is_no_video(check: Check, tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "file.mp4"
    path.write_bytes(data)
    report = check(path)
    assert (report.verdict, report.trusted) == ("unreadable", False) and report.problems


def test_a_truncated_file(studio: Studio, check: Check, tmp_path: Path) -> None:
    path = tmp_path / "cut.mp4"
    path.write_bytes(studio.sealed.path.read_bytes()[:-500])
    assert check(path).verdict == "unreadable"


def test_a_missing_file_is_an_error_and_no_verdict(check: Check, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no such file"):
        check(tmp_path / "absent.mp4")


def test_an_image_without_a_credential(check: Check, tmp_path: Path) -> None:
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(buffer, "JPEG")
    path = tmp_path / "image.jpg"
    path.write_bytes(buffer.getvalue())
    assert check(path).verdict == "nothing_found"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 50)
    assert check(path).verdict == "unreadable"


# imports ------------------------------------------------------------------------------------------------------


def test_an_import_of_a_strangers_signed_video_is_ours_and_keeps_theirs(
    studio: Studio, check: Check, stranger: FileSigner, tmp_path: Path
) -> None:
    theirs = seal(studio.asset, tmp_path / "theirs.mp4", seal_facts(mark_id=5, ingredients=()), stranger)
    facts = seal_facts(parent=theirs.path, ingredients=())
    ours = seal(theirs.path, tmp_path / "ours.mp4", facts, studio.signer, anchors=studio.anchors.own)
    report = check(ours.path, release="unreleased")
    assert (report.verdict, report.trusted, report.problems) == ("unreleased", True, ()), report
    assert report.credential["ingredients"][0]["has_credential"] is True
    published = publish(
        ours.path,
        tmp_path / "out.mp4",
        ApprovalFacts("3" * 64, "seen"),
        studio.signer,
        anchors=studio.anchors.own,
    )
    report = check(published.path, asset_sha256=published.sha256)
    assert (report.verdict, report.trusted, report.problems) == ("intact", True, ()), report
    assert report.watermark["id"] == f"{MARK_ID:010x}"
    assert check(published.path, ToldSenses(None), asset_sha256=published.sha256).verdict == (
        "credential_mark_disagree"
    )


def test_an_import_whose_own_credential_is_broken_is_refused(
    studio: Studio, stranger: FileSigner, tmp_path: Path
) -> None:
    theirs = seal(studio.asset, tmp_path / "theirs.mp4", seal_facts(), stranger)
    broken = changed(theirs.path, tmp_path / "broken.mp4", b"mdat")
    with pytest.raises(ProvenanceError, match="own credential does not hold"):
        seal(broken, tmp_path / "ours.mp4", seal_facts(parent=broken), studio.signer)


def test_an_edit_that_hides_a_tampered_parent_is_found(studio: Studio, check: Check, tmp_path: Path) -> None:
    """The library reads "Trusted"; the mismatch is only in what the ingredient recorded."""
    broken = changed(studio.sealed.path, tmp_path / "broken.mp4", b"mdat")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("provenance.credential._carries_credential", lambda *args: None)
        facts = seal_facts(parent=broken, ingredients=())
        hidden = seal(broken, tmp_path / "hidden.mp4", facts, studio.signer, anchors=studio.anchors.own)
    context = c2pa.Context(c2pa.Settings.from_dict(library_settings(studio.anchors.own)))
    assert c2pa.Reader(hidden.path, context=context).get_validation_state() == "Trusted"
    report = check(hidden.path)
    assert (report.verdict, report.trusted) == ("tampered", False)


# the words ----------------------------------------------------------------------------------------------------


def test_the_first_that_holds_in_the_architectures_order() -> None:
    assert first_that_holds(set()) == "nothing_found"
    assert first_that_holds({"intact", "tampered", "recalled"}) == "recalled"
    assert first_that_holds({"recalled", "withdrawn"}) == "withdrawn"
    assert first_that_holds({"withdrawn", "unreadable"}) == "unreadable"
    assert first_that_holds({"reencoded_copy", "unreleased"}) == "unreleased"
    assert set(SENTENCES) == set(ORDER)
    assert all(sentence.endswith(".") for sentence in SENTENCES.values())


# what was not compared -----------------------------------------------------------------------------------------


def with_another_sound(path: Path, out: Path) -> Path:
    """The same packets, and beside them a second sound track in which something else is heard."""
    with av.open(str(path)) as source, av.open(str(out), "w") as target:
        streams = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        other = target.add_stream("aac", rate=48_000, layout="mono")
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream_index]
                target.mux(packet)
        sound = 0.3 * np.sin(np.arange(48_000) * 0.05, dtype=np.float32)
        block = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
        block.sample_rate, block.pts = 48_000, 0
        for packet in (*other.encode(block), *other.encode(None)):
            target.mux(packet)
    return out


def test_a_faithful_copy_with_a_second_sound_track_is_never_trusted(
    studio: Studio, check: Check, tmp_path: Path
) -> None:
    """A player may play the track that was not compared."""
    copy = with_another_sound(studio.published.path, tmp_path / "two.mp4")
    report = check(copy)
    assert (report.verdict, report.trusted, report.exit_code) == ("tampered", False, 1)
    (problem,) = [problem for problem in report.problems if problem.code == "several_tracks"]
    assert "track 3 (sound, aac" in problem.message
    assert check(rewritten(studio.published.path, tmp_path / "one.mp4")).trusted  # … for that track alone


def with_subtitles(path: Path, out: Path) -> Path:
    """The same packets, and beside them words that a player writes over the picture."""
    lines = out.with_suffix(".srt")
    lines.write_text("1\n00:00:00,000 --> 00:00:02,000\nTHIS PRODUCT CURES CANCER\n\n", encoding="utf-8")
    with av.open(str(path)) as source, av.open(str(lines)) as words, av.open(str(out), "w") as target:
        streams = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        text = target.add_stream_from_template(words.streams[0])
        for packet in words.demux():
            if packet.dts is not None:
                packet.stream = text
                target.mux(packet)
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream_index]
                target.mux(packet)
    return out


def in_six_channels(path: Path, out: Path) -> Path:
    """The same pictures; the sound in the centre of 5.1, where other channels say what a downmix need not hold."""
    with av.open(str(path)) as source, av.open(str(out), "w") as target:
        picture = target.add_stream_from_template(source.streams.video[0])
        sound = target.add_stream("flac", rate=48_000, layout="5.1")
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = picture
                target.mux(packet)
        block = av.AudioFrame.from_ndarray(
            np.full((1, 6 * 48_000), 900, np.int16), format="s16", layout="5.1"
        )
        block.sample_rate, block.pts = 48_000, 0
        for packet in (*sound.encode(block), *sound.encode(None)):
            target.mux(packet)
    return out


@pytest.mark.parametrize(
    ("change", "named"), [(with_subtitles, "subtitle"), (in_six_channels, "each of the 6 channels")]
)
def test_a_copy_with_more_in_it_than_was_compared_is_never_trusted(
    studio: Studio, check: Check, tmp_path: Path, change: Callable[[Path, Path], Path], named: str
) -> None:
    report = check(change(studio.published.path, tmp_path / "more.mkv"))
    assert (report.verdict, report.trusted) == ("tampered", False)
    (problem,) = [problem for problem in report.problems if problem.code == "several_tracks"]
    assert named in problem.message


def test_words_on_a_channel_that_the_fingerprint_does_not_hear_make_a_copy_tampered(
    studio: Studio, check: Check, tmp_path: Path
) -> None:
    copy = rewritten(studio.published.path, tmp_path / "copy.mp4")
    report = check(copy, ToldSenses(MARK_ID, hidden=(Difference(2.0, 3.5, "speech"),)))
    assert (report.verdict, report.trusted) == ("tampered", False)
    (problem,) = report.problems
    assert (problem.code, problem.t0, problem.t1) == ("speech_differs", 2.0, 3.5)


def test_what_could_not_be_compared_is_said(studio: Studio, check: Check, tmp_path: Path) -> None:
    copy = rewritten(studio.published.path, tmp_path / "copy.mp4")
    report = check(copy, ToldSenses(MARK_ID, Agreement(False, 0.0, reason="the clip is too short: 0.4 s")))
    assert (report.verdict, report.trusted) == ("tampered", False)
    assert [(problem.code, problem.message) for problem in report.problems] == [
        ("not_compared", "Nothing could be compared: the clip is too short: 0.4 s.")
    ]
