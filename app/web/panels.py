"""Panels that scripts fill, over REST (`tickdeck.panel` does it for them); docs/panels.md is for whoever writes one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, Self

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from tickdeck.app.push.board import Board
from tickdeck.app.push.protocol import MAX_PANEL_NAME
from tickdeck.app.users.identity import Identity
from tickdeck.app.web.gate import IDENTITY
from tickdeck.app.web.schemas import REFUSALS, ErrorShape, Text

TRACES: Final = frozenset(
    (
        "bar",
        "candlestick",
        "funnel",
        "funnelarea",
        "histogram",
        "indicator",
        "ohlc",
        "pie",
        "scatter",
        "waterfall",
    )
)
"""What the page's bundle of Plotly draws: that for finance."""
MOST_TRACES: Final = 100
MOST_ROWS: Final = 5_000
MOST_COLUMNS: Final = 50
MOST_OF_ERROR: Final = 500
_CELLS: Final = (str, int, float, bool, type(None))


class FigureShape(BaseModel):
    """A Plotly figure; the page has a look of its own in the place of `layout.template`."""

    model_config = ConfigDict(extra="forbid")
    data: Annotated[list[dict[str, Any]], Field(max_length=MOST_TRACES)]
    layout: dict[str, Any] = {}

    @model_validator(mode="after")
    def _can_be_drawn(self) -> Self:
        for number, trace in enumerate(self.data):
            if not isinstance(kind := trace.get("type", "scatter"), str) or kind not in TRACES:
                raise ValueError(
                    f"trace {number} is of the type {str(kind)[:40]!r}; the page draws {', '.join(sorted(TRACES))}"
                )
        for source in _image_sources(self.layout):
            if not (isinstance(source, str) and source.startswith("data:image/")):
                raise ValueError(
                    "layout.images: pictures come with the figure (data:image/…), not from elsewhere"
                )
        return self


def _image_sources(layout: dict[str, Any]) -> Iterator[Any]:
    images = layout.get("images")
    for image in images if isinstance(images, list) else []:
        yield image.get("source") if isinstance(image, dict) else None


class ResultShape(BaseModel):
    """What a panel shows from now on, one of three: a figure, rows of a grid, or why there is nothing new."""

    model_config = ConfigDict(extra="forbid")
    figure: FigureShape | None = None
    rows: Annotated[
        list[dict[str, Any]] | None,
        Field(max_length=MOST_ROWS, description="objects of texts, numbers, true, false and null"),
    ] = None
    error: Annotated[Text | None, Field(min_length=1, max_length=MOST_OF_ERROR)] = None

    @model_validator(mode="after")
    def _one_of_three(self) -> Self:
        if sum(each is not None for each in (self.figure, self.rows, self.error)) != 1:
            raise ValueError("it is a figure, rows or an error")
        columns: set[str] = set()
        for number, row in enumerate(self.rows or ()):
            columns.update(row)
            for name, value in row.items():
                if not isinstance(value, _CELLS):
                    raise ValueError(  # noqa: TRY004 - pydantic answers for these
                        f"row {number}, {name[:40]!r}: a cell is a text, a number, true, false or null"
                    )
        if len(columns) > MOST_COLUMNS:
            raise ValueError(f"rows have at most {MOST_COLUMNS} columns")
        return self


class PanelShape(BaseModel):
    """What is known of a panel besides what it shows."""

    name: str
    owner: Annotated[str, Field(description="the user whose script fills it")]
    state: Annotated[
        Literal["live", "stale"], Field(description="stale: its script was not heard of for a while")
    ]
    at: Annotated[int, Field(description="when what it shows was put there, ms since the epoch, UTC")]
    error: Annotated[str | None, Field(description="why there is nothing newer")]


Name = Annotated[Text, Path(min_length=1, max_length=MAX_PANEL_NAME)]
_CONFLICT: Final[dict[int | str, dict[str, Any]]] = {
    409: {"model": ErrorShape, "description": "The panel is another user's"}
}


def router(board: Board) -> APIRouter:
    """`/api/panels`.  What the routes raise is answered by app.web.errors."""
    routes = APIRouter(tags=["panels"], responses=REFUSALS)

    @routes.get("/api/panels")
    async def panels() -> list[PanelShape]:
        """All panels, by name; what they show is pushed to whoever subscribes to one."""
        return [PanelShape.model_validate(each) for each in board.list()]

    @routes.put("/api/panels/{name}", status_code=204, responses=_CONFLICT)
    async def put(request: Request, name: Name, result: ResultShape) -> Response:
        """Have a panel of yours show this; a new one, where there is none of this name."""
        owner = _identity(request)
        if result.error is not None:
            board.fail(name, owner, result.error)
        elif result.figure is not None:
            board.put(name, owner, "figure", result.figure.model_dump())
        else:
            board.put(name, owner, "rows", result.rows)
        return Response(status_code=204)

    @routes.post("/api/panels/{name}/alive", status_code=204, responses=_CONFLICT)
    async def alive(request: Request, name: Name) -> Response:
        """Say that the script of a panel runs and has nothing new, every ten seconds or so; 404: put it there again."""
        board.alive(name, _identity(request))
        return Response(status_code=204)

    @routes.delete("/api/panels/{name}", status_code=204, responses=_CONFLICT)
    async def remove(request: Request, name: Name) -> Response:
        """Take a panel of yours away; administrators take anybody's."""
        board.remove(name, _identity(request))
        return Response(status_code=204)

    return routes


def _identity(request: Request) -> Identity:
    identity: Identity = request.scope["state"][IDENTITY]
    return identity
