"""One HTTP service: requests made from templates, answers checked against their contract.

Source: RFC 9110 (§9.2.2: which methods change nothing; §15: what a status says of what was done). It follows no
redirects, keeps no cookies, and heeds no proxy of the environment.
"""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx2

from keepline.connectors.interface import Asked, MissingFieldError, pick, reply_of
from keepline.connectors.revealing import has_secret, opened
from keepline.connectors.secrets import SecretMissingError, secret_of
from keepline.flow.capabilities import Refused, Unavailable, UseOutcome, unanswered
from keepline.model.capability import IDEMPOTENCY_KEY, FieldPath, HttpService
from keepline.model.limits_capabilities import HTTP_ANSWER_BYTES_MAX

TEMPLATE = re.compile(r"\{(\w+)\}")
KEY_HEADER = "Idempotency-Key"
NOT_DONE = (408, 425, 429, 501, 503)
"""Statuses that say that nothing was done, and that it is not the request's fault."""
_UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)


class MissingArgumentError(Exception):
    """A template wants an argument that the flow did not give."""


class HttpConnector:
    """One path's client, with its own pool of connections."""

    def __init__(self, service: HttpService, in_flight_max: int, transport: httpx2.AsyncBaseTransport | None = None):
        """`transport` stands in for the network in tests."""
        self._service = service
        self._transport = transport
        self._limits = httpx2.Limits(max_connections=in_flight_max, max_keepalive_connections=in_flight_max)
        self._client: httpx2.AsyncClient | None = None

    async def ask(self, asked: Asked) -> UseOutcome:
        """One request, and a second one where a kept connection was closed before a question was answered."""
        action = asked.action
        try:
            client = self._ready()
            request = self._request(client, asked)
        except (MissingArgumentError, SecretMissingError, ValueError, TypeError, httpx2.InvalidURL) as error:
            return Unavailable(f"the request cannot be made: {error}")
        try:
            try:
                response = await _whole(client, request)
            except httpx2.RemoteProtocolError:
                if action.changes:
                    raise
                response = await _whole(client, self._request(client, asked))
        except _UNSENT as error:
            return Unavailable(_words(error))
        except (httpx2.HTTPError, TooLargeError) as error:
            return unanswered(_words(error), changes=action.changes)
        return self._outcome(asked, *response)

    async def close(self) -> None:
        """Close the connections that are kept."""
        if self._client is not None:
            await self._client.aclose()

    def _ready(self) -> httpx2.AsyncClient:
        if self._client is None:
            headers = {name: secret_of(value) for name, value in self._service.headers.items()}
            self._client = httpx2.AsyncClient(
                headers={"Accept": "application/json", **headers},
                limits=self._limits,
                timeout=None,  # the whole of a use has a deadline, kept by its bulkhead
                trust_env=False,
                follow_redirects=False,
                transport=self._transport,
            )
        return self._client

    def _request(self, client: httpx2.AsyncClient, asked: Asked) -> httpx2.Request:
        action, left = asked.action, dict(asked.arguments)
        known = {**asked.arguments, IDEMPOTENCY_KEY: asked.idempotency_key}
        used: set[str] = set()
        path = TEMPLATE.sub(lambda found: quote(_text(_given(known, found[1], used)), safe=""), action.path)
        query = _filled(action.query, known, used)
        body = _filled(action.body, opened(known), used)
        rest = {name: value for name, value in left.items() if name not in used}
        has_body = action.method not in ("GET", "HEAD", "DELETE")
        if has_body and action.body is None:
            body = opened(rest)
        elif not has_body and action.query is None:
            query = rest
        headers = {KEY_HEADER: asked.idempotency_key} if action.changes else {}
        # What is not connected by then was not sent, and that is worth knowing before the deadline.
        timeout = httpx2.Timeout(None, connect=asked.timeout_s * 0.9)
        parts: dict[str, Any] = {"params": {name: _text(value) for name, value in query.items()}} if query else {}
        if has_body:
            parts["content"] = json.dumps(body, default=str, allow_nan=False).encode()
            headers["Content-Type"] = "application/json"
        return client.build_request(
            action.method, self._service.base_url + path, headers=headers, timeout=timeout, **parts
        )

    def _outcome(self, asked: Asked, status: int, body: bytes) -> UseOutcome:
        action = asked.action
        try:
            answer = json.loads(body) if body.strip() else None
        except ValueError:
            answer = None
            if 200 <= status < 300:
                return unanswered("the answer is no JSON", changes=action.changes)
        if 200 <= status < 300:
            return reply_of(answer, action)
        if status in NOT_DONE:
            return Unavailable(f"answered {status}")
        if 400 <= status < 500:
            service = self._service
            return Refused(status, _told(answer, service.refusal_code), _told(answer, service.refusal_detail))
        return unanswered(f"answered {status}", changes=action.changes)


class TooLargeError(Exception):
    """An answer beyond the limit."""


async def _whole(client: httpx2.AsyncClient, request: httpx2.Request) -> tuple[int, bytes]:
    """Status and body; never more of it than is allowed."""
    response = await client.send(request, stream=True)
    try:
        body = b""
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > HTTP_ANSWER_BYTES_MAX:
                raise TooLargeError(f"the answer has more than {HTTP_ANSWER_BYTES_MAX} bytes")
        return response.status_code, body
    finally:
        await response.aclose()


def _given(known: Mapping[str, Any], name: str, used: set[str]) -> Any:
    used.add(name)
    if name not in known:
        raise MissingArgumentError(f"it needs `{name}`")
    return known[name]


def _filled(templates: Mapping[str, str] | None, known: Mapping[str, Any], used: set[str]) -> dict[str, Any]:
    """Templates with their arguments; one that is an argument alone keeps its type."""
    filled: dict[str, Any] = {}
    for name, template in (templates or {}).items():
        whole = TEMPLATE.fullmatch(template)
        if whole is not None:
            filled[name] = _given(known, whole[1], used)
        else:
            filled[name] = TEMPLATE.sub(lambda found: _text(_given(known, found[1], used)), template)
    return filled


def _text(value: Any) -> str:
    if has_secret(value):
        raise MissingArgumentError("a secret goes into a body alone: addresses are logged by whoever sees them")
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def _told(answer: Any, place: FieldPath) -> str:
    try:
        found = pick(answer, place)
    except MissingFieldError:
        return ""
    return "" if found is None else str(found)


def _words(error: Exception) -> str:
    """What went wrong, without what was sent."""
    if isinstance(error, TooLargeError):
        return str(error)
    names: dict[type[Exception], str] = {
        httpx2.ConnectError: "cannot be reached",
        httpx2.ConnectTimeout: "cannot be reached in time",
        httpx2.RemoteProtocolError: "hung up without an answer",
        httpx2.ReadError: "the connection broke",
    }
    return names.get(type(error), type(error).__name__)
