"""The push benchmark measures, in small."""

from __future__ import annotations

import json

import pytest

from app.testing.servers import TimescaleServer
from bench.push import run


def test_every_case_has_its_figures(timescale: TimescaleServer, capsys: pytest.CaptureFixture[str]) -> None:
    run(timescale.url, as_json=True, viewers=[2], seconds=1, rounds=1, browser=False)
    result = json.loads(capsys.readouterr().out)
    assert result["bench"] == "push"
    rows = {row["case"]: row for row in result["rows"]}
    assert rows.keys() == {"lone tick", "1000 ticks/s"}
    for row in rows.values():
        assert (row["way"], row["viewers"]) == ("push, 10 frames/s", 2)
        assert 0 < row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"]
        assert row["kB_per_s_viewer"] > 0
    assert rows["1000 ticks/s"]["server_cpu_pct"] > 0
