"""The alerts benchmark measures, in small."""

from __future__ import annotations

import json

import pytest

from bench.alerts import run


def test_every_case_has_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    run(as_json=True, rules=200, ticks=300)
    result = json.loads(capsys.readouterr().out)
    assert result["bench"] == "alerts"
    assert [row["case"] for row in result["rows"]] == ["200 rules on one symbol", "200 rules on 500 symbols"]
    for row in result["rows"]:
        assert row["state_us_a_tick"] > 0
        assert row["baseline"]
