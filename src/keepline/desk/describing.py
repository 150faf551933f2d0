"""The API as OpenAPI describes it: what FastAPI knows of the routes, and what holds for all of them.

Every route has an example of its answer, every parameter one too (`openapi_examples.json`), and says what the guard may
answer in its place. Forms, pages and streams to pages are between our own pages and us, and are not described.
"""

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute

from keepline.desk.people.needing import needed_by
from keepline.model.people import Permission

EXAMPLES: Final = Path(__file__).with_name("openapi_examples.json")
_PROBLEM: Final = {"$ref": "#/components/schemas/Problem"}
_GUARDED: Final = {
    "401": "Nobody is known by what was sent: send a token.",
    "403": "Whoever sent it may not.",
}
_CHANGING: Final = {"429": "Too many changes in a minute."}
_ALWAYS: Final = {"503": "The accounts, the journal or the node cannot be asked just now."}
_WRONG: Final = {"422": "A field or a parameter is wrong: the text says which."}
_TOKEN: Final = {
    "type": "http",
    "scheme": "bearer",
    "description": "One of `keepline token create`; on the node's own machine also the one of its data directory.",
}


@cache
def examples() -> dict[str, Any]:
    """By `answers` (METHOD path) and `parameters` (path: name, or name)."""
    return dict(json.loads(EXAMPLES.read_text(encoding="utf-8")))


def describe(app: FastAPI) -> dict[str, Any]:
    """The whole description."""
    found: dict[str, Any] = copy.deepcopy(app.openapi())
    found["components"].setdefault("securitySchemes", {})["token"] = _TOKEN
    for unused in ("HTTPValidationError", "ValidationError"):
        found["components"]["schemas"].pop(unused, None)
    needed = {
        (method.lower(), route.path): needed_by(route.endpoint)
        for route in app.router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            _complete(operation, method, path, needed[method, path])
    return found


def _complete(operation: dict[str, Any], method: str, path: str, needed: Permission | None) -> None:
    is_open = needed is Permission.ANYBODY
    operation["security"] = [] if is_open else [{"token": []}]
    answers = operation["responses"]
    takes = bool(operation.get("parameters")) or "requestBody" in operation
    refusals = ({} if is_open else _GUARDED) | (_CHANGING if method != "get" else {}) | (_WRONG if takes else {})
    for status, words in (refusals | _ALWAYS).items():
        told = answers.setdefault(status, {"description": words})
        told["content"] = {"application/json": {"schema": _PROBLEM}}
    for status, told in answers.items():
        if not status.startswith("2") and told.get("description") in ("", "Problem", None):
            told["description"] = refusals.get(status, _ALWAYS.get(status, "Why not."))
    told = next((told for status, told in sorted(answers.items()) if status.startswith("2")), None)
    example = examples()["answers"].get(f"{method.upper()} {path}")
    if told is not None and example is not None:
        told.setdefault("content", {}).setdefault("application/json", {})["example"] = example
    for each in operation.get("parameters", ()):
        of_all = examples()["parameters"]
        if (found := of_all.get(f"{path}: {each['name']}", of_all.get(each["name"]))) is not None:
            each["example"] = found
