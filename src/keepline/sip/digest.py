"""Digest authentication, both ways: reading and answering challenges, minting nonces, verifying answers.

Pure: passwords, time, `cnonce` and tokens are arguments, and nothing is remembered. It knows MD5 and SHA-256 with their
`-sess` forms, and qop `auth` and `auth-int`; other schemes and algorithms are passed over. It refuses `userhash`, which
SIP does not use. Source: RFC 7616, RFC 8760, RFC 3261 §22; RFC 2069 where a challenge has no qop.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from hmac import compare_digest

from keepline.model.errors import PeerError
from keepline.model.limits import DIGEST_PARAMS_MAX, NONCE_LIFE_S_MAX
from keepline.sip.message import Request, Response
from keepline.sip.values import parse_uri

Header = tuple[str, str]
_PARAM = re.compile(
    r'\s*+([!#$%&\'*+\-.^_`|~\w]++)\s*+=\s*+(?:"((?:[^"\\]++|\\.)*+)"|([^\s,"]++))\s*+(?:,|$)', re.DOTALL
)
_SCHEME = re.compile(r"digest[ \t]++", re.IGNORECASE)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_NC = re.compile(r"[0-9A-Fa-f]{1,8}")
_NONCE = re.compile(r"([0-9a-f]{10})([0-9a-f]{16})([0-9a-f]{32})")
_AHEAD_S_MAX = 60.0
"""What a nonce may be ahead of our clock: it moves when a machine is started anew."""


class Algorithm(Enum):
    """What hashes, by its name in a header; the stronger has the greater `strength`."""

    SHA256 = "SHA-256"
    SHA256_SESS = "SHA-256-sess"
    MD5 = "MD5"
    MD5_SESS = "MD5-sess"

    @property
    def is_session(self) -> bool:
        """Whether the hash of the password is mixed with the nonces of its first use."""
        return self.value.endswith("-sess")

    @property
    def strength(self) -> int:
        return 2 if self.value.startswith("SHA-256") else 1

    def hash(self, text: bytes) -> str:
        """In hex."""
        if self.strength == 2:
            return hashlib.sha256(text).hexdigest()
        return hashlib.md5(text, usedforsecurity=False).hexdigest()


_BY_NAME = {each.value.lower(): each for each in Algorithm}
OFFERED = (Algorithm.SHA256, Algorithm.MD5)
"""What we challenge with unless an operation says otherwise, the preferred first (RFC 8760 §2.4)."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A name and a password, for one realm or for any."""

    username: str
    password: str = field(repr=False)
    realm: str = ""
    """The one realm that they are for; empty for any."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a WWW-Authenticate or Proxy-Authenticate asks for."""

    realm: str
    nonce: str
    algorithm: Algorithm = Algorithm.MD5
    is_algorithm_named: bool = False
    """Some old peers take no answer that names what they did not."""
    qop: tuple[str, ...] = ()
    """Empty: the peer speaks RFC 2069."""
    opaque: str | None = None
    stale: bool = False
    """Only the nonce was too old."""


@dataclass(frozen=True, slots=True)
class DigestAnswer:
    """What an Authorization or Proxy-Authorization says."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: Algorithm
    qop: str = ""
    cnonce: str = ""
    nc: str = ""
    """As written: it is hashed so."""


# Reading --------------------------------------------------------------------------------------------------------------


def parse_params(text: str) -> dict[str, str] | None:
    """The parameters of a Digest header, names in lower case, quotes resolved; None for another scheme.

    PeerError 400 for what cannot be read and for a parameter that is given twice.
    """
    scheme = _SCHEME.match(text)
    if scheme is None:
        return None
    found: dict[str, str] = {}
    at = scheme.end()
    while at < len(text):
        match = _PARAM.match(text, at)
        if match is None:
            raise PeerError("credentials that cannot be read")
        name, quoted, plain = match.groups()
        name = name.lower()
        if name in found:
            raise PeerError(f"the digest parameter {name[:32]} is given twice")
        found[name] = plain if quoted is None else _QUOTED_PAIR.sub(r"\1", quoted)
        if len(found) > DIGEST_PARAMS_MAX:
            raise PeerError("too many digest parameters")
        at = match.end()
    return found


def parse_challenge(text: str) -> Challenge | None:
    """One challenge; None for a scheme, an algorithm or a qop that is not known here. PeerError 400."""
    params = parse_params(text)
    if params is None:
        return None
    algorithm = _BY_NAME.get(params.get("algorithm", "MD5").lower())
    if "realm" not in params or not params.get("nonce"):
        raise PeerError("a challenge without a realm or a nonce")
    qop = tuple(each.strip().lower() for each in params["qop"].split(",")) if "qop" in params else ()
    if algorithm is None or (qop and not {"auth", "auth-int"} & set(qop)):
        return None
    return Challenge(
        params["realm"],
        params["nonce"],
        algorithm,
        "algorithm" in params,
        qop,
        params.get("opaque"),
        params.get("stale", "").lower() == "true",
    )


def parse_answer(text: str) -> DigestAnswer | None:
    """One answer to a challenge; None for a scheme or an algorithm that is not known here. PeerError 400."""
    params = parse_params(text)
    if params is None:
        return None
    missing = [name for name in ("username", "realm", "nonce", "uri", "response") if name not in params]
    if missing:
        raise PeerError(f"credentials without {missing[0]}")
    algorithm = _BY_NAME.get(params.get("algorithm", "MD5").lower())
    if algorithm is None:
        return None
    qop = params.get("qop", "").lower()
    if qop and (not params.get("cnonce") or not _NC.fullmatch(params.get("nc", ""))):
        raise PeerError("credentials with qop and without cnonce or nc")
    return DigestAnswer(
        params["username"],
        params["realm"],
        params["nonce"],
        params["uri"],
        params["response"],
        algorithm,
        qop,
        params.get("cnonce", ""),
        params.get("nc", ""),
    )


def challenges_of(response: Response) -> list[Challenge]:
    """What a 401 or 407 asks for, as far as it is known here, the strongest first, else in the peer's order."""
    name = "Proxy-Authenticate" if response.status == 407 else "WWW-Authenticate"
    found = []
    for text in response.headers.get_all(name):
        try:
            challenge = parse_challenge(text)
        except PeerError:
            continue  # another one may be better
        if challenge is not None:
            found.append(challenge)
    return sorted(found, key=lambda each: -each.algorithm.strength)


def answers_in(request: Request, header: str = "Authorization") -> list[DigestAnswer]:
    """The answers that a request carries. PeerError 400 for one that cannot be read."""
    found = [parse_answer(text) for text in request.headers.get_all(header)]
    return [each for each in found if each is not None]


# Answering ------------------------------------------------------------------------------------------------------------


def answer_challenge(
    request: Request, response: Response, credentials: Credentials, cnonce: str, nc: int = 1
) -> Header | None:
    """The header that answers a 401 or 407 to `request`, to be set on the next attempt; None where none will do.

    The next attempt has a new branch and the next CSeq (RFC 3261 §22.2). None: no challenge is known here or of the
    credentials' realm, or the request carried an answer for this realm already and was refused it, which a nonce that
    is only stale is not. `cnonce` is unpredictable; `nc` counts the uses of this nonce, from 1.
    """
    is_proxy = response.status == 407
    name = "Proxy-Authorization" if is_proxy else "Authorization"
    try:
        refused = {each.realm for each in answers_in(request, name)}
    except PeerError:
        refused = set()
    for challenge in challenges_of(response):
        if credentials.realm and challenge.realm != credentials.realm:
            continue
        if challenge.realm in refused and not challenge.stale:
            continue
        return name, _written(challenge, request, credentials, cnonce, nc)
    return None


def _written(challenge: Challenge, request: Request, credentials: Credentials, cnonce: str, nc: int) -> str:
    qop = "" if not challenge.qop else "auth" if "auth" in challenge.qop else "auth-int"
    answer = DigestAnswer(
        credentials.username,
        challenge.realm,
        challenge.nonce,
        request.uri,
        "",
        challenge.algorithm,
        qop,
        cnonce if qop or challenge.algorithm.is_session else "",
        f"{nc:08x}" if qop else "",
    )
    response = response_of(answer, request.method, credentials.password, request.body)
    parts = [
        f"username={_quoted(answer.username)}",
        f"realm={_quoted(answer.realm)}",
        f"nonce={_quoted(answer.nonce)}",
        f"uri={_quoted(answer.uri)}",
        f'response="{response}"',
    ]
    if challenge.is_algorithm_named:
        parts.append(f"algorithm={answer.algorithm.value}")
    if answer.cnonce:
        parts.append(f"cnonce={_quoted(answer.cnonce)}")
    if challenge.opaque is not None:
        parts.append(f"opaque={_quoted(challenge.opaque)}")
    if qop:
        parts += [f"qop={qop}", f"nc={answer.nc}"]
    return "Digest " + ", ".join(parts)


def response_of(answer: DigestAnswer, method: str, password: str, body: bytes = b"") -> str:
    """The hash that proves the password (RFC 7616 §3.4.1 to 3.4.4); `answer.response` plays no part."""
    hashed = answer.algorithm.hash
    a1 = hashed(_bytes(f"{answer.username}:{answer.realm}:{password}"))
    if answer.algorithm.is_session:
        a1 = hashed(_bytes(f"{a1}:{answer.nonce}:{answer.cnonce}"))
    a2 = f"{method}:{answer.uri}"
    if answer.qop == "auth-int":
        a2 += f":{hashed(body)}"
    a2 = hashed(_bytes(a2))
    if answer.qop:
        return hashed(_bytes(f"{a1}:{answer.nonce}:{answer.nc}:{answer.cnonce}:{answer.qop}:{a2}"))
    return hashed(_bytes(f"{a1}:{answer.nonce}:{a2}"))


# Challenging and verifying --------------------------------------------------------------------------------------------


def mint_nonce(key: bytes, now_s: float, token: bytes, host: str) -> str:
    """A nonce that `nonce_age_s` knows again, in any process that has `key`; `token` is 8 bytes used once.

    It is bound to the address that asked, so what is overheard elsewhere is worth nothing there.
    """
    written = f"{int(now_s):010x}{token[:8].hex():0>16}"
    return written + _mac(key, written, host)


def nonce_age_s(key: bytes, now_s: float, nonce: str, host: str) -> float | None:
    """How old a nonce of ours is, for this address; None for one that is not ours, or not for this address."""
    match = _NONCE.fullmatch(nonce)
    if match is None or not compare_digest(match[3], _mac(key, match[1] + match[2], host)):
        return None
    return now_s - int(match[1], 16)


def is_fresh(age_s: float) -> bool:
    """Whether a nonce of this age is still taken."""
    return -_AHEAD_S_MAX <= age_s <= NONCE_LIFE_S_MAX


def challenge_headers(
    realm: str,
    nonce: str,
    *,
    stale: bool = False,
    name: str = "WWW-Authenticate",
    among: Sequence[Algorithm] = OFFERED,
) -> list[Header]:
    """A challenge for each of these algorithms, the preferred first; qop is `auth`."""
    more = ", stale=true" if stale else ""
    return [
        (name, f'Digest realm={_quoted(realm)}, nonce="{nonce}", algorithm={each.value}, qop="auth"{more}')
        for each in among
    ]


def proves(answer: DigestAnswer, request: Request, password: str, among: Sequence[Algorithm] = OFFERED) -> bool:
    """Whether an answer to one of our challenges was made for this request by who knows the password.

    The nonce is looked at elsewhere. What was not offered is refused: only `auth`, no `-sess`, no algorithm but these.
    """
    if answer.qop != "auth" or answer.algorithm not in among:
        return False
    expected = response_of(answer, request.method, password)
    return compare_digest(expected.encode(), _bytes(answer.response.lower()))


def is_for(answer: DigestAnswer, request: Request) -> bool:
    """Whether the URI that was hashed is the request's (RFC 7616 §3.4.6): the same text, or user, host and port."""
    if answer.uri == request.uri:
        return True
    try:
        said, meant = parse_uri(answer.uri), request.sip_uri
    except PeerError:
        return False
    return (said.user, said.host, said.port) == (meant.user, meant.host, meant.port)


def _mac(key: bytes, text: str, host: str) -> str:
    return hashlib.blake2b(f"{text} {host}".encode(), key=key[:64], digest_size=16).hexdigest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


# Records --------------------------------------------------------------------------------------------------------------

CREDENTIALS = ("Authorization", "Proxy-Authorization")
"""Header fields by which somebody proves a password."""
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_CREDENTIALS = re.compile(rb"(?im)^((?:proxy-)?authorization[ \t]*:)[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*")


def redact(raw: bytes) -> bytes:
    """A message without the credentials in it, for what is written: their hash lets a password be guessed offline.

    Everything else stays byte for byte, the names of the two headers too; what a message's transaction, dialog and
    body are does not change.
    """
    if b"uthorization" not in raw.lower():
        return raw
    blank = _BLANK_LINE.search(raw, len(raw) - len(raw.lstrip(b"\r\n")))
    end = len(raw) if blank is None else blank.start()
    return _CREDENTIALS.sub(rb"\1 redacted", raw[:end]) + raw[end:]
