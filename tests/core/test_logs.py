"""One set-up of logging: a JSON object a line, with the ids of what is worked on, and nothing that must not be."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest
import structlog

from core import logs
from core.settings import get_settings
from tests.kit.logs import logs_kept

ROOT = Path(__file__).resolve().parents[2]
log = logging.getLogger("greenroom.made_up")
foreign = logging.getLogger("somebody.else")


@pytest.fixture
def lines(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """``lines()``: what was logged since the set-up, at DEBUG, each line a JSON object."""
    monkeypatch.setenv("GREENROOM_LOG", "DEBUG")
    monkeypatch.setenv("GREENROOM_MASTER_SECRET", "correct horse battery staple")
    get_settings.cache_clear()
    stream = io.StringIO()
    with logs_kept():
        logs.set_up("worker", stream=stream)
        yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_says_when_what_and_who(lines: Any):
    log.warning("lease lost: %s %s", "rnd_1", "picture")
    (line,) = lines()
    assert line["timestamp"].endswith("+00:00") and isinstance(line.pop("pid"), int)
    del line["timestamp"]
    assert line == {
        "level": "warning",
        "event": "lease lost: rnd_1 picture",
        "logger": "greenroom.made_up",
        "process": "worker",
    }


def test_ids_are_on_each_line_of_the_block_and_on_none_after_it(lines: Any):
    with logs.bound(render_id="rnd_1"):
        with logs.bound(stage="seal"):
            log.info("inside")
        log.info("outside")
    log.info("after")
    found = [{name: line.get(name) for name in ("render_id", "stage")} for line in lines()]
    assert found == [
        {"render_id": "rnd_1", "stage": "seal"},
        {"render_id": "rnd_1", "stage": None},
        {"render_id": None, "stage": None},
    ]


def test_what_a_thread_learns_for_a_block_is_on_the_blocks_lines(lines: Any):
    """A web request is answered in a thread that has a copy of its context."""
    with logs.bound(request_id="req_1"), ThreadPoolExecutor(1) as pool:
        pool.submit(copy_context().run, logs.learned, brand_id="brd_1").result()
        log.info("answered")
    logs.learned(brand_id="brd_2")
    log.info("after")
    assert [line.get("brand_id") for line in lines()] == ["brd_1", None]


def test_two_blocks_at_once_do_not_mix(lines: Any):
    meet = threading.Barrier(2)

    def work(render_id: str) -> None:
        with logs.bound(render_id=render_id):
            meet.wait(5)
            log.info("%s", render_id)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("rnd_1", "rnd_2")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((line["event"], line["render_id"]) for line in lines()) == [
        ("rnd_1", "rnd_1"),
        ("rnd_2", "rnd_2"),
    ]


def test_only_known_fields_are_written(lines: Any):
    log.info("answered", extra={"route": "/renders/{render_id}", "status": 200, "recipient": "Asha"})
    (line,) = lines()
    assert (line["route"], line["status"]) == ("/renders/{render_id}", 200) and "Asha" not in str(line)


def test_an_exception_is_logged_without_its_words_and_locals(lines: Any):
    recipient = "Asha"
    try:
        raise RuntimeError(f"no room for {recipient}")
    except RuntimeError as error:
        log.exception("stage raised: %s", error)
    (line,) = lines()
    assert line["event"] == "stage raised: RuntimeError"
    assert line["exception"].startswith("RuntimeError at core/test_logs.py:") and "Asha" not in str(line)


def test_of_foreign_libraries_a_warning_is_heard_and_what_it_is_about_is_not(lines: Any):
    foreign.info("connected as Asha")
    foreign.debug("sent %s", "Asha")
    foreign.warning("%s did not answer %d times: %s", "Asha", 3, ValueError("Asha"))
    foreign.error("%(name)s", {"name": "Asha"})
    assert [line["event"] for line in lines()] == ["… did not answer 3 times: ValueError", "…"]


def test_a_message_that_cannot_be_filled_in_is_still_a_line(lines: Any):
    (handler,) = [each for each in logging.getLogger().handlers if isinstance(each, logs._Handler)]
    for name, message, arguments in (("somebody.else", "%d bytes", ("many",)), (log.name, "%d of %d", (1,))):
        handler.handle(logging.LogRecord(name, logging.ERROR, "", 1, message, arguments, None))
    assert [line["event"] for line in lines()] == ["%d bytes", "%d of %d"]


def test_the_installations_secrets_are_in_no_line(lines: Any):
    log.error("with correct horse battery staple")
    foreign.error("with correct horse battery staple")
    assert [line["event"] for line in lines()] == ["with …", "with …"]


def test_a_newline_begins_no_line(lines: Any):
    log.error('sent: %s\n{"level":"critical"}', "a\nb")
    assert len(lines()) == 1


def test_a_call_of_structlog_is_a_line_like_any_other(lines: Any):
    structlog.configure(
        processors=[structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    structlog.get_logger("greenroom.made_up").warning("settled", render_id="rnd_1", recipient="Asha")
    structlog.reset_defaults()
    (line,) = lines()
    assert (line["event"], line["render_id"]) == ("settled", "rnd_1") and "Asha" not in str(line)


def test_a_second_set_up_takes_the_place_of_the_first(lines: Any):
    second = io.StringIO()
    logs.set_up("relay", stream=second)
    log.error("once")
    assert lines() == [] and len(second.getvalue().splitlines()) == 1


def test_a_library_that_brought_its_own_handler_hands_its_records_on(lines: Any):
    own = io.StringIO()
    foreign.addHandler(logging.StreamHandler(own))
    foreign.propagate = False
    logs.set_up("worker", stream=(second := io.StringIO()))
    foreign.error("once")
    assert own.getvalue() == "" and len(second.getvalue().splitlines()) == 1


@pytest.mark.parametrize(("format", "terminal", "as_json"), [
    ("auto", False, True), ("auto", True, False), ("json", True, True), ("text", False, False),
])  # fmt: skip
def test_a_terminal_gets_text_and_everything_else_json(
    home: Path, monkeypatch: pytest.MonkeyPatch, format: str, terminal: bool, as_json: bool
):
    monkeypatch.setenv("GREENROOM_LOG_FORMAT", format)
    get_settings.cache_clear()
    stream = io.StringIO()
    stream.isatty = lambda: terminal  # type: ignore[method-assign]
    with logs_kept(), logs.bound(render_id="rnd_1"):
        logs.set_up("worker", stream=stream)
        log.warning("lease lost")
    found = stream.getvalue()
    assert found.startswith("{") == as_json
    if not as_json:
        assert found.endswith(" warning  lease lost render_id=rnd_1\n")


def test_below_the_level_nothing_is_written(home: Path):
    stream = io.StringIO()
    with logs_kept():
        logs.set_up("worker", stream=stream)
        log.info("hidden")
        log.warning("shown")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["shown"]


def test_what_ends_a_process_or_a_thread_and_a_warning_become_lines(tmp_path: Path):
    program = """
import threading, warnings
from core import logs
from core.errors import DevelopmentPart
logs.set_up("relay"); logs.catch_uncaught()
warnings.warn("a development part", DevelopmentPart)
warnings.warn("about Asha", UserWarning)
def fail(): raise ValueError("Asha")
thread = threading.Thread(target=fail); thread.start(); thread.join()
fail()
"""
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"GREENROOM_HOME": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [json.loads(line) for line in ran.stderr.splitlines()]
    assert ran.returncode == 1 and "Asha" not in ran.stderr
    assert [line["event"].partition(" (")[0] for line in lines] == [
        "a development part",
        "UserWarning",
        "a thread ends by an error",
        "the process ends by an error",
    ]
