"""What changes accounts, sessions, API tokens and links: each a transaction with the decision that it was.

It refuses what would leave nobody in charge: the last admin stays one.
"""

import secrets
import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING

from keepline.desk.people import passwords
from keepline.desk.people.passwords import digest_of_random
from keepline.desk.people.records import Account, Decision, How, PeopleRefused, PeopleUnknown, Principal, Token
from keepline.desk.people.store import Link
from keepline.model.limits_people import (
    ACCOUNT_NAME_CHARS_MAX,
    ACCOUNTS_MAX,
    FIRST_LINK_S,
    PEOPLE_WORDS_CHARS_MAX,
    RECOVERY_CODES,
    SESSION_S_MAX,
    SESSIONS_PER_ACCOUNT_MAX,
    TOKEN_S_MAX,
    TOKENS_MAX,
)
from keepline.model.people import SCOPES, Permission, Role

if TYPE_CHECKING:
    from keepline.desk.people.people import People

FIRST, RESET = "first", "reset"
_NAME_MARKS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-_@")


def mistake_in_name(name: str) -> str:
    """What is wrong with the name of an account; empty where nothing is."""
    if not name or len(name) > ACCOUNT_NAME_CHARS_MAX or not set(name) <= _NAME_MARKS or not name[0].isalnum():
        return f"a name has up to {ACCOUNT_NAME_CHARS_MAX} of a-z, 0-9 and .-_@, for example ana or ana@example.org"
    return ""


class AccountChanges:
    """Part of `People`, whose it is."""

    def __init__(self, people: "People") -> None:
        self._people = people

    # Accounts ---------------------------------------------------------------------------------------------------------

    def add(self, by: Principal, name: str, role: Role, password: str = "", why: str = "") -> str:
        """Make an account; without a password, the secret of the link by which its owner chooses one."""
        known = self._people.known()
        mistake = mistake_in_name(name) or (passwords.mistake_in_password(password, name) if password else "")
        if mistake:
            raise PeopleRefused(mistake)
        if name in known.accounts:
            raise PeopleRefused(f"there is an account {name} already: choose another name, or reset that one")
        if len(known.accounts) >= ACCOUNTS_MAX:
            raise PeopleRefused(f"there are {ACCOUNTS_MAX} accounts, as many as there may be")
        now_s = self._people.now_s()
        kept = passwords.hash_of(password) if password else ""
        row = (name, role.value, kept, "", 0, 0, now_s, now_s)
        link = "" if password else secrets.token_urlsafe(24)

        def write(db: sqlite3.Connection) -> None:
            db.execute("INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
            if link:
                _put_link(db, link, RESET, name, now_s + FIRST_LINK_S, by.name, why)

        self._people.change([self._people.decision(by, "people.add", f"{name} as {role.value}", words(why))], write)
        return link

    def set_role(self, by: Principal, name: str, role: Role, why: str = "") -> None:
        """Make it another role, at once, in sessions that go on too."""
        account = self._account(name)
        if account.role is Role.ADMIN and role is not Role.ADMIN:
            self._keep_an_admin(name)
        self._change(by, "people.role", f"{name} as {role.value}", why, "role = ?", (role.value,), name)

    def set_disabled(self, by: Principal, name: str, disabled: bool, why: str = "") -> None:
        """Let nobody in by it any more, and end its sessions; or let him in again."""
        self._account(name)
        if disabled:
            self._keep_an_admin(name)
        action = "people.disable" if disabled else "people.enable"
        self._change(by, action, name, why, "disabled = ?", (int(disabled),), name, ends_sessions=disabled)

    def reset(self, by: Principal, name: str, why: str = "") -> str:
        """Take password, second factor and sessions away; the secret of the link by which a new password is chosen."""
        self._account(name)
        link = secrets.token_urlsafe(24)
        now_s = self._people.now_s()

        def write(db: sqlite3.Connection) -> None:
            db.execute("UPDATE accounts SET password = '', totp = '', password_at_s = ? WHERE name = ?", (now_s, name))
            db.execute("DELETE FROM sessions WHERE account = ?", (name,))
            db.execute("DELETE FROM recovery WHERE account = ?", (name,))
            db.execute("DELETE FROM links WHERE account = ?", (name,))
            _put_link(db, link, RESET, name, now_s + FIRST_LINK_S, by.name, why)

        self._people.change([self._people.decision(by, "people.reset", name, words(why))], write)
        return link

    def set_password(self, by: Principal, name: str, password: str, keep: str = "") -> None:
        """Choose a password; every session of the account ends, but the one of the digest `keep`."""
        mistake = passwords.mistake_in_password(password, name)
        if mistake:
            raise PeopleRefused(mistake)
        kept, now_s = passwords.hash_of(password), self._people.now_s()

        def write(db: sqlite3.Connection) -> None:
            db.execute("UPDATE accounts SET password = ?, password_at_s = ? WHERE name = ?", (kept, now_s, name))
            db.execute("DELETE FROM sessions WHERE account = ? AND digest != ?", (name, keep))
            db.execute("DELETE FROM links WHERE account = ?", (name,))

        self._people.change([self._people.decision(by, "people.password", name)], write)

    def set_second(self, by: Principal, name: str, secret: str) -> list[str]:
        """Ask for a second factor from now on, or (empty) no more; the recovery codes, which nobody sees again."""
        codes = [passwords.new_code(3) for _ in range(RECOVERY_CODES)] if secret else []

        def write(db: sqlite3.Connection) -> None:
            db.execute("UPDATE accounts SET totp = ?, totp_step = 0 WHERE name = ?", (secret, name))
            db.execute("DELETE FROM recovery WHERE account = ?", (name,))
            rows = [(name, digest_of_random(each)) for each in codes]
            db.executemany("INSERT INTO recovery VALUES (?, ?)", rows)

        action = "people.second_factor" if secret else "people.no_second_factor"
        self._people.change([self._people.decision(by, action, name)], write)
        return codes

    def use_step(self, name: str, step: int) -> bool:
        """A code of that step was used; False where somebody was quicker."""
        with self._people.store.writing() as db:
            done = db.execute("UPDATE accounts SET totp_step = ? WHERE name = ? AND totp_step < ?", (step, name, step))
        return done.rowcount == 1

    def use_recovery(self, name: str, code: str) -> bool:
        """Use a recovery code up; False where it is none, or was used."""
        with self._people.store.writing() as db:
            digest = digest_of_random(code)
            done = db.execute("DELETE FROM recovery WHERE account = ? AND digest = ?", (name, digest))
        return done.rowcount == 1

    def _account(self, name: str) -> Account:
        found = self._people.known().accounts.get(name)
        if found is None:
            raise PeopleUnknown(
                f"there is no account {name[:ACCOUNT_NAME_CHARS_MAX]!r}; `keepline people list` has all"
            )
        return found

    def _keep_an_admin(self, name: str) -> None:
        admins = [each.name for each in self._people.known().accounts.values() if _is_admin(each)]
        if admins == [name]:
            raise PeopleRefused(f"{name} is the only admin: make somebody else one first")

    def _change(
        self,
        by: Principal,
        action: str,
        about: str,
        why: str,
        what: str,
        values: tuple[object, ...],
        name: str,
        *,
        ends_sessions: bool = False,
    ) -> None:
        def write(db: sqlite3.Connection) -> None:
            db.execute(f"UPDATE accounts SET {what} WHERE name = ?", (*values, name))
            if ends_sessions:
                db.execute("DELETE FROM sessions WHERE account = ?", (name,))
                db.execute("DELETE FROM links WHERE account = ?", (name,))

        self._people.change([self._people.decision(by, action, about, words(why))], write)

    # Sessions ---------------------------------------------------------------------------------------------------------

    def begin_session(
        self, name: str, role: Role, how: How, address: str, lasts_s: float = SESSION_S_MAX,
        decided: Sequence[Decision] = (),
    ) -> str:  # fmt: skip
        """The secret of a new session; of too many of one account the oldest ends."""
        secret, now_s = secrets.token_urlsafe(32), self._people.now_s()
        row = (digest_of_random(secret), name, role.value, how.value, now_s, now_s + lasts_s, now_s, address)

        def write(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM sessions WHERE until_s <= ?", (now_s,))
            db.execute("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
            db.execute(
                "DELETE FROM sessions WHERE account = ? AND digest NOT IN"
                " (SELECT digest FROM sessions WHERE account = ? ORDER BY began_at_s DESC LIMIT ?)",
                (name, name, SESSIONS_PER_ACCOUNT_MAX),
            )

        self._people.change(decided, write)
        return secret

    def end_session(self, digest: str) -> None:
        """Somebody has logged out."""
        self._people.change((), lambda db: _run(db, "DELETE FROM sessions WHERE digest = ?", digest))

    # Links ------------------------------------------------------------------------------------------------------------

    def first_link(self, by: Principal) -> str:
        """The secret of the link by which the first admin is made; the one before it is good no more."""
        if self._people.known().accounts:
            raise PeopleRefused("there are accounts already: log in, or use `keepline people add` and `reset`")
        link, until_s = secrets.token_urlsafe(24), self._people.now_s() + FIRST_LINK_S

        def write(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM links WHERE kind = ?", (FIRST,))
            _put_link(db, link, FIRST, "", until_s, by.name, "")

        self._people.change((), write)
        return link

    def good_link(self, secret: str) -> Link | None:
        """The link by which a password can be chosen; None where it is good no more."""
        if not secret or not self._people.is_kept:
            return None
        link = self._people.store.link(digest_of_random(secret))
        is_good = link is not None and link.kind in (FIRST, RESET) and self._people.now_s() < link.until_s
        return link if is_good else None

    def follow_link(self, secret: str, name: str, password: str, address: str) -> str:
        """Choose a password by a link, and log in: the secret of the session. The link is used up by it."""
        link, now_s = self.good_link(secret), self._people.now_s()
        if link is None:
            raise PeopleRefused("this link was used, or is too old: ask for another one")
        owner = link.account or name
        mistake = mistake_in_name(owner) or passwords.mistake_in_password(password, owner)
        if mistake:
            raise PeopleRefused(mistake)
        kept = passwords.hash_of(password)
        role = Role.ADMIN if link.kind == FIRST else self._account(owner).role
        me = Principal(owner, How.SESSION, frozenset(), role)
        action = "people.first" if link.kind == FIRST else "people.password"

        def write(db: sqlite3.Connection) -> None:
            if not db.execute("DELETE FROM links WHERE digest = ?", (link.digest,)).rowcount:
                raise PeopleRefused("this link was used a moment ago")
            if link.kind == FIRST:
                [accounts] = db.execute("SELECT COUNT(*) FROM accounts").fetchone()
                if accounts:
                    raise PeopleRefused("there are accounts already: log in")
                row = (owner, role.value, kept, "", 0, 0, now_s, now_s)
                db.execute("INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
            else:
                db.execute("UPDATE accounts SET password = ?, password_at_s = ? WHERE name = ?", (kept, now_s, owner))
                db.execute("DELETE FROM sessions WHERE account = ?", (owner,))

        self._people.change([self._people.decision(me, action, owner)], write)
        return self.begin_session(owner, role, How.SESSION, address)

    # API tokens -------------------------------------------------------------------------------------------------------

    def make_token(self, by: Principal, name: str, scopes: Sequence[str], lasts_s: float) -> str:
        """A new API token, which nobody sees again."""
        unknown = [each for each in scopes if each not in SCOPES]
        if unknown or not scopes:
            wrong = f"there is no scope {unknown[0][:40]!r}" if unknown else "name at least one scope"
            raise PeopleRefused(f"{wrong}; there are {', '.join(SCOPES)}")
        missing = [each.value for each in map_scopes(scopes) if not by.may(each)]
        if missing:
            raise PeopleRefused(f"you may not {missing[0]} yourself, so no token of yours may")
        if mistake_in_name(name):
            raise PeopleRefused(mistake_in_name(name))
        if not 0 < lasts_s <= TOKEN_S_MAX:
            raise PeopleRefused(f"a token holds for up to {TOKEN_S_MAX / 86_400:g} days")
        now_s = self._people.now_s()
        live = [each for each in self._people.known().tokens.values() if not each.revoked and each.until_s > now_s]
        if len(live) >= TOKENS_MAX:
            raise PeopleRefused(f"there are {TOKENS_MAX} tokens, as many as there may be: revoke one")
        id_ = secrets.token_hex(4)
        secret = f"klt_{id_}_{secrets.token_urlsafe(32)}"
        kept = " ".join(sorted(set(scopes)))
        row = (id_, name, digest_of_random(secret), kept, by.name, now_s, now_s + lasts_s, 0.0, 0)

        def write(db: sqlite3.Connection) -> None:
            over = "SELECT id FROM tokens WHERE revoked OR until_s <= ? ORDER BY made_at_s DESC LIMIT -1 OFFSET ?"
            db.execute(f"DELETE FROM tokens WHERE id IN ({over})", (now_s, TOKENS_MAX))
            db.execute("INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

        self._people.change([self._people.decision(by, "token.create", f"{id_} {name}: {kept}")], write)
        return secret

    def revoke_token(self, by: Principal, id_: str) -> Token:
        """It is good no more, from now on."""
        found = next((each for each in self._people.known().tokens.values() if each.id == id_), None)
        if found is None:
            raise PeopleUnknown(f"there is no token {id_[:40]!r}; `keepline token list` has all")
        self._people.change(
            [self._people.decision(by, "token.revoke", f"{id_} {found.name}")],
            lambda db: _run(db, "UPDATE tokens SET revoked = 1 WHERE id = ?", id_),
        )
        return found


def words(why: str) -> str:
    """A reason as it is kept. Raises `PeopleRefused` where it is too long."""
    if len(why) > PEOPLE_WORDS_CHARS_MAX:
        raise PeopleRefused(f"say why in up to {PEOPLE_WORDS_CHARS_MAX} characters")
    return why.strip()


def map_scopes(scopes: Sequence[str]) -> list[Permission]:
    """Scopes as permissions."""
    return [Permission(each) for each in scopes]


def _is_admin(account: Account) -> bool:
    return account.role is Role.ADMIN and not account.disabled


def _put_link(db: sqlite3.Connection, secret: str, kind: str, account: str, until_s: float, by: str, why: str) -> None:
    row = (digest_of_random(secret), kind, account, until_s, by, why)
    db.execute("INSERT INTO links VALUES (?, ?, ?, ?, ?, ?)", row)


def _run(db: sqlite3.Connection, statement: str, *values: object) -> None:
    db.execute(statement, values)
