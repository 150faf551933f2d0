"""The API and the page as an ASGI application over a `Source`. It only reads, but for runs and events (`runs_api`)."""

import ipaddress
import time
from collections.abc import Callable
from typing import Annotated

from fastapi import FastAPI, Path, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from keepline import __version__
from keepline.desk.metrics import Metrics
from keepline.desk.models import Call, Calls, Health, Problem, Status
from keepline.desk.models_work import WorkItems
from keepline.desk.page import CALLS_SHOWN, CONTENT_SECURITY_POLICY, STYLESHEET, render_page
from keepline.desk.runs_api import add_runs_api
from keepline.desk.runs_source import RunSource
from keepline.desk.source import Source, Unavailable
from keepline.model.limits_desk import DESK_CALLS_MAX

_HEADERS = (
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)


def create_app(
    source: Source, *, loopback: bool, runs: RunSource | None = None, token: Callable[[], str] = str
) -> ASGIApp:
    """The application. `loopback`: it listens on the own machine alone, so only names of that machine are answered.

    `token` says what a request must have that changes something; where it is empty none may.
    """
    app = FastAPI(
        title="Keepline", version=__version__, docs_url=None, redoc_url=None, openapi_url="/openapi.json",
        description="How a node is and what its calls were. Times are seconds since the epoch.",
    )  # fmt: skip
    _add_api(app, source)
    if runs is not None:
        add_runs_api(app, runs, token)
    _add_metrics(app, source)
    _add_page(app, source)

    @app.exception_handler(Unavailable)
    def answer_unavailable(_request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 503)

    return _Guard(app, loopback)


def _add_api(app: FastAPI, source: Source) -> None:
    @app.get("/healthz")
    async def healthz() -> Health:
        """Answers while the desk runs, whatever the node does."""
        return Health()

    @app.get("/api/status", responses={503: {"model": Problem}})
    def status() -> Status:
        """How the node is."""
        return _status(source)

    @app.get("/api/calls", responses={503: {"model": Problem}})
    def calls(
        limit: Annotated[int, Query(ge=1, le=DESK_CALLS_MAX, description="At most so many, the newest.")] = 100,
    ) -> Calls:
        """The newest call records, the newest last."""
        return Calls(calls=_calls(source, limit))

    @app.get("/api/calls/{id}", responses={404: {"model": Problem}, 503: {"model": Problem}}, response_model=Call)
    def call(id: Annotated[str, Path(max_length=64)]) -> Call | JSONResponse:
        """One call record."""
        text = source.record(id)
        if text is None:
            return JSONResponse({"error": "no call has this id"}, 404)
        return Call.model_validate_json(text)

    @app.get("/api/work", responses={503: {"model": Problem}})
    def work() -> WorkItems:
        """The work list, the oldest first."""
        return WorkItems.model_validate({"items": source.work()[:DESK_CALLS_MAX]})


def _add_metrics(app: FastAPI, source: Source) -> None:
    metrics = Metrics(source)

    @app.get("/metrics", include_in_schema=False)
    def scrape() -> Response:
        return Response(metrics.scrape(), media_type=CONTENT_TYPE_PLAIN_0_0_4)


def _add_page(app: FastAPI, source: Source) -> None:
    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    def page() -> HTMLResponse:
        status: Status | str
        calls: list[Call] | str
        try:
            status = _status(source)
        except Unavailable as error:
            status = str(error)
        try:
            calls = _calls(source, CALLS_SHOWN)
        except Unavailable as error:
            calls = str(error)
        return HTMLResponse(render_page(status, calls, time.time()))

    @app.get("/desk.css", include_in_schema=False)
    async def stylesheet() -> Response:
        return Response(STYLESHEET, media_type="text/css")


def _status(source: Source) -> Status:
    return Status.model_validate(source.status())


def _calls(source: Source, limit: int) -> list[Call]:
    return [Call.model_validate_json(text) for text in source.records(limit)]


class _Guard:
    """Puts the security headers on every answer, and turns away foreign names on a loopback listener.

    A page of another site can point its own name at 127.0.0.1 and read what answers there (DNS rebinding); numbers of
    callers are in it.
    """

    def __init__(self, app: ASGIApp, loopback: bool) -> None:
        self._app = app
        self._loopback = loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS:
                    headers[name] = value
            await send(message)

        if (
            scope["type"] == "http"
            and self._loopback
            and not is_address_or_localhost(Headers(scope=scope).get("host", ""))
        ):
            refusal = PlainTextResponse("This address answers to its own machine's names alone.\n", 421)
            await refusal(scope, receive, send_guarded)
        else:
            await self._app(scope, receive, send_guarded)


def is_address_or_localhost(host_header: str) -> bool:
    """Whether a Host header, with or without a port, cannot be another site's name; an absent one cannot."""
    host = host_header
    if ":" in host and not host.endswith("]"):
        host = host.rsplit(":", 1)[0]
    host = host.strip("[]").lower()
    if host in ("", "localhost") or host.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
