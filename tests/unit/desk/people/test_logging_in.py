"""Sessions, second factors, links and waiting: what lets somebody in, and what ends it."""

import re
from pathlib import Path

import pytest
from pyotp import TOTP

from keepline.desk.people import passwords
from keepline.desk.people.accounts import FIRST
from keepline.desk.people.lockout import Lockout, Pace, network_of
from keepline.desk.people.pages import own_address
from keepline.desk.people.people import People
from keepline.desk.people.records import PeopleRefused
from keepline.desk.people.store import FILE_NAME
from keepline.model import limits_people as limits
from keepline.model.people import Role
from tests.unit.desk.people.visits import MACHINE_TOKEN, PASSWORD, SHELL, Place, Visitor

CODE = re.compile(r"[A-Z2-9]{5}-[A-Z2-9]{5}-[A-Z2-9]{5}")


def test_the_first_account_is_made_by_a_link_that_is_good_once(place: Place) -> None:
    stale = place.people.changes.first_link(SHELL)
    link = place.people.changes.first_link(SHELL)
    visitor = place.visitor()
    assert "prints a link for the first one" in visitor.get("/login").text
    assert visitor.get(f"/link?code={stale}").status == 404
    assert "The first account" in visitor.get(f"/link?code={link}").text
    short = visitor.post("/link", {"secret": link, "name": "ana", "password": "short"})
    assert (short.status, "at least 12 characters" in short.text) == (422, True)
    reply = visitor.post("/link", {"secret": link, "name": "Ana", "password": PASSWORD})
    assert (reply.status, reply.headers["location"]) == (303, "/account")
    told = visitor.get("/api/me").json
    assert isinstance(told, dict)
    assert (told["name"], told["role"], told["how"]) == ("ana", "admin", "session")
    assert place.visitor().post("/link", {"secret": link, "name": "eve", "password": PASSWORD}).status == 422
    with pytest.raises(PeopleRefused, match="there are accounts already"):
        place.people.changes.first_link(SHELL)


def test_a_link_is_too_old_after_a_day(place: Place) -> None:
    link = place.people.changes.first_link(SHELL)
    assert [each.kind for each in place.people.store.links(FIRST)] == [FIRST]
    place.clock.now_s += limits.FIRST_LINK_S
    assert place.visitor().get(f"/link?code={link}").status == 404


def test_a_session_is_a_cookie_that_scripts_and_other_sites_do_not_get(place: Place) -> None:
    place.visitor(Role.AGENT)
    visitor = Visitor(place.app)
    reply = visitor.log_in("agent")
    assert (reply.status, reply.headers["location"]) == (303, "/calls")
    cookie = reply.headers["set-cookie"].lower()
    assert ("httponly" in cookie, "samesite=strict" in cookie, "secure" in cookie) == (True, True, False)
    secure = Visitor(place.app, headers={"x-forwarded-proto": "https"}).log_in("agent")
    assert "secure" in secure.headers["set-cookie"].lower()
    page = visitor.page("/account").text
    assert 'name="csrf" value="' + visitor.csrf in page
    assert visitor.post("/logout").status == 303
    visitor.cookies = {"keepline_8080": "made-up"}
    assert visitor.page("/account").status == 303


def test_a_wrong_password_a_wrong_name_and_a_disabled_account_sound_alike(place: Place) -> None:
    place.visitor(Role.AGENT)
    place.people.changes.set_disabled(SHELL, "agent", True)
    said = set()
    for name, password in (("agent", PASSWORD), ("agent", "x" * 12), ("nobody", PASSWORD), ("nobody", "x" * 300)):
        reply = Visitor(place.app).log_in(name, password)
        said.add((reply.status, re.findall(r'role="alert">([^<]*)', reply.text)[0]))
    assert said == {(401, "Name, password or code is wrong.")}
    place.people.changes.set_disabled(SHELL, "agent", False)
    assert Visitor(place.app).log_in("agent").status == 303


def test_sessions_end(place: Place) -> None:
    visitor = place.visitor(Role.AGENT)
    for _ in range(3):
        place.clock.now_s += limits.SESSION_IDLE_S - 1
        assert visitor.get("/api/work").status == 200
    place.clock.now_s += limits.SESSION_IDLE_S
    assert visitor.get("/api/work").status == 401, "nobody has used it"
    visitor = place.visitor(Role.AGENT)
    began_s = place.clock.now_s
    while place.clock.now_s < began_s + limits.SESSION_S_MAX - 3_600:
        place.clock.now_s += 3_600
        assert visitor.get("/api/work").status == 200
    place.clock.now_s = began_s + limits.SESSION_S_MAX
    assert visitor.get("/api/work").status == 401, "the shift is over"


def test_that_a_session_is_in_use_is_written_down_now_and_then(place: Place) -> None:
    visitor = place.visitor(Role.AGENT)
    [session] = place.people.known().sessions.values()
    began_s = session.seen_at_s
    for waited_s in (1.0, limits.SESSION_NOTED_EVERY_S):
        place.clock.now_s = began_s + waited_s
        visitor.get("/api/work")
        [kept] = place.people.store.snapshot(place.clock.now_s).sessions.values()
        assert kept.seen_at_s == (began_s if waited_s < limits.SESSION_NOTED_EVERY_S else place.clock.now_s)


def test_another_password_ends_all_other_sessions(place: Place) -> None:
    visitor, other = place.visitor(Role.AGENT), place.visitor(Role.AGENT)
    wrong = visitor.post("/api/account/password", {"old": "x" * 12, "password": "quite another word"})
    assert (wrong.status, "not your password" in wrong.text) == (422, True)
    assert visitor.post("/api/account/password", {"old": PASSWORD, "password": "quite another word"}).status == 303
    assert (visitor.get("/api/work").status, other.get("/api/work").status) == (200, 401)
    assert Visitor(place.app).log_in("agent").status == 401
    assert Visitor(place.app).log_in("agent", "quite another word").status == 303


def test_a_role_counts_at_once_and_a_reset_ends_everything(place: Place) -> None:
    admin, visitor = place.visitor(Role.ADMIN), place.visitor(Role.AGENT)
    assert visitor.get("/api/calls").status == 403
    assert admin.post("/api/people/agent/role", {"role": "viewer"}).status == 303
    assert visitor.get("/api/calls").status == 200
    reply = admin.send("/api/people/agent/reset", {"why": "phone lost"})
    assert visitor.get("/api/calls").status == 401
    told = reply.json
    assert isinstance(told, dict)
    assert Visitor(place.app).log_in("agent").status == 401
    secret = told["link"].partition("=")[2]
    assert Visitor(place.app).post("/link", {"secret": secret, "password": "three new words"}).status == 303
    assert Visitor(place.app).log_in("agent", "three new words").status == 303


def test_a_second_factor_is_asked_for_and_each_code_counts_once(place: Place) -> None:
    visitor = place.visitor(Role.COMMANDER)
    secret = passwords.new_secret()
    wrong = visitor.post("/api/account/second-factor", {"secret": secret, "code": "000000"})
    assert wrong.status == 422
    now = TOTP(secret).at(int(place.clock.now_s))
    told = visitor.post("/api/account/second-factor", {"secret": secret, "code": now})
    recovery = CODE.findall(told.text)
    assert len(recovery) == limits.RECOVERY_CODES
    assert Visitor(place.app).log_in("commander").status == 401
    place.clock.now_s += 60
    code = TOTP(secret).at(int(place.clock.now_s))
    assert Visitor(place.app).log_in("commander", code=code).status == 303
    assert Visitor(place.app).log_in("commander", code=code).status == 401, "it was used"
    assert Visitor(place.app).log_in("commander", code=recovery[0].lower().replace("-", " ")).status == 303
    assert Visitor(place.app).log_in("commander", code=recovery[0]).status == 401, "it was used"
    kept = (place.people.store._db.execute("SELECT digest FROM recovery")).fetchall()
    assert len(kept) == limits.RECOVERY_CODES - 1
    assert not any(code in str(kept) for code in recovery)
    assert visitor.post("/api/account/no-second-factor", {"password": PASSWORD}).status == 303
    assert Visitor(place.app).log_in("commander").status == 303


def test_nothing_changes_without_the_proof_of_a_page(place: Place) -> None:
    visitor = place.visitor(Role.ADMIN)
    csrf, visitor.csrf = visitor.csrf, ""
    told = {"name": "eve", "role": "admin"}
    assert visitor.post("/api/people", told).status == 403
    assert visitor.send("/api/people", told).status == 403
    assert visitor.post("/api/people", told | {"csrf": "0" * 40}).status == 403
    assert visitor.post("/api/people", told | {"csrf": csrf}, origin="http://evil.example").status == 403
    assert visitor.post("/api/people", told | {"csrf": csrf}, sec_fetch_site="cross-site").status == 403
    assert "eve" not in place.people.known().accounts
    assert visitor.post("/api/people", told | {"csrf": csrf}, origin="http://node1.example:8080").status == 200
    assert visitor.post("/login", {"name": "eve"}, origin="http://evil.example").status == 403


def test_whoever_guesses_waits(place: Place) -> None:
    place.visitor(Role.AGENT)
    guesser = Visitor(place.app)
    for _ in range(limits.FAILURES_FREE):
        assert guesser.log_in("agent", "x" * 12).status == 401
    assert guesser.log_in("agent").status == 429, "the right one, too"
    assert Visitor(place.app, address="192.0.2.8").log_in("agent").status == 429, "from everywhere"
    place.clock.now_s += limits.LOCKED_S_FIRST
    assert guesser.log_in("agent").status == 303
    for each in range(limits.ADDRESS_FAILURES_FREE):
        guesser.log_in(f"name{each}", "x" * 12)
    assert guesser.log_in("agent").status == 429, "the address has guessed at many"
    assert Visitor(place.app, address="192.0.2.8").log_in("agent").status == 303
    assert place.people.logins["refused"] == limits.ADDRESS_FAILURES_FREE


def test_waits_double_up_to_a_limit_and_are_forgotten() -> None:
    lockout, waits, now_s = Lockout(3), [], 0.0
    for _ in range(12):
        lockout.fail("ana", now_s)
        waits.append(lockout.wait_s("ana", now_s))
        now_s += waits[-1]
    assert waits[:6] == [0, 0, 30, 60, 120, 240]
    assert max(waits) == limits.LOCKED_S_MAX
    lockout.fail("ana", now_s + limits.FAILURES_FORGOTTEN_S + 1)
    assert lockout.wait_s("ana", now_s + limits.FAILURES_FORGOTTEN_S + 1) == 0


def test_the_tables_of_who_guessed_cannot_grow_and_keep_who_is_locked() -> None:
    lockout = Lockout(1)
    lockout.fail("first", 0.0)
    quick = Lockout(2)
    for _ in range(2):
        quick.fail("locked", 0.0)
    for each in range(limits.LOCKOUTS_MAX + 10):
        lockout.fail(str(each), 0.0)
        quick.fail(str(each), 0.0)
    assert (len(lockout), len(quick)) == (limits.LOCKOUTS_MAX, limits.LOCKOUTS_MAX)
    assert quick.wait_s("locked", 1.0) > 0
    assert network_of("2001:db8::1") == network_of("2001:db8::2") != network_of("2001:db8:1::1")


def test_changes_have_a_pace(place: Place) -> None:
    pace = Pace()
    found = [pace.is_too_fast("ana", 0.0) for _ in range(limits.PEOPLE_REQUESTS_PER_MINUTE_MAX + 1)]
    assert (found[-2:], pace.is_too_fast("ben", 0.0), pace.is_too_fast("ana", 60.0)) == ([False, True], False, False)
    visitor = Visitor(place.app, headers={"authorization": "Bearer x"})
    for _ in range(limits.PEOPLE_REQUESTS_PER_MINUTE_MAX):
        visitor.send("/login")
    assert visitor.send("/login").status == 429


def test_the_token_of_the_data_directory_opens_everything_on_its_own_machine(place: Place) -> None:
    here = Visitor(place.app, address="127.0.0.1", headers={"authorization": f"Bearer {MACHINE_TOKEN}"})
    assert here.get("/api/people").status == 200
    assert here.send("/api/flows", {"flow": "remind", "key": "1"}).status == 201
    away = Visitor(place.app, headers=here.headers)
    assert away.get("/api/people").status == 401


def test_tokens_end_and_are_revoked(place: Place) -> None:
    changes, admin = place.people.changes, place.visitor(Role.ADMIN)
    reply = admin.post("/api/tokens", {"name": "prometheus", "scopes": ["metrics", "board"], "days": "1"})
    [secret] = re.findall(r"klt_[\w-]+", reply.text)
    assert secret not in (place.people.store._db.execute("SELECT * FROM tokens").fetchall().__repr__())
    program = Visitor(place.app, headers={"authorization": f"Bearer {secret}"})
    assert [program.get(each).status for each in ("/metrics", "/api/now", "/api/calls")] == [200, 200, 403]
    place.clock.now_s += 86_400
    assert program.get("/metrics").status == 401
    secret = changes.make_token(SHELL, "other", ["metrics"], 60.0)
    program.headers = {"authorization": f"Bearer {secret}"}
    assert program.get("/metrics").status == 200
    listed = admin.log_in("admin") and admin.get("/api/tokens").json
    assert isinstance(listed, dict)
    id_ = next(each["id"] for each in listed["tokens"] if each["name"] == "other")
    assert admin.post(f"/api/tokens/{id_}/revoke").status == 303
    assert program.get("/metrics").status == 401
    for scopes, words in ((["people"], "no scope"), ([], "at least one"), (["metrics"], "")):
        if words:
            with pytest.raises(PeopleRefused, match=words):
                changes.make_token(SHELL, "x", scopes, 60.0)
    with pytest.raises(PeopleRefused, match="366 days"):
        changes.make_token(SHELL, "x", ["metrics"], limits.TOKEN_S_MAX + 1)


def test_limits_of_what_is_kept(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "hash_of", lambda _: "hashed")
    changes = place.people.changes
    for each in range(limits.ACCOUNTS_MAX):
        changes.add(SHELL, f"p{each}", Role.ADMIN if not each else Role.AGENT, PASSWORD)
    with pytest.raises(PeopleRefused, match=f"{limits.ACCOUNTS_MAX} accounts"):
        changes.add(SHELL, "one-more", Role.AGENT)
    with pytest.raises(PeopleRefused, match="only admin"):
        changes.set_role(SHELL, "p0", Role.VIEWER)
    with pytest.raises(PeopleRefused, match="only admin"):
        changes.set_disabled(SHELL, "p0", True)
    for name in ("x" * (limits.ACCOUNT_NAME_CHARS_MAX + 1), "Ana", "a b", "-a", ""):
        with pytest.raises(PeopleRefused, match="a name has"):
            changes.add(SHELL, name, Role.AGENT)
    for each in range(limits.TOKENS_MAX):
        changes.make_token(SHELL, f"t{each}", ["board"], 60.0)
    with pytest.raises(PeopleRefused, match=f"{limits.TOKENS_MAX} tokens"):
        changes.make_token(SHELL, "one-more", ["board"], 60.0)
    with pytest.raises(PeopleRefused, match=f"{limits.PEOPLE_WORDS_CHARS_MAX} characters"):
        changes.set_role(SHELL, "p1", Role.VIEWER, "x" * (limits.PEOPLE_WORDS_CHARS_MAX + 1))


def test_too_many_sessions_of_one_account_end_the_oldest(place: Place) -> None:
    visitors = []
    for _ in range(limits.SESSIONS_PER_ACCOUNT_MAX + 1):
        visitors.append(place.visitor(Role.AGENT))
        place.clock.now_s += 1
    assert [each.get("/api/work").status for each in visitors] == [401] + [200] * limits.SESSIONS_PER_ACCOUNT_MAX


def test_too_many_decisions_wait_for_the_journal(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keepline.desk.people.store.DECISIONS_UNTOLD_MAX", 2)
    assert limits.DECISIONS_UNTOLD_MAX > 2
    place.people.changes.add(SHELL, "ana", Role.ADMIN, PASSWORD)
    place.people.changes.set_role(SHELL, "ana", Role.ADMIN)
    with pytest.raises(PeopleRefused, match="decisions wait for the journal"):
        place.people.changes.set_role(SHELL, "ana", Role.ADMIN)
    decisions = place.people.store.untold(10)
    assert [(each.by, each.role, each.action, each.about) for each in decisions] == [
        ("root", "machine", "people.add", "ana as admin"),
        ("root", "machine", "people.role", "ana as admin"),
    ]
    place.people.store.forget(decisions[0])
    assert len(place.people.store.untold(10)) == 1


def test_what_a_command_changes_counts_in_the_desk(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = place.visitor(Role.AGENT)
    command = People(tmp_path)
    command.changes.set_disabled(SHELL, "agent", True)
    command.close()
    place.people._looked_at_s = 0.0
    assert visitor.get("/api/work").status == 401
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o077 == 0


def test_what_is_asked_wrongly_is_said(place: Place) -> None:
    admin = place.visitor(Role.ADMIN)
    assert admin.send("/api/people", {"name": "ana", "role": "king"}).status == 422
    assert admin.send("/api/people", {"name": "ana", "role": "agent", "x": 1}).status == 422
    assert admin.send("/api/people", [1]).status == 422
    assert (
        admin.ask("POST", "/api/people", b"{", {"x-csrf-token": admin.csrf, "content-type": "application/json"}).status
        == 400
    )
    assert (
        admin.ask("POST", "/api/people", b"{}", {"x-csrf-token": admin.csrf, "content-type": "text/plain"}).status
        == 415
    )
    assert admin.post("/api/people", {"name": "ana", "role": "agent", "why": "x" * 40_000}).status == 413
    assert admin.send("/api/people", {"why": "x" * 40_000}).status == 413
    missing = admin.send("/api/people/nosuch/role", {"role": "agent"})
    assert (missing.status, "there is no account 'nosuch'" in missing.text) == (404, True)
    page = admin.post("/api/people/nosuch/role", {"role": "agent"})
    assert (page.status, 'href="/people"' in page.text) == (404, True)


@pytest.mark.parametrize(
    ("wanted", "to"),
    [("/calls?q=x", "/calls?q=x"), ("//evil.example", "/"), ("https://evil.example", "/"), ("/\\evil", "/"), ("", "/"),
     ("/login", "/"), ("/live/now", "/"), ("/a\r\nSet-Cookie: x", "/")],
)  # fmt: skip
def test_whoever_logs_in_goes_to_a_page_of_ours(wanted: str, to: str) -> None:
    assert own_address(wanted) == to


def test_passwords_that_are_guessed_at_once_are_refused() -> None:
    assert passwords.mistake_in_password("ana-ana-ana-ana", "ana")
    assert passwords.mistake_in_password("aaaaaaaaaaaaaaaa", "ben")
    assert passwords.mistake_in_password("x" * (limits.PASSWORD_CHARS_MAX + 1), "ben")
    assert passwords.mistake_in_password("y" * (limits.PASSWORD_CHARS_MIN - 1), "ben")
    assert passwords.mistake_in_password(PASSWORD, "ben") == ""


def test_a_login_too_many_at_once_is_asked_to_come_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keepline.desk.people.pages.LOGINS_AT_ONCE_MAX", 0)
    assert limits.LOGINS_AT_ONCE_MAX > 0
    assert Visitor(place.app).log_in("ana").status == 503
