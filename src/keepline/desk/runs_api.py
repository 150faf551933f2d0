"""The API of flows without a caller: what they wait for, starting one, telling of an event. It also
changes the node, which takes a permission of its own.

A request may be repeated: a start counts once for its flow and key, an event once for its idempotency key. It refuses
what has no such key, since HTTP loses answers and whoever asks must be able to ask again.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import FastAPI, Path, Query, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from keepline.desk.models import Problem
from keepline.desk.models_runs import EventTold, Run, Runs, RunStarted
from keepline.desk.people.needing import needs
from keepline.desk.runs_source import RunSource
from keepline.model.limits_desk import API_BODY_BYTES_MAX, DESK_CALLS_MAX, IDEMPOTENCY_KEY_CHARS_MAX
from keepline.model.limits_runs import EVENT_KEY_CHARS_MAX
from keepline.model.people import Permission

KEY_HEADER = "Idempotency-Key"
_KEY_DESCRIBED: dict[str, Any] = {
    "name": KEY_HEADER, "in": "header", "required": True, "example": "payments-17",
    "schema": {"type": "string", "pattern": "[^\\s\"]", "maxLength": IDEMPOTENCY_KEY_CHARS_MAX},
}  # fmt: skip
_FAILURES: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem} for status in (400, 401, 403, 404, 409, 413, 415, 422, 503)
}
RunId = Annotated[str, Path(max_length=64, description="Id of a run.")]
EventName = Annotated[str, Path(max_length=64, description="Name of the event, as `wait_for` has it.")]


class _Refused(Exception):  # noqa: N818 - an answer, not a fault
    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.answer = JSONResponse({"error": error}, status)


def _described(schema: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    """What OpenAPI says of a body that is read by hand."""
    body = {"content": {"application/json": {"schema": schema, "example": example}}}
    return {"requestBody": body | {"required": bool(schema.get("required"))}}


_START: dict[str, Any] = {
    "type": "object", "required": ["flow", "key"], "additionalProperties": False,
    "properties": {
        "flow": {"type": "string", "minLength": 1}, "key": {"type": "string", "minLength": 1},
        "variables": {"type": "object"},
    },
}  # fmt: skip


def add_runs_api(app: FastAPI, source: RunSource) -> None:
    """Add the routes."""

    @app.exception_handler(_Refused)
    def answer_refused(_request: Request, error: _Refused) -> JSONResponse:
        return error.answer

    @app.get("/api/flows", responses={503: {"model": Problem}})
    @needs(Permission.WORK)
    def flows(
        ended: Annotated[int, Query(ge=0, le=DESK_CALLS_MAX, description="So many of those that ended last.")] = 20,
    ) -> Runs:
        """Every run that has not ended, and the last that have."""
        return Runs.model_validate({"runs": source.runs(ended)})

    @app.get("/api/flows/{run}", responses={404: {"model": Problem}, 503: {"model": Problem}}, response_model=Run)
    @needs(Permission.WORK)
    def flow(run: RunId) -> Run:
        """One run, with its result where it has ended."""
        return Run.model_validate(_found(source, run))

    _add_changes(app, source)


def _add_changes(app: FastAPI, source: RunSource) -> None:
    example = {"flow": "remind", "key": "order-17", "variables": {"order": "17"}}

    @app.post(
        "/api/flows", status_code=201, responses=_FAILURES | {200: {"model": RunStarted}, 201: {"model": RunStarted}},
        openapi_extra=_described(_START, example),
    )  # fmt: skip
    @needs(Permission.FLOWS)
    async def start(request: Request) -> JSONResponse:
        """Start a flow without a caller: `{"flow", "key", "variables"}`; 200 where its key has a run already."""
        told = await _body(request)
        unknown = sorted(set(told) - {"flow", "key", "variables"})
        if unknown:
            raise _Refused(422, f"there is no field {unknown[0]!r}; there are flow, key and variables")
        flow, key, variables = told.get("flow"), told.get("key") or _key(request), told.get("variables", {})
        if not isinstance(flow, str) or not flow:
            raise _Refused(422, "flow: say which flow of the operation is to run, as text")
        if not isinstance(key, str) or not key:
            raise _Refused(400, f"give a key, in the body or as {KEY_HEADER}: of all starts with one key one counts")
        if not isinstance(variables, dict):
            raise _Refused(422, "variables: a JSON object is wanted")
        reply = _done(await run_in_threadpool(source.start, flow, key, variables))
        run, known = str(reply["id"]), bool(reply.get("known"))
        answer = RunStarted(id=run, flow=flow, key=key, known=known).model_dump()
        return JSONResponse(answer, 200 if known else 201, {"Location": f"/api/flows/{run}"})

    _add_events(app, source)


def _add_events(app: FastAPI, source: RunSource) -> None:
    @app.post(
        "/api/flows/{run}/events/{event}", responses=_FAILURES,
        openapi_extra=_described({"type": "object"}, {"amount": 4200}) | {"parameters": [_KEY_DESCRIBED]},
    )  # fmt: skip
    @needs(Permission.FLOWS)
    async def tell_run(request: Request, run: RunId, event: EventName) -> EventTold:
        """Tell one run of an event that it waits for with its own id as the key: the body is the event's fields."""
        fields = await _body(request)
        found = await run_in_threadpool(_found, source, run)
        if found["ended_at"] is not None:
            raise _Refused(409, f"the run {run} has ended ({found['state']}) and hears of nothing any more")
        return await _tell(request, source, event, str(found["id"]), fields)

    @app.post(
        "/api/events/{event}/{key}", responses=_FAILURES,
        openapi_extra=_described({"type": "object"}, {"amount": 4200}) | {"parameters": [_KEY_DESCRIBED]},
    )  # fmt: skip
    @needs(Permission.FLOWS)
    async def tell(
        request: Request, event: EventName, key: Annotated[str, Path(max_length=EVENT_KEY_CHARS_MAX)]
    ) -> EventTold:
        """Tell of an event by its name and its key, whoever waits for it, now or later: the body is its fields."""
        return await _tell(request, source, event, key, await _body(request))


async def _tell(request: Request, source: RunSource, event: str, key: str, fields: Mapping[str, Any]) -> EventTold:
    once = _key(request)
    if not once:
        raise _Refused(400, f"give an {KEY_HEADER} header, the event's id where it comes from: it counts once")
    reply = _done(await run_in_threadpool(source.tell, event, key, once, fields))
    return EventTold(id=str(reply["id"]), event=event, key=key, known=bool(reply.get("known")))


def _found(source: RunSource, run: str) -> dict[str, object]:
    found = source.run(run)
    if found is None:
        raise _Refused(404, f"no run has the id {run}; GET /api/flows lists them")
    return found


def _done(reply: dict[str, object]) -> dict[str, object]:
    """The node's answer; raises where it says what is wrong."""
    if not reply.get("ok"):
        error = str(reply.get("error") or "the node refused")
        raise _Refused(409 if reply.get("known") else 422, error)
    return reply


def _key(request: Request) -> str:
    key = request.headers.get(KEY_HEADER, "").strip().strip('"')
    if len(key) > IDEMPOTENCY_KEY_CHARS_MAX:
        raise _Refused(400, f"{KEY_HEADER} has {len(key)} characters, more than {IDEMPOTENCY_KEY_CHARS_MAX}")
    return key


async def _body(request: Request) -> dict[str, Any]:
    """The JSON object that was sent; empty where nothing was."""
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > API_BODY_BYTES_MAX:
            raise _Refused(413, f"the body is longer than {API_BODY_BYTES_MAX} bytes")
    if not data:
        return {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise _Refused(415, f"send JSON, with Content-Type: application/json, not {kind or 'none'}")
    try:
        told = json.loads(data)
    except ValueError as error:  # of Unicode too
        raise _Refused(400, f"the body is no JSON: {error}") from None
    except RecursionError:
        raise _Refused(400, "the body is nested too deeply") from None
    if not isinstance(told, dict):
        raise _Refused(400, f"the body must be a JSON object, not {type(told).__name__}")
    return told
