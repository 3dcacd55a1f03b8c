"""The push benchmark measures, in small."""

from __future__ import annotations

import json

import pytest

from bench.push import run
from bench.push.door import CASES, verdict
from tickdeck.testing.servers import TimescaleServer


def test_every_case_has_its_figures(timescale: TimescaleServer, capsys: pytest.CaptureFixture[str]) -> None:
    run(timescale.url, as_json=True, viewers=[2], seconds=2, rounds=1, browser=False)
    result = json.loads(capsys.readouterr().out)
    assert result["bench"] == "push"
    rows = {row["case"]: row for row in result["rows"]}
    assert rows.keys() == {"lone tick", "1000 ticks/s"}
    for row in rows.values():
        assert (row["way"], row["viewers"]) == ("push, 10 frames/s", 2)
        assert 0 < row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"]
        assert row["kB_per_s_viewer"] > 0
    assert rows["1000 ticks/s"]["server_cpu_pct"] > 0


def test_what_the_door_costs_is_one_line() -> None:
    rows = [
        {
            "case": f"1000 ticks/s, {case}", "viewers": 300, "ratio": 1 + n / 10, "cpu_ratio": 1 + n / 100,
            "cpu_ratio_low": 0.9, "cpu_ratio_high": 1.1,
        }
        for n, case in enumerate(CASES)
    ]  # fmt: skip
    (line,) = verdict(rows)
    assert line == (
        "300 viewers: signed in, the server's processor time is 1.010 of that without users (0.900 to 1.100); "
        "with 100 wrong passwords a second the p99 is 1.200 of it, without them 1.100"
    )
