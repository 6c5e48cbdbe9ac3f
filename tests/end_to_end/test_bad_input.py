"""Bad input: each a clear answer, with nothing stored and nothing lost."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from core.database import reading
from core.errors import InputError, MediaError
from core.media.encode import VideoWriter
from core.settings import get_settings
from generate.errors import FieldError, TemplateError
from pipeline.analyze import analyze
from pipeline.service import CampaignSpec, create_campaign, get_campaign, import_video, request_render
from pipeline.tables import RenderRow
from tests.end_to_end.conftest import DemoRun
from tests.media_catalogue import tracks


def tiny(path: Path, seconds: float = 1.0, *, size: int = 96, with_sound: bool = True) -> Path:
    noise = np.random.default_rng(1)
    with VideoWriter(path, size, size, Fraction(25), 16000 if with_sound else 0) as writer:
        for index in range(int(seconds * 25)):
            writer.write(np.full((size, size, 3), 90 + index % 20, np.uint8))
            if with_sound:
                writer.write_sound(noise.normal(0, 0.05, 640).astype(np.float32))
    return path


def one_pixel(path: Path) -> Path:
    with av.open(str(path), "w", format="matroska") as container:
        stream: Any = container.add_stream("ffv1", rate=25)
        stream.width = stream.height = 1
        stream.pix_fmt = "bgr0"
        for _ in range(3):
            picture = av.VideoFrame.from_ndarray(np.zeros((1, 1, 3), np.uint8), "bgr24").reformat(
                format="bgr0"
            )
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def text(path: Path) -> Path:
    path.write_text("This is a letter, not a video.")
    return path


def truncated(path: Path) -> Path:
    data = tiny(path.with_name("whole.mp4"), 2).read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path


FILES = {
    "empty_file": empty,
    "not_a_video": text,
    "truncated": truncated,
    "too_small": one_pixel,
    "several_sounds": tracks.two_sounds,
    "several_pictures": tracks.two_pictures,
}


def count_renders() -> int:
    with reading() as session:
        return session.query(RenderRow).count()


@pytest.mark.parametrize("code", FILES)
def test_a_broken_file_is_refused_at_the_door_with_its_reason(in_demo: DemoRun, tmp_path: Path, code: str):
    before = count_renders()
    path = tmp_path / "broken.mp4"
    FILES[code](path)
    with pytest.raises(MediaError) as refused:
        import_video(
            path,
            in_demo.accounts["campaign_id"],
            brand_id=in_demo.accounts["brand_id"],
            maker_id=in_demo.accounts["operator"]["id"],
        )
    assert refused.value.code == code, str(refused.value)
    assert refused.value.next_step
    assert count_renders() == before


def test_a_video_over_the_limit_is_refused(in_demo: DemoRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GREENROOM_MEDIA_MAX_SECONDS", "1")
    get_settings.cache_clear()
    with pytest.raises(MediaError) as refused:
        import_video(
            tiny(tmp_path / "long.mp4", 2),
            in_demo.accounts["campaign_id"],
            brand_id=in_demo.accounts["brand_id"],
            maker_id=in_demo.accounts["operator"]["id"],
        )
    assert refused.value.code == "too_long"


def test_a_video_without_sound_and_face_is_measured_and_abstains(in_demo: DemoRun, tmp_path: Path):
    document = analyze(tiny(tmp_path / "mute.mp4", 2, size=256, with_sound=False))
    assert document["sync"]["abstained"] is True
    assert document["quality_gate"] != "pass"  # abstaining is no pass
    assert document["gates"]["lip_sync"]["abstained"] is True


def test_two_faces_are_named(in_demo: DemoRun, presenter: Path, tmp_path: Path):
    from core.media.decode import frames

    both = tmp_path / "two.mp4"
    with VideoWriter(both, 1280, 720, Fraction(25), 0) as writer:
        for frame in frames(presenter):
            if frame.index >= 50:
                break
            half = frame.image[:, 320:960]
            writer.write(np.hstack([half, half[:, ::-1]]))
    document = analyze(both)
    assert "two_faces" in document["reason_codes"], document["reason_codes"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"first_name": "<b>Asha</b>"}, "field_markup"),
        ({"first_name": "x" * 10_000}, "field_too_long"),
        ({"first_name": None}, "field_missing"),
        ({"colour": "green"}, "field_unknown"),
        ({"first_name": "{{ city }}"}, "field_markup"),
    ],
)
def test_a_bad_field_is_refused_before_anything_is_stored(
    in_demo: DemoRun, fields: dict[str, Any], code: str
):
    before = count_renders()
    good = {"first_name": "Asha", "city": "Pune", "day": "Monday", "remark": "Hello."}
    sent = {name: value for name, value in {**good, **fields}.items() if value is not None}
    with pytest.raises(FieldError) as refused:
        request_render(
            in_demo.accounts["campaign_id"],
            sent,
            brand_id=in_demo.accounts["brand_id"],
            maker_id=in_demo.accounts["operator"]["id"],
        )
    assert refused.value.code == code, str(refused.value)
    assert "x" * 50 not in str(refused.value)  # never quotes the value
    assert count_renders() == before


def test_an_unknown_template_variable_is_refused_when_the_campaign_is_made(in_demo: DemoRun):
    brand = in_demo.accounts["brand_id"]
    persona = get_campaign(in_demo.accounts["campaign_id"], brand_id=brand).persona_id
    with pytest.raises(TemplateError) as refused:
        create_campaign(
            brand_id=brand,
            persona_id=persona,
            spec=CampaignSpec(
                name="Broken",
                template="Hello {{ nobody }}.",
                fields={"type": "object", "properties": {}},
                territory="in",
                channel="link",
                topic="food",
            ),
        )
    assert "nobody" in str(refused.value) and refused.value.next_step


def test_the_same_request_key_makes_one_render(in_demo: DemoRun):
    call = {"brand_id": in_demo.accounts["brand_id"], "maker_id": in_demo.accounts["operator"]["id"]}
    fields = {"first_name": "Asha", "city": "Pune", "day": "Monday", "remark": "guaranteed to cure"}
    campaign = in_demo.accounts["campaign_id"]
    first = request_render(campaign, fields, request_key="order-1", **call)
    assert request_render(campaign, fields, request_key="order-1", **call).id == first.id


def test_errors_are_input_errors_for_the_api():
    assert MediaError.http_status == 422 and issubclass(MediaError, InputError)
