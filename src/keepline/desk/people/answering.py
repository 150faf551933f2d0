"""Requests that change something, as JSON from programs or as forms from pages: the same route takes both.

A form is answered with a page or sent on to one; JSON with JSON. What is wrong is said in words, and nothing is done.
"""

import json
from collections.abc import Sequence
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.exceptions import HTTPException

from keepline.desk.models import Problem
from keepline.desk.people.guard import CSRF_FIELD, FORM
from keepline.desk.people.records import PeopleRefused, PeopleUnknown
from keepline.model.limits_desk import API_BODY_BYTES_MAX

Wanted = TypeVar("Wanted", bound="Asked")
_PAGES: Final = {
    "/api/account": "/account",
    "/api/people": "/people",
    "/api/tokens": "/people",
    "/api/incidents": "/incidents",
    "/api/mode": "/incidents",
    "/api/messages": "/messages",
    "/api/drills": "/drills",
}
"""The page whose forms send there."""


class Asked(BaseModel):
    """The body of a request; what it does not know is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_max_length=2_000, allow_inf_nan=False)


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    """What was asked is not done."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status, self.error = status, error


def is_form(request: Request) -> bool:
    """Whether a page sent it."""
    return request.headers.get("content-type", "").startswith(FORM)


async def asked(request: Request, wanted: type[Wanted]) -> Wanted:
    """What was sent. Raises `Refused` where it is not what is wanted."""
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > API_BODY_BYTES_MAX:
            raise Refused(413, f"the body is longer than {API_BODY_BYTES_MAX} bytes")
    if is_form(request):
        pairs = parse_qsl(data.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=200)
        fields: dict[str, str] = {}
        for name, value in pairs:
            if name != CSRF_FIELD:
                fields[name] = f"{fields[name]} {value}" if name in fields else value  # several boxes of one name
        told: object = fields
    else:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if data and kind != "application/json":
            raise Refused(415, f"send JSON, with Content-Type: application/json, not {kind or 'none'}")
        try:
            told = json.loads(data) if data else {}
        except (ValueError, RecursionError) as error:
            raise Refused(400, f"the body is no JSON: {error}") from None
    try:
        if is_form(request) or not data:
            return wanted.model_validate(told)  # a form has texts alone
        return wanted.model_validate_json(bytes(data), strict=True)
    except ValidationError as error:
        raise Refused(422, _what_is_wrong(error.errors(include_url=False, include_input=False))) from None


def _what_is_wrong(errors: Sequence[Any]) -> str:
    """Each mistake by its field."""
    mistakes = []
    for each in errors[:5]:
        where = ".".join(map(str, each["loc"]))
        mistakes.append(f"{where}: {each['msg'][:1].lower()}{each['msg'][1:]}" if where else each["msg"])
    return "; ".join(mistakes)


def done(request: Request, answer: BaseModel, back: str, status: int = 200) -> Response:
    """JSON for a program; a page goes on to `back`."""
    if is_form(request):
        return RedirectResponse(back, 303)
    return JSONResponse(answer.model_dump(mode="json"), status)


def failures(*more: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of how a request that changes something may end, beside `more`."""
    return {status: {"model": Problem} for status in sorted((400, 401, 403, 413, 415, 422, 429, 503, *more))}


def body_of(wanted: type[Asked], example: dict[str, Any]) -> dict[str, Any]:
    """What OpenAPI says of a route that takes such a body: as JSON. Forms are between our own pages and us."""
    schema = wanted.model_json_schema(ref_template="#/components/schemas/{model}")
    required = any(each.is_required() for each in wanted.model_fields.values())
    return {
        "requestBody": {"required": required, "content": {"application/json": {"schema": schema, "example": example}}}
    }


def add_answers(app: FastAPI) -> None:
    """Have refusals answered in the kind in which was asked."""

    def answer(request: Request, status: int, error: str) -> Response:
        if not is_form(request):
            return JSONResponse({"error": error}, status)
        from keepline.desk.people.pages import told_page

        back = next((page for path, page in _PAGES.items() if request.url.path.startswith(path)), "/")
        return told_page("That was not done", error, back, status=status)

    @app.exception_handler(Refused)
    def answer_refused(request: Request, error: Refused) -> Response:
        return answer(request, error.status, error.error)

    @app.exception_handler(PeopleRefused)
    def answer_people(request: Request, error: PeopleRefused) -> Response:
        return answer(request, 404 if isinstance(error, PeopleUnknown) else 422, str(error))

    @app.exception_handler(RequestValidationError)
    def answer_invalid(request: Request, error: RequestValidationError) -> Response:
        return answer(request, 422, _what_is_wrong(error.errors()))

    @app.exception_handler(HTTPException)
    def answer_other(request: Request, error: HTTPException) -> Response:
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)
