"""`journal:` of an operation file: what is read, and every mistake at its place with what would be right."""

from collections.abc import Callable
from pathlib import Path

import pytest

from keepline.config import load_operation
from keepline.config.witnesses import witness_warnings
from keepline.model.capability import SecretRef
from keepline.model.limits import WITNESSES_MAX
from keepline.model.witness import FileWitness, HttpWitness, JournalSettings, MailWitness, Witness
from tests.unit.config.conftest import GOOD_YAML

Check = Callable[..., list[str]]


def with_witness(text: str) -> str:
    return GOOD_YAML + f"journal: {{witnesses: {{vault: {text}}}}}\n"


def test_without_a_witness_it_is_read_and_warned_of(shop: Path) -> None:
    operation = load_operation(shop)
    assert operation.journal == JournalSettings((), 3600.0, 10_800.0)
    assert witness_warnings(operation) == []  # this machine alone can call it
    [warning] = witness_warnings(load_operation(shop, ["sip.listen=192.0.2.1:5060"]))
    assert warning.field == "journal.witnesses"
    assert "whose end was cut off would pass" in warning.wrong


def test_witnesses_of_every_kind(shop: Path) -> None:
    (shop / "keepline.yaml").write_text(
        GOOD_YAML
        + """\
journal:
  every_s: 60
  overdue_s: 600
  witnesses:
    vault: {file: /mnt/vault/shop.notes}
    notary: {url: "https://notary.example.com:8443/shop", token_env: NOTARY}
    auditor: {mail: audit@example.com, smtp: mail.example.com, from: shop@example.com}
    inside: {mail: log@localhost, smtp: "127.0.0.1:25", from: shop@localhost, security: none, username: a,
             password_file: /etc/keepline/mail}
""",
        encoding="utf-8",
    )
    operation = load_operation(shop)
    mails = (
        MailWitness("audit@example.com", ("mail.example.com", 587), "shop@example.com"),
        MailWitness(
            "log@localhost", ("127.0.0.1", 25), "shop@localhost", "none", "a", SecretRef("file", "/etc/keepline/mail")
        ),
    )
    assert operation.journal == JournalSettings(
        (
            Witness("vault", FileWitness("/mnt/vault/shop.notes")),
            Witness("notary", HttpWitness("https://notary.example.com:8443/shop", SecretRef("env", "NOTARY"))),
            Witness("auditor", mails[0]),
            Witness("inside", mails[1]),
        ),
        60.0,
        600.0,
    )
    assert witness_warnings(operation) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{}", "is nowhere; write `file: /PATH`"),
        ("{file: /a, url: https://b}", "is in 2 places; write"),
        ("{file: notes}", "`notes` will not do; write the whole path"),
        ("{url: ftp://x}", "`ftp://x` will not do"),
        ('{url: "https://user:word@x/"}', "will not do; write it without a name"),
        ("{file: /a, token_env: X}", "belongs to a `url`; leave it away with `file`"),
        ("{url: https://b, smtp: x}", "belongs to a `mail`; leave it away with `url`"),
        ("{url: https://b, token_env: X, token_file: /x}", "there are two places for one token"),
        ("{mail: a@b, from: c@d}", "has no `smtp`; write `smtp: mail.example.com:587`"),
        ("{mail: a@b, smtp: x}", "has no `from`; write `from: shop@example.com`"),
        ("{mail: a b, smtp: x, from: c@d}", "`a b` will not do; write an address of mail"),
        ('{mail: a@b, smtp: "x:0", from: c@d}', "`x:0` is no server; write HOST or HOST:PORT"),
        ("{mail: a@b, smtp: x, from: c@d, username: n}", "has half of its credentials; write `password_env: NAME`"),
        ("{mail: a@b, smtp: x, from: c@d, password_env: N}", "has half of its credentials; write `username: NAME`"),
        ("{mail: a@b, smtp: x, from: c@d, security: some}", "`some` will not do"),
        ("{file: /a}, other: {file: /a}", "is the witness `vault` as well"),
        ("{file: /a}}, every_s: 60, overdue_s: {", "is not a number"),
        ("5", "is not a mapping"),
    ],
)
def test_a_mistake_says_what_would_be_right(mistakes: Check, text: str, told: str) -> None:
    [mistake] = mistakes(with_witness(text))
    assert told in mistake


def test_a_checkpoint_is_overdue_after_the_next_one_was_due(mistakes: Check) -> None:
    [mistake] = mistakes(GOOD_YAML + "journal: {every_s: 60, overdue_s: 60}\n")
    assert "every checkpoint would be overdue: the next one is sent after 60 s" in mistake
    assert mistake.endswith("write more than `every_s`")


def test_a_journal_has_witnesses_max_witnesses_at_most(mistakes: Check) -> None:
    many = ", ".join(f"w{n}: {{file: /n{n}}}" for n in range(WITNESSES_MAX + 1))
    [mistake] = mistakes(GOOD_YAML + f"journal: {{witnesses: {{{many}}}}}\n")
    assert f"at most {WITNESSES_MAX} entries" in mistake
