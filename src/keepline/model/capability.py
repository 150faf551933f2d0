"""Capabilities: what an operation needs from outside, and the paths by which it gets it, as plain frozen values.

A path holds an action for each thing that can be asked of it. What the action promises (does it change something, may
it be repeated, which fields does its answer have) is the same for a flow, the core and the connector.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keepline.model.outlets import Outlet

IDEMPOTENCY_KEY = "idempotency_key"
"""The name by which a template, or a method's parameter, asks for the key of a use."""


@dataclass(frozen=True, slots=True)
class FieldPath:
    """Where in an answer one of its declared fields is."""

    keys: tuple[str | int, ...]
    """Of mappings and lists, from the answer's top; empty for all of it."""
    optional: bool = False
    """None where it is missing; else its absence breaks the contract."""

    def __str__(self) -> str:
        shown = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in self.keys)
        return f"${shown}{'?' if self.optional else ''}"


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A text that the operation file only points to."""

    source: str
    """`env` or `file`; empty where `name` is the text itself."""
    name: str
    prefix: str = ""
    """Goes before it, `Bearer `."""


@dataclass(frozen=True, slots=True)
class CapabilityAction:
    """One thing that can be asked of a capability."""

    timeout_s: float = 5.0
    """For one attempt."""
    changes: bool = False
    """It changes something outside: never done twice by guessing."""
    idempotent: bool = False
    """The other side does it once for one idempotency key, however often it is asked."""
    lookup: str = ""
    """The action that tells what became of this one, by its idempotency key."""
    resolve: str = ""
    """The same, and what it does not find was not done."""
    sure_after_s: float = 60.0
    """Since the change was sent last: by then `resolve` would find what is under way."""
    wait_s: float = 0.0
    """How long a flow waits for a change whose outcome is in doubt, all attempts together; 0: twice `timeout_s`."""
    pending_s: float = 43_200.0
    """How long after that its outcome is sought, before it is work for a person."""
    told_by: str = ""
    """Of Python: the method, where it is not the action's own name."""
    response: Mapping[str, FieldPath] | None = None
    """Field of the answer -> where it is; None takes the answer's own top fields."""
    method: str = ""
    """Of HTTP; empty for Python."""
    path: str = ""
    """Of HTTP, below the base URL; `{name}` stands for an argument."""
    query: Mapping[str, str] | None = None
    """Templates; None puts what the path leaves over there, where there is no body."""
    body: Mapping[str, str] | None = None
    """Templates; None puts what the path and the query leave over there, where the method has a body."""
    table: str = ""
    """Of a snapshot: which of its tables knows."""
    key: str = ""
    """Of a snapshot: the argument that names the row. Of an outbox: the one of which writes keep their order."""
    flow: str = ""
    """Of a `deferred` path: what sees to it later, without the caller."""


def resolve_name(action: str) -> str:
    """By which the question what became of an action is known; no flow can ask it."""
    return f"{action}.resolve"


def meant_by(asked: str) -> str:
    """The action that such a question is about; any other name is its own."""
    return asked.removesuffix(".resolve")


@dataclass(frozen=True, slots=True)
class HttpService:
    """A service that is spoken to by HTTP and JSON."""

    base_url: str
    headers: Mapping[str, SecretRef]
    refusal_code: FieldPath = FieldPath(("error", "code"), optional=True)
    refusal_detail: FieldPath = FieldPath(("error", "message"), optional=True)


@dataclass(frozen=True, slots=True)
class PythonClass:
    """A class of the operation's own, with a method for each action."""

    module: str
    name: str
    threads: int = 4
    """For methods that block."""


@dataclass(frozen=True, slots=True)
class SnapshotTable:
    """Rows that are copied together, each found by its key."""

    path: str
    """Of HTTP, below the base URL."""
    rows: FieldPath
    """Where in the answer the list of rows is."""
    key: FieldPath
    """Where in a row its key is."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A copy of what a service knows, kept on this machine and made anew again and again."""

    base_url: str
    headers: Mapping[str, SecretRef]
    tables: Mapping[str, SnapshotTable]
    timeout_s: float = 30.0
    """For one table."""
    every_s: float = 60.0
    age_s_max: float = 14_400.0
    """An older copy answers nothing."""


@dataclass(frozen=True, slots=True)
class Outbox:
    """Changes that are kept on this machine and made when the path before it takes them: in order, once each."""

    keep_s: float = 604_800.0
    """Then what is still kept is for a person."""
    at_once: int = 4
    """So many writes at once, of different keys."""


@dataclass(frozen=True, slots=True)
class Deferred:
    """Changes that are promised, and seen to by a run of a flow."""


PROMISING = (Outbox, Deferred)
"""Paths that do nothing themselves: what is asked of them is promised."""


@dataclass(frozen=True, slots=True)
class CapabilityPath:
    """One way to provide a capability."""

    name: str
    connector: "HttpService | PythonClass | Snapshot | Outbox | Deferred | Outlet"
    actions: Mapping[str, CapabilityAction]
    in_flight_max: int = 20
    """Uses at once; further ones wait for their turn, no longer than their deadline."""


@dataclass(frozen=True, slots=True)
class Hedge:
    """When what changes nothing is asked of a second path while the first is still silent."""

    after_s_min: float = 0.1
    after_s_max: float = 1.0
    """Bounds of the wait, which is the p99 of the path's own answers."""
    share_max: float = 0.05
    """Of the uses: so many at most are asked twice."""


@dataclass(frozen=True, slots=True)
class Capability:
    """Something the operation needs, and its paths in order."""

    name: str
    paths: tuple[CapabilityPath, ...]
    hedge: Hedge | None = None

    def action(self, name: str, path: str = "") -> CapabilityAction | None:
        """The action as that path has it, or the first one; None where there is none."""
        if not path:
            return self.paths[0].actions.get(name)
        found = self.path(path)
        return found.actions.get(name) if found is not None else None

    def path(self, name: str) -> CapabilityPath | None:
        """The path of that name."""
        return next((each for each in self.paths if each.name == name), None)

    def change_paths(self, action: str) -> tuple[CapabilityPath, ...]:
        """Those that a change may be asked of, in their order."""
        return tuple(each for each in self.paths if action in each.actions and each.actions[action].changes)
