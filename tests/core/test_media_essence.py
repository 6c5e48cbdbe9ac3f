"""The essence is the same in any container and different for any other packet; boxes are compared without libav."""

from __future__ import annotations

import datetime
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import c2pa
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from core.errors import MediaError
from core.media.boxes import Box, top_level
from core.media.essence import essence, media_boxes
from tests.core.media_files import insert_box, picture, tone, write_video


def test_it_names_every_track(clip: Path) -> None:
    found = essence(clip)
    assert [(t.kind, t.codec) for t in found.tracks] == [("video", "h264"), ("audio", "aac")]
    assert found.tracks[0].packets == 50
    assert len(found.sha256) == 64
    assert essence(clip) == found


def test_a_credential_changes_neither_essence_nor_boxes(clip: Path, tmp_path: Path) -> None:
    """Signing puts a uuid box before moov, which shifts every chunk offset (trust step 9)."""
    signed = tmp_path / "signed.mp4"
    _sign(clip, signed)
    kinds = [box.kind for box in _boxes(signed)]
    assert kinds.index("uuid") < kinds.index("moov") < kinds.index("mdat")
    assert essence(signed) == essence(clip)
    assert media_boxes(signed) == media_boxes(clip)
    assert set(media_boxes(clip)) == {"ftyp", "moov", "mdat"}


def test_a_box_at_the_end_changes_nothing(clip: Path, tmp_path: Path) -> None:
    longer = insert_box(clip, tmp_path / "longer.mp4", b"free", b"hello")
    assert essence(longer) == essence(clip)
    assert media_boxes(longer) == media_boxes(clip)


@pytest.mark.parametrize("where", [0.02, 0.5, 0.98])
def test_any_byte_of_any_packet_counts(clip: Path, tmp_path: Path, where: float) -> None:
    data = bytearray(clip.read_bytes())
    media = next(box for box in _boxes(clip) if box.kind == "mdat")
    at = media.start + int((media.end - media.start) * where)
    data[at] ^= 1
    other = tmp_path / "other.mp4"
    other.write_bytes(data)
    assert essence(other).sha256 != essence(clip).sha256
    changed = {kind for kind, digest in media_boxes(other).items() if digest != media_boxes(clip)[kind]}
    assert changed == {"mdat"}


def test_an_index_that_points_elsewhere_is_seen(clip: Path, tmp_path: Path) -> None:
    """One chunk offset alone is changed: the packets read are others."""
    data = bytearray(clip.read_bytes())
    at = data.index(b"stco") + 12
    offset = struct.unpack_from(">I", data, at)[0]
    struct.pack_into(">I", data, at, offset + 1)
    other = tmp_path / "other.mp4"
    other.write_bytes(data)
    assert media_boxes(other)["moov"] != media_boxes(clip)["moov"]


def test_another_clock_or_order_counts(clip: Path, tmp_path: Path) -> None:
    def remux(name: str, shift: int) -> Path:
        path = tmp_path / name
        with av.open(str(clip)) as source, av.open(str(path), "w") as target:
            stream = source.streams.video[0]
            copy = target.add_stream_from_template(stream)
            for i, packet in enumerate(source.demux(stream)):
                if packet.dts is None:
                    continue
                if i == 49:
                    packet.pts += shift
                packet.stream = copy
                target.mux(packet)
        return path

    same, late = essence(remux("same.mp4", 0)), essence(remux("late.mp4", 100))
    assert same.tracks[0].packets == late.tracks[0].packets == 50
    assert same.sha256 != late.sha256


def test_the_colour_matrix_counts(tmp_path: Path) -> None:
    """The same packets shown in other colours are another video."""

    def tagged(name: str, colorspace: int) -> str:
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream("mpeg4", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
            stream.codec_context.colorspace = colorspace
            frame = av.VideoFrame.from_ndarray(picture(0, 64, 64), format="bgr24").reformat(format="yuv420p")
            frame.pts, frame.time_base = 0, Fraction(1, 25)
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return essence(path).sha256

    assert tagged("a.mkv", 1) != tagged("b.mkv", 5)


def test_other_sound_counts(tmp_path: Path) -> None:
    images = [picture(i) for i in range(25)]
    one = essence(write_video(tmp_path / "one.mp4", images, tone(1.0)))
    two = essence(write_video(tmp_path / "two.mp4", images, tone(1.0, hertz=450.0)))
    assert one.tracks[0] == two.tracks[0]
    assert one.sha256 != two.sha256


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-10],
        lambda data: b"",
        lambda data: struct.pack(">I4s", 4, b"ftyp") + data,
        lambda data: struct.pack(">I4sQ", 1, b"mdat", 2**63) + data,
        lambda data: struct.pack(">I4s", 8, b"free") * 10_001,
        lambda data: data + b"\0\0\0\x10stub",
    ],
)
def test_the_box_walk_ends_on_broken_files(
    clip: Path, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(damage(clip.read_bytes()))
    with pytest.raises(MediaError):
        media_boxes(path)


def _boxes(path: Path) -> list[Box]:
    with path.open("rb") as file:
        return list(top_level(file))


def _sign(source: Path, target: Path) -> None:
    """A credential under a throw-away chain."""
    root, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    chain = b"".join(
        certificate.public_bytes(serialization.Encoding.PEM)
        for certificate in (
            _certificate("Leaf", leaf, root, ExtendedKeyUsageOID.EMAIL_PROTECTION),
            _certificate("Root", root, root, None),
        )
    )

    def sign(data: bytes) -> bytes:
        r, s = utils.decode_dss_signature(leaf.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    kind = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    manifest = {
        "claim_generator_info": [{"name": "test", "version": "1"}],
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {"actions": [{"action": "c2pa.created", "digitalSourceType": kind}]},
            }
        ],
    }
    signer = c2pa.Signer.from_callback(sign, c2pa.C2paSigningAlg.ES256, chain.decode(), None)
    c2pa.Builder(manifest).sign_file(str(source), str(target), signer)


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: ec.EllipticCurvePrivateKey,
    use: x509.ObjectIdentifier | None,
) -> x509.Certificate:
    def named(value: str) -> x509.Name:
        return x509.Name(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, value),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test"),
            ]
        )

    now, root = datetime.datetime.now(datetime.UTC), use is None
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named("Root"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(root, None), True)
        .add_extension(x509.KeyUsage(not root, False, False, False, False, root, root, False, False), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), False)
    )
    if use is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([use]), False)
    return builder.sign(issuer, hashes.SHA256())
