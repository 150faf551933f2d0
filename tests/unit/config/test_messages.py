"""`messages:`, `contacts:`, `status_page:` and outlets: what they come to, and mistakes in them."""

from pathlib import Path

import pytest

from keepline.config import load_operation
from keepline.model.errors import OperationError
from keepline.model.limits_messages import (
    CONTACT_CHANNELS_MAX,
    CONTACTS_MAX,
    MESSAGE_SUBJECT_CHARS_MAX,
    MESSAGE_TEXT_CHARS_MAX,
    STATUS_COMPONENTS_MAX,
)
from keepline.model.messages import Channel, MessageWords
from keepline.model.operation import Operation
from keepline.model.outlets import GREETING, STATUS_PAGE, AppriseService, MailServer, WebhookService

FLOWS = """from keepline.flow import Call, flow


@flow
async def one(call: Call) -> None:
    await call.hangup()
"""
TOP = """operation: shop
trunks: {local: {peers: [127.0.0.0/8]}}
flows: {one: flows:one}
numbers: {"1000": {flow: one}}
"""
OUTLETS = """capabilities:
  mail:
    paths:
      - {name: first, email: {server: "mail.example.com", from: shop@example.com}}
      - {name: second, email: {server: "[::1]:2525", from: shop@example.com, security: none}}
  chat: {paths: [{name: room, apprise: {url: "env:CHAT_URL"}}]}
  hook: {paths: [{name: partner, webhook: {secret: "file:/etc/shop/hook"}}]}
"""
CONTACTS = """contacts:
  mara: {audiences: [leaders, agents], channels: [{mail: mara@example.com}, {chat: "#out"}]}
"""
PAGE = """status_page: {title: Our telephone, components: {Calls: [telephony], Mail: [mail]}}
"""
SETS = """messages:
  time_zone: Europe/Berlin
  sets:
    payments:
      leaders:
        en: {subject: "{severity}: cards", opened: "Since {opened} cards fail: {commander|no} lead.", closed: Over.}
      agents:
        en: {subject: Cards, opened: Cards fail.}
      callers:
        en: {opened: "Cards fail since {opened}.", standing: Cards fail now., closed: Over.}
      status_page:
        en: {subject: Cards, opened: Cards fail., update: "Still.", closed: Over.}
"""
ALL = OUTLETS + CONTACTS + PAGE + SETS


def load(tmp_path: Path, rest: str) -> Operation:
    (tmp_path / "flows.py").write_text(FLOWS)
    (tmp_path / "keepline.yaml").write_text(TOP + rest)
    return load_operation(tmp_path / "keepline.yaml")


def mistakes(tmp_path: Path, rest: str) -> list[str]:
    with pytest.raises(OperationError) as caught:
        load(tmp_path, rest)
    return [f"{each.line}:{each.column} {each.field}: {each.wrong}; {each.right}" for each in caught.value.mistakes]


def test_what_they_come_to(tmp_path: Path) -> None:
    operation = load(tmp_path, ALL)
    messages = operation.messages
    assert messages is not None
    assert messages.sets["payments"]["status_page"]["en"] == MessageWords(
        "Cards fail.", "Still.", "Over.", "Cards", "Cards fail."
    )
    assert messages.sets["payments"]["agents"]["en"].update == "Cards fail."
    assert messages.clock(1_700_000_000.0) == "23:13"
    mara = operation.contacts["mara"]
    assert (mara.language, mara.channels) == ("en", (Channel("mail", "mara@example.com"), Channel("chat", "#out")))
    first, second = operation.capabilities["mail"].paths
    assert first.connector == MailServer("mail.example.com", 587, "shop@example.com")
    assert second.connector == MailServer("::1", 2525, "shop@example.com", "none")
    assert isinstance(operation.capabilities["chat"].paths[0].connector, AppriseService)
    hook = operation.capabilities["hook"].paths[0]
    assert isinstance(hook.connector, WebhookService)
    assert hook.actions["send"].idempotent
    assert not first.actions["send"].idempotent


def test_the_greeting_and_the_page_are_capabilities_with_paths(tmp_path: Path) -> None:
    operation = load(tmp_path, ALL)
    assert [each.name for each in operation.capabilities[GREETING].paths] == ["spoken", "standing"]
    assert [each.name for each in operation.capabilities[STATUS_PAGE].paths] == ["files"]
    assert not {GREETING, STATUS_PAGE} & set(load(tmp_path, "").capabilities)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("{opened} cards", "{open} cards",
         "20:52 messages.sets.payments.leaders.en.opened: there is no fact `open`; did you mean `opened`?"),
        ("{commander|no}", "{commander}",
         "`{commander}` may be missing; say what stands there then: `{commander|WORDS}`"),
        ("{severity}:", "{severity:", "20:23 messages.sets.payments.leaders.en.subject: `{` stands alone"),
        ("{opened} cards", "{open.__class__} cards", "`{` stands alone"),
        (", standing: Cards fail now.", "", "holds the fact `opened`; say beside it by `standing`"),
        ("standing: Cards fail now.", 'standing: "It is {now}."', "holds the fact `now`; it is spoken when the node"),
        ('subject: Cards, opened: Cards fail.}', "opened: Cards fail.}", "subject: is missing; say it in a line"),
        ("agents:\n", "vendor:\n", "there is nobody of `vendor` to tell; give one of `contacts` the audience `vendor`"),
        ("payments:\n", "cards:\n", "`cards`"),
        ("{chat: \"#out\"}", "{chta: \"#out\"}", "there is no outlet `chta`; did you mean `chat`?"),
        ("{chat: \"#out\"}", "{mail: other@example.com}", "`mara` has no second channel; add one by another outlet"),
        ("{chat: \"#out\"}", "{chat: a, hook: b}", "a channel names 2 outlets"),
        ("[leaders, agents]", "[leaders, agents, social]", "`messages` has no words for `social`"),
        ("Mail: [mail]", "Mail: [male]", "there is no capability `male`; did you mean `mail`?"),
        ("status_page: {title", "page: {title", "there is no status page; write `status_page: {title: TITLE}`"),
        ("time_zone: Europe/Berlin", "time_zone: Berlin", "there is no time zone `Berlin`"),
        ("env:CHAT_URL", "slack://token", "a secret does not belong into the file; write `env:NAME` or `file:/PATH`"),
        ("file:/etc/shop/hook", "file:hook", "`hook` is no whole path; write it from `/` on"),
        ("  chat: {paths", "  greeting: {paths", "`messages` has a capability of this name; give yours another name"),
    ],
)  # fmt: skip
def test_mistakes_have_their_place(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in ALL
    found = mistakes(tmp_path, ALL.replace(old, new, 1))
    assert any(told in each for each in found), found


def test_a_contact_may_say_why_one_channel_is_enough(tmp_path: Path) -> None:
    alone = ALL.replace(', {chat: "#out"}]', "], alone: a public account")
    assert load(tmp_path, alone).contacts["mara"].alone == "a public account"


ONE_MORE = {
    "text": ALL.replace("Cards fail.}", f"{'x' * (MESSAGE_TEXT_CHARS_MAX + 1)}}}", 1),
    "subject": ALL.replace("{subject: Cards,", f"{{subject: {'x' * (MESSAGE_SUBJECT_CHARS_MAX + 1)},", 1),
    "channels": ALL.replace('[{mail: mara@example.com}, {', "[" + "{mail: a@b.example}, " * CONTACT_CHANNELS_MAX + "{"),
    "contacts": OUTLETS + "contacts:\n" + "".join(
        f"  c{n}: {{audiences: [agents], alone: a, channels: [{{mail: a@b.example}}]}}\n"
        for n in range(CONTACTS_MAX + 1)
    ),
    "components": PAGE.replace("Mail: [mail]", ", ".join(f"C{n}: [telephony]" for n in range(STATUS_COMPONENTS_MAX))),
}  # fmt: skip


@pytest.mark.parametrize("what", ONE_MORE)
def test_limits(tmp_path: Path, what: str) -> None:
    assert any("is too long" in each for each in mistakes(tmp_path, ONE_MORE[what]))
