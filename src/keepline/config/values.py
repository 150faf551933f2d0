"""The values of an operation file that are written as text: how each is parsed, and what an editor is told of it.

Every mistake in one is told in our own words: what is wrong, and what would be right.
"""

import ipaddress
import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, WithJsonSchema
from pydantic_core import PydanticCustomError, PydanticKnownError

from keepline.config.numbers import NUMBER_PATTERN, mistake_of
from keepline.model.operation import FlowReference, HostPort

T = TypeVar("T")
MISTAKE = "keepline_mistake"
"""The pydantic error type that carries our own words."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
REFERENCE = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)")
_PORT_RANGE = re.compile(r"([0-9]{1,5})\s*-\s*([0-9]{1,5})")
_HOST_PORT_PATTERN = r"^([0-9.]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$"
_ADDRESS_PATTERN = r"^([0-9.]+|\[?[0-9A-Fa-f:.]+\]?)$"
_ADVERTISED_PATTERN = r"^([0-9.]+(:[0-9]{1,5})?|[0-9A-Fa-f:.]+|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?)$"
_NETWORK_PATTERN = r"^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$"


def mistaken(wrong: str, right: str) -> PydanticCustomError:
    """The error of a value that is wrong, in our own words."""
    return PydanticCustomError(MISTAKE, "{wrong}; {right}", {"wrong": wrong, "right": right})


def matching(pattern: re.Pattern[str], what: str) -> Callable[[str], str]:
    """A check that the whole text fits; `what` is what would be right."""

    def check(value: str) -> str:
        if pattern.fullmatch(value):
            return value
        raise mistaken(f"`{value}` will not do", what)

    return check


def parsed_by(parse: Callable[[str], T]) -> BeforeValidator:
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
    fits = 1024 <= first <= 65535 and 1024 <= last <= 65535
    if last < first:
        right = f"write `{last}-{first}`" if fits else "write FIRST-LAST within 1024 to 65535, say `20000-23999`"
        raise mistaken(f"`{text}` runs backwards", right)
    if not fits:
        raise mistaken(f"`{text}` is not within the ports 1024 to 65535", "for example `20000-23999`")
    if first + first % 2 > last:
        raise mistaken(f"`{text}` holds no even port, and RTP uses even ones", f"write `{first}-{last + 1}`")
    return first, last


def parse_dns_server(text: str) -> HostPort:
    """`192.0.2.53`, `192.0.2.53:5353` or `[2001:db8::53]:5353`; port 53 unless it is given."""
    found = parse_advertised(text)
    return HostPort(found.host, found.port or 53)


def check_transports(transports: list[str]) -> list[str]:
    """`[udp]` or `[udp, tcp]`: every trunk can be reached by UDP, so that is never left out."""
    if "udp" not in transports or len(set(transports)) != len(transports):
        raise mistaken(f"`[{', '.join(transports)}]` will not do", "write `[udp]` or `[udp, tcp]`")
    return transports


def check_challenges(algorithms: list[str]) -> list[str]:
    """`[SHA-256, MD5]`, in either order, or one of them."""
    if not algorithms or len(set(algorithms)) != len(algorithms):
        right = "write `[SHA-256, MD5]`, the preferred first, or one of them"
        raise mistaken(f"`[{', '.join(algorithms)}]` will not do", right)
    return algorithms


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
    found = REFERENCE.fullmatch(text)
    module, _, function = text.partition(":")
    if module.endswith(".py") and REFERENCE.fullmatch(f"{module[:-3].replace('/', '.')}:{function}"):
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


def written_as(pattern: str) -> WithJsonSchema:
    """What an editor is told of a value that is written as text."""
    return WithJsonSchema({"type": "string", "pattern": pattern})


Name = Annotated[
    str,
    AfterValidator(matching(_NAME, "a name is letters, digits, - and _, a letter first, at most 64")),
    written_as(f"^{_NAME.pattern}$"),
]
NumberText = Annotated[str, AfterValidator(parse_number), written_as(NUMBER_PATTERN)]
Language = Annotated[
    str,
    AfterValidator(matching(_LANGUAGE, "write a language tag, for example `en` or `pt-br`")),
    written_as(f"^{_LANGUAGE.pattern}$"),
]
Network = Annotated[str, AfterValidator(parse_network), written_as(_NETWORK_PATTERN)]
Listen = Annotated[HostPort, parsed_by(parse_host_port), written_as(_HOST_PORT_PATTERN)]
Advertised = Annotated[HostPort, parsed_by(parse_advertised), written_as(_ADVERTISED_PATTERN)]
AdvertisedHost = Annotated[str, parsed_by(parse_advertised_host), written_as(_ADDRESS_PATTERN)]
DnsServer = Annotated[HostPort, parsed_by(parse_dns_server), written_as(_ADVERTISED_PATTERN)]
Transports = Annotated[list[Literal["udp", "tcp"]], AfterValidator(check_transports)]
Challenges = Annotated[list[Literal["SHA-256", "MD5"]], AfterValidator(check_challenges)]
PortRange = Annotated[tuple[int, int], parsed_by(parse_port_range), written_as(f"^{_PORT_RANGE.pattern}$")]
Reference = Annotated[FlowReference, parsed_by(parse_reference), written_as(f"^{REFERENCE.pattern}$")]


class StrictModel(BaseModel):
    """A section of the file: what is not a setting of it is a mistake."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False, frozen=True)
