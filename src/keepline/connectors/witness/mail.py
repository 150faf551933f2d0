"""A witness that is a mailbox: the note is the text of a mail, whose Message-ID is the same at every attempt.

Source: RFC 5321, RFC 5322, RFC 6409 (submission).
"""

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate
from typing import Final

from keepline.connectors.secrets import SecretMissingError, secret_of
from keepline.connectors.witness.interface import Delivery, WitnessFailed
from keepline.model.limits import WITNESS_S_MAX
from keepline.model.witness import MailWitness

WORDS_CHARS_MAX: Final = 200


def mail_note(place: MailWitness, delivery: Delivery) -> str:
    """Raises `WitnessFailed`."""
    try:
        with _connected(place) as server:
            if place.username:
                server.login(place.username, secret_of(place.password) if place.password is not None else "")
            server.send_message(_mail(place, delivery))
    except SecretMissingError as error:
        raise WitnessFailed(f"its password is missing: {error}") from None
    except (smtplib.SMTPException, OSError, ValueError) as error:
        host, port = place.server
        raise WitnessFailed(f"{host}:{port}: {type(error).__name__}: {error}"[:WORDS_CHARS_MAX]) from None
    return ""


def _connected(place: MailWitness) -> smtplib.SMTP:
    host, port = place.server
    if place.security == "tls":
        return smtplib.SMTP_SSL(host, port, timeout=WITNESS_S_MAX, context=ssl.create_default_context())
    server = smtplib.SMTP(host, port, timeout=WITNESS_S_MAX)
    if place.security == "starttls":
        try:
            server.starttls(context=ssl.create_default_context())
        except BaseException:
            server.close()
            raise
    return server


def _mail(place: MailWitness, delivery: Delivery) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"] = place.sender, place.address
    mail["Date"] = formatdate(delivery.now_s)
    mail["Subject"] = f"Checkpoint of {delivery.checkpoint.size} facts of {delivery.origin}"
    mail["Message-ID"] = f"<{delivery.key}@{place.sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(delivery.checkpoint.note, cte="quoted-printable")
    return mail
