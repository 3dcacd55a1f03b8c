"""What is pinned in two places is pinned to the same."""

from __future__ import annotations

import re
import tomllib

from tests.paths import ROOT
from tickdeck.testing.containers import OFFICIAL_IMAGE


def pins(lock: str) -> dict[str, str]:
    text = (ROOT / lock).read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.\[\]-]+)==(\S+)", text, re.MULTILINE))


def test_tests_run_on_what_is_deployed() -> None:
    """`make test` installs the development lock, everybody else the other one."""
    deployed = pins("requirements.lock")
    assert len(deployed) > 50
    assert deployed.items() <= pins("requirements-dev.lock").items()


def test_every_pin_has_hashes() -> None:
    for lock in ("requirements.lock", "requirements-dev.lock"):
        blocks = re.split(
            r"^(?=[\w.\[\]-]+==)", (ROOT / lock).read_text(encoding="utf-8"), flags=re.MULTILINE
        )[1:]
        assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_compose_and_tests_name_one_database_image() -> None:
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert re.findall(r"image: (timescale/\S+)", compose) == [OFFICIAL_IMAGE]
    assert OFFICIAL_IMAGE in (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")


def test_both_stages_of_the_image_have_one_base() -> None:
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert re.search(r":\d+\.\d+\.\d+-", bases[0])


def test_every_dependency_says_what_it_is_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lists = [project["project"]["dependencies"], *project["project"]["optional-dependencies"].values()]
    lists += project["dependency-groups"].values()
    direct = {re.split(r"[>=<\[]", each)[0] for named in lists for each in named if isinstance(each, str)}
    rows = re.findall(
        r"^\|(.+)\|", (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    told = {
        re.sub(r"\[.*?\]$", "", name)
        for row in rows
        for cell in row.split("|")[:-1]
        for name in re.split(r"[,\s]+", cell)
    }
    assert direct - told == set()
