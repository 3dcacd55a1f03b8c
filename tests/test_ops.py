"""What is given for watching Tickdeck asks for figures that there are, in the words that Prometheus has."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import Any, Final

import pytest

from tests.paths import ROOT
from tickdeck.app.push.metrics import Metrics

OPS: Final = ROOT / "docs" / "ops"
NAME: Final = re.compile(r"\btickdeck_\w+")
PROMTOOL: Final = shutil.which("promtool")


def shown() -> set[str]:
    """Every name that /metrics may have."""
    metrics = Metrics()
    metrics.look_at_spills(dict)
    return {
        name
        for family in metrics.registry.collect()
        for name in (family.name, f"{family.name}_total", f"{family.name}_bucket")
    }


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((OPS / "grafana.json").read_text(encoding="utf-8"))["panels"]
    return found


def test_alerts_and_panels_name_figures_that_there_are() -> None:
    asked = NAME.findall((OPS / "alerts.yml").read_text(encoding="utf-8"))
    asked += [
        name for panel in panels() for target in panel["targets"] for name in NAME.findall(target["expr"])
    ]
    assert {"tickdeck_spill_share", "tickdeck_stage_seconds", "tickdeck_live"} <= set(asked)
    assert set(asked) - shown() == set()


def test_every_alert_is_explained() -> None:
    alerts = re.findall(r"alert: (\w+)", (OPS / "alerts.yml").read_text(encoding="utf-8"))
    assert alerts
    explained = (OPS / "README.md").read_text(encoding="utf-8")
    assert [alert for alert in alerts if f"`{alert}`" not in explained] == []


def test_no_two_panels_have_one_number_and_each_asks_the_chosen_source() -> None:
    assert len({panel["id"] for panel in panels()}) == len(panels())
    assert {target["datasource"]["uid"] for panel in panels() for target in panel["targets"]} == {
        "${datasource}"
    }


@pytest.mark.skipif(PROMTOOL is None, reason="promtool (Debian: prometheus) is not installed")
def test_prometheus_takes_the_rules() -> None:
    assert PROMTOOL is not None
    done = subprocess.run(
        [PROMTOOL, "check", "rules", OPS / "alerts.yml"], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
