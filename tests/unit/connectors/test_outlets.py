"""What outlets send, what they refuse to send, and what an answer means: email, apprise, webhook."""

import asyncio
import email
import email.policy
import json
import threading
from pathlib import Path
from typing import Any

import httpx2
import pytest

from keepline.connectors.apprise.client import AppriseConnector
from keepline.connectors.email.client import EmailConnector, mail_of
from keepline.connectors.interface import Asked, Connector
from keepline.connectors.notes import UNMARKED, OutgoingNote, note_of
from keepline.connectors.webhook.client import SIGNATURE_HEADER, TOLERANCE_S, WebhookConnector, is_signed, sign
from keepline.flow import Refused, Reply, Unavailable, Unknown
from keepline.model.capability import SecretRef
from keepline.model.exercise import ABOVE, marked_subject, marked_text
from keepline.model.outlets import AppriseService, MailServer, WebhookService, send_action
from tests.unit.connectors.connector_suite import run

SECRET = "a secret of forty characters, or of nine"
NOTE = {
    "to": "https://hooks.example.com/in", "subject": "Cards", "text": "Cards do not work.", "exercise": "",
    "message": "r1", "incident": "INC-20261123-1",
}  # fmt: skip


def asks(**more: object) -> Asked:
    return Asked("send", send_action(5.0, idempotent=True), NOTE | more, "r1-0", 5.0)


def hooked(answer: Any) -> tuple[WebhookConnector, list[httpx2.Request]]:
    seen: list[httpx2.Request] = []

    def reply(request: httpx2.Request) -> httpx2.Response:
        request.read()
        seen.append(request)
        if isinstance(answer, Exception):
            raise answer
        return httpx2.Response(answer)

    service = WebhookService(SecretRef("", SECRET))
    return WebhookConnector(service, httpx2.MockTransport(reply), lambda: 1_700_000_000.9), seen


# Exercises ------------------------------------------------------------------------------------------------------------


def every_outlet(tmp_path: Path) -> list[Connector]:
    nowhere = MailServer("127.0.0.1", 1, "a@example.com", "none")
    return [
        EmailConnector(nowhere),
        AppriseConnector(AppriseService(SecretRef("", "json://127.0.0.1:1/"))),
        hooked(200)[0],
    ]


@pytest.mark.parametrize(
    "more",
    [
        {"exercise": "drill-1"},
        {"exercise": "drill-1", "subject": marked_subject("Cards")},
        {"exercise": "drill-1", "text": marked_text("Cards do not work.")},
        {"exercise": "drill-1", "subject": "An EXERCISE: Cards", "text": f"{ABOVE} Cards do not work."},
        {"subject": marked_subject("Cards")},
        {"text": marked_text("Cards do not work.")},
    ],
)
def test_no_outlet_sends_an_exercise_that_does_not_say_so(tmp_path: Path, more: dict[str, str]) -> None:
    for outlet in every_outlet(tmp_path):
        [found] = run(outlet, asks(**more))
        assert isinstance(found, Refused), outlet
        assert found.code == UNMARKED


def test_an_exercise_that_says_so_leaves_and_cannot_be_mistaken() -> None:
    subject, text = marked_subject("Cards"), marked_text("Cards do not work.")
    hook, [*_] = hooked(200)
    assert run(hook, asks(exercise="drill-1", subject=subject, text=text)) == [Reply({"reference": "200"})]
    mail = mail_of(OutgoingNote("a@example.com", subject, text, "drill-1", "r1", "INC-1"), "b@example.com", "k")
    assert mail["Subject"].startswith("EXERCISE: ")
    assert mail["X-Keepline-Exercise"] == "drill-1"
    assert mail.get_content().startswith("EXERCISE - EXERCISE - EXERCISE.")
    assert mail.get_content().rstrip().endswith("EXERCISE - EXERCISE - EXERCISE.")
    assert (marked_subject(subject), marked_text(text)) == (subject, text)


@pytest.mark.parametrize("name", ["to", "subject", "text", "exercise", "message", "incident"])
def test_a_message_says_all_of_it(name: str) -> None:
    arguments = {each: value for each, value in NOTE.items() if each != name}
    found = note_of(Asked("send", send_action(5.0, idempotent=True), arguments, "r1-0", 5.0))
    assert found == Unavailable(f"the message cannot be made: it needs `{name}`, as text")


def test_a_subject_cannot_add_lines_to_a_mail(tmp_path: Path) -> None:
    for outlet in every_outlet(tmp_path):
        [found] = run(outlet, asks(subject="Cards\r\nBcc: everybody@example.com"))
        assert isinstance(found, Refused), outlet


# Webhooks -------------------------------------------------------------------------------------------------------------


def test_a_webhook_is_signed_over_its_time_and_body() -> None:
    hook, seen = hooked(204)
    assert run(hook, asks(), asks()) == [Reply({"reference": "204"})] * 2
    first, again = seen
    header = first.headers[SIGNATURE_HEADER]
    assert header.startswith("t=1700000000,v1=")
    assert is_signed(SECRET, header, first.content, 1_700_000_100)
    assert not is_signed(SECRET, header, first.content + b" ", 1_700_000_100)
    assert not is_signed("another", header, first.content, 1_700_000_100)
    assert not is_signed(SECRET, header, first.content, 1_700_000_001 + TOLERANCE_S)
    assert not is_signed(SECRET, "nonsense", first.content, 1_700_000_100)
    assert first.headers["Idempotency-Key"] == again.headers["Idempotency-Key"] == "r1-0"
    assert json.loads(first.content) == {
        "id": "r1-0", "incident": "INC-20261123-1", "message": "r1", "subject": "Cards", "text": "Cards do not work.",
        "exercise": False, "drill": "",
    }  # fmt: skip


def test_the_signature_of_the_reference() -> None:
    """The example of docs/reference/messages.md."""
    assert sign("s3cret", 1_700_000_000, b'{"id":"r1"}') == (
        "t=1700000000,v1=443fc9f770ef05bdbc3a631707270eb572c2c8f960125b40dd1c525a3359587d"
    )


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (200, Reply), (301, Refused), (404, Refused), (429, Unavailable), (503, Unavailable), (500, Unknown),
        (httpx2.ConnectError("no"), Unavailable), (httpx2.ReadTimeout("late"), Unknown),
        (httpx2.UnsupportedProtocol("ftp"), Refused),
    ],
)  # fmt: skip
def test_what_a_receiver_answers(answer: Any, kind: type) -> None:
    assert [type(each) for each in run(hooked(answer)[0], asks())] == [kind]


def test_a_missing_secret_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOOK_SECRET", raising=False)
    hook = WebhookConnector(WebhookService(SecretRef("env", "HOOK_SECRET")))
    assert run(hook, asks()) == [Unavailable("its secret is missing: the environment has no HOOK_SECRET")]


# Mail -----------------------------------------------------------------------------------------------------------------


class FakeLibrary:
    """aiosmtplib, as far as the connector uses it."""

    class SMTPException(Exception):  # noqa: N818 - the library's
        pass

    class SMTPResponseException(SMTPException):
        def __init__(self, code: int, message: str = "no") -> None:
            self.code, self.message = code, message

    class SMTPRecipientRefused(SMTPResponseException):
        pass

    class Answer:
        message = "queued as 7"

    def __init__(self, at: str, error: Exception | None) -> None:
        self.at, self.error = at, error
        self.mails: list[bytes] = []

    def SMTP(self, **_: object) -> "FakeLibrary":  # noqa: N802 - the library's
        return self

    async def connect(self) -> None:
        self._fail("connect")

    async def mail(self, _sender: str) -> None:
        self._fail("mail")

    async def rcpt(self, _to: str) -> None:
        self._fail("rcpt")

    async def data(self, mail: bytes) -> Answer:
        self._fail("data")
        self.mails.append(mail)
        return self.Answer()

    def close(self) -> None:
        pass

    def _fail(self, at: str) -> None:
        if at == self.at and self.error is not None:
            raise self.error


L = FakeLibrary


@pytest.mark.parametrize(
    ("at", "error", "kind"),
    [
        ("", None, Reply),
        ("connect", OSError("refused"), Unavailable),
        ("connect", L.SMTPException("timeout"), Unavailable),
        ("mail", L.SMTPResponseException(550), Unavailable),
        ("rcpt", L.SMTPRecipientRefused(550), Refused),
        ("rcpt", L.SMTPRecipientRefused(451), Unavailable),
        ("data", L.SMTPResponseException(552), Refused),
        ("data", L.SMTPResponseException(452), Unavailable),
        ("data", L.SMTPException("disconnected"), Unknown),
        ("data", ConnectionResetError(), Unknown),
    ],
)  # fmt: skip
def test_rfc5321_4_5_3_2_silence_after_the_text_is_a_doubt_and_nothing_else_is(
    at: str, error: Exception | None, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = FakeLibrary(at, error)
    monkeypatch.setattr("importlib.import_module", lambda _name: library)
    found = asyncio.run(
        EmailConnector(MailServer("mail.invalid", 25, "status@example.com", "none")).ask(asks(to="a@b.example"))
    )
    assert type(found) is kind
    for mail in library.mails:
        parsed = email.message_from_bytes(mail, policy=email.policy.default)
        assert (parsed["From"], parsed["To"], parsed["Subject"]) == ("status@example.com", "a@b.example", "Cards")
        assert parsed["Message-ID"] == "<r1-0@example.com>"
        assert parsed.get_content().strip() == "Cards do not work."


# Apprise --------------------------------------------------------------------------------------------------------------


class FakeApprise:
    """The library, as far as the connector uses it."""

    def __init__(self, answer: object) -> None:
        self.answer, self.seen = answer, list[tuple[str, ...]]()

    def Apprise(self) -> "FakeApprise":  # noqa: N802 - the library's
        return self

    def add(self, url: str) -> bool:
        self.seen.append((url,))
        return not url.startswith("nonsense")

    def notify(self, body: str, title: str, timeout: float) -> object:
        self.seen.append((title, body, threading.current_thread().name))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("url", "answer", "found"),
    [
        ("slack://token/{to}", True, Reply({"reference": ""})),
        ("slack://token/{to}", False, Unknown("apprise says that it was not passed on, and not why")),
        ("slack://token/{to}", ValueError("token"), Unknown("apprise raised ValueError")),
        ("nonsense", True, Unavailable("its address is none that apprise knows")),
    ],
)
def test_what_apprise_says(url: str, answer: object, found: object, monkeypatch: pytest.MonkeyPatch) -> None:
    library = FakeApprise(answer)
    monkeypatch.setattr("importlib.import_module", lambda _name: library)
    assert run(AppriseConnector(AppriseService(SecretRef("", url))), asks(to="#out ages")) == [found]
    if url != "nonsense":
        (address,), (title, body, thread) = library.seen
        assert address == "slack://token/%23out%20ages"
        assert (title, body) == ("Cards", "Cards do not work.")
        assert thread.startswith("apprise-")
