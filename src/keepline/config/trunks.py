"""`trunks:` and `outbound:` of an operation file: who may call, how calls go out, whom they may reach and at what cost.

Passwords are pointed to and never stand in the file. Sources: RFC 3261 §8.1.2 (outbound proxy), RFC 3263, ITU-T E.164.
"""

import ipaddress
import re
from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema

from keepline.config.values import (
    Name,
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
    OUTBOUND_CALLS_PER_HOUR_MAX,
    OUTBOUND_PREFIXES_MAX,
    REGISTRATION_EXPIRES_S_MAX,
    REGISTRATION_EXPIRES_S_MIN,
    TRUNK_USERS_MAX,
)
from keepline.model.limits_carriers import CARRIER_CALLS_PER_S_MAX, CARRIERS_MAX
from keepline.model.operation import (
    EmergencyRule,
    HostPort,
    OutboundCarrier,
    OutboundPolicy,
    Trunk,
    TrunkOutbound,
    TrunkRegistration,
    TrunkUser,
)
from keepline.sip.telephone import EXTENSION_DIGITS_MAX

SIP_PORT = 5060
"""Of an address without a port (RFC 3263 §4.2)."""
AMOUNT_MAX = 1_000_000
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}$)(?:{_LABEL}\.)*[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?\.?")
_PROXY_PATTERN = r"^([A-Za-z0-9.-]+|[0-9A-Fa-f:.]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$"
_CREDENTIAL = re.compile(r"[!#-\[\]-~]{1,128}")
_REALM = re.compile(r"[ !#-\[\]-~]{1,128}")
_ENVIRONMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_SECRET_FILE = re.compile(r"/\S{1,1023}")
_PREFIX = re.compile(rf"\*|\+[0-9]{{0,15}}|[0-9]{{1,{EXTENSION_DIGITS_MAX}}}|[A-Za-z][A-Za-z0-9._-]{{0,31}}")
_EMERGENCY_NUMBER = re.compile(r"\+?[0-9]{2,15}")
_CURRENCY = re.compile(r"[A-Z]{3}")


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


def parse_amount(text: str) -> Decimal:
    """An amount of money, `0.012`."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise mistaken(f"`{text}` is not an amount", "write it with a point, for example `0.012`") from None
    if not amount.is_finite() or not 0 <= amount <= AMOUNT_MAX:
        raise mistaken(f"`{text}` is out of range", f"an amount is 0 to {AMOUNT_MAX}")
    return amount


Proxy = Annotated[HostPort, parsed_by(parse_proxy), written_as(_PROXY_PATTERN)]
Registrar = Annotated[str, AfterValidator(parse_registrar), written_as(_PROXY_PATTERN)]
Amount = Annotated[
    Decimal, parsed_by(parse_amount), WithJsonSchema({"type": "number", "minimum": 0, "maximum": AMOUNT_MAX})
]
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
Prefix = Annotated[
    str,
    AfterValidator(
        matching(_PREFIX, "write a prefix in E.164 as `+49`, up to 6 digits of extensions as `10`, or a user's name")
    ),
    written_as(rf"^({_PREFIX.pattern})$"),
]
EmergencyNumber = Annotated[
    str,
    AfterValidator(matching(_EMERGENCY_NUMBER, "write the digits that are dialled, as `112`")),
    written_as(rf"^{_EMERGENCY_NUMBER.pattern}$"),
]
Currency = Annotated[
    str,
    AfterValidator(matching(_CURRENCY, "write the three letters of ISO 4217, as `EUR`")),
    written_as(rf"^{_CURRENCY.pattern}$"),
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


class EmergencyFile(StrictModel):
    """`emergency:`; refused or sent by a trunk, checked by `check_outbound`."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["rule"]}, {"required": ["trunk"]}]})

    numbers: list[EmergencyNumber] = Field(
        min_length=1,
        max_length=OUTBOUND_PREFIXES_MAX,
        description="the emergency numbers, as they are dialled",
        examples=["[911, 112]"],
    )
    rule: Literal["refuse"] | None = Field(
        default=None, description="`refuse`: calls to them are not placed", examples=["refuse"]
    )
    trunk: Name | None = Field(
        default=None, description="or the trunk that they go out by, whatever else is allowed", examples=["carrier"]
    )


class CarrierFile(StrictModel):
    """One of `carriers:` of `outbound:`, by the name of its trunk"""

    order: int | None = Field(
        default=None,
        ge=1,
        le=CARRIERS_MAX,
        description="lower ones are asked first; those of one order share the calls; its place in the file",
        examples=["1"],
    )
    weight: int = Field(
        default=1,
        ge=0,
        le=100,
        description="its share among those of one order; 0: only if they fail",
        examples=["1"],
    )
    calls_per_s_max: float | None = Field(
        default=None, gt=0, le=CARRIER_CALLS_PER_S_MAX, description="calls begun in any second", examples=["20"]
    )
    channels_max: int | None = Field(default=None, ge=1, le=100_000, description="calls at once", examples=["60"])


class OutboundFile(StrictModel):
    """`outbound:`"""

    carriers: dict[Name, CarrierFile] = Field(
        default_factory=dict,
        max_length=CARRIERS_MAX,
        description="the trunks that calls go out by, in place of one another; none: the first with `outbound`",
        examples=["{first: {}, second: {}}"],
    )

    allow: list[Prefix] = Field(
        default=[],
        max_length=OUTBOUND_PREFIXES_MAX,
        description="what may be called: prefixes in E.164, prefixes of extensions, users; without it nothing",
        examples=['["+1", "+49"]'],
    )
    deny: list[Prefix] = Field(
        default=[],
        max_length=OUTBOUND_PREFIXES_MAX,
        description="what is not called though it is allowed",
        examples=['["+1900"]'],
    )
    calls_per_hour_max: int = Field(
        default=OutboundPolicy().calls_per_hour_max,
        ge=0,
        le=OUTBOUND_CALLS_PER_HOUR_MAX,
        description="calls placed in any hour; the next one is refused",
        examples=["100"],
    )
    spend_per_hour_max: Amount | None = Field(
        default=None, description="what calls may cost in any hour, by `rates`", examples=["20"]
    )
    currency: Currency | None = Field(default=None, description="of the amounts (ISO 4217)", examples=["EUR"])
    rates: dict[Prefix, Amount] = Field(
        default_factory=dict,
        max_length=OUTBOUND_PREFIXES_MAX,
        description="the price of a started minute by prefix; the longest prefix counts",
        examples=['{"+1": 0.01}'],
    )
    emergency: EmergencyFile | None = Field(
        default=None,
        description="what becomes of calls to emergency numbers",
        examples=["{numbers: [911, 112], rule: refuse}"],
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


def outbound_policy_of(parsed: OutboundFile) -> OutboundPolicy:
    """What `outbound:` of a file that is right says."""
    emergency = parsed.emergency
    return OutboundPolicy(
        allow=tuple(parsed.allow),
        deny=tuple(parsed.deny),
        calls_per_hour_max=parsed.calls_per_hour_max,
        spend_per_hour_max=parsed.spend_per_hour_max,
        currency=parsed.currency or "",
        rates=dict(parsed.rates),
        emergency=EmergencyRule(tuple(emergency.numbers), emergency.trunk or "") if emergency else None,
        carriers=tuple(
            OutboundCarrier(name, each.order or place, each.weight, each.calls_per_s_max, each.channels_max)
            for place, (name, each) in enumerate(parsed.carriers.items(), start=1)
        ),
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
