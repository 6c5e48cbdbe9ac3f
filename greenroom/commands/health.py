"""``greenroom health NAME``: whether a process of this home lives and can work; for supervisors and people.

Exit 0 when it does, 1 when not. Without ``--ready`` a broker or database that is away is no reason for a no: a restart
of this process would not bring it back.
"""

from __future__ import annotations

import argparse
from typing import Any

from greenroom.cli import command
from greenroom.output import Answer

_PATIENCE = 5.0  # seconds for the web's answer


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    parser = command(verbs, shared, "health", "whether a process lives; exit 1 when it does not", run)
    parser.add_argument(
        "name", metavar="NAME", help="web, relay, sequencer, or a worker's name such as worker-1"
    )
    parser.add_argument("--ready", action="store_true", help="also no where something keeps it from its work")


def run(args: argparse.Namespace) -> Answer:
    if args.name == "web":
        return _web(ready=args.ready)
    from greenroom.status import health_of

    health = health_of(args.name)
    document = {"name": health.name, "alive": health.alive, "ready": health.ready, "code": health.code}
    text = f"{health.name}: {health.code}" + (f" ({health.doing})" if health.doing else "")
    return Answer(document | {"doing": health.doing}, text, yes=health.ready if args.ready else health.alive)


def _web(*, ready: bool) -> Answer:
    import httpx

    from core.settings import get_settings

    web = get_settings().web
    host = "127.0.0.1" if web.host in ("0.0.0.0", "") else web.host  # noqa: S104 - it listens there too
    document: dict[str, Any] = {"name": "web", "alive": False, "ready": False, "code": "not_running"}
    try:
        with httpx.Client(base_url=f"http://{host}:{web.port}", timeout=_PATIENCE, trust_env=False) as client:
            document["alive"] = client.get("/health").status_code == 200
            codes = client.get("/ready").json()["codes"]
        document |= {"ready": not codes, "code": ", ".join(codes) or "ok"}
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        document["code"] = "no_answer" if document["alive"] else "not_running"
    return Answer(document, f"web: {document['code']}", yes=document["ready" if ready else "alive"])
