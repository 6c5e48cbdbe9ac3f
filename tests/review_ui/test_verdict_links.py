"""A verdict that is passed on: only ours, only digests in it, and what is known by now wins."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import pytest
from itsdangerous import URLSafeTimedSerializer

from core.blobs import blobs
from core.errors import NotFound
from core.models import AssetRole
from core.secrets import derived_key
from pipeline.tables import RenderRow
from review_ui.verdict_links import read_shared, share
from tests.kit.world import World

COPY = "ef" * 32
"""Digest of a file that is a copy of a released video."""


@pytest.fixture
def out(world: World) -> RenderRow:
    return world.released()


def said(world: World, out: RenderRow, verdict: Any = "intact") -> dict[str, Any]:
    """What a check answers, as far as a link needs it."""
    return {"verdict": verdict, "watermark": {"id": f"{out.mark_id:010x}"}}


def link(world: World, out: RenderRow, verdict: Any = "intact") -> str:
    return share(
        said(world, out, verdict), COPY if verdict == "reencoded_copy" else out.published_sha256 or ""
    )


def test_a_link_says_the_verdict_until_a_recall_reaches_it_wherever_it_was_passed_on(
    world: World, out: RenderRow
):
    links = {verdict: link(world, out, verdict) for verdict in ("intact", "reencoded_copy")}
    for verdict, token in links.items():
        shared = read_shared(token)
        assert (shared.verdict, shared.changed) == (verdict, False)
        assert shared.sha256 == (COPY if verdict == "reencoded_copy" else out.published_sha256)
    world.recall(out)
    for token in links.values():
        shared = read_shared(token)
        assert (shared.verdict, shared.changed) == ("recalled", True) and "recalled" in shared.sentence


def test_so_does_a_withdrawal(world: World, out: RenderRow):
    token = link(world, out)
    world.withdraw(effect="recall")
    assert read_shared(token).verdict == "withdrawn"


def test_a_verdict_that_vouches_for_nothing_that_is_known_is_not_said(world: World, out: RenderRow):
    gone = share(said(world, out), COPY)
    world.as_database_owner("DELETE FROM assets WHERE role = 'published'")
    assert read_shared(gone).verdict == "unreleased"
    unknown = {"verdict": "intact", "watermark": {"id": "0000000001"}}
    assert share(unknown, COPY) == ""


def test_other_verdicts_stand_as_they_were_found(world: World, out: RenderRow):
    for verdict in ("tampered", "nothing_found", "foreign_c2pa"):
        assert read_shared(share(said(world, out, verdict), COPY)).verdict == verdict


def test_an_unreadable_file_has_no_verdict_to_pass_on(world: World, out: RenderRow):
    assert share(said(world, out, "unreadable"), COPY) == ""


def test_it_holds_the_verdict_and_digests_and_nothing_else(world: World, out: RenderRow):
    body = link(world, out, "reencoded_copy").lstrip(".").split(".")[0]
    held = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    held = zlib.decompress(held) if held[:1] != b"[" else held
    assert held.decode() == f'["reencoded_copy","{COPY}","{out.published_sha256}"]'


def forged(kind: str, token: str, out: RenderRow) -> str:
    body, time, signature = token.rsplit(".", 2)
    if kind == "another key":
        return str(
            URLSafeTimedSerializer(b"x" * 32, salt="verdict").dumps(["intact", COPY, out.published_sha256])
        )
    if kind == "a delivery link's key":
        key = derived_key("links")
        return str(URLSafeTimedSerializer(key, salt="verdict").dumps(["intact", COPY, out.published_sha256]))
    return {
        "another signature": f"{body}.{time}.{signature[:-2]}{'xx' if signature[-2:] != 'xx' else 'yy'}",
        "another day": f"{body}.{time[:-1]}{'A' if time[-1] != 'A' else 'B'}.{signature}",
        "cut off": token[:-5],
        "nothing": "x",
        "endless": "x" * 100_000,
    }[kind]


FORGERIES = (
    "another key", "a delivery link's key", "another signature", "another day", "cut off", "nothing", "endless",
)  # fmt: skip


def test_nobody_else_makes_one(world: World, out: RenderRow):
    for kind in FORGERIES:
        with pytest.raises(NotFound) as told:
            read_shared(forged(kind, link(world, out), out))
        assert told.value.code == "no_verdict", kind


def test_no_file_is_kept_for_it(world: World, out: RenderRow):
    before = set(world.home.rglob("*"))
    link(world, out)
    assert set(world.home.rglob("*")) == before and blobs().exists(out.published_sha256, AssetRole.PUBLISHED)
