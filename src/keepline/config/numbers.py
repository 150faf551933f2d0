"""What may stand as a number of an operation: E.164, an extension, or the name of a user.

Source: ITU-T E.164 §6 (at most 15 digits, a country code first) and RFC 3261 §19.1.1 (the user part of a SIP URI). Each
number has one way to be written, so that two entries for one number are found.
"""

import re

from keepline.sip.telephone import EXTENSION_DIGITS_MAX

E164_DIGITS_MIN, E164_DIGITS_MAX = 7, 15
EXTENSION_DIGITS_MIN = 2
NATIONAL_DIGITS_MAX = 10
"""A number of more digits without a + is taken for one that lacks it."""
USER_NAME_CHARS_MAX = 32

_E164 = rf"\+[1-9][0-9]{{{E164_DIGITS_MIN - 1},{E164_DIGITS_MAX - 1}}}"
_EXTENSION = rf"[0-9]{{{EXTENSION_DIGITS_MIN},{EXTENSION_DIGITS_MAX}}}"
_USER_NAME = rf"[A-Za-z][A-Za-z0-9._-]{{0,{USER_NAME_CHARS_MAX - 1}}}"
NUMBER_PATTERN = rf"^({_E164}|{_EXTENSION}|{_USER_NAME})$"
_NUMBER = re.compile(NUMBER_PATTERN)
_SEPARATORS = re.compile(r"[\s().\-/\u2010-\u2015]")
_RULE = "write E.164 as `+18005550100`, an extension of 2 to 6 digits as `1000`, or a user name as `reception`"


def mistake_of(text: str) -> tuple[str, str] | None:
    """What is wrong with a number and what would be right; None where nothing is."""
    if _NUMBER.fullmatch(text):
        return None
    bare = _bare(text)
    digits = bare.lstrip("+")
    if not (digits.isascii() and digits.isdigit()):
        return f"`{text}` is not a number", _RULE
    if bare.startswith("+") or digits.startswith("00") or len(digits) >= NATIONAL_DIGITS_MAX + 1:
        international = "+" + digits.removeprefix("00")
        if re.fullmatch(_E164, international) and international != text:
            return f"`{text}` is not in E.164", f"write `{international}`"
        if digits.startswith("0"):
            return f"`{text}` is not in E.164", "write + and the country code first, which never begins with 0"
        limits = f"{E164_DIGITS_MIN} to {E164_DIGITS_MAX} digits"
        return f"`{text}` has {len(digits)} digits", f"E.164 is + and {limits}, as `+18005550100`"
    if len(digits) > EXTENSION_DIGITS_MAX:
        return f"`{text}` lacks its country code", "write E.164, as `+18005550100`: +, country code, number"
    if re.fullmatch(_EXTENSION, digits):
        return f"`{text}` is not how an extension is written", f"write `{digits}`"
    return f"`{text}` is too short for an extension", _RULE


def same_number(text: str) -> str:
    """What two ways to write one number have in common: its digits, or the name without its case."""
    bare = _bare(text)
    digits = bare.lstrip("+")
    if not digits.isdigit():
        return text.casefold()
    return digits.removeprefix("00") if len(digits) > EXTENSION_DIGITS_MAX else bare


def _bare(text: str) -> str:
    return _SEPARATORS.sub("", text.removeprefix("tel:").removeprefix("sip:"))
