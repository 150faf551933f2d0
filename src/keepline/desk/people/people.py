"""The people of one node: who somebody is, by what he brought, and what happens to accounts, sessions and tokens.

A request costs a hash and a look into memory; the file is read again only when somebody else has written it. Whatever
is decided goes with its change into one transaction, and from there into the journal (`telling`).
"""

import hmac
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from sqlite3 import Connection

import structlog

from keepline.desk.people import passwords
from keepline.desk.people.accounts import AccountChanges
from keepline.desk.people.lockout import Lockouts
from keepline.desk.people.passwords import digest_of_random
from keepline.desk.people.records import LOOKER, NOBODY, PASSER_BY, Account, Decision, How, Principal, Session, Token
from keepline.desk.people.store import FILE_NAME, PeopleStore, Snapshot, add_decision
from keepline.model.limits_people import SESSION_IDLE_S, SESSION_NOTED_EVERY_S
from keepline.model.people import GRANTS, Permission, Role
from keepline.node.api_token import is_token

LOOK_EVERY_S = 0.5
log = structlog.get_logger("people")
TOKEN_MARK = "klt_"
"""API tokens begin with it, so that one that was committed by mistake is found."""


class People:
    """All of them. Its methods may be called from any thread, and raise `PeopleRefused` and `sqlite3.Error`."""

    def __init__(self, data: Path | None, *, now: Callable[[], float] = time.time) -> None:
        """Without a directory there is nobody, and nobody can be added."""
        self._data, self._now = data, now
        self._lock = threading.RLock()
        self._store: PeopleStore | None = None
        self._known = Snapshot()
        self._version = -1
        self._looked_at_s = 0.0
        self.lockouts = Lockouts()
        self.logins: dict[str, int] = {}
        """Outcome of an attempt to log in -> how often."""
        self.changes = AccountChanges(self)

    # What is known ----------------------------------------------------------------------------------------------------

    @property
    def store(self) -> PeopleStore:
        """The file; made where there is none."""
        with self._lock:
            if self._store is None:
                if self._data is None:
                    raise FileNotFoundError("this desk has no data directory")
                self._store = PeopleStore(self._data)
            return self._store

    @property
    def is_kept(self) -> bool:
        """Whether there is a file with something in it; a full disk may leave an empty one."""
        if self._store is not None or self._data is None:
            return self._store is not None
        try:
            return (self._data / FILE_NAME).stat().st_size > 0
        except FileNotFoundError:
            return False

    def now_s(self) -> float:
        """Wall time."""
        return self._now()

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._store is not None:
                self._store.close()
                self._store = None

    def known(self) -> Snapshot:
        """What the file says, at most half a second ago; what it said, where a bad disk shows no more of it."""
        now_s = time.monotonic()
        if now_s - self._looked_at_s < LOOK_EVERY_S and self._version >= 0:
            return self._known
        if not self._lock.acquire(blocking=self._version < 0):
            return self._known  # somebody changes something, and reads it anew himself
        try:
            self._looked_at_s = now_s
            if not self.is_kept:
                return self._known
            version = self.store.version()
            if version != self._version:
                self._read(version)
        except sqlite3.Error as error:
            if self._version < 0:
                raise
            log.warning("people_unreadable", what=str(error), meaning="who was known before is known still")
        finally:
            self._lock.release()
        return self._known

    def _read(self, version: int) -> None:
        seen = self._known.sessions
        self._known = self.store.snapshot(self.now_s())
        for digest, session in self._known.sessions.items():
            if (before := seen.get(digest)) is not None:
                session.seen_at_s = max(session.seen_at_s, before.seen_at_s)
        self._version = version

    def change(self, decided: Sequence[Decision], what: Callable[[Connection], None]) -> None:
        """Change something and note who decided it, in one transaction; what is known changes with it."""
        with self._lock:
            with self.store.writing() as db:
                what(db)
                for each in decided:
                    add_decision(db, each)
            self._read(self.store.version())

    def decision(self, by: Principal, action: str, about: str, why: str = "") -> Decision:
        """What somebody decided, now."""
        return Decision(secrets.token_hex(8), self.now_s(), by.name, by.title, action, about, why, by.how.value)

    # Who asks ---------------------------------------------------------------------------------------------------------

    def by_session(self, secret: str) -> Principal:
        """Whose session it is; `NOBODY` where it is over."""
        known, digest = self.known(), digest_of_random(secret)
        session = known.sessions.get(digest)
        if session is None or not self._is_on(known, session):
            return NOBODY
        self._note_seen(session)
        csrf = digest_of_random(f"csrf {secret}")[:40]
        until_s = session.until_s if session.how is How.GLASS else 0.0
        role = session.role if session.how is How.GLASS else known.accounts[session.account].role
        return Principal(session.account, session.how, GRANTS[role], role, session, csrf, until_s)

    def is_still(self, who: Principal) -> bool:
        """Whether somebody who follows a stream may go on with it."""
        known = self.known()
        if who.session is not None:
            session = known.sessions.get(who.session.digest)
            return session is not None and self._is_on(known, session)
        if who is LOOKER:
            return not known.accounts
        return True

    def _is_on(self, known: Snapshot, session: Session) -> bool:
        now_s = self.now_s()
        if now_s >= session.until_s or now_s - session.seen_at_s >= SESSION_IDLE_S or now_s < session.began_at_s - 60:
            return False
        account = known.accounts.get(session.account)
        return session.how is How.GLASS or (account is not None and not account.disabled)

    def _note_seen(self, session: Session) -> None:
        session.seen_at_s = self.now_s()
        if session.seen_at_s - session.noted_at_s >= SESSION_NOTED_EVERY_S:
            session.noted_at_s = session.seen_at_s
            with suppress(sqlite3.Error):  # a full disk ends no session
                self.store.note_seen(session)

    def by_bearer(self, authorization: str, machine_token: str, *, is_here: bool) -> Principal:
        """Who has a token; the machine's own is good on the machine itself alone (`is_here`)."""
        scheme, _, given = authorization.partition(" ")
        given = given.strip()
        if scheme.lower() != "bearer":
            return NOBODY
        if not given.startswith(TOKEN_MARK):
            is_machine = is_here and is_token(machine_token, authorization)
            return Principal("machine", How.MACHINE, GRANTS[Role.ADMIN]) if is_machine else NOBODY
        found = self.known().tokens.get(digest_of_random(given))
        now_s = self.now_s()
        if found is None or found.revoked or now_s >= found.until_s:
            return NOBODY
        self._note_used(found, now_s)
        return Principal(found.name, How.TOKEN, frozenset(map(Permission, found.scopes)), until_s=found.until_s)

    def _note_used(self, token: Token, now_s: float) -> None:
        if now_s - token.used_at_s >= SESSION_NOTED_EVERY_S:
            with self._lock:
                self._known.tokens[token.digest] = replace(token, used_at_s=now_s)
                with suppress(sqlite3.Error):  # and no token
                    self.store.note_used(token, now_s)

    def unnamed(self, *, is_here: bool, is_open: bool) -> Principal:
        """Who brought nothing. `is_here`: he sits at the machine; `is_open`: the board is everybody's to see."""
        if is_here and not self.known().accounts:
            return LOOKER
        return PASSER_BY if is_open else NOBODY

    # Logging in -------------------------------------------------------------------------------------------------------

    def wait_s(self, name: str, address: str) -> float:
        """So long must somebody wait who guessed too often."""
        return self.lockouts.wait_s(name, address, self.now_s())

    def count(self, outcome: str) -> None:
        """An attempt to log in came to that."""
        self.logins[outcome] = self.logins.get(outcome, 0) + 1

    def log_in(self, name: str, password: str, code: str, address: str) -> str:
        """The secret of a new session; empty where something of it was wrong. Takes a tenth of a second."""
        now_s = self.now_s()
        if self.lockouts.wait_s(name, address, now_s) > 0:
            self.count("locked")
            return ""
        account = self.known().accounts.get(name)
        is_right = passwords.is_password(account.password if account is not None else "", password)
        if account is None or not is_right or account.disabled or not self._has_second(account, code):
            self.lockouts.fail(name, address, now_s)
            self.count("refused")
            return ""
        self.lockouts.forgive(name)
        self.count("fine")
        return self.changes.begin_session(account.name, account.role, How.SESSION, address)

    def _has_second(self, account: Account, code: str) -> bool:
        """Whether a code is the account's: of now, or one of those kept for the day the phone is lost. Each once."""
        if not account.totp:
            return True
        typed = code.strip()
        step = passwords.totp_step(account.totp, typed.replace(" ", ""), self.now_s(), account.totp_step)
        if step:
            return self.changes.use_step(account.name, step)
        return len(typed) > 8 and self.changes.use_recovery(account.name, passwords.plain_code(typed))

    def is_csrf(self, who: Principal, given: str) -> bool:
        """Whether a change that came by cookie was meant by a page of ours."""
        return bool(who.csrf) and hmac.compare_digest(who.csrf.encode(), given.encode())
