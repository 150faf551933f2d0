"""Breaking the glass: admin for half an hour, without anybody's leave, and heard by everybody.

By a code that was sealed beforehand and lies in an envelope, or by a link of the machine's own shell; neither asks
anything that is not on this machine. It is a decision in the journal, a line in the log, a metric, and a banner on
every page while it lasts. It refuses to be quiet: there is no way to do it without a name and a reason.
"""

import secrets
import sqlite3
import time
from typing import TYPE_CHECKING, Final

import structlog

from keepline.desk.people import passwords
from keepline.desk.people.accounts import mistake_in_name, words
from keepline.desk.people.passwords import digest_of_random
from keepline.desk.people.records import How, PeopleRefused, Principal
from keepline.model.limits_people import GLASS_CODES_MAX, GLASS_LINK_S, GLASS_S
from keepline.model.people import GRANTS, Role

if TYPE_CHECKING:
    from keepline.desk.people.people import People

SEALED, AT_ONCE = "glass", "glass-now"
_GROUPS: Final = 5
log = structlog.get_logger("people")


def seal(people: "People", by: Principal) -> str:
    """A code for an envelope: good once, and until it is used."""
    if len(people.store.links(SEALED)) >= GLASS_CODES_MAX:
        raise PeopleRefused(
            f"{GLASS_CODES_MAX} sealed codes are out, as many as there may be: `--revoke` ends them all"
        )
    code = passwords.new_code(_GROUPS)
    _keep(people, by, code, SEALED, 0.0, "glass.seal")
    return code


def open_now(people: "People", by: Principal, why: str) -> str:
    """The secret of a link of the machine's shell, for the next few minutes."""
    secret = passwords.new_code(_GROUPS)
    _keep(people, by, secret, AT_ONCE, people.now_s() + GLASS_LINK_S, "glass.link", why)
    return secret


def unseal(people: "People", by: Principal) -> int:
    """Make every sealed code void; how many there were."""
    found = len(people.store.links(SEALED))
    people.change(
        [people.decision(by, "glass.revoke", f"{found} codes")],
        lambda db: _void(db),
    )
    return found


def break_glass(people: "People", typed: str, name: str, why: str, address: str) -> str:
    """The secret of a session that may everything, for half an hour. Raises `PeopleRefused`."""
    mistake = mistake_in_name(name) or ("" if why.strip() else "say why: everybody will read it")
    if mistake:
        raise PeopleRefused(mistake)
    digest, now_s = digest_of_random(passwords.plain_code(typed)), people.now_s()
    link = people.store.link(digest) if people.is_kept else None
    if link is None or link.kind not in (SEALED, AT_ONCE) or (link.until_s and now_s >= link.until_s):
        raise PeopleRefused("this code was used, is too old, or never was one")
    with people.store.writing() as db:
        if not db.execute("DELETE FROM links WHERE digest = ?", (digest,)).rowcount:
            raise PeopleRefused("this code was used a moment ago")
    who = Principal(name, How.GLASS, GRANTS[Role.ADMIN], Role.ADMIN)
    about = "a sealed code" if link.kind == SEALED else f"a link of {link.by}'s shell"
    decided = people.decision(who, "glass.break", about, words(why))
    log.error("glass_broken", by=name, why=why.strip(), address=address, lasts_s=GLASS_S)
    return people.changes.begin_session(name, Role.ADMIN, How.GLASS, address, GLASS_S, [decided])


def broken_glass(people: "People") -> str:
    """Who is admin by a broken glass, in words for every page; empty while nobody is."""
    now_s = people.now_s()
    found = [each for each in people.known().sessions.values() if each.how is How.GLASS and now_s < each.until_s]
    said = [f"{each.account} until {time.strftime('%H:%M', time.localtime(each.until_s))}" for each in found]
    return f"The glass is broken: {', '.join(sorted(said))} may do everything." if said else ""


def _keep(people: "People", by: Principal, code: str, kind: str, until_s: float, action: str, why: str = "") -> None:
    row = (digest_of_random(code), kind, "", until_s, by.name, words(why))

    def write(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO links VALUES (?, ?, ?, ?, ?, ?)", row)

    people.change([people.decision(by, action, secrets.token_hex(2), why)], write)


def _void(db: sqlite3.Connection) -> None:
    db.execute("DELETE FROM links WHERE kind = ?", (SEALED,))
