"""All settings of the dashboard: environment, `.env` file, defaults.  Those of the database are in db/config.py."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path
from socket import gethostname
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from tickdeck.db.config import DatabaseSettings, Environment
from tickdeck.db.users import UserRole


class LogSettings(Environment):
    """How every command logs; every field is documented in docs/configuration.md (a test checks that)."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe messages that are logged."""
    log_format: Literal["console", "json"] = "console"
    """Logs for people, or one JSON object a line."""


class DashboardSettings(Environment):
    """Where the page is served; every field is documented in docs/configuration.md (a test checks that)."""

    host: str = "127.0.0.1"
    """The address to listen on; anything but loopback needs users (`tickdeck user add`)."""
    port: int = Field(default=8050, ge=0, le=65535)
    """The port to listen on; 0 takes a free one."""
    published_on: str | None = None
    """Where a container's port is published: the address that counts where it is asked who can reach the page."""
    allowed_hosts: tuple[str, ...] = ()
    """Names (the `Host` header, without port) the page answers to besides localhost, this machine's own, and addresses;
    no other, which keeps other sites' scripts out."""
    path_prefix: str = ""
    """The path below which a reverse proxy shows the page, such as /tickdeck; requests come with it or without."""
    standby: bool = True
    """`tickdeck run` has a process wait beside the page and each feed that takes its place at once where it dies; some 100 MB each."""
    tls_certificate: Path | None = None
    """A PEM file with the certificate and those above it, for HTTPS; read again when it changes."""
    tls_key: Path | None = None
    """A PEM file with the certificate's key."""

    @field_validator("path_prefix")
    @classmethod
    def _is_path(cls, value: str) -> str:
        prefix = "/".join(("", *(part for part in value.split("/") if part)))
        if not re.fullmatch(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*", prefix):
            raise ValueError(f"{value!r} is no path of letters, digits and . _ ~ -, such as /tickdeck")
        return prefix

    @model_validator(mode="after")
    def _has_both(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("TLS needs TICKDECK_TLS_CERTIFICATE and TICKDECK_TLS_KEY, both")
        return self

    @property
    def reached_by_others(self) -> bool:
        """Whether anybody but this machine's own users can reach the page."""
        return not _is_loopback(self.published_on or self.host)

    def knows(self, name: str) -> bool:
        """Whether the page answers to this host name: loopback's, the machine's own, an address, or one of the list.

        A page of another site can point its own name here (DNS rebinding), but not one of these.
        """
        known = {"localhost", gethostname().lower(), *(each.lower() for each in self.allowed_hosts)}
        return name in known or _is_address(name)


def _is_loopback(host: str) -> bool:
    return host.lower() == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


class LiveSettings(Environment):
    """How often and to whom frames go; every field is documented in docs/configuration.md (a test checks that)."""

    chart_rate: float = Field(default=10.0, gt=0, le=60)
    """Frames per second of charts on a busy market; after a quiet moment two may come at once."""
    grid_rate: float = Field(default=5.0, gt=0, le=60)
    """The same of watchlists."""
    tape_rate: float = Field(default=5.0, gt=0, le=60)
    """The same of tapes; each costs the database one query."""
    max_viewers: int = Field(default=2_000, ge=1)
    """WebSocket connections one process accepts; more are turned away and try again later."""
    dead_after_s: float = Field(default=10.0, gt=0)
    """A viewer that reads nothing for so many seconds is cut off."""
    chart_grace_s: float = Field(default=15.0, ge=0)
    """How long a chart or tape stays up to date after its last viewer left, in seconds."""
    allowed_origins: tuple[str, ...] = ()
    """Origins (such as https://desk.example.com) whose pages may connect, besides the dashboard's own."""
    embed_origins: tuple[str, ...] = ()
    """Origins whose pages may show a chart of the dashboard in a frame (`/?embed=1`); `*`: any."""
    compress: bool = False
    """Offer permessage-deflate to viewers: less traffic, about twice the CPU."""

    @field_validator("embed_origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            if not re.fullmatch(r"\*|https?://[A-Za-z0-9.-]+(:\d{1,5})?", each):
                raise ValueError(f"{each!r} is no origin, such as https://desk.example.com")
        return value


class ReplaySettings(Environment):
    """How many replays there may be; every field is documented in docs/configuration.md (a test checks that)."""

    replay_rooms: int = Field(default=32, ge=1, le=1_000)
    """Replays open at the same time; each holds some MB of ticks read ahead."""
    replay_rooms_each: int = Field(default=8, ge=1, le=1_000)
    """Replays that one user may have open."""
    replay_rooms_per_address: int = Field(default=16, ge=1, le=1_000)
    """Replays that all users at one address may have open."""
    replay_idle_s: float = Field(default=60.0, ge=0)
    """A replay that nobody watches for so many seconds ends; until then a page that reloads finds it again."""


class AlertSettings(Environment):
    """Where alerts may be sent; every field is documented in docs/configuration.md (a test checks that)."""

    alert_webhook_hosts: tuple[str, ...] = ()
    """Hosts, as `hooks.example.com` or `127.0.0.1:9000`, to which webhooks of alerts may go; none: there are no webhooks."""
    alert_mail_to: tuple[str, ...] = ()
    """Addresses, or `@domains`, to which mails of alerts may go; none: there are no mails."""
    smtp_host: str | None = None
    """The server that takes mails."""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    """Its port."""
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection to it is encrypted; `none` on this machine only."""
    smtp_from: str = "tickdeck@localhost"
    """The address that mails are from."""
    smtp_user: str | None = None
    """Who signs in there; unset: nobody does."""
    smtp_password: SecretStr | None = None
    """The password that goes with it."""

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if self.alert_mail_to and self.smtp_host is None:
            raise ValueError("TICKDECK_ALERT_MAIL_TO needs TICKDECK_SMTP_HOST")
        if self.smtp_security == "none" and self.smtp_host and not _is_loopback(self.smtp_host):
            raise ValueError("TICKDECK_SMTP_SECURITY=none is for a server on this machine")
        return self

    def refusal(self, *, webhook: str | None = None, email: str | None = None) -> str | None:
        """Why alerts may not be sent there; None where they may."""
        if webhook is not None:
            parts = urlsplit(webhook)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
                return f"{webhook!r} is no http or https address"
            if parts.netloc.lower() not in {each.lower() for each in self.alert_webhook_hosts}:
                return f"webhooks may not go to {parts.netloc}: TICKDECK_ALERT_WEBHOOK_HOSTS does not name it"
        if email is not None:
            if not re.fullmatch(r"[^@\s<>,;:\"]{1,64}@[A-Za-z0-9.-]{1,189}", email):
                return f"{email!r} is no mail address"
            allowed = {each.lower() for each in self.alert_mail_to}
            if not {email.lower(), "@" + email.lower().rpartition("@")[2]} & allowed:
                return f"mails may not go to {email}: TICKDECK_ALERT_MAIL_TO does not name it"
        return None


class UserSettings(Environment):
    """How people sign in; every field is documented in docs/configuration.md (a test checks that)."""

    session_idle_s: float = Field(default=43_200.0, ge=60)
    """A session that is not used for so many seconds is over; an open page is use."""
    session_lasts_s: float = Field(default=604_800.0, ge=60)
    """A session is over after so many seconds, however much it is used."""
    proxies: tuple[str, ...] = ()
    """Addresses or networks of reverse proxies: what they say of a client's address and scheme is believed."""
    proxy_user_header: str | None = None
    """The header in which such a proxy names the user it has signed in; he must be one of Tickdeck's."""

    @field_validator("proxies")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(ip_network(each, strict=False)) for each in value)


class LimitSettings(Environment):
    """How much one user or address may have at a time; every field is documented in docs/configuration.md (a test checks that)."""

    connections_each: int = Field(default=50, ge=1)
    """Connections of the push that one user may have; who polls may ask so many times a second."""
    connections_per_address: int = Field(default=500, ge=1)
    """The same of all users at one address (of IPv6: one network of 64 bits)."""
    requests_each: int = Field(default=24, ge=1)
    """Requests of one user that the REST interface answers at the same time."""
    requests_per_address: int = Field(default=240, ge=1)
    """The same of all users at one address."""
    subscriptions_each: int = Field(default=600, ge=1)
    """How often a minute one user's connections may change what they watch."""
    subscriptions_per_address: int = Field(default=6_000, ge=1)
    """The same of all users at one address."""
    changes_each: int = Field(default=1_200, ge=1)
    """How often a minute one user may change what is kept over the REST interface: drawings, rules, links, ticks."""
    changes_per_address: int = Field(default=12_000, ge=1)
    """The same of all users at one address."""
    answer_rows: int = Field(default=20_000, ge=1, le=20_000)
    """Ticks or candles in one answer of the REST interface."""
    message_bytes: int = Field(default=65_536, ge=1_024)
    """The longest message of a viewer, in bytes; a longer one ends its connection."""
    body_bytes: int = Field(default=1_048_576, ge=1_024)
    """The longest body of a request, in bytes."""


class ProviderSettings(Environment):
    """An OpenID Connect provider where people sign in; every field is documented in docs/configuration.md (a test checks that)."""

    oidc_issuer: str | None = None
    """The provider's issuer identifier, as it writes it itself; unset: there is none."""
    oidc_client_id: str | None = None
    """Who Tickdeck is to the provider."""
    oidc_client_secret: SecretStr | None = None
    """The secret that goes with it; unset: a public client, which PKCE protects alone."""
    oidc_label: str = Field(default="your organisation", min_length=1, max_length=40)
    """What the button says after "Sign in with"."""
    oidc_scopes: tuple[str, ...] = ("openid", "profile", "email")
    """What the provider is asked for."""
    oidc_role: UserRole | None = None
    """The role of whoever signs in for the first time; unset: nobody does who was not added before."""
    oidc_role_claim: str | None = None
    """The claim of the identity token (a text or a list) that says what somebody is, looked at each time he signs in."""
    oidc_roles: dict[str, UserRole] = Field(default_factory=dict)
    """Which value of that claim is which role; of several the highest counts."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.oidc_issuer is None:
            return self
        if self.oidc_client_id is None:
            raise ValueError("TICKDECK_OIDC_ISSUER needs TICKDECK_OIDC_CLIENT_ID")
        if not is_safe_address(self.oidc_issuer):
            raise ValueError(
                f"TICKDECK_OIDC_ISSUER: {self.oidc_issuer!r} is no https address (http: on loopback only)"
            )
        if "openid" not in self.oidc_scopes:
            raise ValueError("TICKDECK_OIDC_SCOPES must hold openid")
        if (self.oidc_role_claim is None) != (not self.oidc_roles):
            raise ValueError("TICKDECK_OIDC_ROLE_CLAIM and TICKDECK_OIDC_ROLES go together")
        return self


def is_safe_address(url: str) -> bool:
    """Whether a provider may be reached there: by https, or on this very machine."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or ""))
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of the dashboard's process; made without arguments, they are read from the environment."""

    dashboard: DashboardSettings = field(default_factory=DashboardSettings)
    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    live: LiveSettings = field(default_factory=LiveSettings)
    replay: ReplaySettings = field(default_factory=ReplaySettings)
    users: UserSettings = field(default_factory=UserSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    provider: ProviderSettings = field(default_factory=ProviderSettings)
    alerts: AlertSettings = field(default_factory=AlertSettings)
