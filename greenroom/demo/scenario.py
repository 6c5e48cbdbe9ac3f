"""The three videos of the demonstration and the person who decides, through the same calls that the console makes."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

from audit.ledger import sequence_pending
from core.blobs import blobs
from delivery.links import make_link, open_link
from delivery.release import release
from greenroom.demo.customer_video import SCRIPT, make_customer_video
from greenroom.demo.report import Report
from greenroom.demo.setting import Setting, prepare
from greenroom.following import run_here
from greenroom.output import progress_bar
from pipeline.findings import findings_of
from pipeline.registry import DatabaseRegistry
from pipeline.review import approve
from pipeline.service import get_render, import_video, request_render
from pipeline.states import State
from pipeline.tables import RenderRow
from provenance.verify import verify

CLEAN = {
    "first_name": "Asha",
    "city": "Pune",
    "day": "Tuesday",
    "remark": "Thank you for choosing us, and enjoy the first cup.",
}
BREAKS_RULES = CLEAN | {
    "first_name": "Ben",
    "remark": "This tea is guaranteed to cure any cold, and it is the best in the world.",
}


def ask(setting: Setting, folder: Path) -> dict[str, RenderRow]:
    """Ask for the three videos; nothing runs yet. Names to rows."""
    folder.mkdir(parents=True, exist_ok=True)
    print("a customer's own video is made (its sound comes 8 frames late)", file=sys.stderr)
    with progress_bar("  customer's video") as progress:
        video = make_customer_video(folder / "customer.mp4", progress=progress)
    maker = {"brand_id": setting.brand_id, "maker_id": setting.operator.id}
    return {
        "clean": request_render(setting.campaign_id, CLEAN, **maker),
        "blocked": request_render(setting.campaign_id, BREAKS_RULES, **maker),
        "import": import_video(video, setting.campaign_id, script=SCRIPT, **maker),
    }


def run_once(out: Path) -> Report:
    """Everything without a browser: the stages run in this process, and the reviewer's decision is a call."""
    report = Report()
    began = time.monotonic()
    setting = prepare()
    report.seconds["onboarding"] = time.monotonic() - began
    rows = ask(setting, out)
    for name, row in rows.items():
        print(f"{name}: {row.id}", file=sys.stderr)
        run_here(row.id)
    clean = get_render(rows["clean"].id, brand_id=setting.brand_id)
    if clean.state == State.IN_REVIEW and clean.sealed_sha256:
        _decide_and_verify(setting, clean, out, report)
    sequence_pending()
    for name, row in rows.items():
        now_is = get_render(row.id, brand_id=setting.brand_id)
        report.add_render(name, now_is, [finding.message for finding in findings_of(now_is)])
        if now_is.sealed_sha256:
            report.paths[name] = str(blobs().get_file(now_is.published_sha256 or now_is.sealed_sha256))
    report.seconds["all"] = time.monotonic() - began
    return report


def _decide_and_verify(setting: Setting, clean: RenderRow, out: Path, report: Report) -> None:
    approve(
        clean.id,
        brand_id=setting.brand_id,
        reviewer_id=setting.reviewer.id,
        sealed_sha256=clean.sealed_sha256 or "",
    )
    release(clean.id, brand_id=setting.brand_id, actor_id=setting.operator.id)
    _, published = open_link(make_link(clean.id, brand_id=setting.brand_id))
    copy = out / "released.mp4"
    shutil.copyfile(published, copy)
    report.paths["released"] = str(copy)
    report.verified = verify(copy, registry=DatabaseRegistry()).as_dict()
