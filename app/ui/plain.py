"""The page's elements that Dash has nothing to do with, handed to it as few components instead of one each.

Around each component Dash puts several of its own, which read their part of its store and write it back with each click:
of some 300 elements that cost half of the time until the page was there.  React makes what is plain at once
(`tickdeck.Plain` in assets/early.js).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import groupby
from typing import Any

from dash.development.base_component import Component


def plainly(part: Component, kept: Collection[str]) -> Component:
    """`part` and, as far as they are needed, the components below it; elements of which none is another package's, nor
    has an id of `kept` (those that Dash is asked for), stand together in one component.
    """
    children = _children(part)
    if any(isinstance(child, Component) for child in children):
        part.children = list(_joined(children, kept))
    return part


def _joined(children: Iterable[Any], kept: Collection[str]) -> Iterator[Any]:
    for plain, stretch in groupby(children, key=lambda child: _is_plain(child, kept)):
        if plain:
            yield {
                "namespace": "tickdeck",
                "type": "Plain",
                "props": {"trees": [_tree(child) for child in stretch]},
            }
        else:
            yield from (plainly(child, kept) for child in stretch)


def _is_plain(child: Any, kept: Collection[str]) -> bool:
    if not isinstance(child, Component):
        return True
    own = child._namespace == "dash_html_components" and getattr(child, "id", None) not in kept  # noqa: SLF001
    return own and all(_is_plain(each, kept) for each in _children(child))


def _tree(child: Any) -> Any:
    """A text, or `[name, properties, trees below]` of an element."""
    if not isinstance(child, Component):
        return str(child)
    described = child.to_plotly_json()  # type: ignore[no-untyped-call]
    properties = {name: value for name, value in described["props"].items() if name != "children"}
    return [described["type"].lower(), properties, [_tree(each) for each in _children(child)]]


def _children(part: Component) -> list[Any]:
    children = getattr(part, "children", None)
    return [] if children is None else list(children) if isinstance(children, list | tuple) else [children]
