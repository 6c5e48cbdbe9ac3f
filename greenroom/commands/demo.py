"""``greenroom demo [--once] [--out DIR]``"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from greenroom.cli import command
from greenroom.output import Answer


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    parser = command(verbs, shared, "demo", "the main job with the sample presenter, then the console", run)
    parser.add_argument(
        "--once", action="store_true", help="without a browser: run, decide, verify, report, end"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("demo-out"), help="folder for the videos and the report"
    )


def run(args: argparse.Namespace) -> Answer:
    from core.settings import get_settings
    from greenroom.database import migrate
    from greenroom.demo.scenario import run_once
    from greenroom.web import check_free

    if not args.once:
        web = get_settings().web
        check_free(web.host, web.port)
    migrate()
    if not args.once:
        return _serve(args.out)
    report = run_once(args.out)
    (args.out / "report.json").write_text(json.dumps(report.as_dict(), indent=2), encoding="utf-8")
    return Answer(report.as_dict(), report.text(), yes=report.good)


def _serve(out: Path) -> Answer:
    from core.settings import get_settings
    from greenroom.demo.scenario import ask
    from greenroom.demo.setting import prepare
    from greenroom.demo.waiting import show_until_settled
    from greenroom.supervisor import Supervisor

    print("the sample presenter is examined and enrolled ...", file=sys.stderr)
    setting = prepare()
    rows = ask(setting, out)
    supervisor = Supervisor()
    supervisor.start()
    address = get_settings().web.address
    print(f"\nconsole          {address}/", file=sys.stderr)
    print(f"public verifier  {address}/verify", file=sys.stderr)
    for account in (setting.operator, setting.reviewer):
        print(f"{account.role:<16} {account.email}   {account.password}", file=sys.stderr)
    print(file=sys.stderr)
    show_until_settled({name: row.id for name, row in rows.items()}, setting.brand_id)
    print(
        f"\nNow sign in as the reviewer at {address}/, open the flagged video, then approve the clean one.\n"
        "It is released a moment later; drop it on the public verifier. Ctrl-C ends.",
        file=sys.stderr,
    )
    supervisor.watch()
    return Answer({"stopped": True}, "")
