"""`tickdeck feed NAME …`: a command for each feed that is plugged in, made when it is asked for."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

import typer
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from typer.core import TyperGroup

from tickdeck.app.cli.common import whoami
from tickdeck.app.cli.publishing import ToBus, publish_to
from tickdeck.app.feed_process import RESTARTS
from tickdeck.db.errors import ConfigurationError

if TYPE_CHECKING:
    from tickdeck.app.cli.publishing import Instruments
    from tickdeck.db.session import Pool
    from tickdeck.feeds.base import Feed
    from tickdeck.feeds.plugins import FeedPlugin, Published
    from tickdeck.feeds.writer import FeedWriter


class FeedGroup(TyperGroup):
    """The commands of `tickdeck feed`: those written down, and one for each plugin; none is imported for the list."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names, the written ones first."""
        from tickdeck.feeds.plugins import installed

        written = super().list_commands(ctx)
        return [*written, *(name for name in installed() if name not in written)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name."""
        from tickdeck.feeds.plugins import installed, load

        written = super().get_command(ctx, cmd_name)
        if written is not None or cmd_name not in installed():
            return written
        try:
            return command_of(load(cmd_name))
        except ConfigurationError as exc:
            return _broken(cmd_name, exc)  # one that cannot be imported does not hide the others


def _broken(name: str, why: ConfigurationError) -> Any:
    def fail() -> None:
        raise why

    fail.__doc__ = f"Cannot be loaded: {why}"
    alone = typer.Typer(add_completion=False)
    alone.command(name)(fail)
    return typer.main.get_command(alone)


def command_of(plugin: FeedPlugin) -> Any:
    """`plugin`'s command: its symbols, and an option for each field of its options."""

    def run(symbols: list[str], to: str | None, **given: Any) -> None:
        if to is None:
            play(plugin, symbols, given)
        else:
            play_to(to, plugin, symbols, given)

    symbols = Annotated[list[str], typer.Argument(help="What to have, such as BTC/USDT.")]
    parameters = [
        inspect.Parameter("symbols", inspect.Parameter.KEYWORD_ONLY, annotation=symbols),
        inspect.Parameter("to", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=ToBus),
    ]
    for name, field in plugin.options.model_fields.items():
        if is_secret(field):
            continue
        default = None if field.default is PydanticUndefined else field.default
        option = typer.Option(help=field.description, envvar=variable(plugin.name, name))
        annotation: Any = field.annotation
        if default is None and not _may_be_none(field):
            annotation |= None
        parameters.append(
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=default,
                annotation=Annotated[annotation, option],
            )
        )
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    run.__doc__ = plugin.summary + _secrets_told(plugin)
    alone = typer.Typer(add_completion=False)
    alone.command(plugin.name)(run)
    command = typer.main.get_command(alone)
    command.name = plugin.name
    command.short_help = plugin.summary
    return command


def variable(feed: str, field: str) -> str:
    """The variable that sets an option of a feed."""
    return f"TICKDECK_{feed}_{field}".upper().replace("-", "_")


def options_of(plugin: FeedPlugin, given: dict[str, Any]) -> BaseModel:
    """The options that were given, with the secrets of the environment; raises `ConfigurationError` naming the wrong one."""
    from pydantic import ValidationError

    values = {name: value for name, value in given.items() if value is not None}
    for name, field in plugin.options.model_fields.items():
        if is_secret(field):
            secret = os.environ.get(variable(plugin.name, name))
            if secret:
                values[name] = secret
    try:
        return plugin.options(**values)
    except ValidationError as exc:
        wrong = exc.errors(include_input=False, include_url=False)[0]
        name = str(wrong["loc"][0]) if wrong["loc"] else ""
        its = plugin.options.model_fields.get(name)
        if its is not None and is_secret(its):
            raise ConfigurationError(
                f"{plugin.name} needs a key: set {variable(plugin.name, name)}"
            ) from None
        said = f"--{name.replace('_', '-')}: {wrong['msg']}" if name else wrong["msg"]
        raise ConfigurationError(f"{plugin.name}: {said}") from None


def play(plugin: FeedPlugin, symbols: list[str], given: dict[str, Any]) -> None:
    """Run the feed until it ends or is stopped."""
    from pathlib import Path

    from tickdeck.app.cli.playing import play_in, rejects_file, spill_settings
    from tickdeck.feeds.exclusive import exclusively
    from tickdeck.feeds.live import run_live

    options = options_of(plugin, given)
    rejects = rejects_file(None, [Path(plugin.name)])
    restarts = int(os.environ.get(RESTARTS, "0"))

    async def work(pool: Pool, watch: Callable[[FeedWriter], None]) -> None:
        feed = plugin.build(symbols, options, pool)
        async with exclusively(pool, feed.name, by=whoami(), symbols=symbols, restarts=restarts):
            await run_live(feed, pool, rejects, restarts=restarts, watch=watch, spill=spill_settings())

    play_in(work, rejects)


def play_to(to: str, plugin: FeedPlugin, symbols: list[str], given: dict[str, Any]) -> None:
    """Publish the feed to a bus until it ends or is stopped; there need be no database."""
    from tickdeck.feeds.live import TellsInstruments

    options = options_of(plugin, given)
    if plugin.build_apart is None:
        raise ConfigurationError(f"{plugin.name} asks a database where to go on: it cannot run with --to")
    build = plugin.build_apart

    def made(published: Published) -> tuple[Feed, Instruments | None]:
        feed = build(symbols, options, published)
        return feed, feed.instruments if isinstance(feed, TellsInstruments) else None

    publish_to(to, plugin.name, made)


def is_secret(field: FieldInfo) -> bool:
    """Whether a field is a key, which is never on a command line."""
    return field.annotation is SecretStr or SecretStr in get_args(field.annotation)


def _may_be_none(field: FieldInfo) -> bool:
    return get_origin(field.annotation) is not None and type(None) in get_args(field.annotation)


def _secrets_told(plugin: FeedPlugin) -> str:
    names = [
        variable(plugin.name, name) for name, field in plugin.options.model_fields.items() if is_secret(field)
    ]
    return f"\n\nKeys are taken from {' and '.join(names)}." if names else ""
