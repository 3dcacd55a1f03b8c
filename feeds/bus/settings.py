"""Where the bus is and who we are there: the address as users write it, and settings from the environment."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from pydantic import Field, SecretStr

from tickdeck.db.config import Environment
from tickdeck.db.errors import ConfigurationError

_SERVER: Final = re.compile(
    r"(?P<scheme>nats|tls)://(?:(?P<user>[^:/@]*)(?::(?P<password>[^@]*))?@)?(?P<place>[^@/?#]+)/?"
)


class BusSettings(Environment):
    """Who we are at the bus and what is made there; every field is documented in docs/configuration.md."""

    bus_user: str | None = None
    """Who signs in at the bus, where its address does not say it."""
    bus_password: SecretStr | None = None
    """The password that goes with it."""
    bus_token: SecretStr | None = None
    """A token, in the place of user and password."""
    bus_ca: Path | None = None
    """A PEM file with the authority that the bus's certificate is of.  Unset: those that the system trusts."""
    bus_stream: str = Field(default="tickdeck", pattern=r"^[A-Za-z0-9_-]{1,32}$")
    """The name of the stream; a second database has one of its own."""
    bus_partitions: int = Field(default=4, ge=1, le=64)
    """Into so many parts a stream is made by symbol, each of which one writer has at a time."""


@dataclass(frozen=True, slots=True)
class Address:
    """`servers`: addresses without logins.  `safe`: all of it for logs and messages, without what is secret."""

    servers: tuple[str, ...]
    safe: str
    user: str | None = None
    password: str | None = None
    token: str | None = None
    tls: ssl.SSLContext | None = None


def address_of(text: str, settings: BusSettings) -> Address:
    """`text`, such as nats://feeds:secret@bus.example.com:4222, several with commas; a login of its own wins.

    nats://TOKEN@host names a token.  `tls://` and a settings' `bus_ca` encrypt.  Raises `ConfigurationError`.
    """
    found = [_SERVER.fullmatch(part.strip()) for part in text.split(",")]
    servers = [each for each in found if each is not None]
    if not servers or len(servers) < len(found):
        raise ConfigurationError("the bus has an address of the form nats://host:4222, or tls://host:4222")
    first = servers[0]
    user, password, token = first["user"], first["password"], None
    if user is not None and password is None:
        user, token = None, user
    if user is None and token is None:
        user = settings.bus_user
        password = None if settings.bus_password is None else settings.bus_password.get_secret_value()
        token = None if settings.bus_token is None else settings.bus_token.get_secret_value()
    else:
        user, password, token = (each and unquote(each) for each in (user, password, token))
    tls = None
    if settings.bus_ca is not None or any(each["scheme"] == "tls" for each in servers):
        try:
            tls = ssl.create_default_context(cafile=settings.bus_ca)
        except OSError as exc:
            raise ConfigurationError(f"TICKDECK_BUS_CA: {settings.bus_ca} cannot be read: {exc}") from exc
    plain = tuple(f"{each['scheme']}://{each['place']}" for each in servers)
    return Address(plain, ",".join(plain), user, password, token, tls)
