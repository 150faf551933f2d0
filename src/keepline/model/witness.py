"""Witnesses of the journal: who keeps its checkpoints outside the node, and how often they are sent one."""

from dataclasses import dataclass

from keepline.model.capability import SecretRef


@dataclass(frozen=True, slots=True)
class FileWitness:
    """A file that checkpoints are appended to; it proves something on another disk than the journal's."""

    path: str
    """Whole."""

    def __str__(self) -> str:
        return f"file {self.path}"


@dataclass(frozen=True, slots=True)
class HttpWitness:
    """A service that checkpoints are posted to."""

    url: str
    token: SecretRef | None = None
    """Sent as `Authorization: Bearer`."""

    def __str__(self) -> str:
        return f"url {self.url}"


@dataclass(frozen=True, slots=True)
class MailWitness:
    """A mailbox that checkpoints are sent to."""

    address: str
    server: tuple[str, int]
    """Host and port of the SMTP server that takes them."""
    sender: str
    security: str = "starttls"
    """`starttls`, `tls` from the first byte, or `none`."""
    username: str = ""
    password: SecretRef | None = None

    def __str__(self) -> str:
        return f"mail {self.address}"


WitnessPlace = FileWitness | HttpWitness | MailWitness


@dataclass(frozen=True, slots=True)
class Witness:
    """Somebody outside the node who keeps what it has signed."""

    name: str
    place: WitnessPlace


@dataclass(frozen=True, slots=True)
class JournalSettings:
    witnesses: tuple[Witness, ...] = ()
    every_s: float = 3600.0
    """Between two checkpoints that one witness is sent, while there is anything new."""
    overdue_s: float = 10_800.0
    """Age at which a checkpoint that a witness does not have is somebody's business."""
    keep_days: float | None = None
    """What calls said is erased so long after they ended; None keeps all."""
