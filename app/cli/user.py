"""`tickdeck user`, `tickdeck token` and `tickdeck audit`: who may sign in, and what was done."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import typer
from rich.table import Table

from tickdeck.app.cli.common import Terminal, on_database, say, whoami
from tickdeck.db import users
from tickdeck.db.errors import ConfigurationError
from tickdeck.db.session import Pool
from tickdeck.db.users import ROLES, SCOPES, Scope, UserRole

T = TypeVar("T")

app = typer.Typer(help="Who may sign in.", no_args_is_help=True)
tokens = typer.Typer(help="Tokens of programs, for REST and the push.", no_args_is_help=True)

NAME = typer.Argument(..., help="The name, in large or small letters.")
ROLE_HELP = f"{', '.join(ROLES)}; the first user is an admin."
SCOPE_HELP = f"{', '.join(SCOPES)}; several times for several."
PASSWORD = typer.Option(
    None, "--password-file", help="The password, alone; `-`: standard input.  Else it is asked for."
)


def register(root: typer.Typer) -> None:
    """Add the commands of this module to the root of the command line."""
    app.add_typer(tokens, name="token")
    root.add_typer(app, name="user")
    root.command()(audit)


def _run(work: Callable[[Pool], Awaitable[T]]) -> T:
    return on_database("settings", work)


@app.command()
def add(
    name: str,
    role: UserRole = typer.Option("viewer", "--role", help=ROLE_HELP),
    password_file: Path | None = PASSWORD,
    no_password: bool = typer.Option(False, "--no-password", help="Signs in by a proxy or provider only."),
    subject: str | None = typer.Option(
        None, "--subject", help="Who he is to the provider of TICKDECK_OIDC_ISSUER."
    ),
) -> None:
    """Add a user."""
    from tickdeck.app.config import ProviderSettings
    from tickdeck.app.users.passwords import hash_password

    issuer = None if subject is None else ProviderSettings().oidc_issuer
    if subject is not None and issuer is None:
        raise ConfigurationError("--subject needs TICKDECK_OIDC_ISSUER: it is a name that the provider gave")
    hashed = None if no_password else hash_password(_password(password_file))

    async def work(pool: Pool) -> UserRole:
        chosen: UserRole = role if await users.any_user(pool) else "admin"
        await users.add_user(pool, name, chosen, password_hash=hashed, issuer=issuer, subject=subject)
        await users.audit(pool, "user_added", actor=whoami(), subject=name, role=chosen)
        return chosen

    say(f"{name} may sign in, as {_run(work)}")


@app.command()
def disable(name: str = NAME) -> None:
    """Let a user in no more, and end his sessions; what is his stays."""
    _change(name, "user_disabled", disabled=True)
    say(f"{name} may no longer sign in")


@app.command()
def enable(name: str = NAME) -> None:
    """Let a disabled user in again."""
    _change(name, "user_enabled", disabled=False)
    say(f"{name} may sign in again")


@app.command()
def role(name: str = NAME, role: UserRole = typer.Argument(..., help="viewer, analyst or admin.")) -> None:
    """Give a user another role."""
    _change(name, "user_role_changed", role=role)
    say(f"{name} is {role} now")


@app.command()
def passwd(name: str = NAME, password_file: Path | None = PASSWORD) -> None:
    """Give a user another password, and end his sessions."""
    from tickdeck.app.users.passwords import hash_password

    hashed = hash_password(_password(password_file))
    _change(name, "password_changed", password_hash=hashed)
    say(f"{name} has another password")


@app.command()
def link(
    name: str = NAME,
    subject: str = typer.Option(..., "--subject", help="Who he is to the provider of TICKDECK_OIDC_ISSUER."),
) -> None:
    """Let a user sign in at the provider, too; whom it knew him as before is forgotten, and his sessions end."""
    from tickdeck.app.config import ProviderSettings

    issuer = ProviderSettings().oidc_issuer
    if issuer is None or not subject:
        raise ConfigurationError("--subject needs TICKDECK_OIDC_ISSUER: it is a name that the provider gave")
    _link(name, issuer, subject)
    say(f"{name} may sign in at {issuer}")


@app.command()
def unlink(name: str = NAME) -> None:
    """Let a user sign in at the provider no more, and end his sessions."""
    _link(name, None, None)
    say(f"{name} may no longer sign in at a provider")


@app.command("list")
def list_users() -> None:
    """Show all users."""
    rows = _run(users.list_users)
    _show(
        ("name", "role", "", "signs in by", "since", "last seen"),
        [
            (
                each.name,
                each.role,
                "disabled" if each.disabled else "",
                "password" if each.has_password else each.issuer or "a proxy",
                _when(each.created_at),
                _when(each.seen_at),
            )
            for each in rows
        ],
    )


@app.command()
def sessions(
    name: str | None = typer.Argument(None, help="Of this user only."),
    end: bool = typer.Option(False, "--end", help="Sign this user out everywhere."),
) -> None:
    """Show who is signed in, or sign a user out everywhere."""
    from tickdeck.app.config import UserSettings

    if end and name is None:
        raise ConfigurationError("--end needs a name")

    async def work(pool: Pool) -> list[users.SessionRow]:
        if end and name is not None:
            user = await known(pool, name)
            await users.end_sessions_of(pool, user.id)
            await users.audit(pool, "sessions_ended", actor=whoami(), subject=user.name)
        return await users.list_sessions(pool, name, idle_s=UserSettings().session_idle_s)

    _show(
        ("name", "from", "with", "since", "last seen", "until"),
        [
            (s.name, s.address, s.agent[:40], _when(s.started_at), _when(s.seen_at), _when(s.expires_at))
            for s in _run(work)
        ],
    )


@tokens.command("add")
def add_token(
    name: str = typer.Argument(..., help="Whose."),
    label: str = typer.Option(..., "--name", help="What it is for, such as notebook."),
    scope: list[str] = typer.Option(["read"], "--scope", help=SCOPE_HELP),
    days: int = typer.Option(90, "--days", min=0, help="Days until it ends; 0: never."),
) -> None:
    """Make a token; it is shown once, here, and kept as a hash."""
    from tickdeck.app.users.access import TOKEN_PREFIX, new_token, token_hash

    scopes: list[Scope] = [each for each in SCOPES if each in scope]
    if unknown := set(scope) - set(SCOPES):
        raise ConfigurationError(
            f"--scope {', '.join(sorted(unknown))} is none: there are {', '.join(SCOPES)}"
        )
    token = TOKEN_PREFIX + new_token()

    async def work(pool: Pool) -> None:
        user = await known(pool, name)
        await users.add_token(pool, user.id, label, token_hash(token), scopes, days=days or None)
        await users.audit(
            pool, "token_added", actor=whoami(), subject=f"{user.name}/{label}", scopes=scopes, days=days
        )

    _run(work)
    say(token)
    say("it is shown this once: send it as the header  Authorization: Bearer …", err=True)


@tokens.command("list")
def list_tokens(name: str | None = typer.Argument(None, help="Of this user only.")) -> None:
    """Show the tokens there are, without what lets in."""
    _show(
        ("owner", "name", "scopes", "since", "last used", "until"),
        [
            (
                t.owner, t.name, " ".join(t.scopes), _when(t.created_at), _when(t.used_at),
                "for ever" if t.expires_at is None else _when(t.expires_at),
            )
            for t in _run(lambda pool: users.list_tokens(pool, name))
        ],
    )  # fmt: skip


@tokens.command("revoke")
def revoke_token(name: str = NAME, label: str = typer.Option(..., "--name", help="Which.")) -> None:
    """Let a token in no more."""

    async def work(pool: Pool) -> None:
        user = await known(pool, name)
        if not await users.revoke_token(pool, user.id, label):
            raise ConfigurationError(
                f"{user.name} has no token {label!r}; `tickdeck user token list` shows all"
            )
        await users.audit(pool, "token_revoked", actor=whoami(), subject=f"{user.name}/{label}")

    _run(work)
    say(f"{label} lets nobody in any more")


def audit() -> None:
    """Write the audit log to standard output, one JSON object a line, oldest first."""
    from tickdeck.app.export import standard_output

    out = standard_output()

    async def work(pool: Pool) -> None:
        async for entry in users.read_audit(pool):
            out.write(json_line(entry))
        out.flush()

    _run(work)


def json_line(entry: users.AuditEntry) -> bytes:
    """The entry as JSON; what a terminal would obey, or show turned around, as escapes: to a program it is the same."""
    import orjson

    line = orjson.dumps(entry, option=orjson.OPT_UTC_Z).decode()
    return "".join(c if c.isprintable() else _escape(c) for c in line).encode() + b"\n"


def _escape(character: str) -> str:
    return f"\\u{ord(character):04x}" if character.isascii() else json.dumps(character)[1:-1]


async def known(pool: Pool, name: str) -> users.User:
    """The user of that name; raises `ConfigurationError` where there is none."""
    user = await users.find_user(pool, name)
    if user is None:
        raise ConfigurationError(f"there is no user {name!r}; `tickdeck user list` shows all")
    return user


def _change(name: str, event: str, **changes: Any) -> None:
    told = {key: value for key, value in changes.items() if key != "password_hash"}

    async def work(pool: Pool) -> None:
        await users.change_user(pool, name, **changes)
        await users.audit(pool, event, actor=whoami(), subject=name, **told)

    _run(work)


def _link(name: str, issuer: str | None, subject: str | None) -> None:
    async def work(pool: Pool) -> None:
        await users.link_user(pool, name, issuer, subject)
        await users.audit(
            pool, "user_linked" if subject else "user_unlinked", actor=whoami(), subject=name,
            issuer=issuer, subject_there=subject,
        )  # fmt: skip

    _run(work)


def _password(file: Path | None) -> str:
    if file is not None:
        try:
            text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            raise ConfigurationError(f"{file}: {exc}") from exc
        return text.rstrip("\r\n")
    if not sys.stdin.isatty():
        raise ConfigurationError("there is no terminal to ask for the password: use --password-file")
    password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return password


def _when(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"


def _show(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    table = Table(*head, box=None, padding=(0, 2, 0, 0), header_style="bold")
    for row in rows:
        table.add_row(*row)
    Terminal(soft_wrap=True, markup=False).print(table)
