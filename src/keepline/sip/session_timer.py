"""How long a session lasts without a refresh, as the two sides agree to it. Source: RFC 4028 §7 to §10.

Of a call that came to us the peer refreshes, never we: to a request that wants us to (`refresher=uas`) the answer says
nothing of a timer, as one that does not know the extension would, and §8.2 lets its proxies deal with that. A peer that
does not say that it supports timers cannot be told of one either.
"""

import re

from keepline.model.errors import PeerError
from keepline.model.limits import SESSION_EXPIRES_S_MAX, SESSION_EXPIRES_S_MIN
from keepline.sip.message import Message, Request, Response

TIMER = "timer"
"""The option tag."""
_INTERVAL = re.compile(r"\s*(\d{1,10})\s*(?:;(.*))?", re.A | re.S)
_REFRESHER = re.compile(r";\s*refresher\s*=\s*(uac|uas)\s*(?:;|$)", re.A | re.I)


def session_interval_s(invite: Request) -> int:
    """Seconds after which the session that an INVITE begins or refreshes is over; 0 for never. PeerError 400.

    Call it where it is not too small.
    """
    wanted = _wanted(invite)
    if wanted is None or not _speaks_timer(invite):
        return 0
    seconds, params = wanted
    refresher = _REFRESHER.search(";" + params)
    if refresher is not None and refresher[1].lower() == "uas":
        return 0
    least = max(SESSION_EXPIRES_S_MIN, _least_of(invite))
    return max(least, min(seconds, SESSION_EXPIRES_S_MAX))


def agreed_interval(response: Response) -> tuple[int, bool]:
    """What a 2xx to our INVITE agrees to (§7.2): seconds (0 for never), and whether we are to refresh the session.

    One that cannot be read, or is less than anybody may ask for, is none.
    """
    match = _INTERVAL.fullmatch(response.headers.get("Session-Expires") or "")
    if match is None or int(match[1]) < SESSION_EXPIRES_S_MIN:
        return 0, False
    refresher = _REFRESHER.search(";" + (match[2] or ""))
    return min(int(match[1]), SESSION_EXPIRES_S_MAX), refresher is None or refresher[1].lower() == "uac"


def is_too_small(invite: Request) -> bool:
    """Whether the interval is less than we take: 422 (§9). PeerError 400 for one that cannot be read."""
    wanted = _wanted(invite)
    return wanted is not None and wanted[0] < SESSION_EXPIRES_S_MIN and _speaks_timer(invite)


def interval_headers(expires_s: int) -> list[tuple[str, str]]:
    """What our 200 says of it (§9, table 2): the peer refreshes, and is required to know how."""
    supported = ("Supported", TIMER)
    if not expires_s:
        return [supported]
    return [supported, ("Require", TIMER), ("Session-Expires", f"{expires_s};refresher=uac")]


def _wanted(invite: Request) -> tuple[int, str] | None:
    text = invite.headers.get("Session-Expires")
    if text is None:
        return None
    match = _INTERVAL.fullmatch(text)
    if match is None:
        raise PeerError("a Session-Expires that cannot be read")
    return int(match[1]), match[2] or ""


def least_interval_s(message: Message) -> int:
    """The least interval that a message says its sender takes (Min-SE); 0 where it says nothing that can be read."""
    try:
        return _least_of(message)
    except PeerError:
        return 0


def _least_of(message: Message) -> int:
    match = _INTERVAL.fullmatch(message.headers.get("Min-SE") or "0")
    if match is None:
        raise PeerError("a Min-SE that cannot be read")
    return min(int(match[1]), SESSION_EXPIRES_S_MAX)


def _speaks_timer(invite: Request) -> bool:
    tags = [*invite.headers.get_all("Supported"), *invite.headers.get_all("Require")]
    return any(tag.strip().lower() == TIMER for tag in tags)
