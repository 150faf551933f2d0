"""The API of people: who asks, accounts, API tokens. Forms of /people and /account send to the same routes."""

from typing import Annotated

from fastapi import FastAPI, Path, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from keepline.desk.models import Problem
from keepline.desk.people import passwords
from keepline.desk.people.answering import Refused, asked, body_of, done, is_form
from keepline.desk.people.models import (
    AddPerson,
    Codes,
    Done,
    DropSecondFactor,
    Invited,
    MakeToken,
    Me,
    Person,
    Persons,
    SetPassword,
    SetRole,
    SetSecondFactor,
    TokenMade,
    TokenShown,
    TokensShown,
    Why,
)
from keepline.desk.people.needing import asking, needs
from keepline.desk.people.people import People
from keepline.desk.people.records import Principal
from keepline.model.limits_people import ACCOUNT_NAME_CHARS_MAX
from keepline.model.people import Permission, Role

FAILURES: dict[int | str, dict[str, object]] = {
    status: {"model": Problem} for status in (400, 401, 403, 404, 413, 415, 422, 429)
}
LINK = "/link?code="
Name = Annotated[str, Path(max_length=ACCOUNT_NAME_CHARS_MAX, description="Name of an account.")]


def me(who: Principal) -> Me:
    """Somebody, as the API tells him who he is."""
    return Me(
        name=who.name,
        role=who.role.value if who.role is not None else "",
        how=who.how.value,
        permissions=sorted(each.value for each in who.permissions),
        until=who.until_s or None,
    )


def persons(people: People) -> Persons:
    """All accounts, by name."""
    known, now_s = people.known(), people.now_s()
    return Persons(
        people=[
            Person(
                name=each.name,
                role=each.role.value,
                disabled=each.disabled,
                has_password=bool(each.password),
                has_second_factor=bool(each.totp),
                sessions=sum(s.account == each.name and s.until_s > now_s for s in known.sessions.values()),
                made_at=each.made_at_s,
            )
            for _, each in sorted(known.accounts.items())
        ]
    )


def tokens(people: People) -> TokensShown:
    """All API tokens, the newest first."""
    found = sorted(people.known().tokens.values(), key=lambda each: -each.made_at_s)
    return TokensShown(
        tokens=[
            TokenShown(
                id=each.id, name=each.name, scopes=list(each.scopes), by=each.by, made_at=each.made_at_s,
                until=each.until_s, used_at=each.used_at_s or None, revoked=each.revoked,
            )
            for each in found
        ]
    )  # fmt: skip


def add_people_api(app: FastAPI, people: People) -> None:
    """Add the routes."""
    _add_reading(app, people)
    _add_accounts(app, people)
    _add_tokens(app, people)
    _add_own(app, people)


def _add_reading(app: FastAPI, people: People) -> None:
    @app.get("/api/me")
    @needs(Permission.ANYBODY)
    async def who_asks() -> Me:
        """Who you are to this node, and what you may."""
        return me(asking())

    @app.get("/api/people", responses=FAILURES)
    @needs(Permission.PEOPLE)
    def all_people() -> Persons:
        """Every account, by name."""
        return persons(people)

    @app.get("/api/tokens", responses=FAILURES)
    @needs(Permission.PEOPLE)
    def all_tokens() -> TokensShown:
        """Every API token, the newest first; none says its secret."""
        return tokens(people)


def _add_accounts(app: FastAPI, people: People) -> None:
    changes = people.changes

    @app.post(
        "/api/people", status_code=201, responses=FAILURES, response_model=Invited,
        openapi_extra=body_of(AddPerson, {"name": "ana", "role": "supervisor", "why": "shift lead"}),
    )  # fmt: skip
    @needs(Permission.PEOPLE)
    async def add(request: Request) -> Response:
        """Make an account; its owner chooses the password by a link that is good once."""
        told, who = await asked(request, AddPerson), asking()
        secret = await run_in_threadpool(changes.add, who, told.name, Role(told.role), "", told.why)
        return _invited(request, told.name, secret)

    @app.post(
        "/api/people/{name}/role", responses=FAILURES, response_model=Done,
        openapi_extra=body_of(SetRole, {"role": "commander", "why": "on call this week"}),
    )  # fmt: skip
    @needs(Permission.PEOPLE)
    async def role(request: Request, name: Name) -> Response:
        """Give an account another role; its sessions have it at once."""
        told, who = await asked(request, SetRole), asking()
        await run_in_threadpool(changes.set_role, who, name, Role(told.role), told.why)
        return done(request, Done(), "/people")

    for path, disabled in (("disable", True), ("enable", False)):
        _add_switch(app, people, path, disabled)

    @app.post(
        "/api/people/{name}/reset", responses=FAILURES, response_model=Invited,
        openapi_extra=body_of(Why, {"why": "phone lost"}),
    )  # fmt: skip
    @needs(Permission.PEOPLE)
    async def reset(request: Request, name: Name) -> Response:
        """Take password, second factor and sessions of an account away; its owner chooses anew by a link."""
        told, who = await asked(request, Why), asking()
        return _invited(request, name, await run_in_threadpool(changes.reset, who, name, told.why))


def _add_switch(app: FastAPI, people: People, path: str, disabled: bool) -> None:
    @needs(Permission.PEOPLE)
    async def switch(request: Request, name: Name) -> Response:
        told, who = await asked(request, Why), asking()
        await run_in_threadpool(people.changes.set_disabled, who, name, disabled, told.why)
        return done(request, Done(), "/people")

    app.post(
        f"/api/people/{{name}}/{path}", responses=FAILURES, response_model=Done, name=path,
        openapi_extra=body_of(Why, {"why": "left the company" if disabled else "back again"}),
        description="Let nobody in by this account any more, and end its sessions." if disabled else "Let it in again.",
    )(switch)  # fmt: skip


def _add_tokens(app: FastAPI, people: People) -> None:
    @app.post(
        "/api/tokens", status_code=201, responses=FAILURES, response_model=TokenMade,
        openapi_extra=body_of(MakeToken, {"name": "prometheus", "scopes": ["metrics"], "days": 365}),
    )  # fmt: skip
    @needs(Permission.PEOPLE)
    async def make(request: Request) -> Response:
        """Make an API token. It is shown this once."""
        told, who = await asked(request, MakeToken), asking()
        scopes = told.scopes.split() if isinstance(told.scopes, str) else told.scopes
        secret = await run_in_threadpool(people.changes.make_token, who, told.name, scopes, told.days * 86_400)
        if not is_form(request):
            return done(request, TokenMade(token=secret), "", 201)
        from keepline.desk.people.pages import told_page

        return told_page("A new API token", "Copy it now: it is not kept, and not shown again.", "/people", [secret])

    @app.post(
        "/api/tokens/{id}/revoke", responses=FAILURES, response_model=Done,
        openapi_extra=body_of(Why, {"why": "no longer used"}),
    )  # fmt: skip
    @needs(Permission.PEOPLE)
    async def revoke(request: Request, id: Annotated[str, Path(max_length=64)]) -> Response:
        """Make an API token good for nothing, at once."""
        await asked(request, Why)
        await run_in_threadpool(people.changes.revoke_token, asking(), id)
        return done(request, Done(), "/people")


def _add_own(app: FastAPI, people: People) -> None:
    changes = people.changes

    def checked(password: str) -> Principal:
        """Who asks, who has just said his password. Raises `Refused`."""
        who, now_s = asking(), people.now_s()
        account = people.known().accounts.get(who.name)
        address = who.session.address if who.session is not None else ""
        if people.lockouts.wait_s(who.name, address, now_s) > 0:
            raise Refused(429, "too many wrong passwords: wait a while")
        if account is None or not passwords.is_password(account.password, password):
            people.lockouts.fail(who.name, address, now_s)
            raise Refused(422, "that is not your password")
        return who

    @app.post(
        "/api/account/password", responses=FAILURES, response_model=Done,
        openapi_extra=body_of(SetPassword, {"old": "four words of before", "password": "four words of today"}),
    )  # fmt: skip
    @needs(Permission.ACCOUNT)
    async def password(request: Request) -> Response:
        """Choose another password; your other sessions end."""
        told = await asked(request, SetPassword)
        who = await run_in_threadpool(checked, told.old)
        keep = who.session.digest if who.session is not None else ""
        await run_in_threadpool(changes.set_password, who, who.name, told.password, keep)
        return done(request, Done(), "/account")

    @app.post(
        "/api/account/second-factor", responses=FAILURES, response_model=Codes,
        openapi_extra=body_of(SetSecondFactor, {"secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "code": "492039"}),
    )  # fmt: skip
    @needs(Permission.ACCOUNT)
    async def second(request: Request) -> Response:
        """Be asked for a code from now on; answers with recovery codes, each of which is good once."""
        told, who = await asked(request, SetSecondFactor), asking()
        if not passwords.totp_step(told.secret, told.code.replace(" ", ""), people.now_s(), 0):
            raise Refused(422, "that is not the code of now: is the clock of your phone right?")
        if people.known().accounts.get(who.name) is None:
            raise Refused(422, "this session has no account of its own")
        codes = await run_in_threadpool(changes.set_second, who, who.name, told.secret)
        if not is_form(request):
            return done(request, Codes(codes=codes), "")
        from keepline.desk.people.pages import told_page

        what = "Keep these codes: each lets you in once when your phone is lost. They are not shown again."
        return told_page("Your second factor is on", what, "/account", codes)

    @app.post(
        "/api/account/no-second-factor", responses=FAILURES, response_model=Done,
        openapi_extra=body_of(DropSecondFactor, {"password": "four words of today"}),
    )  # fmt: skip
    @needs(Permission.ACCOUNT)
    async def no_second(request: Request) -> Response:
        """Be asked for a password alone."""
        told = await asked(request, DropSecondFactor)
        who = await run_in_threadpool(checked, told.password)
        await run_in_threadpool(changes.set_second, who, who.name, "")
        return done(request, Done(), "/account")


def _invited(request: Request, name: str, secret: str) -> Response:
    link = f"{LINK}{secret}"
    if not is_form(request):
        return done(request, Invited(name=name, link=link), "", 201 if request.url.path == "/api/people" else 200)
    from keepline.desk.people.pages import told_page

    what = f"Give this link to {name}, and to nobody else: it is good once, for a day, and is not shown again."
    return told_page(f"A link for {name}", what, "/people", [str(request.base_url).rstrip("/") + link])
