"""The guard before every route: who asks, whether he may, and whether a change was meant by a page of ours.

It refuses by default: a route that declares nothing is nobody's. It decides before anything of the body is read, but
for a form's own proof that it is ours.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import Final
from urllib.parse import parse_qs, quote, urlsplit

import structlog
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from keepline.desk.people.glass import broken_glass
from keepline.desk.people.lockout import Pace
from keepline.desk.people.needing import alarm, current, needed_by
from keepline.desk.people.people import People
from keepline.desk.people.records import NOBODY, How, Principal
from keepline.model.limits_desk import API_BODY_BYTES_MAX
from keepline.model.people import Permission
from keepline.node.api_token import FILE_NAME as TOKEN_FILE

COOKIE: Final = "keepline"
CSRF_FIELD, CSRF_HEADER = "csrf", "x-csrf-token"
FORM: Final = "application/x-www-form-urlencoded"
_SAFE: Final = ("GET", "HEAD", "OPTIONS")
_FORWARDED: Final = ("x-forwarded-for", "forwarded", "x-real-ip", "via")
log = structlog.get_logger("people")


class _Over(Exception):  # noqa: N818 - the end of a stream
    """Who follows a stream may no more."""


class Guard:
    """Stands before the routes of an application."""

    def __init__(
        self,
        app: FastAPI,
        people: People,
        *,
        loopback: bool,
        machine_token: Callable[[], str],
        is_open: Callable[[], bool],
    ) -> None:
        self._app, self._people, self._loopback = app, people, loopback
        self._machine_token, self._is_open = machine_token, is_open
        self._inner: ASGIApp = app
        self._pace = Pace()

    def around(self, inner: ASGIApp) -> "Guard":
        """Stand before that."""
        self._inner = inner
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        found = needed_permission(self._app, scope)
        if isinstance(found, _NotARoute):
            await self._inner(scope, receive, send)
            return
        if isinstance(found, _OtherMethods):
            error = {"error": f"this takes {found.allow} alone, not {scope['method']}"}
            await JSONResponse(error, 405, {"Allow": found.allow})(scope, receive, send)
            return
        headers = Headers(scope=scope)
        who: Principal | None
        try:
            # The file may be somebody else's for a moment, or be read anew: never in the loop that serves all.
            who = await run_in_threadpool(self.who, scope, headers)
        except sqlite3.Error as error:
            log.error("people_unreadable", what=str(error))
            who = NOBODY if found is Permission.ANYBODY else None
        refusal = self._refusal(found, who, scope, headers)
        if refusal is None and who is not None and scope["method"] not in _SAFE:
            receive, refusal = await self._meant(who, scope, headers, receive)
        if refusal is not None or who is None:
            await (refusal or _unreadable())(scope, receive, send)
            return
        token = current.set(who)
        alarm.set(broken_glass(self._people))
        try:
            await self._inner(scope, receive, self._while_allowed(who, send))
        except _Over:
            pass
        finally:
            current.reset(token)

    def who(self, scope: Scope, headers: Headers) -> Principal:
        """Who asks."""
        is_here = self._loopback and is_here_by(scope, headers)
        if authorization := headers.get("authorization", ""):
            return self._people.by_bearer(authorization, self._machine_token(), is_here=is_here_by(scope, headers))
        if secret := cookie_of(scope, headers):
            found = self._people.by_session(secret)
            if found is not NOBODY:
                return found
        return self._people.unnamed(is_here=is_here, is_open=self._is_open())

    def _refusal(
        self, needed: Permission | None, who: Principal | None, scope: Scope, headers: Headers
    ) -> Response | None:
        if who is None:
            return None
        if needed is None:
            log.error("route_declares_nothing", path=scope["path"])
            return JSONResponse({"error": "this route declares no permission, so nobody may"}, 403)
        if who.may(needed):
            return None
        is_page = scope["method"] == "GET" and "text/html" in headers.get("accept", "")
        if not who.is_known:
            if is_page:
                target = scope["path"] + (
                    f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
                )
                return RedirectResponse(f"/login?next={quote(target, safe='')}", 303)
            return _unknown(needed)
        if is_page:
            from keepline.desk.people.pages import refused_page  # it draws, and most requests are none of these

            with _as(who):
                return refused_page(needed, who)
        return JSONResponse(
            {"error": f"{who.name or 'this token'} may not: it needs the permission `{needed.value}`"}, 403
        )

    async def _meant(
        self, who: Principal, scope: Scope, headers: Headers, receive: Receive
    ) -> tuple[Receive, Response | None]:
        """Whether a change was meant: what comes with a cookie needs the page's own proof; and none come too fast."""
        name = f"{who.how.value} {who.name or _address(scope)}"
        if self._pace.is_too_fast(name, self._people.now_s()):
            return receive, JSONResponse({"error": "too many changes in a minute: wait for the next"}, 429)
        if not _is_ours(headers):
            return receive, JSONResponse({"error": "this comes from a page of another site"}, 403)
        if who.how not in (How.SESSION, How.GLASS):
            return receive, None
        given = headers.get(CSRF_HEADER, "")
        if not given and headers.get("content-type", "").startswith(FORM):
            body = await _body(receive)
            if body is None:
                return receive, JSONResponse({"error": f"the body is longer than {API_BODY_BYTES_MAX} bytes"}, 413)
            receive = _again(body, receive)
            [given] = parse_qs(body.decode("latin-1"), max_num_fields=200).get(CSRF_FIELD, [""])[:1]
        if self._people.is_csrf(who, given):
            return receive, None
        what = "this page is from before you logged in: load it again, and repeat what you did"
        return receive, JSONResponse({"error": what}, 403)

    def _while_allowed(self, who: Principal, send: Send) -> Send:
        """A stream goes on only as long as whoever follows it may."""

        async def send_while(message: Message) -> None:
            if message["type"] == "http.response.body" and message.get("more_body") and not self._people.is_still(who):
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                raise _Over
            await send(message)

        return send_while


class _NotARoute:
    """There is no such route."""


NOT_A_ROUTE: Final = _NotARoute()


@dataclass(frozen=True, slots=True)
class _OtherMethods:
    """There is, for other methods."""

    allow: str


def needed_permission(app: FastAPI, scope: Scope) -> Permission | _NotARoute | _OtherMethods | None:
    """What the route of a request has declared; None where it has not."""
    others: set[str] = set()
    for route in app.router.routes:
        match, child = route.matches(scope)
        if match is Match.FULL:
            return needed_by(child.get("endpoint"))
        if match is Match.PARTIAL:
            others |= set(getattr(route, "methods", None) or ())
    return _OtherMethods(", ".join(sorted(others))) if others else NOT_A_ROUTE


def is_here_by(scope: Scope, headers: Headers) -> bool:
    """Whether a request comes from this very machine, and not through a proxy on it."""
    if any(each in headers for each in _FORWARDED):
        return False
    try:
        return ip_address(_address(scope).partition("%")[0]).is_loopback
    except ValueError:
        return False


def cookie_of(scope: Scope, headers: Headers) -> str:
    """The secret of the session that the browser brought; empty without one."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(cookie_name(scope))
    except CookieError:
        return ""
    return found.value if found is not None else ""


def cookie_name(scope: Scope) -> str:
    """Cookies know no ports, and two nodes may share an address."""
    server = scope.get("server")
    return f"{COOKIE}_{server[1]}" if server and server[1] else COOKIE


def is_https(scope: Scope, headers: Headers) -> bool:
    """Whether the browser came by TLS, to us or to the proxy before us."""
    return scope.get("scheme") == "https" or headers.get("x-forwarded-proto", "").lower() == "https"


def address_of(scope: Scope) -> str:
    """Where a request comes from: a proxy's address where there is one, since what it says of others can be made up."""
    return _address(scope)


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _is_ours(headers: Headers) -> bool:
    """Whether the page that sends this is of this desk, as browsers say."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin", "")
    return not origin or urlsplit(origin).netloc == headers.get("host", "")


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None where it is too long."""
    found = bytearray()
    while True:
        message = await receive()
        found += message.get("body", b"")
        if len(found) > API_BODY_BYTES_MAX:
            return None
        if message["type"] != "http.request" or not message.get("more_body"):
            return bytes(found)


def _again(body: bytes, receive: Receive) -> Receive:
    """The same body once more, and what follows it."""
    given: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return given.pop() if given else await receive()

    return receive_again


def _unknown(needed: Permission) -> Response:
    where = (
        f"`Authorization: Bearer TOKEN`: a token of `keepline token create`, or on this machine what {TOKEN_FILE} in"
    )
    error = f"this needs the permission `{needed.value}`: log in at /login, or send {where} the data directory says"
    return JSONResponse({"error": error}, 401, {"WWW-Authenticate": 'Bearer realm="keepline"'})


def _unreadable() -> Response:
    return JSONResponse({"error": "the accounts cannot be read just now: see the desk's log"}, 503)


class _as:  # noqa: N801 - reads as a word
    """While somebody is asked for."""

    def __init__(self, who: Principal) -> None:
        self._who = who

    def __enter__(self) -> None:
        self._token = current.set(self._who)

    def __exit__(self, *_: object) -> None:
        current.reset(self._token)
