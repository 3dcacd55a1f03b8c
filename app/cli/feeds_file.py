"""Which feeds `tickdeck run` starts: as `--feed` says it, and as a feeds file does."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tickdeck.app.cli.plugged import is_secret, options_of, variable
from tickdeck.app.feed_process import FeedCommand
from tickdeck.db.errors import ConfigurationError

if TYPE_CHECKING:
    from tickdeck.feeds.plugins import FeedPlugin


def named(feeds: Sequence[str], urls: Sequence[str]) -> list[FeedCommand]:
    """The commands of `--feed NAME:SYMBOL,SYMBOL`, with `--url URL` or `--url NAME=URL`.

    Raises `ConfigurationError` for a feed that is unknown or comes twice, and for options that are wrong.
    """
    addresses = _addresses(feeds, urls)
    commands: list[FeedCommand] = []
    for each in feeds:
        name, _, listed = each.partition(":")
        symbols = [symbol.strip() for symbol in listed.split(",") if symbol.strip()]
        if any(command.name == name for command in commands):
            raise ConfigurationError(f"--feed {name} comes twice: name all its symbols at once")
        options = {"url": addresses.pop(name)} if name in addresses else {}
        commands.append(command(name, symbols, options, f"--feed {each}"))
    if addresses:
        raise ConfigurationError(f"--url {next(iter(addresses))}=…: there is no such --feed")
    return commands


def written(path: Path) -> list[FeedCommand]:
    """The commands of a feeds file: a section a feed, with `symbols` and the feed's options.

    Raises `ConfigurationError` naming file, section and option.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigurationError(f"{path} cannot be read: {exc.strerror or exc}") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigurationError(f"{path} is no TOML: {exc}") from exc
    commands = []
    for name, section in content.items():
        where = f"{path}, [{name}]"
        if not isinstance(section, dict):
            raise ConfigurationError(f"{path}: {name} is no section; write [{name}]")
        options = dict(section)
        symbols = options.pop("symbols", [])
        if not isinstance(symbols, list) or not all(isinstance(each, str) for each in symbols):
            raise ConfigurationError(f'{where}, symbols: write a list of texts, such as ["BTC/USDT"]')
        commands.append(command(name, symbols, options, where))
    if not commands:
        raise ConfigurationError(f"{path} names no feed")
    return commands


def command(name: str, symbols: Sequence[str], options: dict[str, Any], where: str) -> FeedCommand:
    """The command of one feed; what is wrong is told here, before anything is started."""
    from tickdeck.feeds.plugins import load

    if name == "walk":
        if symbols or options:
            raise ConfigurationError(f"{where}: the walk takes --symbols and --rate of `tickdeck run`")
        return FeedCommand(("feed", "walk"))
    try:
        plugin = load(name)
        _require_known(plugin, options)
        options_of(plugin, options)
    except ConfigurationError as exc:
        raise ConfigurationError(f"{where}: {exc}") from exc
    if not symbols:
        raise ConfigurationError(f"{where}: name the symbols")
    arguments = [f"--{option.replace('_', '-')}={value}" for option, value in options.items()]
    return FeedCommand(("feed", name, *arguments, "--", *symbols))


def _require_known(plugin: FeedPlugin, options: Iterable[str]) -> None:
    fields = plugin.options.model_fields
    for each in options:
        if each not in fields:
            raise ConfigurationError(f"{each} is no option; there are symbols, {', '.join(fields)}")
        if is_secret(fields[each]):
            raise ConfigurationError(
                f"{each} is a key, which is taken from {variable(plugin.name, each)} only"
            )


def _addresses(feeds: Sequence[str], urls: Sequence[str]) -> dict[str, str]:
    found = {}
    for url in urls:
        name, equals, address = url.partition("=")
        if not equals or "/" in name:
            if len(feeds) != 1:
                raise ConfigurationError(f"--url {url}: say for which feed, as NAME={url}")
            name, address = feeds[0].partition(":")[0], url
        found[name] = address
    return found
