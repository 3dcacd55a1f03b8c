"""HTTPS: page and push over TLS, and a certificate that is renewed while the server runs."""

from __future__ import annotations

import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
import trustme
from cryptography.hazmat.primitives import serialization
from websockets.sync.client import connect

PATIENCE_S = 60


def certify(authority: trustme.CA, folder: Path) -> bytes:
    """Put a new certificate for 127.0.0.1 and its key into the folder; the certificate as the server will show it."""
    made = authority.issue_cert("127.0.0.1")
    made.private_key_pem.write_to_path(str(folder / "key.new"))
    for number, part in enumerate(made.cert_chain_pems):
        part.write_to_path(str(folder / "certificate.new"), append=number > 0)
    (folder / "key.new").replace(folder / "key.pem")
    (folder / "certificate.new").replace(folder / "certificate.pem")
    return ssl.PEM_cert_to_DER_cert(made.cert_chain_pems[0].bytes().decode())


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    """Whom the test's clients trust, by the file `authority.pem`."""
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    return made


@pytest.fixture
def served(
    tickdeck_db: str, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    certify(authority, tmp_path)
    monkeypatch.setenv("DATABASE_URL", tickdeck_db)
    monkeypatch.setenv("TICKDECK_TLS_CERTIFICATE", str(tmp_path / "certificate.pem"))
    monkeypatch.setenv("TICKDECK_TLS_KEY", str(tmp_path / "key.pem"))
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tickdeck.app.cli.child", "serve", "--port", "0"],
            stdout=subprocess.PIPE, stderr=log, text=True, cwd=tmp_path,
        )  # fmt: skip
    try:
        assert process.stdout is not None
        with process.stdout:
            found = next(
                (match for line in process.stdout if (match := re.search(r"live at (https://\S+)", line))),
                None,
            )
            assert found, (tmp_path / "log").read_text()
            yield found[1], process
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def until(reached: Callable[[], bool]) -> None:
    over = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < over, "it did not come to that"
        time.sleep(0.02)


def shown_by(url: str) -> bytes | None:
    """The certificate that the server shows to a new connection."""
    host, port = url.removeprefix("https://").split(":")
    return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((host, int(port)), timeout=PATIENCE_S))


def test_a_renewed_certificate_needs_no_restart(
    served: tuple[str, subprocess.Popen[str]], authority: trustme.CA, tmp_path: Path
) -> None:
    url, process = served
    trusted = str(tmp_path / "authority.pem")
    assert requests.get(f"{url}/healthz", verify=trusted, timeout=PATIENCE_S).status_code == 200
    context = ssl.create_default_context(cafile=trusted)
    with connect(url.replace("https", "wss", 1) + "/ws", ssl=context, open_timeout=PATIENCE_S) as push:
        push.send('{"ping": 1}')
        assert "pong" in str(push.recv(PATIENCE_S))

        second = certify(authority, tmp_path)
        process.send_signal(signal.SIGHUP)
        until(lambda: shown_by(url) == second)
        with_password = serialization.load_pem_private_key(
            (tmp_path / "key.pem").read_bytes(), None
        ).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"x"),
        )
        another = authority.issue_cert("127.0.0.1").private_key_pem.bytes()

        def looked() -> int:
            return (tmp_path / "log").read_text().count("certificate_not_read")

        for wrong in (b"no key", with_password, b"", another):
            before = looked()
            (tmp_path / "key.pem").write_bytes(wrong)
            process.send_signal(signal.SIGHUP)
            until(lambda before=before: looked() > before)  # type: ignore[misc]  # before that the old pair is shown anyway
            assert shown_by(url) == second
        push.send('{"ping": 2}')  # what was open goes on
        assert "pong" in str(push.recv(PATIENCE_S))
    assert shown_by(url) == second  # and a pair that does not fit is not taken
