"""Checkpoints that leave the node: to a file, a real HTTP server and a real SMTP server, and what they prove later."""

import datetime
import json
import mailbox
import re
import sqlite3
import ssl
import subprocess
import urllib.request
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from keepline.config import embedded_operation_path
from keepline.connectors.witness import WitnessFailed, deliver, http, mail
from keepline.connectors.witness.interface import Delivery
from keepline.connectors.witness.kept import kept_by
from keepline.demo_node import LocalNode, NodeSettings, keepline_command, wait_until
from keepline.model.capability import SecretRef
from keepline.model.limits import WITNESS_S_MAX
from keepline.model.witness import HttpWitness, MailWitness
from keepline.proof.checkpoint import SignedCheckpoint
from keepline.proof.key import log_key
from tests.live.notary import Notary
from tests.live.smtp_sink import SmtpSink

WITHIN_S = 60.0
NOON_S = 1_700_000_000.0


@pytest.fixture
def delivery(tmp_path: Path) -> Delivery:
    key = log_key(tmp_path)
    return Delivery(key.origin, SignedCheckpoint(7, NOON_S, key.note(7, bytes(32))), NOON_S, tmp_path)


# One delivery ---------------------------------------------------------------------------------------------------------


def test_a_note_is_posted_with_a_key_and_read_again(delivery: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTARY_TOKEN", "s3cret")
    with Notary("s3cret") as notary:
        place = HttpWitness(notary.url, SecretRef("env", "NOTARY_TOKEN"))
        assert [deliver(place, delivery) for _ in range(2)] == ["", ""]
        assert [key for key, _ in notary.posts] == [f'"{delivery.key}"'] * 2
        [kept] = kept_by(notary.url, "s3cret")
        assert (kept.note, kept.source) == (delivery.checkpoint.note, notary.url)
        with pytest.raises(WitnessFailed, match="answered 401"):
            kept_by(notary.url)
        notary.status = 503
        with pytest.raises(WitnessFailed, match="answered 503 Service Unavailable"):
            deliver(place, delivery)
        monkeypatch.delenv("NOTARY_TOKEN")
        with pytest.raises(WitnessFailed, match="its token is missing: the environment has no NOTARY_TOKEN"):
            deliver(place, delivery)
    with pytest.raises(WitnessFailed, match="ConnectError"):
        deliver(HttpWitness(notary.url), delivery)


def test_a_server_that_is_silent_is_given_up_after_witness_s_max(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert WITNESS_S_MAX > 1
    monkeypatch.setattr(http, "WITNESS_S_MAX", 0.2)
    with Notary() as notary:
        notary.silence.set()
        with pytest.raises(WitnessFailed, match="ReadTimeout"):
            deliver(HttpWitness(notary.url), delivery)


def test_a_note_is_mailed_and_read_again(delivery: Delivery, tmp_path: Path) -> None:
    with SmtpSink() as sink:
        place = MailWitness("audit@example.com", ("127.0.0.1", sink.port), "shop@example.com", "none")
        assert deliver(place, delivery) == ""
    [kept] = sink.mails
    assert (kept.sender.split(" ")[0], kept.to) == ("<shop@example.com>", ["<audit@example.com>"])
    got = message_from_bytes(kept.content)
    assert got["Subject"] == f"Checkpoint of 7 facts of {delivery.origin}"
    assert got["Message-ID"] == f"<{delivery.key}@example.com>"
    (tmp_path / "7.eml").write_bytes(kept.content)
    [note] = kept_by(str(tmp_path / "7.eml"))
    assert (note.note, note.at_s) == (delivery.checkpoint.note, NOON_S)


def certificate(directory: Path) -> Path:
    """Key and certificate of 127.0.0.1, signed by itself."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - datetime.timedelta(days=1))
    made = made.not_valid_after(now + datetime.timedelta(days=1)).add_extension(address, critical=True)
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    path = directory / "sink.pem"
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
        + made.sign(key, hashes.SHA256()).public_bytes(pem)
    )
    return path


def test_mail_goes_by_tls_to_whom_it_is_meant_for_or_not_at_all(
    delivery: Delivery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    (tmp_path / "password").write_text("hush\n", encoding="utf-8")
    with SmtpSink(context, ("shop", "hush")) as sink:
        password = SecretRef("file", str(tmp_path / "password"))
        place = MailWitness("audit@x", ("localhost", sink.port), "shop@x", "starttls", "shop", password)
        with pytest.raises(WitnessFailed, match="CERTIFICATE_VERIFY_FAILED"):
            deliver(place, delivery)
        assert sink.mails == []
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        assert deliver(place, delivery) == ""
        assert [each.is_encrypted for each in sink.mails] == [True]
        (tmp_path / "password").write_text("wrong\n", encoding="utf-8")
        with pytest.raises(WitnessFailed, match="SMTPAuthenticationError") as failed:
            deliver(place, delivery)
        assert "wrong" not in str(failed.value)
        (tmp_path / "password").unlink()
        with pytest.raises(WitnessFailed, match="its password is missing"):
            deliver(place, delivery)


def test_mail_that_nobody_takes_is_an_outcome(delivery: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    with SmtpSink(refusal="550 no such box") as sink:
        place = MailWitness("audit@x", ("127.0.0.1", sink.port), "shop@x", "none")
        with pytest.raises(WitnessFailed, match="no such box"):
            deliver(place, delivery)
        with pytest.raises(WitnessFailed, match="SMTPNotSupportedError"):
            deliver(MailWitness("audit@x", ("127.0.0.1", sink.port), "shop@x"), delivery)
    monkeypatch.setattr(mail, "WITNESS_S_MAX", 0.2)
    with pytest.raises(WitnessFailed, match="ConnectionRefusedError"):
        deliver(place, delivery)


# A node ---------------------------------------------------------------------------------------------------------------


def call(node: LocalNode) -> None:
    """Somebody calls, and everything of it is signed."""
    before = len(node.calls())
    phone = [*keepline_command(), "phone", node.uri("1000"), "--seconds", "1"]
    subprocess.run(phone, timeout=WITHIN_S, check=True, stdout=subprocess.DEVNULL)
    wait_until("the call is on record", lambda: len(node.calls()) > before, WITHIN_S)


def signed(node: LocalNode) -> int:
    with sqlite3.connect(node.settings.data / "journal.db") as db:
        count, last = db.execute(
            "SELECT coalesce(max(size), 0), (SELECT max(seq) FROM facts) FROM checkpoints"
        ).fetchone()
    db.close()
    return int(count) if count == last else 0


def witnesses(node: LocalNode) -> dict[str, Any]:
    return dict(node.glance().get("witnesses", {}))


def metric(node: LocalNode, line: str) -> float:
    with urllib.request.urlopen(f"http://{node.http}/metrics", timeout=WITHIN_S) as answer:
        found = re.search(rf"^{re.escape(line)} (\S+)$", answer.read().decode(), re.MULTILINE)
    return float(found[1]) if found else -1.0


def test_a_node_keeps_three_witnesses_and_they_know_when_its_tail_is_cut(tmp_path: Path, spoken: Path) -> None:
    vault = tmp_path / "vault.notes"
    with Notary() as notary, SmtpSink() as sink:
        journal = {
            "every_s": 1,
            "overdue_s": 3,
            "witnesses": {
                "vault": {"file": str(vault)},
                "notary": {"url": notary.url},
                "auditor": {
                    "mail": "audit@example.com",
                    "smtp": f"127.0.0.1:{sink.port}",
                    "from": "shop@example.com",
                    "security": "none",
                },
            },
        }
        settings = NodeSettings(
            embedded_operation_path(), tmp_path / "data", slots=10, extra=["--set", f"journal={json.dumps(journal)}"]
        )
        with LocalNode(settings) as node:
            tell_them(node)
            lose_one(node, notary)
            lose_the_desk(node, notary)
            before = signed_by_all(node)
            call(node)
            last = signed_by_all(node)
            assert node.stop() == 0
            node.wait_gone()
        box = mailbox.mbox(tmp_path / "box")
        for each in sink.mails:
            box.add(message_from_bytes(each.content))
        box.close()
        sources = [str(vault), notary.url, str(tmp_path / "box")]
        verified = node.command("verify", *(word for each in sources for word in ("--witness", each)))
        assert f"{last} of them are proved by a checkpoint that was kept elsewhere" in verified.stdout
        cut(settings.data, before)
        assert node.command("verify").returncode == 0, "nothing inside of the journal shows that its end is missing"
        for source in sources:
            found = node.command("verify", "--witness", source, check=False)
            assert found.returncode == 1
            when = "" if source == notary.url else r" at 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC"
            told = rf"^the witness {re.escape(source)} saw {last} facts{when}, this journal has {before}: its end was"
            assert re.match(told, found.stdout), found.stdout


def signed_by_all(node: LocalNode) -> int:
    """Wait until every witness has all there is; how much that is."""

    def have_it() -> int:
        newest = signed(node)
        return newest if newest and {each["facts"] for each in witnesses(node).values()} == {newest} else 0

    return int(wait_until("every witness has what is signed", have_it, WITHIN_S))


def tell_them(node: LocalNode) -> None:
    call(node)
    newest = signed_by_all(node)
    found = witnesses(node)
    assert sorted(found) == ["auditor", "notary", "vault"]
    assert [each["trouble"] for each in found.values()] == [""] * 3
    assert metric(node, 'keepline_witness_facts{witness="vault"}') == newest
    assert metric(node, 'keepline_witness_trouble{witness="vault"}') == 0


def lose_one(node: LocalNode, notary: Notary) -> None:
    """One that is away is said to be, and holds up none of the others."""
    notary.status = 503
    call(node)

    def is_missed() -> bool:
        found = witnesses(node)
        return bool(found["notary"]["trouble"]) and found["vault"]["facts"] == found["auditor"]["facts"] == signed(node)

    wait_until("the notary is missed", is_missed, WITHIN_S)
    [trouble] = [each for each in node.status()["trouble"] if "notary" in each]
    assert re.match(r"witness notary has no checkpoint for .* answered 503 Service Unavailable$", trouble)
    assert metric(node, 'keepline_witness_trouble{witness="notary"}') == 1
    assert "answered 503" in node.command("status").stdout
    notary.status = 201
    signed_by_all(node)
    assert node.status()["trouble"] == []
    assert "witness_overdue" in node.stderr()
    assert "witness_reached" in node.stderr()


def lose_the_desk(node: LocalNode, notary: Notary) -> None:
    """The next desk knows what was sent."""
    signed_by_all(node)
    posts = len(notary.posts)
    before = node.kill("desk")
    wait_until("there is another desk", lambda: node.pid("desk") not in (0, before), WITHIN_S)
    call(node)
    signed_by_all(node)
    keys = [key for key, _ in notary.posts[posts:]]
    assert keys
    assert not set(keys) & {key for key, _ in notary.posts[:posts]}, "nothing is sent twice"


def cut(data: Path, size: int) -> None:
    """Whoever has the node's disk cuts off what followed."""
    with sqlite3.connect(data / "journal.db") as db:
        kept = "SELECT call FROM facts WHERE seq <= ?"
        db.execute(f"DELETE FROM calls WHERE call NOT IN ({kept})", (size,))
        db.execute("DELETE FROM facts WHERE seq > ?", (size,))
        db.execute("DELETE FROM checkpoints WHERE size > ?", (size,))
    db.close()
