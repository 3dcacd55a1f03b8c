"""Logs: bounded, quick, without anybody's variables, and in one grammar everywhere."""

from __future__ import annotations

import ast
import json
import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Literal

import pytest
import structlog

from tests.paths import ROOT
from tickdeck.app import logs
from tickdeck.app.config import LogSettings

SECRET = "hunter2-in-a-local"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    handlers, level = list(logging.root.handlers), logging.root.level
    yield
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def deep(levels: int, password: str) -> None:
    large = password * 3_000  # in each frame's sight, some 12 MB in all
    if levels:
        deep(levels - 1, password)
    raise ValueError(f"cannot reach postgresql://desk:{password}@host/db" + "." * 100 * len(large))


@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.parametrize("logger", [structlog.get_logger(), logging.getLogger("library")])
def test_an_exception_is_short_quick_and_without_variables(
    capsys: pytest.CaptureFixture[str],
    form: Literal["console", "json"],
    logger: structlog.typing.FilteringBoundLogger | logging.Logger,
) -> None:
    logs.configure(LogSettings(log_format=form))
    took: list[float] = []
    for _ in range(3):
        try:
            deep(250, SECRET)
        except ValueError:
            began = time.thread_time()  # what else the machine does counts for nothing
            logger.exception("deep")
            took.append(time.thread_time() - began)
    text = capsys.readouterr().err
    assert SECRET not in text
    assert "large" not in text
    assert "ValueError: cannot reach postgresql://desk:" in text
    assert re.search(r"22\d frames left out", text)
    assert len(text) < 3 * 8_000
    assert min(took) < 0.1, "seconds, where it draws what the frames see"


def test_chains_and_groups_are_told_and_end(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(LogSettings())
    error: Exception = ValueError("the first")
    for number in range(100):
        outer = ExceptionGroup(f"group {number}", [error, KeyError("x")])
        outer.__cause__ = error
        error = outer
    structlog.get_logger().error("many", exc_info=error)
    text = capsys.readouterr().err
    assert "group 99" in text
    assert "Exception 2 of 2" in text
    assert len(text) < 20_000


def test_values_are_bounded_and_printable(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(LogSettings(log_format="json"))
    structlog.get_logger().warning(
        "refused", host="evil\x1b[2J\nfake line", url="postgresql://u:pw@h/d", many=list(range(10**6)),
        long="x" * 10**6, thing=object(), part={"k": [1]},
    )  # fmt: skip
    (line,) = capsys.readouterr().err.splitlines()
    found = json.loads(line)
    assert found["host"] == r"evil\x1b[2J\nfake line"
    assert found["url"] == "postgresql://u:…@h/d"
    assert (len(found["many"]), len(found["long"]) < 2_100, found["thing"]) == (50, True, "<object>")


def test_a_reader_that_reads_nothing_holds_nobody_up() -> None:
    """Standard error is a pipe that is full: lines are dropped and counted, and the process ends all the same."""
    script = """
import structlog
from tickdeck.app import logs
from tickdeck.app.config import LogSettings
logs.configure(LogSettings())
logs.END_TIMEOUT_S = 0.1
with logs.OUTPUT.by_thread():
    for number in range(2000):
        structlog.get_logger().warning("line", number=number, text="x" * 500)
    print("all are said")
"""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb"), os.fdopen(writing, "wb") as full:
        ran = subprocess.run(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=full, cwd=ROOT, text=True, timeout=60,
            check=True,
        )  # fmt: skip
    assert ran.stdout == "all are said\n"


LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


def events() -> Iterator[tuple[str, ast.expr]]:
    """Where something is said in the log, and its event; of a fault that is said by `db.faults`, where it is named."""
    for path in (path for room in ("app", "db", "feeds") for path in (ROOT / room).rglob("*.py")):
        where, text = str(path.relative_to(ROOT)), path.read_text()
        for call in (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)):
            match call.func:
                case ast.Name("Fault") if "from tickdeck.db.faults import Fault" in text:
                    begins, ends = call.args
                    yield from ((f"{where}:{call.lineno}", each) for each in (begins, ends))
                case ast.Attribute(ast.Name("log"), level) if level in LEVELS and where != "db/faults.py":
                    (event,) = call.args
                    yield f"{where}:{call.lineno}", event


def test_every_event_is_one_snake_case_name_with_named_values() -> None:
    found = list(events())
    assert len(found) > 20
    for where, event in found:
        assert isinstance(event, ast.Constant), where
        assert isinstance(event.value, str), where
        assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)+", event.value), where


def test_nobody_logs_in_another_way_or_touches_a_logger_on_import() -> None:
    loggers: Callable[[str], list[str]] = re.compile(r"^\S.*logging\.getLogger.*$", re.MULTILINE).findall
    found = {
        str(path.relative_to(ROOT)): loggers(path.read_text())
        for room in ("app", "db", "feeds")
        for path in (ROOT / room).rglob("*.py")
    }
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_who_is_not_let_in_fills_no_log(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(LogSettings(log_format="json"))
    for number in range(100):
        structlog.get_logger().warning("host_refused", host=f"{number}.example")
        logging.getLogger("somebody's library").warning("Invalid HTTP request received.")
        structlog.get_logger().warning("feed_failed", number=number)
    said = [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()]
    assert said.count("feed_failed") == 100
    assert 20 <= said.count("host_refused") < 100
    assert 20 <= said.count("Invalid HTTP request received.") < 100


def test_what_is_written_seldom_comes_again_once_a_second() -> None:
    now = [0.0]
    seldom = logs.Seldom(3, now=lambda: now[0])
    assert [seldom.lets("host_refused") for _ in range(5)] == [True] * 3 + [False] * 2
    assert seldom.lets("another event")
    now[0] = 1.0
    assert [seldom.lets("host_refused") for _ in range(2)] == [True, False]
    now[0] = 100.0
    assert [seldom.lets("host_refused") for _ in range(4)] == [True] * 3 + [False]
