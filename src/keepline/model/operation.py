"""The operation: what an operation file says, as plain frozen values. Reading the file is `keepline.config`'s."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from ipaddress import ip_address

from keepline.model.callbacks import CallbackSettings
from keepline.model.capability import Capability, SecretRef
from keepline.model.dependency import Dependency
from keepline.model.failover import Failover
from keepline.model.incident import IncidentSettings
from keepline.model.limits import PROMPT_KEYS_CACHED_MAX
from keepline.model.messages import Contact, MessageSettings, StatusPageSettings
from keepline.model.money import MoneySettings
from keepline.model.people import DeskSettings
from keepline.model.playbook import Playbook
from keepline.model.preflight import Preflight
from keepline.model.witness import JournalSettings

PROMPT_KEY_BYTES = 16
SAMPLE_RATE_HZ = 8000


def is_address(host: str) -> bool:
    """Whether a host is an IP address, and no name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class HostPort:
    """An address to listen on or to send to."""

    host: str
    port: int
    """0 asks the kernel to choose, where one listens."""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Prompt:
    """Something a caller hears: text to speak, or a recorded file."""

    text: str = ""
    file: str = ""
    """A WAV file, absolute once the operation is loaded; empty where `text` is spoken."""
    file_digest: str = ""
    """blake2b-128 of the file's bytes, in hex: a changed recording is a changed prompt."""
    language: str = "en"
    length_s: float | None = None
    """Cut or padded with silence to exactly this length; None leaves the length alone."""

    @property
    def key(self) -> str:
        """The name of the prompt's audio on disk: 32 hex digits that depend on everything that shapes its sound."""
        return _prompt_key("\0".join(("1", self.text, self.file_digest, self.language, str(self.length_s))))


@lru_cache(PROMPT_KEYS_CACHED_MAX)
def _prompt_key(said: str) -> str:
    return blake2b(said.encode(), digest_size=PROMPT_KEY_BYTES).hexdigest()


TONES = Prompt(file_digest="tones 1", language="")
"""The three rising tones of a call that cannot be completed (ITU-T E.180); the node makes them without speech."""

RINGBACK = Prompt(file_digest="ringback 1", language="")
"""What a caller hears while somebody else's phone rings: 425 Hz, 1 s in 5 (ITU-T E.180); made by the node as well."""
RINGBACK_AMERICAN = Prompt(file_digest="ringback american 1", language="")
"""The same as North America has it: 440 and 480 Hz, 2 s in 6."""
BEEP_TONE = Prompt(file_digest="beep 1", language="", length_s=0.3)
"""What is heard before a message is recorded; made by the node as well."""
TEST_THERE = Prompt(file_digest="test there 1", language="")
TEST_BACK = Prompt(file_digest="test back 1", language="")
"""What the two ends of a test call sound; made by the node as well."""


@dataclass(frozen=True, slots=True)
class FlowReference:
    """Where a flow's code is: `module:function` below the operation's directory."""

    module: str
    function: str
    fallback: str = ""
    """Name of the flow that goes on with a call when this one fails; empty for none."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number that callers reach us on: the user part of the request URI."""

    flow: str
    """Name of the flow that answers it."""
    ring_s: float = 0.0
    """How long it rings (180) before it is answered; 0 answers at once."""
    language: str = ""
    """Of what its flow says without naming one; empty for the operation's."""
    carrier: str = ""
    """The trunk by which its calls come: of the carrier that owns it; empty where that is not told."""
    failover: Failover | None = None
    """What becomes of it where that brings no calls; None where that is not told."""


@dataclass(frozen=True, slots=True)
class TrunkOutbound:
    """How calls go out by a trunk."""

    proxy_host: str
    """An address, or a name that is located."""
    proxy_port: int = 0
    """0: the name is located by SRV (RFC 3263)."""
    transport: str = "udp"
    """`udp` or `tcp`."""
    username: str = ""
    """Of the answers to its challenges; empty where it knows us by our address."""
    password: SecretRef | None = None
    """Where the password is; it never stands in an operation."""
    realm: str = ""
    """The one realm whose challenges are answered; empty answers any of the trunk's."""
    from_number: str = ""
    """The caller id of calls that name none."""


@dataclass(frozen=True, slots=True)
class TrunkUser:
    """A name by which requests prove to be a trunk's, wherever they come from (RFC 3261 §22)."""

    name: str
    password: SecretRef


@dataclass(frozen=True, slots=True)
class TrunkRegistration:
    """How a trunk is told where we are (RFC 3261 §10), with the credentials of its `outbound`."""

    registrar: str
    """The domain that we register at, an IPv6 address in brackets; requests go to the proxy of `outbound`."""
    user: str
    """Of the address-of-record."""
    contact: str
    """User part of the address that calls are then sent to: what they dial, as we see it."""
    expires_s: int = 3600
    """Asked for; the registrar may say less."""


@dataclass(frozen=True, slots=True)
class EmergencyRule:
    """What becomes of calls to emergency numbers."""

    numbers: tuple[str, ...]
    trunk: str = ""
    """They go out by this trunk, whatever else the policy says; empty refuses them."""


@dataclass(frozen=True, slots=True)
class OutboundCarrier:
    """A trunk as one path of calls out."""

    trunk: str
    order: int
    """Lower ones first; those of one order share the calls by their weights."""
    weight: int = 1
    """0: only where every other one of its order fails."""
    calls_per_s_max: float | None = None
    """Calls begun in any second."""
    channels_max: int | None = None
    """Calls at once."""


EVERYBODY = "*"
"""The prefix of every number and every user."""


@dataclass(frozen=True, slots=True)
class OutboundPolicy:
    """Whom the operation may call, and what that may cost: a bound on toll fraud. By default nobody."""

    allow: tuple[str, ...] = ()
    """Prefixes in E.164 (`+49`), prefixes of extensions (`10`), or names of users."""
    deny: tuple[str, ...] = ()
    """As `allow`; what is denied is not called, whatever is allowed."""
    calls_per_hour_max: int = 100
    """Calls placed in any 3,600 s."""
    spend_per_hour_max: Decimal | None = None
    """In `currency`, in any 3,600 s; None sets no bound."""
    currency: str = ""
    """ISO 4217."""
    rates: Mapping[str, Decimal] = field(default_factory=dict)
    """Prefix -> price of a started minute; the longest prefix counts."""
    emergency: EmergencyRule | None = None
    carriers: tuple[OutboundCarrier, ...] = ()
    """The trunks that calls go out by which name none; empty for the first trunk that places calls, alone."""
    probe_every_s: float = 30.0
    """Those of them that no call was tried with for so long are asked by OPTIONS; 0 never."""


@dataclass(frozen=True, slots=True)
class Trunk:
    """The SIP attachment of a carrier."""

    name: str
    peers: tuple[str, ...]
    """Networks (CIDR) whose requests belong to this trunk."""
    media_networks: tuple[str, ...] = ()
    """Networks that its audio may come from; none: only the address that each call signals."""
    trusted: bool = False
    """The identities that it asserts are believed (RFC 3325)."""
    outbound: TrunkOutbound | None = None
    """None: no calls go out by it."""
    users: tuple[TrunkUser, ...] = ()
    registration: TrunkRegistration | None = None
    accepts_refer: bool = False
    """Whoever is reached by it may hand a caller on by REFER, and have us place that call (RFC 3515)."""


@dataclass(frozen=True, slots=True)
class SipSettings:
    listen: HostPort = HostPort("127.0.0.1", 5060)
    calls_max: int = 3000
    """Live calls; the next one is answered 503."""
    strangers: str = "refuse"
    """What a source that is no trunk's peer gets: `refuse` (403) or `ignore` (silence)."""
    advertised: HostPort | None = None
    """Where peers reach us, if not where we listen: behind NAT. Port 0 is the port that we listen on."""
    transports: tuple[str, ...] = ("udp", "tcp")
    """What SIP is served over; UDP always is."""
    dns: tuple[HostPort, ...] = ()
    """Resolvers that are asked where proxies are; none for the system's."""
    challenges: tuple[str, ...] = ("SHA-256", "MD5")
    """The algorithms of digest that users may prove themselves by, the preferred first."""


@dataclass(frozen=True, slots=True)
class MediaSettings:
    rtp_port_first: int = 20000
    rtp_port_last: int = 23999
    """Inclusive. Every even port of the range carries the RTP of one call, the next one its RTCP."""
    dead_air_s: float = 10.0
    """Silence of a caller's line that is worth telling; 0 tells of none."""
    advertised: str = ""
    """The address that callers are told to send audio to, if it is not that of SIP."""

    @property
    def slots(self) -> int:
        """Calls that can have media at once."""
        first_even = self.rtp_port_first + self.rtp_port_first % 2
        return max(0, (self.rtp_port_last - first_even) // 2 + 1)


@dataclass(frozen=True, slots=True)
class NodeSettings:
    drain_limit_s: float = 30.0
    """How long a stopping node lets live calls finish."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One organisation's telephony, as its operation file describes it."""

    name: str
    directory: str
    """Absolute path of the directory that holds the file and the flows."""
    digest: str
    """Of everything in the directory that shapes behaviour; names the stored copy."""
    sip: SipSettings
    media: MediaSettings
    http: HostPort
    node: NodeSettings
    trunks: tuple[Trunk, ...]
    numbers: dict[str, Number]
    """The user part of a request URI -> what answers it."""
    flows: dict[str, FlowReference]
    prompts: dict[str, Prompt]
    language: str = "en"
    """Of texts that flows speak without naming a language."""
    apology: Prompt | None = None
    """What a caller hears when a flow fails; None for a sentence of ours in the call's language."""
    file: str = ""
    """Absolute path of the operation file itself."""
    capabilities: Mapping[str, Capability] = field(default_factory=dict)
    outbound: OutboundPolicy = OutboundPolicy()
    callbacks: CallbackSettings | None = None
    """None: callers that a carrier loses are not called back."""
    dependencies: Mapping[str, Dependency] = field(default_factory=dict)
    journal: JournalSettings = field(default_factory=JournalSettings)
    preflight: Preflight = field(default_factory=Preflight)
    money: MoneySettings | None = None
    """None: nothing is priced."""
    playbooks: Mapping[str, Playbook] = field(default_factory=dict)
    """By their names, the operation's own first."""
    messages: MessageSettings | None = None
    """None: nobody is told of incidents."""
    contacts: Mapping[str, Contact] = field(default_factory=dict)
    status_page: StatusPageSettings | None = None
    desk: DeskSettings = field(default_factory=DeskSettings)
    incidents: IncidentSettings | None = None
    """None: nothing is looked for; a file without `incidents` has the usual ones."""
    overrides: tuple[str, ...] = ()
    """`a.b.c=value` settings that were given beside the file."""
