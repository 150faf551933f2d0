"""Signed messages to somebody's own program, by POST: the address is the contact's, the secret is the path's.

`Keepline-Signature: t=SECONDS,v1=HEX`: HMAC-SHA256 with the secret over the seconds, a point and the body's bytes. So a
receiver knows who sent it, and by the time and the `Idempotency-Key` whether it is an old one again. Source: RFC 2104.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Callable

import httpx2

from keepline.connectors.http.client import KEY_HEADER, NOT_DONE
from keepline.connectors.interface import Asked
from keepline.connectors.notes import OutgoingNote, note_of
from keepline.connectors.secrets import SecretMissingError, secret_of
from keepline.flow.capabilities import Refused, Reply, Unavailable, Unknown, UseOutcome
from keepline.model.outlets import WebhookService

SIGNATURE_HEADER = "Keepline-Signature"
TOLERANCE_S = 300
"""How old a signature may be for a receiver that follows the reference."""
_UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)


def sign(secret: str, at_s: int, body: bytes) -> str:
    """What stands in the header."""
    proof = hmac.new(secret.encode(), f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={proof}"


def is_signed(secret: str, header: str, body: bytes, now_s: float) -> bool:
    """Whether a receiver may believe it: made with the secret, and lately."""
    said = dict(part.partition("=")[::2] for part in header.split(","))
    if not said.get("t", "").isdecimal() or abs(now_s - int(said["t"])) > TOLERANCE_S:
        return False
    return hmac.compare_digest(sign(secret, int(said["t"]), body), header)


class WebhookConnector:
    """One path."""

    def __init__(
        self,
        service: WebhookService,
        transport: httpx2.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`transport` stands in for the network in tests."""
        self._service, self._transport, self._clock = service, transport, clock

    async def ask(self, asked: Asked) -> UseOutcome:
        """Post it, once for its key."""
        note = note_of(asked)
        if not isinstance(note, OutgoingNote):
            return note
        try:
            secret = secret_of(self._service.secret)
        except SecretMissingError as error:
            return Unavailable(f"its secret is missing: {error}")
        at_s, body = int(self._clock()), body_of(note, asked.idempotency_key)
        headers = {
            "Content-Type": "application/json", KEY_HEADER: asked.idempotency_key,
            SIGNATURE_HEADER: sign(secret, at_s, body),
        }  # fmt: skip
        timeout = httpx2.Timeout(asked.timeout_s, connect=asked.timeout_s * 0.9)
        try:
            async with (
                httpx2.AsyncClient(
                    timeout=timeout, trust_env=False, follow_redirects=False, transport=self._transport
                ) as client,
                client.stream("POST", note.to, content=body, headers=headers) as answer,
            ):
                return _outcome(answer.status_code)
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol):
            return Refused(0, "address", "the address is no URL of http or https")
        except _UNSENT as error:
            return Unavailable(f"cannot be reached: {type(error).__name__}")
        except httpx2.HTTPError as error:
            return Unknown(f"no answer: {type(error).__name__}")

    async def close(self) -> None:
        """Nothing is kept."""


def body_of(note: OutgoingNote, key: str) -> bytes:
    """The JSON that is signed; the same for every attempt."""
    told = {
        "id": key, "incident": note.incident, "message": note.message, "subject": note.subject, "text": note.text,
        "exercise": bool(note.exercise), "drill": note.exercise,
    }  # fmt: skip
    return json.dumps(told, ensure_ascii=False, sort_keys=True).encode()


def _outcome(status: int) -> UseOutcome:
    if 200 <= status < 300:
        return Reply({"reference": str(status)})
    if status in NOT_DONE:
        return Unavailable(f"answered {status}")
    if 300 <= status < 500:
        return Refused(status, str(status), "the receiver does not take it")
    return Unknown(f"answered {status}")
