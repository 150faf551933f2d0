"""What a user agent server looks at before it deals with a request: method, Request-URI, extensions, content.

A plain decision, in the order of RFC 3261 §8.2: the first thing that is wrong is what the peer hears of. It refuses to
know calls and dialogs: merged requests (482), dialogs (481, 500) and numbers (404) are the exchange's.
"""

from keepline.model.errors import PeerError
from keepline.model.frozen import frozen
from keepline.model.limits import SESSION_EXPIRES_S_MIN
from keepline.sip.body import ACCEPT, session_of
from keepline.sip.info import INFO_ACCEPT, has_package, info_key
from keepline.sip.message import KNOWN_METHODS, Request
from keepline.sip.session_timer import is_too_small
from keepline.sip.telephone import is_tel

ALLOWED_METHODS = ("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "NOTIFY")
ALLOW = ", ".join(ALLOWED_METHODS)
EXTENSIONS: frozenset[str] = frozenset(("timer",))
"""Option tags that a peer may require of us."""
CONTENT_HEADERS = (("Accept", ACCEPT), ("Accept-Encoding", "identity"), ("Accept-Language", "en"))
"""What bodies are taken (§20.1 to 20.3). The language is that of reason phrases; that of callers is the flow's."""
_TAKES_TEL = frozenset(("INVITE", "OPTIONS"))
"""Methods that may begin something, and so may name a number by `tel:` (RFC 3261 §19.1.6, RFC 3966)."""
_ALLOWED = frozenset(ALLOWED_METHODS)
_SESSION_RANGES = frozenset(("application/sdp", "application/*", "*/*"))


@frozen
class Refusal:
    """Why a request is refused before it is dealt with."""

    status: int
    why: str
    headers: tuple[tuple[str, str], ...] = ()


def method_refusal(method: str) -> Refusal | None:
    """§8.2.1: 405 for a method that is known and not served, 501 (§21.5.2) for one that nobody knows.

    REFER is understood and forbidden (§21.4.4): who could have us call a number would have us pay for it.
    """
    if method in _ALLOWED:
        return None
    if method == "REFER":
        return Refusal(403, "nobody is called on behalf of a peer")
    if method in KNOWN_METHODS:
        return Refusal(405, f"{method} is not served", (("Allow", ALLOW),))
    return Refusal(501, "the method is unknown", (("Allow", ALLOW),))


def refusal_of(request: Request) -> Refusal | None:
    """What is wrong with a request other than ACK, or None. Its session can be read without a PeerError then.

    CANCEL cannot be refused for what it requires (§8.2.2.3), and a BYE's body does not change what it means, so the
    content of both goes unread (for BYE a departure from §8.2.3: a caller who hangs up has hung up).
    """
    method = request.method
    found = method_refusal(method)
    if found is not None or method == "CANCEL":
        return found
    try:
        if not (is_tel(request.uri) and method in _TAKES_TEL) and request.sip_uri.headers:
            return Refusal(400, "headers in the Request-URI")
        unsupported = extension_refusal(request)
        if unsupported is not None:
            return unsupported
        if method == "NOTIFY":
            return None  # what its body is to be depends on what was asked for
        if method == "INFO":
            return _info_refusal(request)
        if method != "BYE":
            session_of(request)
        if method == "INVITE" and is_too_small(request):
            least = str(SESSION_EXPIRES_S_MIN)
            return Refusal(422, f"a session timer of less than {least} s", (("Min-SE", least),))
    except PeerError as error:
        return Refusal(error.status, str(error), CONTENT_HEADERS if error.status == 415 else ())
    return _accept_refusal(request) if method == "INVITE" else None


def extension_refusal(request: Request) -> Refusal | None:
    """§8.2.2.3: 420 for what a peer requires and we do not know."""
    missing = [tag for tag in request.headers.get_all("Require") if tag not in EXTENSIONS]
    if not missing:
        return None
    listed = ", ".join(missing)
    return Refusal(420, f"extensions not supported: {listed}", (("Unsupported", listed),))


def _info_refusal(info: Request) -> Refusal | None:
    """RFC 6086 §4.2.2: 469 for a package, of which we know none; 415 for a body that is no key. PeerError 400."""
    if has_package(info):
        return Refusal(469, "no INFO package is known here", (("Recv-Info", ""),))
    try:
        info_key(info)
    except PeerError as error:
        return Refusal(error.status, str(error), (("Accept", INFO_ACCEPT),) if error.status == 415 else ())
    return None


def _accept_refusal(invite: Request) -> Refusal | None:
    """§20.1: an answer is a session description, and Accept may rule that out (RFC 4475 §3.3.15)."""
    if "Accept" not in invite.headers:
        return None
    ranges = {element.partition(";")[0].strip().lower() for element in invite.headers.get_all("Accept")}
    if ranges & _SESSION_RANGES:
        return None
    warning = '399 keepline "An answer is application/sdp, which Accept does not name"'
    return Refusal(406, "Accept does not name application/sdp", (("Warning", warning),))
