"""`trunks:` of an operation file: who may call, and how calls go out.

Passwords are pointed to and never stand in the file. Sources: RFC 3261 §8.1.2 (outbound proxy), RFC 3263.
"""

import ipaddress
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field

from keepline.config.values import (
    Network,
    NumberText,
    StrictModel,
    matching,
    mistaken,
    parse_host_port,
    parsed_by,
    written_as,
)
from keepline.model.capability import SecretRef
from keepline.model.limits import (
    MEDIA_NETWORKS_MAX,
    REGISTRATION_EXPIRES_S_MAX,
    REGISTRATION_EXPIRES_S_MIN,
    TRUNK_USERS_MAX,
)
from keepline.model.operation import (
    HostPort,
    Trunk,
    TrunkOutbound,
    TrunkRegistration,
    TrunkUser,
)

SIP_PORT = 5060
"""Of an address without a port (RFC 3263 §4.2)."""
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}$)(?:{_LABEL}\.)*[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?\.?")
_PROXY_PATTERN = r"^([A-Za-z0-9.-]+|[0-9A-Fa-f:.]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$"
_CREDENTIAL = re.compile(r"[!#-\[\]-~]{1,128}")
_REALM = re.compile(r"[ !#-\[\]-~]{1,128}")
_ENVIRONMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_SECRET_FILE = re.compile(r"/\S{1,1023}")


def parse_proxy(text: str) -> HostPort:
    """`203.0.113.7:5060`, `sip.carrier.example:5070`, or a name alone: port 0, to be located by SRV (RFC 3263)."""
    example = "write an address or a name, for example `203.0.113.7:5060` or `sip.carrier.example`"
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        return HostPort(str(ipaddress.ip_address(bare)), SIP_PORT)
    except ValueError:
        pass
    host, colon, port = text.rpartition(":")
    if not colon:
        host, port = text, "0"
    if _HOST_NAME.fullmatch(host) and port.isascii() and port.isdigit():
        if int(port) > 65535 or (colon and int(port) == 0):
            raise mistaken(f"{port} is not a port", "a port is 1 to 65535; without one, the name is located by SRV")
        return HostPort(host.rstrip(".").lower(), int(port))
    if "//" in text or text.startswith(("sip:", "sips:")):
        raise mistaken(f"`{text}` is a URI", example)
    if not colon or not re.fullmatch(r"[0-9.]+|\[.*\]", host):
        raise mistaken(f"`{text}` is neither an address nor a name", example)
    found = parse_host_port(text)
    if found.port == 0:
        raise mistaken("0 is not a port that can be sent to", example)
    return found


def parse_registrar(text: str) -> str:
    """A domain or an address, with a port or without."""
    parse_proxy(text)
    return text.lower()


Proxy = Annotated[HostPort, parsed_by(parse_proxy), written_as(_PROXY_PATTERN)]
Registrar = Annotated[str, AfterValidator(parse_registrar), written_as(_PROXY_PATTERN)]
Credential = Annotated[
    str,
    AfterValidator(matching(_CREDENTIAL, "write 1 to 128 printable characters without blanks and quotes")),
    written_as(rf"^{_CREDENTIAL.pattern}$"),
]
Realm = Annotated[
    str,
    AfterValidator(matching(_REALM, "write 1 to 128 printable characters without quotes")),
    written_as(rf"^{_REALM.pattern}$"),
]
EnvironmentName = Annotated[
    str,
    AfterValidator(matching(_ENVIRONMENT, "write the name of a variable of the environment, as `CARRIER_PASSWORD`")),
    written_as(rf"^{_ENVIRONMENT.pattern}$"),
]
SecretFile = Annotated[
    str,
    AfterValidator(matching(_SECRET_FILE, "write the whole path, as `/etc/keepline/carrier.password`")),
    written_as(rf"^{_SECRET_FILE.pattern}$"),
]


class TrunkOutboundFile(StrictModel):
    """`outbound:` of a trunk"""

    proxy: Proxy = Field(
        description="where its calls are sent: an address, or a name that is located by SRV",
        examples=["203.0.113.7:5060", "sip.carrier.example"],
    )
    transport: Literal["udp", "tcp"] = Field(default="udp", description="`udp` or `tcp`", examples=["udp"])
    username: Credential | None = Field(
        default=None, description="what its challenges are answered with", examples=["shop"]
    )
    password_env: EnvironmentName | None = Field(
        default=None, description="the variable of the environment with the password", examples=["CARRIER_PASSWORD"]
    )
    password_file: SecretFile | None = Field(
        default=None, description="or the file with the password", examples=["/etc/keepline/carrier.password"]
    )
    realm: Realm | None = Field(
        default=None, description="the one realm whose challenges are answered", examples=["carrier.example"]
    )
    from_number: NumberText | None = Field(
        default=None, alias="from", description="the caller id of calls that name none", examples=["+18005550100"]
    )


class TrunkUserFile(StrictModel):
    """One of `users:`; its password is in one of two places, checked by `check_trunks`."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["password_env"]}, {"required": ["password_file"]}]}
    )

    password_env: EnvironmentName | None = Field(
        default=None, description="the variable of the environment with the password", examples=["ALICE_PASSWORD"]
    )
    password_file: SecretFile | None = Field(
        default=None, description="or the file with the password", examples=["/etc/keepline/alice.password"]
    )


class RegisterFile(StrictModel):
    """`register:` of a trunk"""

    registrar: Registrar | None = Field(
        default=None, description="the domain that is registered at", examples=["carrier.example"]
    )
    user: Credential | None = Field(default=None, description="the user that is registered", examples=["shop"])
    contact: Credential | None = Field(
        default=None, description="the number that calls to this user reach", examples=["+18005550100"]
    )
    expires_s: int = Field(
        default=3600,
        ge=REGISTRATION_EXPIRES_S_MIN,
        le=REGISTRATION_EXPIRES_S_MAX,
        description="seconds that are asked for",
        examples=["3600"],
    )


class TrunkFile(StrictModel):
    """One of `trunks:`; peers or users or both, checked by `check_trunks`."""

    peers: list[Network] | None = Field(
        default=None,
        min_length=1,
        description="the networks whose requests belong to this trunk",
        examples=['["203.0.113.0/24"]'],
    )
    users: dict[Credential, TrunkUserFile] = Field(
        default_factory=dict,
        max_length=TRUNK_USERS_MAX,
        description="names whose requests belong to this trunk wherever they come from",
        examples=["{alice: {password_env: ALICE_PASSWORD}}"],
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
    accepts_refer: bool = Field(
        default=False,
        description="whether people who are called by it may hand callers on by REFER, to whom `outbound` allows",
        examples=["true"],
    )
    outbound: TrunkOutboundFile | None = Field(
        default=None, description="how calls go out by it", examples=['{proxy: "203.0.113.7:5060"}']
    )
    register_at: RegisterFile | None = Field(
        default=None,
        alias="register",
        description="how the trunk is told where we are",
        examples=['{contact: "+18005550100"}'],
    )


# The frozen values ----------------------------------------------------------------------------------------------------


def trunks_of(parsed: dict[str, TrunkFile]) -> tuple[Trunk, ...]:
    """What `trunks:` of a file that is right says."""
    return tuple(
        Trunk(
            name,
            tuple(each.peers or ()),
            tuple(each.media_networks),
            each.trusted,
            _trunk_outbound(each.outbound),
            tuple(TrunkUser(user, _password(found)) for user, found in each.users.items()),
            _registration(each),
            each.accepts_refer,
        )
        for name, each in parsed.items()
    )


def _trunk_outbound(parsed: TrunkOutboundFile | None) -> TrunkOutbound | None:
    if parsed is None:
        return None
    return TrunkOutbound(
        parsed.proxy.host,
        parsed.proxy.port,
        parsed.transport,
        parsed.username or "",
        _password(parsed) if parsed.username else None,
        parsed.realm or "",
        parsed.from_number or "",
    )


def _registration(trunk: TrunkFile) -> TrunkRegistration | None:
    asked, outbound = trunk.register_at, trunk.outbound
    if asked is None or outbound is None:
        return None
    user = asked.user or outbound.username or ""
    host = asked.registrar or outbound.proxy.host
    domain = f"[{host}]" if host.count(":") > 1 and not host.startswith("[") else host
    return TrunkRegistration(domain, user, asked.contact or user, asked.expires_s)


def _password(place: TrunkOutboundFile | TrunkUserFile) -> SecretRef:
    if place.password_env:
        return SecretRef("env", place.password_env)
    return SecretRef("file", place.password_file or "")
