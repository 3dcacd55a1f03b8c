"""What Tickdeck is made of: locked with hashes, and told in a bill of materials."""

from __future__ import annotations

import json
import os
import pwd
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.paths import ROOT

LOCKS: Final = ("requirements.lock", "requirements-dev.lock")


def locked(lock: str) -> set[tuple[str, str]]:
    """Name and version of everything in a lock."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", text, re.MULTILINE))


def test_everything_is_locked_with_hashes() -> None:
    for lock in LOCKS:
        text = (ROOT / lock).read_text(encoding="utf-8")
        entries = re.split(r"^(?=[a-z0-9-]+==)", text, flags=re.MULTILINE)[1:]
        assert len(entries) == len(locked(lock)) > 30
        assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_bill_of_materials_holds_all_that_is_locked(tmp_path: Path) -> None:
    """By the very command of `make bill`, which also checks it against CycloneDX's schema."""
    (command,) = re.findall(
        r"\$\(VENV\)/bin/(cyclonedx-py .*)", (ROOT / "Makefile").read_text(encoding="utf-8")
    )
    arguments = command.replace("build/bill.json", str(tmp_path / "bill.json")).split()
    program = Path(sys.executable).parent / arguments[0]
    done = subprocess.run([program, *arguments[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    bill = json.loads((tmp_path / "bill.json").read_text(encoding="utf-8"))
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "tickdeck")
    assert {(each["name"], each["version"]) for each in bill["components"]} == locked("requirements.lock")
    hashed = [
        each for each in bill["components"] if any(ref.get("hashes") for ref in each["externalReferences"])
    ]
    assert len(hashed) == len(bill["components"])


def test_no_container_needs_a_shell() -> None:
    """Everything that the image and Compose start is Python, by its path and without a shell between."""
    for script in (ROOT / "deploy").iterdir():
        assert script.read_text(encoding="utf-8").startswith("#!/opt/tickdeck/bin/python3 -I\n"), script.name
        assert script.stat().st_mode & 0o111, script.name
    final = (ROOT / "Dockerfile").read_text(encoding="utf-8").rpartition("\nFROM ")[2]
    started = re.findall(r"^\s*(?:CMD|ENTRYPOINT) (.*)$", final, re.MULTILINE)
    assert len(started) == 3
    assert [each for each in started if not each.startswith("[")] == []
    assert re.search(r"^USER tickdeck$", final, re.MULTILINE)
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert not re.search(r"CMD-SHELL|\bsh\b|\bbash\b", compose)
    assert "read_only: true" in compose


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another user, as in the container: needs root")
def test_passwords_are_made_once_and_read_by_one_user(tmp_path: Path) -> None:
    """Those that are there stay, and libpq reads what has a meaning in its file as it is meant."""
    roles = ("owner", "writer", "reader", "settings")
    for role in roles:
        (tmp_path / role).mkdir()
    (tmp_path / "writer" / "password").write_text("my:own\\one\n")

    def make() -> dict[str, str]:
        subprocess.run(
            [sys.executable, ROOT / "deploy" / "make-secrets", tmp_path, "nobody"], check=True, timeout=30
        )
        return {role: (tmp_path / role / "password").read_text() for role in roles}

    first = make()
    assert make() == first
    assert first["writer"] == "my:own\\one\n"
    assert len({*first.values()}) == 4
    assert min(len(each) for role, each in first.items() if role != "writer") > 30
    assert (tmp_path / "writer" / "pgpass").read_text() == "*:*:*:tickdeck_writer:my\\:own\\\\one\n"
    for role in roles:
        for each, mode in ((".", 0o500), ("password", 0o400), ("pgpass", 0o400)):
            found = (tmp_path / role / each).stat()
            assert (found.st_mode & 0o777, found.st_uid) == (mode, pwd.getpwnam("nobody").pw_uid)
