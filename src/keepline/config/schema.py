"""What an operation file may hold: the one description of every setting, as pydantic models.

It knows single values (`values`); whether they agree with one another is `checks`. The description and first example of
each field are what a mistake in it says would be right, and every field is in `docs/reference/operation.md` (tested).
"""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from keepline.config.callbacks import CallbacksFile
from keepline.config.capabilities import CapabilityFile
from keepline.config.dependencies import DependencyFile, DependencyName
from keepline.config.desk import DeskFile
from keepline.config.failover import FailoverFile
from keepline.config.incidents import IncidentsFile
from keepline.config.messages import Contacts, MessagesFile, StatusPageFile
from keepline.config.money import MoneyFile
from keepline.config.outbound import OutboundFile
from keepline.config.preflight import PreflightFile
from keepline.config.trunks import TrunkFile
from keepline.config.values import (
    REFERENCE,
    Advertised,
    AdvertisedHost,
    Challenges,
    DnsServer,
    Language,
    Listen,
    Name,
    NumberText,
    PortRange,
    Reference,
    StrictModel,
    Transports,
)
from keepline.config.witnesses import JournalFile
from keepline.model.limits import DNS_SERVERS_MAX, PROMPT_LENGTH_S_MAX, PROMPT_TEXT_CHARS_MAX
from keepline.model.operation import HostPort, MediaSettings, NodeSettings, SipSettings


class SipFile(StrictModel):
    """`sip:`"""

    listen: Listen = Field(
        default=SipSettings().listen, description="the address and port of SIP", examples=["127.0.0.1:5060"]
    )
    calls_max: int = Field(
        default=SipSettings().calls_max,
        ge=1,
        le=100_000,
        description="live calls; the next one is answered 503",
        examples=["3000"],
    )
    strangers: Literal["refuse", "ignore"] = Field(
        default="refuse",
        description="`refuse` (403) or `ignore` (silence) what is no trunk's peer",
        examples=["refuse"],
    )
    transports: Transports = Field(
        default=["udp", "tcp"],
        description="what SIP is served over: UDP, and TCP on the same port",
        examples=["[udp, tcp]"],
    )
    dns: list[DnsServer] = Field(
        default=[],
        max_length=DNS_SERVERS_MAX,
        description="the resolvers that are asked where the proxies of trunks are, if not the system's",
        examples=["[192.0.2.53, '127.0.0.1:5353']"],
    )
    challenges: Challenges = Field(
        default=["SHA-256", "MD5"],
        description="what users are asked to prove themselves by, the preferred first",
        examples=["[SHA-256, MD5]"],
    )
    advertised: Advertised | None = Field(
        default=None,
        description="the address, and the port if it is another, that peers reach this machine on",
        examples=["203.0.113.9", "203.0.113.9:5060"],
    )


class MediaFile(StrictModel):
    """`media:`"""

    rtp_ports: PortRange = Field(
        default=(MediaSettings().rtp_port_first, MediaSettings().rtp_port_last),
        description="the UDP ports of audio; every even one carries one call",
        examples=["20000-23999"],
    )
    dead_air_s: float = Field(
        default=MediaSettings().dead_air_s,
        ge=0,
        le=3600,
        description="seconds without a packet of the caller's that count as dead air; 0 never",
        examples=["10"],
    )
    advertised: AdvertisedHost | None = Field(
        default=None,
        description="the address that callers are told to send audio to",
        examples=["203.0.113.9"],
    )


class HttpFile(StrictModel):
    """`http:`"""

    listen: Listen = Field(
        default=HostPort("127.0.0.1", 8080),
        description="the address and TCP port of the desk",
        examples=["127.0.0.1:8080"],
    )


class NodeFile(StrictModel):
    """`node:`"""

    drain_limit_s: float = Field(
        default=NodeSettings().drain_limit_s,
        ge=0,
        le=86_400,
        description="seconds that a stopping node lets live calls finish",
        examples=["30"],
    )


class FlowFile(StrictModel):
    """One of `flows:`; MODULE:FUNCTION alone is its `run` (`load` spells that out)."""

    run: Reference = Field(description="where its code is, MODULE:FUNCTION", examples=["flows:greeting"])
    fallback: str = Field(
        default="", description="the flow that goes on with a call when this one fails", examples=["operator"]
    )


class _ShortForm:
    """Tells editors that a flow may be written as its `run` alone."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, make: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "string", "pattern": f"^{REFERENCE.pattern}$"}, make(core)]}


class ApologyFile(StrictModel):
    """`apology:`; text or prompt, checked by `checks`."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["text"]}, {"required": ["prompt"]}]})

    text: str = Field(
        default="",
        max_length=PROMPT_TEXT_CHARS_MAX,
        description="what a caller hears when a flow fails",
        examples=["We are sorry. Please call again."],
    )
    prompt: str = Field(default="", description="or one of `prompts`", examples=["sorry"])
    language: Language | None = Field(default=None, description="the language of the text", examples=["en"])


class NumberFile(StrictModel):
    """One of `numbers:`"""

    flow: str = Field(description="the flow that answers, one of `flows`", examples=["greeting"])
    ring_s: float = Field(default=0.0, ge=0, le=120, description="seconds it rings before the answer", examples=["0"])
    language: Language | None = Field(
        default=None, description="the language of what its flow says without naming one", examples=["en"]
    )
    carrier: Name | None = Field(
        default=None, description="the trunk of the carrier that it belongs to", examples=["north"]
    )
    failover: FailoverFile | None = Field(
        default=None,
        description="what becomes of it where that carrier brings no calls",
        examples=["{method: none}"],
    )


class PromptFile(StrictModel):
    """One of `prompts:`; text or file, checked by `checks`."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["text"]}, {"required": ["file"]}]})

    text: str = Field(
        default="", max_length=PROMPT_TEXT_CHARS_MAX, description="what is said", examples=["Good morning."]
    )
    file: str = Field(default="", description="a WAV file below the operation's directory", examples=["welcome.wav"])
    language: Language | None = Field(default=None, description="the language of the text", examples=["en"])
    length_s: float | None = Field(
        default=None, gt=0, le=PROMPT_LENGTH_S_MAX, description="cut or padded to this many seconds", examples=["8"]
    )


class OperationFile(StrictModel):
    """The whole file."""

    operation: Name = Field(description="the name of the operation", examples=["bench"])
    language: Language = Field(default="en", description="the language of texts that name none", examples=["en"])
    sip: SipFile = Field(default=SipFile(), description="how SIP is spoken")
    media: MediaFile = Field(default=MediaFile(), description="how audio is carried")
    http: HttpFile = Field(default=HttpFile(), description="where the desk answers")
    desk: DeskFile = Field(default=DeskFile(), description="who sees the board, and what takes two people")
    node: NodeFile = Field(default=NodeFile(), description="how a node behaves")
    journal: JournalFile = Field(default=JournalFile(), description="the journal: how long, and who witnesses it")
    trunks: dict[Name, TrunkFile] = Field(
        min_length=1, description="who may call", examples=['trunks: {carrier: {peers: ["203.0.113.0/24"]}}']
    )
    outbound: OutboundFile = Field(default=OutboundFile(), description="whom the operation may call, and at what cost")
    callbacks: CallbacksFile | None = Field(
        default=None,
        description="who is called back that a carrier has lost, and when",
        examples=["{flow: call_back}"],
    )
    flows: dict[Name, Annotated[FlowFile, _ShortForm()]] = Field(
        min_length=1, description="the programs that calls run", examples=["flows: {greeting: flows:greeting}"]
    )
    numbers: dict[NumberText, NumberFile] = Field(
        min_length=1, description="what callers dial", examples=["numbers: {1000: {flow: greeting}}"]
    )
    preflight: PreflightFile = Field(default=PreflightFile(), description="what is looked at before it is needed")
    incidents: IncidentsFile = Field(default=IncidentsFile(), description="what an incident is, and how it ends")
    money: MoneyFile | None = Field(
        default=None,
        description="what it costs that callers are not served",
    )
    playbooks: dict[Name, str] = Field(
        default_factory=dict,
        description="what is done in an incident: YAML files here, in place of Keepline's own for their kinds",
        examples=["{carrier: playbooks/carrier.yaml}"],
    )
    prompts: dict[Name, PromptFile] = Field(default_factory=dict, description="what callers hear")
    capabilities: dict[Name, CapabilityFile] = Field(
        default_factory=dict,
        description="what flows may ask for",
        examples=["{orders: {paths: [{name: crm, python: {module: crm:Crm, actions: {status: {changes: false}}}}]}}"],
    )
    dependencies: dict[DependencyName, DependencyFile] = Field(
        default_factory=dict,
        description="what all of this depends on, and shares",
        examples=["{telephony/carrier: {needs: [metronet]}, metronet: {kind: isp}}"],
    )
    messages: MessagesFile | None = Field(
        default=None,
        description="what people are told of an incident",
        examples=["{sets: {surge: {callers: {en: {opened: Many people call us now.}}}}}"],
    )
    contacts: Contacts = Field(
        default_factory=dict,
        description="who is told, and how",
        examples=["{mara: {audiences: [leaders], channels: [{email: mara@example.com}, {chat: '#outages'}]}}"],
    )
    status_page: StatusPageFile | None = Field(
        default=None, description="what the public sees", examples=["{title: Our telephone service}"]
    )
    apology: ApologyFile | None = Field(
        default=None,
        description="what a caller hears when a flow fails",
        examples=['apology: {text: "We are sorry. Please call again."}'],
    )
