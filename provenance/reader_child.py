"""The confined child in which the C2PA library reads a file that may be hostile (trust step 10).

Started by :mod:`provenance.reader` as ``python -m provenance.reader_child REQUEST``; never imported. It gets the
file as an open descriptor, the library's settings on stdin, and writes one JSON document to another descriptor:
``{"status": "found|none|unsupported|broken", "list": index of the settings used, "store": the reader's JSON}``.
It has no network, opens no file, and its memory and time are limited. A crash ends only this process.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from core.media.child import confine
from core.media.walls import lock


def answer(request: dict[str, Any], settings: list[dict[str, Any]]) -> dict[str, Any]:
    """Read under each list of anchors until one trusts the file; where none does, the first reading counts."""
    import c2pa  # after the limits: even loading the library is confined

    contexts = [c2pa.Context(c2pa.Settings.from_dict(each)) for each in settings]
    lock()  # what it reads now may take it over; what it answers is shown to whoever sent the file
    reading: dict[str, Any] = {"status": "none"}
    for index, context in enumerate(contexts):
        with os.fdopen(os.dup(request["file"]), "rb") as file:
            file.seek(0)
            try:
                with c2pa.Reader(file, context=context) as reader:
                    store = json.loads(reader.json())
                    trusted = store.get("validation_state") == "Trusted"
                    if trusted or index == 0:
                        embedded = reader.is_embedded()
                        reading = {"status": "found", "list": index, "embedded": embedded, "store": store}
            except c2pa.C2paError.ManifestNotFound:
                return {"status": "none"}
            except c2pa.C2paError.NotSupported:
                return {"status": "unsupported"}
            except c2pa.C2paError as error:
                return {"status": "broken", "error": type(error).__name__.strip("_")}
        if trusted:
            break
    return reading


def load() -> None:
    """Import what the child works with: in a nursery, before it forks."""
    import c2pa  # noqa: F401


def main(argument: str) -> int:
    request = json.loads(argument)
    settings = json.loads(sys.stdin.buffer.read())
    confine(request["memory_bytes"], request["cpu_seconds"])
    try:
        reply = answer(request, settings)
    except Exception as error:
        # Not the text: it can quote the file.
        reply = {"status": "broken", "error": type(error).__name__}
    with os.fdopen(request["out"], "wb") as out:
        out.write(json.dumps(reply).encode())
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1])
    os._exit(code)
