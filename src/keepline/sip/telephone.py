"""Telephone numbers in URIs, and the one form in which two notations of a number are the same.

It knows `tel:` (RFC 3966) and numbers in the user part of `sip:` (RFC 3261 §19.1.6), with parameters (`;npdi`) and
visual separators. It refuses to guess a country: a national number stays what it is. Source: ITU-T E.164 §6.
"""

import re

from keepline.model.errors import PeerError
from keepline.sip.values import parse_uri

EXTENSION_DIGITS_MAX = 6
"""Fewer digits are an extension or a short code; more are a number that lacks its `+`."""
_SEPARATORS = str.maketrans("", "", "-.() ")
_DIGITS = re.compile(r"\+?[0-9]+")
_CONTEXT = re.compile(r";phone-context=(\+[0-9.()-]+)", re.IGNORECASE)


def is_tel(uri: str) -> bool:
    """Whether it is a `tel:` URI."""
    return uri[:4].lower() == "tel:"


def user_of(uri: str) -> str:
    """Who a URI means, as written: the user part of `sip:`, the number of `tel:`; "" where it names nobody."""
    if is_tel(uri):
        return uri[4:].partition("?")[0]
    try:
        return parse_uri(uri).user or ""
    except PeerError:
        return ""


def plain_number(user: str) -> str:
    """The number of a user part without separators and parameters: `+18005550100`, `1000`; a name as it is.

    `0018005550100`, `18005550100` and `+1-800-555-0100;npdi` are all `+18005550100`. A local number of `tel:` is put
    behind its context, where that is one of E.164.
    """
    bare = user.partition(";")[0].translate(_SEPARATORS)
    if not _DIGITS.fullmatch(bare):
        return user
    context = _CONTEXT.search(user)
    if context is not None and bare[0] != "+":
        return context[1].translate(_SEPARATORS) + bare
    if bare[0] == "+" or len(bare) <= EXTENSION_DIGITS_MAX:
        return bare
    return f"+{bare.removeprefix('00')}"
