"""The table of faults in docs/reliability.md, made of what the tests say they prove; `python -m tests.reliability` writes it.

A test says so by `@pytest.mark.fault(fault, effect, within=…, soak=…)`: what goes wrong, what happens then, how long that takes,
and whether `tickdeck bench soak` does it too.  Others that prove the same name the fault alone.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.paths import ROOT

PAGE: Final = ROOT / "docs" / "reliability.md"
PLACE: Final = re.compile(r"(<!-- faults -->\n).*?(<!-- end -->)", re.DOTALL)


@dataclass(slots=True)
class Row:
    """One fault; `effect` is empty until the test that says it is met."""

    effect: str = ""
    within: str = ""
    soak: bool = False
    proofs: list[str] = field(default_factory=list)


def marks(path: Path) -> Iterator[tuple[str, list[str], dict[str, str | bool]]]:
    """Of each mark in a file: the test, and what it says."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for each in node.decorator_list:
                if isinstance(each, ast.Call) and ast.unparse(each.func) == "pytest.mark.fault":
                    named = {word.arg or "": ast.literal_eval(word.value) for word in each.keywords}
                    yield node.name, [ast.literal_eval(one) for one in each.args], named


def rows() -> dict[str, Row]:
    """Every fault; those of tests/faults first."""
    found: dict[str, Row] = {}
    paths = sorted((ROOT / "tests").rglob("test_*.py"), key=lambda path: ("faults" not in path.parts, path))
    for path in paths:
        for test, said, named in marks(path):
            fault, *effect = said
            row = found.setdefault(fault, Row())
            row.proofs.append(f"`{path.relative_to(ROOT).as_posix()}::{test}`")
            if effect:
                assert not row.effect, f"two tests say what happens: {fault}"
                row.effect = effect[0]
                row.within, row.soak = str(named.get("within", "")), bool(named.get("soak", False))
    nameless = [fault for fault, row in found.items() if not row.effect]
    assert nameless == [], "no test says what happens"
    return found


def table() -> str:
    """All of it as Markdown."""
    lines = ["| fault | what happens | how long | proof |", "|---|---|---|---|"]
    for fault, row in rows().items():
        proofs = ", ".join([*row.proofs, *(["soak"] if row.soak else [])])
        lines.append(f"| {fault} | {row.effect} | {row.within} | {proofs} |")
    return "\n".join(lines)


def written(page: str) -> str:
    """The page with the table as it should be."""
    made, count = PLACE.subn(lambda found: f"{found[1]}{table()}\n{found[2]}", page)
    assert count == 1, f"{PAGE} has {count} places for the table"
    return made


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
