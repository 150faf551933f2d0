"""One server that takes mail for people. Its answer says what became of a mail, and silence after the text is a doubt.

Until the last line of the text is sent nothing was done; from there to the server's answer it may have been, and no
protocol can tell (RFC 5321 §4.5.3.2, RFC 1047). Such a mail is not sent again by itself. Its Message-ID follows from
the use, so two copies are one to whoever looks. Source: RFC 5321, RFC 5322, RFC 6409.
"""

import asyncio
import importlib
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from keepline.connectors.interface import Asked
from keepline.connectors.notes import OutgoingNote, note_of
from keepline.connectors.secrets import SecretMissingError, secret_of
from keepline.flow.capabilities import Refused, Reply, Unavailable, Unknown, UseOutcome
from keepline.model.outlets import MailServer

if TYPE_CHECKING:
    import aiosmtplib

LIBRARY = "aiosmtplib"


class EmailConnector:
    """One path: a connection for each mail, since there are few and a kept one may be dead."""

    def __init__(self, server: MailServer) -> None:
        self._server = server

    async def ask(self, asked: Asked) -> UseOutcome:
        """Send one mail."""
        note = note_of(asked)
        if not isinstance(note, OutgoingNote):
            return note
        try:
            mail = mail_of(note, self._server.sender, asked.idempotency_key).as_bytes(policy=SMTP)
            password = secret_of(self._server.password) if self._server.password is not None else ""
        except (MessageError, ValueError, UnicodeError) as error:
            return Refused(0, "address", f"no mail can be made of it: {error}")
        except SecretMissingError as error:
            return Unavailable(f"its password is missing: {error}")
        library: Any = await asyncio.to_thread(importlib.import_module, LIBRARY)  # which nobody else needs
        place = self._server
        client = library.SMTP(
            hostname=place.host, port=place.port, timeout=asked.timeout_s, use_tls=place.security == "tls",
            start_tls=place.security == "starttls",
        )  # fmt: skip
        try:
            return await self._talk(library, client, note, mail, password)
        finally:
            client.close()

    async def _talk(
        self, library: Any, client: "aiosmtplib.SMTP", note: OutgoingNote, mail: bytes, password: str
    ) -> UseOutcome:
        place = self._server
        try:
            await client.connect()
            if place.username:
                await client.login(place.username, password)
            await client.mail(place.sender)
            await client.rcpt(note.to)
        except library.SMTPRecipientRefused as error:
            return _refusal(error.code, error.message)
        except library.SMTPResponseException as error:
            return Unavailable(f"{place.host} says {error.code} {error.message}"[:300])
        except (library.SMTPException, OSError, ValueError) as error:
            return Unavailable(f"{place.host} cannot be used: {type(error).__name__}")
        try:
            answer = await client.data(mail)
        except library.SMTPResponseException as error:
            return _refusal(error.code, error.message)
        except asyncio.CancelledError:
            raise
        except (library.SMTPException, OSError) as error:
            return Unknown(f"{place.host} did not answer whether it took the mail: {type(error).__name__}")
        return Reply({"reference": answer.message[:200]})

    async def close(self) -> None:
        """Nothing is kept."""


def mail_of(note: OutgoingNote, sender: str, key: str) -> EmailMessage:
    """The mail; raises `ValueError` for an address that is none."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, note.to, note.subject
    mail["Date"] = formatdate()
    mail["Message-ID"] = f"<{key}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    if note.exercise:
        mail["X-Keepline-Exercise"] = note.exercise
    mail.set_content(note.text, cte="quoted-printable")
    return mail


def _refusal(code: int, message: str) -> UseOutcome:
    """5xx is a no for ever, 4xx one for now (RFC 5321 §4.2.1); neither took anything."""
    if code >= 500:
        return Refused(code, str(code), message[:300])
    return Unavailable(f"answered {code} {message}"[:300])
