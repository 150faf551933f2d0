"""`messages:`, `contacts:` and `status_page:` of an operation file: what people are told of an incident, and how.

Reference: `docs/reference/messages.md`.
"""

import re
from difflib import get_close_matches
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from keepline.config.callbacks import Zone
from keepline.config.values import Language, Listen, Name, StrictModel, matching, mistaken, written_as
from keepline.model.capability import Capability, CapabilityAction, CapabilityPath
from keepline.model.limits_messages import (
    CONTACT_CHANNELS_MAX,
    CONTACTS_MAX,
    MESSAGE_SUBJECT_CHARS_MAX,
    MESSAGE_TEXT_CHARS_MAX,
    STATUS_COMPONENTS_MAX,
)
from keepline.model.messages import (
    CALLERS,
    Approval,
    Channel,
    Contact,
    MessageSettings,
    MessageWords,
    StatusComponent,
    StatusPageSettings,
)
from keepline.model.operation import HostPort
from keepline.model.outlets import (
    GREETING,
    LIFT,
    PUBLISH,
    SET,
    STATUS_PAGE,
    PageFiles,
    SpokenGreeting,
    StandingGreeting,
)
from keepline.model.templates import mistakes_in

Kind = Literal["carrier", "back_office", "payments", "surge", "node", "speech", "journal"]
Audience = Literal["callers", "customers", "agents", "supervisors", "leaders", "social", "status_page", "vendor"]
Reader = Literal["customers", "agents", "supervisors", "leaders", "social", "vendor"]
SPOKEN_WITHIN_S, FILES_WITHIN_S = 20.0, 10.0
"""For one attempt to have a greeting spoken, or the files of the page written."""
_PATH = re.compile(r"/[^\0\n]{0,1023}")
_URL = re.compile(r"https?://[^\s?#@]+")
_DEFAULTS = MessageSettings()


def _template(text: str) -> str:
    for _, wrong, right in mistakes_in(text, _meant):
        raise mistaken(wrong, right)
    return text


def _meant(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"did you mean `{near[0]}`?" if near else "there are " + ", ".join(f"`{each}`" for each in known)


def _channel(given: dict[str, str]) -> dict[str, str]:
    if len(given) != 1:
        raise mistaken(f"a channel names {len(given)} outlets", "write one, as `{email: mara@example.com}`")
    return given


TemplateText = Annotated[str, AfterValidator(_template), Field(max_length=MESSAGE_TEXT_CHARS_MAX)]
SubjectText = Annotated[str, AfterValidator(_template), Field(max_length=MESSAGE_SUBJECT_CHARS_MAX)]
ChannelMapping = Annotated[dict[Name, str], AfterValidator(_channel)]


class MessageWordsFile(StrictModel):
    """One set of words in one language"""

    subject: SubjectText = Field(default="", description="in a line", examples=["Card payments do not work"])
    opened: TemplateText = Field(
        min_length=1, description="what is said first", examples=["Since {opened} card payments do not work."]
    )
    update: TemplateText = Field(
        default="", description="what is said after that; `opened` again without it", examples=["We are still at it."]
    )
    closed: TemplateText = Field(
        default="", description="what is said when it is over; nothing without it", examples=["All is well again."]
    )
    standing: TemplateText = Field(
        default="",
        description="for callers: the same without facts, spoken ahead of time",
        examples=["Card payments do not work now."],
    )


class ApprovalFile(StrictModel):
    """`messages.approval:`"""

    within_s: float = Field(
        default=_DEFAULTS.approval.within_s,
        ge=10,
        le=86_400,
        description="seconds that a second person has to decide about edited wording",
        examples=["600"],
    )
    otherwise: Literal["edited", "approved", "nothing"] = Field(
        default="approved",
        description="what goes out then: the `edited` words, the `approved` ones or `nothing`",
        examples=["approved"],
    )


class MessagesFile(StrictModel):
    """`messages:`"""

    time_zone: Zone = Field(default="UTC", description="of the times in texts", examples=["Europe/Berlin"])
    every_s: float = Field(
        default=_DEFAULTS.every_s,
        ge=60,
        le=86_400,
        description="seconds after which the next message is promised",
        examples=["1800"],
    )
    expires_s: float = Field(
        default=_DEFAULTS.expires_s,
        ge=60,
        le=604_800,
        description="seconds after which a greeting is no longer heard that nobody has renewed",
        examples=["14400"],
    )
    approval: ApprovalFile = Field(default=ApprovalFile(), description="how edited wording comes to be sent")
    sets: dict[Kind, dict[Audience, dict[Language, MessageWordsFile]]] = Field(
        min_length=1,
        description="approved words: kind of incident, audience, language",
        examples=["{payments: {agents: {en: {subject: Cards are down, opened: Since opened cards are down.}}}}"],
    )


class ContactFile(StrictModel):
    """One of `contacts:`"""

    audiences: list[Reader] = Field(min_length=1, description="as whom they are told", examples=["[leaders]"])
    language: Language | None = Field(default=None, description="what they read", examples=["en"])
    channels: list[ChannelMapping] = Field(
        min_length=1,
        max_length=CONTACT_CHANNELS_MAX,
        description="outlets and addresses, in the order in which they are tried",
        examples=["[{email: mara@example.com}, {chat: '#outages'}]"],
    )
    alone: str = Field(
        default="", max_length=200, description="why one channel is enough", examples=["a public account"]
    )


class StatusPageFile(StrictModel):
    """`status_page:`"""

    title: str = Field(
        min_length=1, max_length=100, description="what stands at its top", examples=["Our telephone service"]
    )
    components: dict[str, list[Name]] = Field(
        default_factory=dict,
        max_length=STATUS_COMPONENTS_MAX,
        description="its lines, and the capabilities that each needs",
        examples=["{Calls: [telephony], Card payments: [payments]}"],
    )
    directory: Annotated[
        str | None, AfterValidator(matching(_PATH, "write the whole path, as `/srv/status`")), written_as(_PATH.pattern)
    ] = Field(default=None, description="where its files are written", examples=["/srv/status"])
    listen: Listen | None = Field(
        default=None,
        description="the address and TCP port where a process of its own serves it",
        examples=["127.0.0.1:8081"],
    )
    url: Annotated[
        str | None,
        AfterValidator(matching(_URL, "write it as `https://status.example.com`")),
        written_as(f"^{_URL.pattern}$"),
    ] = Field(default=None, description="where the public finds it", examples=["https://status.example.com"])


Contacts = Annotated[dict[Name, ContactFile], Field(max_length=CONTACTS_MAX)]

# The frozen values ----------------------------------------------------------------------------------------------------


def message_settings_of(parsed: MessagesFile | None) -> MessageSettings | None:
    """What a file that is right says."""
    if parsed is None:
        return None
    sets: dict[str, dict[str, dict[str, MessageWords]]] = {
        kind: {
            audience: {language: _words_of(each) for language, each in languages.items()}
            for audience, languages in audiences.items()
        }
        for kind, audiences in parsed.sets.items()
    }
    approval = Approval(parsed.approval.within_s, parsed.approval.otherwise)
    zone = ZoneInfo(parsed.time_zone)
    return MessageSettings(sets, parsed.every_s, parsed.expires_s, approval, zone, parsed.time_zone)


def _words_of(parsed: MessageWordsFile) -> MessageWords:
    standing = parsed.standing or parsed.opened  # which has no facts then (checked)
    return MessageWords(parsed.opened, parsed.update or parsed.opened, parsed.closed, parsed.subject, standing)


def contacts_of(parsed: dict[str, ContactFile], language: str) -> dict[str, Contact]:
    """The same; `language` is the operation's."""
    return {
        name: Contact(
            name,
            tuple(each.audiences),
            each.language or language,
            tuple(Channel(outlet, to) for channel in each.channels for outlet, to in channel.items()),
            each.alone,
        )
        for name, each in parsed.items()
    }


def status_page_of(parsed: StatusPageFile | None, language: str) -> StatusPageSettings | None:
    """The same."""
    if parsed is None:
        return None
    components = tuple(StatusComponent(name, tuple(each)) for name, each in parsed.components.items())
    listen = parsed.listen or HostPort("", 0)
    return StatusPageSettings(
        parsed.title, components, parsed.directory or "", listen.host, listen.port, parsed.url or "", language
    )


def own_outlets(messages: MessageSettings | None, page: StatusPageSettings | None) -> dict[str, Capability]:
    """The capabilities that follow from these settings: the greeting of callers, and the page."""
    found: dict[str, Capability] = {}
    if messages is not None and any(CALLERS in audiences for audiences in messages.sets.values()):
        change = CapabilityAction(SPOKEN_WITHIN_S, changes=True, idempotent=True, pending_s=0.0)
        quick = CapabilityAction(1.0, changes=True, idempotent=True, pending_s=0.0)
        spoken = CapabilityPath("spoken", SpokenGreeting(), {SET: change, LIFT: quick})
        standing = CapabilityPath("standing", StandingGreeting(), {SET: quick, LIFT: quick})
        found[GREETING] = Capability(GREETING, (spoken, standing))
    if page is not None:
        write = CapabilityAction(FILES_WITHIN_S, changes=True, idempotent=True, pending_s=0.0)
        files = CapabilityPath("files", PageFiles(page.directory), {PUBLISH: write}, 1)
        found[STATUS_PAGE] = Capability(STATUS_PAGE, (files,))
    return found
