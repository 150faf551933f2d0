"""What an operation file may hold: the one description of every setting, as pydantic models.

It knows single values; whether they agree with one another is `checks`. The description and first example of each field
are what a mistake in it says would be right, and every field is in `docs/reference/operation.md` (tested).
"""

import ipaddress
import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError

from keepline.config.capabilities import CapabilityFile
from keepline.config.numbers import NUMBER_PATTERN, mistake_of
from keepline.model.limits import MEDIA_NETWORKS_MAX, PROMPT_LENGTH_S_MAX, PROMPT_TEXT_CHARS_MAX
from keepline.model.operation import FlowReference, HostPort, MediaSettings, NodeSettings, SipSettings

T = TypeVar("T")
MISTAKE = "keepline_mistake"
"""The pydantic error type that carries our own words."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_REFERENCE = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)")
_PORT_RANGE = re.compile(r"([0-9]{1,5})\s*-\s*([0-9]{1,5})")
_HOST_PORT_PATTERN = r"^([0-9.]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$"
_ADDRESS_PATTERN = r"^([0-9.]+|\[?[0-9A-Fa-f:.]+\]?)$"
_ADVERTISED_PATTERN = r"^([0-9.]+(:[0-9]{1,5})?|[0-9A-Fa-f:.]+|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?)$"
_NETWORK_PATTERN = r"^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$"


def mistaken(wrong: str, right: str) -> PydanticCustomError:
    """The error of a value that is wrong, in our own words."""
    return PydanticCustomError(MISTAKE, "{wrong}; {right}", {"wrong": wrong, "right": right})


def _matching(pattern: re.Pattern[str], what: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if pattern.fullmatch(value):
            return value
        raise mistaken(f"`{value}` will not do", what)

    return check


def _parsed(parse: Callable[[str], T]) -> BeforeValidator:
    """A type that is written as text: parsed once, passed through when it is a value already (a default)."""

    def convert(value: Any) -> Any:
        if isinstance(value, list | dict):
            raise PydanticKnownError("string_type")
        return parse(value) if isinstance(value, str) else value

    return BeforeValidator(convert)


def parse_host_port(text: str) -> HostPort:
    """`127.0.0.1:5060` or `[::1]:5060`; raises a pydantic error in our words."""
    host, colon, port = text.rpartition(":")
    example = "write HOST:PORT, for example `127.0.0.1:5060` or `[::1]:5060`"
    if not colon or not port.isascii() or not port.isdigit():
        raise mistaken(f"`{text}` is not an address with a port", example)
    if int(port) > 65535:
        raise mistaken(f"{port} is not a port", "a port is 0 (any free one) to 65535")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        raise mistaken(f"`{host}` is not an IP address", example) from None
    if address.version == 6 and bare == host:
        raise mistaken(f"`{text}` is ambiguous", f"write an IPv6 address in brackets: `[{bare}]:{port}`")
    return HostPort(str(address), int(port))


def parse_advertised(text: str) -> HostPort:
    """As `parse_host_port`, or an address alone (port 0); one that can be told to others."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        found = HostPort(str(ipaddress.ip_address(bare)), 0)
    except ValueError:
        found = parse_host_port(text)
    address = ipaddress.ip_address(found.host)
    if address.is_unspecified or address.is_multicast:
        raise mistaken(f"`{found.host}` is nobody's address", "name the one address that callers reach this machine on")
    return found


def parse_advertised_host(text: str) -> str:
    """An address that can be told to others, without a port."""
    found = parse_advertised(text)
    if found.port:
        raise mistaken(f"`{text}` has a port", f"write `{found.host}`: each call has a port of its own")
    return found.host


def parse_port_range(text: str) -> tuple[int, int]:
    """`20000-23999`, inclusive; it holds an even port, since RTP uses those (RFC 3550 §11)."""
    found = _PORT_RANGE.fullmatch(text.strip())
    if not found:
        raise mistaken(f"`{text}` is not a range of ports", "write FIRST-LAST, for example `20000-23999`")
    first, last = int(found[1]), int(found[2])
    if not 1024 <= first <= 65535 or not 1024 <= last <= 65535:
        raise mistaken(f"`{text}` leaves the ports 1024 to 65535", "for example `20000-23999`")
    if last < first:
        raise mistaken(f"`{text}` runs backwards", f"write `{last}-{first}`")
    if first + first % 2 > last:
        raise mistaken(f"`{text}` holds no even port, and RTP uses even ones", f"write `{first}-{last + 1}`")
    return first, last


def parse_network(text: str) -> str:
    """`10.1.0.0/16` or one address; IPv4 or IPv6."""
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        pass
    try:
        nearest = str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise mistaken(f"`{text}` is not a network", "write it as CIDR, for example `203.0.113.0/24`") from None
    raise mistaken(f"`{text}` has bits beyond its prefix", f"write `{nearest}`")


def parse_reference(text: str) -> FlowReference:
    """`module:function`, the module below the operation's directory."""
    found = _REFERENCE.fullmatch(text)
    module, _, function = text.partition(":")
    if module.endswith(".py") and _REFERENCE.fullmatch(f"{module[:-3].replace('/', '.')}:{function}"):
        right = f"write `{module[:-3].replace('/', '.')}:{function}`"
        raise mistaken(f"`{module}` is a file, and a module is named", right)
    if not found:
        raise mistaken(f"`{text}` is not a place of a flow", "write MODULE:FUNCTION, for example `flows:greeting`")
    return FlowReference(found[1], found[2])


def parse_number(text: str) -> str:
    """`+18005550100`, `1000` or `reception`; see `keepline.config.numbers`."""
    if mistake := mistake_of(text):
        raise mistaken(*mistake)
    return text


def _text(pattern: str) -> WithJsonSchema:
    """What an editor is told of a value that is written as text."""
    return WithJsonSchema({"type": "string", "pattern": pattern})


Name = Annotated[
    str,
    AfterValidator(_matching(_NAME, "a name is letters, digits, - and _, a letter first, at most 64")),
    _text(f"^{_NAME.pattern}$"),
]
NumberText = Annotated[str, AfterValidator(parse_number), _text(NUMBER_PATTERN)]
Language = Annotated[
    str,
    AfterValidator(_matching(_LANGUAGE, "write a language tag, for example `en` or `pt-br`")),
    _text(f"^{_LANGUAGE.pattern}$"),
]
Network = Annotated[str, AfterValidator(parse_network), _text(_NETWORK_PATTERN)]
Listen = Annotated[HostPort, _parsed(parse_host_port), _text(_HOST_PORT_PATTERN)]
Advertised = Annotated[HostPort, _parsed(parse_advertised), _text(_ADVERTISED_PATTERN)]
AdvertisedHost = Annotated[str, _parsed(parse_advertised_host), _text(_ADDRESS_PATTERN)]
PortRange = Annotated[tuple[int, int], _parsed(parse_port_range), _text(f"^{_PORT_RANGE.pattern}$")]
Reference = Annotated[FlowReference, _parsed(parse_reference), _text(f"^{_REFERENCE.pattern}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False, frozen=True)


class SipFile(_Strict):
    """`sip:`"""

    listen: Listen = Field(
        default=SipSettings().listen, description="the address and UDP port of SIP", examples=["127.0.0.1:5060"]
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
    advertised: Advertised | None = Field(
        default=None,
        description="the address, and the port if it is another, that peers reach this machine on",
        examples=["203.0.113.9", "203.0.113.9:5060"],
    )


class MediaFile(_Strict):
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


class HttpFile(_Strict):
    """`http:`"""

    listen: Listen = Field(
        default=HostPort("127.0.0.1", 8080),
        description="the address and TCP port of the desk",
        examples=["127.0.0.1:8080"],
    )


class NodeFile(_Strict):
    """`node:`"""

    drain_limit_s: float = Field(
        default=NodeSettings().drain_limit_s,
        ge=0,
        le=86_400,
        description="seconds that a stopping node lets live calls finish",
        examples=["30"],
    )


class TrunkFile(_Strict):
    """One of `trunks:`"""

    peers: list[Network] = Field(
        min_length=1, description="the networks whose requests belong to this trunk", examples=['["203.0.113.0/24"]']
    )
    media_networks: list[Network] = Field(
        default=[],
        max_length=MEDIA_NETWORKS_MAX,
        description="the networks that its audio may come from",
        examples=['["203.0.113.0/24"]'],
    )
    trusted: bool = Field(
        default=False, description="whether the identities that it asserts are believed", examples=["true"]
    )


class FlowFile(_Strict):
    """One of `flows:`; MODULE:FUNCTION alone is its `run` (`load` spells that out)."""

    run: Reference = Field(description="where its code is, MODULE:FUNCTION", examples=["flows:greeting"])
    fallback: str = Field(
        default="", description="the flow that goes on with a call when this one fails", examples=["operator"]
    )


class _ShortForm:
    """Tells editors that a flow may be written as its `run` alone."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, make: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "string", "pattern": f"^{_REFERENCE.pattern}$"}, make(core)]}


class ApologyFile(_Strict):
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


class NumberFile(_Strict):
    """One of `numbers:`"""

    flow: str = Field(description="the flow that answers, one of `flows`", examples=["greeting"])
    ring_s: float = Field(default=0.0, ge=0, le=120, description="seconds it rings before the answer", examples=["0"])
    language: Language | None = Field(
        default=None, description="the language of what its flow says without naming one", examples=["en"]
    )


class PromptFile(_Strict):
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


class OperationFile(_Strict):
    """The whole file."""

    operation: Name = Field(description="the name of the operation", examples=["bench"])
    language: Language = Field(default="en", description="the language of texts that name none", examples=["en"])
    sip: SipFile = Field(default=SipFile(), description="how SIP is spoken")
    media: MediaFile = Field(default=MediaFile(), description="how audio is carried")
    http: HttpFile = Field(default=HttpFile(), description="where the desk answers")
    node: NodeFile = Field(default=NodeFile(), description="how a node behaves")
    trunks: dict[Name, TrunkFile] = Field(
        min_length=1, description="who may call", examples=['trunks: {carrier: {peers: ["203.0.113.0/24"]}}']
    )
    flows: dict[Name, Annotated[FlowFile, _ShortForm()]] = Field(
        min_length=1, description="the programs that calls run", examples=["flows: {greeting: flows:greeting}"]
    )
    numbers: dict[NumberText, NumberFile] = Field(
        min_length=1, description="what callers dial", examples=["numbers: {1000: {flow: greeting}}"]
    )
    prompts: dict[Name, PromptFile] = Field(default_factory=dict, description="what callers hear")
    capabilities: dict[Name, CapabilityFile] = Field(
        default_factory=dict,
        description="what flows may ask for",
        examples=["{orders: {paths: [{name: crm, python: {module: crm:Crm, actions: {status: {changes: false}}}}]}}"],
    )
    apology: ApologyFile | None = Field(
        default=None,
        description="what a caller hears when a flow fails",
        examples=['apology: {text: "We are sorry. Please call again."}'],
    )
