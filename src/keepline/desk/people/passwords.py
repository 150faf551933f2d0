"""Passwords (argon2id, RFC 9106), second factors (TOTP, RFC 6238), and the hashes of what is random already.

Both libraries are imported when they are needed: a desk that nobody logs in to does without.
"""

import hashlib
import hmac
import secrets
import threading
from typing import TYPE_CHECKING, Final

from keepline.model.limits_people import PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN

if TYPE_CHECKING:
    from argon2 import PasswordHasher

MEMORY_KIB: Final = 19_456
PASSES: Final = 2
"""With one lane: what OWASP has as the least. More would be taken from calls on the same machine."""
TOTP_STEP_S: Final = 30
_ALPHABET: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_ONE_AT_A_TIME: Final = threading.Lock()
"""Checking takes a core for a moment, and calls need the others."""


def mistake_in_password(password: str, name: str) -> str:
    """What is wrong with a password that somebody wants; empty where nothing is."""
    if len(password) < PASSWORD_CHARS_MIN:
        return f"a password has at least {PASSWORD_CHARS_MIN} characters: three or four words will do"
    if len(password) > PASSWORD_CHARS_MAX:
        return f"a password has at most {PASSWORD_CHARS_MAX} characters"
    if name.lower() in password.lower() or len(set(password)) < 5:
        return "that is guessed at once: leave out the name, and use more than a few different characters"
    return ""


def hash_of(password: str) -> str:
    """What is kept of a password; takes a tenth of a second."""
    with _ONE_AT_A_TIME:
        return _hasher().hash(password)


def is_password(kept: str, password: str) -> bool:
    """Whether it is the one; takes as long where nothing is kept, so that nobody learns which names there are."""
    from argon2.exceptions import InvalidHashError, VerificationError

    if len(password) > PASSWORD_CHARS_MAX:
        return False
    try:
        with _ONE_AT_A_TIME:
            return _hasher().verify(kept or _nobodys(), password) and bool(kept)
    except (VerificationError, InvalidHashError):
        return False


def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=1)


_made: list[str] = []


def _nobodys() -> str:
    if not _made:
        _made.append(_hasher().hash(secrets.token_hex(16)))
    return _made[0]


def new_secret() -> str:
    """A second factor's secret, as base 32."""
    return "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(32))


def totp_step(secret: str, code: str, now_s: float, last_step: int) -> int:
    """The step of time that a code is of; 0 where it is of none, or of one up to `last_step`: it counts once.

    One step to either side is as good, for clocks that differ.
    """
    from pyotp import TOTP

    now = int(now_s // TOTP_STEP_S)
    found = 0
    for step in (now - 1, now, now + 1):
        if hmac.compare_digest(TOTP(secret).at(step * TOTP_STEP_S).encode(), code.encode()) and step > last_step:
            found = step
    return found


def totp_address(secret: str, name: str, node: str) -> str:
    """What an authenticator reads, as text."""
    from pyotp import TOTP

    return TOTP(secret).provisioning_uri(name=name, issuer_name=f"Keepline {node}".strip())


def new_code(groups: int = 4) -> str:
    """A code for people to write down: groups of five that cannot be misread, 25 bits each."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(groups))


def plain_code(typed: str) -> str:
    """A code as it was made, however it was typed."""
    kept = "".join(each for each in typed.upper() if each.isalnum())
    return "-".join(kept[at : at + 5] for at in range(0, len(kept), 5))


def digest_of_random(text: str) -> str:
    """What is kept of a code, token or session: it is random and long, so that one pass will do."""
    return hashlib.sha256(text.encode()).hexdigest()
