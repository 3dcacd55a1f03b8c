"""How the process is: for people, for probes, and for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from tickdeck.app.users.identity import OWNER
from tickdeck.app.web.gate import IDENTITY
from tickdeck.app.web.schemas import ReadinessShape

Health = Callable[[], tuple[bool, Mapping[str, Any]]]
"""Whether live data can be served, and what there is to tell about it."""


def router(health: Health, registry: CollectorRegistry) -> APIRouter:
    """`/healthz`, `/readyz` and `/metrics`; `health` is asked at each request, `registry` is what /metrics shows."""
    routes = APIRouter(tags=["state"])
    refusal: dict[int | str, dict[str, Any]] = {
        503: {"model": ReadinessShape, "description": "No live data now"}
    }

    @routes.get("/healthz", response_model=ReadinessShape, responses=refusal)
    async def healthz(request: Request) -> Response:
        """200 while all is well, 503 with the reason otherwise; with what there is to tell besides.

        Where signing in is needed, only the verdict is told to whoever has not.
        """
        live, facts = health()
        if request.scope.get("state", {}).get(IDENTITY, OWNER) is None:
            facts = _verdict(facts)
        return _json(facts, 200 if live and facts["status"] == "ok" else 503)

    @routes.get("/readyz", response_model=ReadinessShape, responses=refusal)
    async def readyz() -> Response:
        """200 while live data can be served, 503 otherwise, with the verdict: what a load balancer asks.

        A dashboard that has found candles to be wrong still serves.
        """
        live, facts = health()
        return _json(_verdict(facts), 200 if live else 503)

    @routes.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def metrics() -> Response:
        """What this process counts, in Prometheus' text format."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return routes


def _verdict(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: facts[name] for name in ("status", "reason") if name in facts}


def _json(content: Mapping[str, Any], status: int) -> Response:
    body = orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)
    return Response(body, status, media_type="application/json", headers={"cache-control": "no-store"})
