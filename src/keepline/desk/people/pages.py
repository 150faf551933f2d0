"""The pages of people: logging in, choosing a password by a link, one's own account, everybody's accounts.

They work without a script. What they show is what the API answers with.
"""

from typing import Annotated

from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from keepline.desk.pages import draw_page
from keepline.desk.people import passwords
from keepline.desk.people.answering import Asked, asked
from keepline.desk.people.api import me, persons, tokens
from keepline.desk.people.guard import address_of, cookie_name, is_https
from keepline.desk.people.lockout import network_of
from keepline.desk.people.needing import asking, needs
from keepline.desk.people.people import People
from keepline.desk.people.records import PeopleRefused, Principal
from keepline.model.limits_people import LOGINS_AT_ONCE_MAX, SESSION_S_MAX
from keepline.model.people import SCOPES, Permission, Role

Code = Annotated[str, Query(max_length=100)]
Next = Annotated[str, Query(alias="next", max_length=500)]


class Login(Asked):
    """The form of /login."""

    name: str = ""
    password: str = ""
    code: str = ""
    next: str = ""


class Chosen(Asked):
    """The form of a link."""

    secret: str = ""
    name: str = ""
    password: str = ""


def told_page(title: str, what: str, back: str, lines: list[str] | None = None, status: int = 200) -> HTMLResponse:
    """A page that says one thing, with lines to copy."""
    return draw_page("told.html", "", status, title=title, what=what, back=back, lines=lines or [])


def refused_page(needed: Permission, who: Principal) -> HTMLResponse:
    """What somebody sees who may not."""
    what = f"You are logged in as {who.name} ({who.title}). This page needs the permission “{needed.value}”."
    return told_page("This is not yours to see", f"{what} Whoever is admin gives roles.", "/", status=403)


def add_people_pages(app: FastAPI, people: People) -> None:
    """Add the routes."""
    _add_login(app, people)
    _add_links(app, people)
    _add_own(app, people)


def _add_login(app: FastAPI, people: People) -> None:
    waiting = [0]

    def drawn(next_: str, wrong: str = "", status: int = 200, name: str = "") -> HTMLResponse:
        is_new = not people.known().accounts
        return draw_page("login.html", "", status, next=next_, wrong=wrong, name=name, is_new=is_new)

    @app.get("/login", response_class=HTMLResponse, include_in_schema=False)
    @needs(Permission.ANYBODY)
    def login(next_: Next = "/") -> HTMLResponse:
        return drawn(next_)

    @app.post("/login", include_in_schema=False, response_model=None)
    @needs(Permission.ANYBODY)
    async def log_in(request: Request) -> Response:
        told = await asked(request, Login)
        name, address = told.name.strip().lower(), address_of(request.scope)
        wait_s = people.wait_s(name, address)
        if wait_s > 0:
            people.count("locked")
            wrong = f"Too many wrong attempts. Try again in {max(1, round(wait_s))} s."
            return drawn(told.next, wrong, 429, name)
        if waiting[0] >= LOGINS_AT_ONCE_MAX:
            people.count("busy")
            return drawn(told.next, "Too many people log in just now. Try again in a moment.", 503, name)
        waiting[0] += 1
        try:
            secret = await run_in_threadpool(people.log_in, name, told.password, told.code, address)
        finally:
            waiting[0] -= 1
        if not secret:
            return drawn(told.next, "Name, password or code is wrong.", 401, name)
        return welcomed(request, secret, own_address(told.next))

    @app.post("/logout", include_in_schema=False)
    @needs(Permission.ACCOUNT)
    async def log_out(request: Request) -> RedirectResponse:
        who = asking()
        if who.session is not None:
            await run_in_threadpool(people.changes.end_session, who.session.digest)
        answer = RedirectResponse("/", 303)
        answer.delete_cookie(cookie_name(request.scope), httponly=True, samesite="strict")
        return answer


def _add_links(app: FastAPI, people: People) -> None:
    @app.get("/link", response_class=HTMLResponse, include_in_schema=False)
    @needs(Permission.ANYBODY)
    def follow(code: Code = "") -> HTMLResponse:
        return _drawn_link(people, code)

    @app.post("/link", include_in_schema=False, response_model=None)
    @needs(Permission.ANYBODY)
    async def choose(request: Request) -> Response:
        told = await asked(request, Chosen)
        address = address_of(request.scope)
        if people.wait_s("", address) > 0:
            return _drawn_link(people, told.secret, "Too many wrong attempts. Try again later.", 429)
        follow_link = people.changes.follow_link
        try:
            secret = await run_in_threadpool(
                follow_link, told.secret, told.name.strip().lower(), told.password, address
            )
        except PeopleRefused as error:
            people.lockouts.addresses.fail(network_of(address), people.now_s())
            return _drawn_link(people, told.secret, str(error), 422)
        return welcomed(request, secret, "/account")


def _drawn_link(people: People, secret: str, wrong: str = "", status: int = 200) -> HTMLResponse:
    link = people.changes.good_link(secret)
    if link is None:
        what = (
            "This link was used, or is too old. On the node's machine, `keepline people first-link` makes another one"
        )
        what += " while there is no account; later `keepline people reset NAME` does."
        return told_page("This link is good no more", what, "/", status=404 if status == 200 else status)
    return draw_page("link.html", "", status, secret=secret, owner=link.account, wrong=wrong)


def _add_own(app: FastAPI, people: People) -> None:
    @app.get("/account", response_class=HTMLResponse, include_in_schema=False)
    @needs(Permission.ACCOUNT)
    def account() -> HTMLResponse:
        who = asking()
        own = people.known().accounts.get(who.name)
        secret = passwords.new_secret()
        return draw_page(
            "account.html", "", own=own, told=me(who), secret=secret,
            otpauth=passwords.totp_address(secret, who.name, ""),
            recovery=people.store.recovery_left(who.name) if own is not None else 0,
        )  # fmt: skip

    @app.get("/people", response_class=HTMLResponse, include_in_schema=False)
    @needs(Permission.PEOPLE)
    def everybody() -> HTMLResponse:
        return draw_page(
            "people.html", "", people=persons(people).people, tokens=tokens(people).tokens,
            roles=[each.value for each in Role], scopes=SCOPES, now_s=people.now_s(),
        )  # fmt: skip


def welcomed(request: Request, secret: str, target: str, lasts_s: float = SESSION_S_MAX) -> Response:
    """Whoever has logged in goes on to where he wanted, with the cookie of his session."""
    answer = RedirectResponse(target, 303)
    answer.set_cookie(
        cookie_name(request.scope), secret, max_age=int(lasts_s), httponly=True, samesite="strict",
        secure=is_https(request.scope, request.headers),
    )  # fmt: skip
    return answer


def own_address(wanted: str) -> str:
    """Where somebody wanted to go, if that is a page of ours."""
    is_own = wanted.startswith("/") and not wanted.startswith(("//", "/\\", "/login", "/live", "/api"))
    return wanted if is_own and wanted.isprintable() else "/"
