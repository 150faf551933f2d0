"""The parts of an operation: its capabilities and their paths, Keepline's own, and what the file says of all of them.

A capability works while one of its paths does, telephony while the node and one trunk do. A part that the file adds
needs to keeps what it needed before. What has the same host shares it, whether or not anybody thought of that, and what
is on loopback shares this machine.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import ip_address

from keepline.model.capability import Capability, HttpService
from keepline.model.dependency import Dependency, Need
from keepline.model.errors import LocalError
from keepline.model.failover import API, SECOND_NUMBER
from keepline.model.operation import Number, Operation, is_address
from keepline.paths.own_parts import DISK, MACHINE, NODE, OWN_PARTS, RESOLVER, TELEPHONY, OperationPart, all_of

Structure = Mapping[str, OperationPart]
"""Name -> part; what a part needs is in it too, and nothing needs itself."""


def structure_of(operation: Operation) -> Structure:
    """Every part of an operation that was read without a mistake."""
    parts: dict[str, OperationPart] = dict(OWN_PARTS)
    _add_telephony(parts, operation)
    for capability in operation.capabilities.values():
        _add_capability(parts, capability)
    for name, number in operation.numbers.items():
        if number.carrier:
            _add_number(parts, operation, name, number)
    for dependency in operation.dependencies.values():
        _add_dependency(parts, dependency)
    return parts


def _add_telephony(parts: dict[str, OperationPart], operation: Operation) -> None:
    names = []
    for trunk in operation.trunks:
        name = f"{TELEPHONY}/{trunk.name}"
        names.append(name)
        host = _host(parts, trunk.outbound.proxy_host) if trunk.outbound is not None else ()
        parts[name] = OperationPart(name, "path", host)
    needs = (*all_of(NODE), Need(tuple(names), 1))
    parts[TELEPHONY] = OperationPart(TELEPHONY, "capability", needs, can_fail=False, is_critical=True)


def _add_capability(parts: dict[str, OperationPart], capability: Capability) -> None:
    names = []
    for path in capability.paths:
        name = f"{capability.name}/{path.name}"
        names.append(name)
        connector = path.connector
        host = _host(parts, _host_of_url(connector.base_url)) if isinstance(connector, HttpService) else ()
        parts[name] = OperationPart(name, "path", host)
    changes = any(action.changes for path in capability.paths for action in path.actions.values())
    needs = (*(all_of(DISK) if changes else ()), Need(tuple(names), 1))
    before = parts.get(capability.name)
    made = OperationPart(capability.name, "capability", needs, can_fail=False, is_critical=True)
    parts[capability.name] = replace(made, needs=(*before.needs, *needs)) if before is not None else made


def _add_number(parts: dict[str, OperationPart], operation: Operation, name: str, number: Number) -> None:
    """A number works while its carrier does, or by its way out."""
    ways, failover = [f"{TELEPHONY}/{number.carrier}"], number.failover
    if failover is not None and failover.method == API:
        pointed = f"number {name} pointed away"
        needs = all_of(failover.capability, f"{TELEPHONY}/{failover.arrives_by}")
        parts[pointed] = OperationPart(pointed, "number", needs, can_fail=False)
        ways.append(pointed)
    elif failover is not None and failover.method == SECOND_NUMBER:
        second = operation.numbers.get(failover.number)
        ways += [f"{TELEPHONY}/{second.carrier}"] if second is not None and second.carrier else []
    needs = (*all_of(NODE), Need(tuple(dict.fromkeys(ways)), 1))
    parts[f"number {name}"] = OperationPart(f"number {name}", "number", needs, can_fail=False, is_critical=True)


def _host(parts: dict[str, OperationPart], host: str) -> tuple[Need, ...]:
    """The machine behind a name or an address, whatever the port: this one for what is on loopback."""
    bare = host.strip("[]").lower()
    if bare == "localhost" or (is_address(bare) and ip_address(bare).is_loopback):
        return all_of(MACHINE)
    parts[f"host {bare}"] = OperationPart(f"host {bare}", "host", () if is_address(bare) else all_of(RESOLVER))
    return all_of(f"host {bare}")


def _host_of_url(url: str) -> str:
    """`crm.example.com` of `https://crm.example.com:8443/v1`, which was read without a mistake."""
    authority = url.split("/")[2]
    name, colon, port = authority.rpartition(":")
    return name if colon and port.isdigit() and not name.endswith(":") else authority


def _add_dependency(parts: dict[str, OperationPart], dependency: Dependency) -> None:
    before = parts.get(dependency.name)
    if before is None:
        # A role is as good as who plays it, and what the operation wants done as what it takes.
        can_fail = not (dependency.needs and (dependency.kind == "role" or dependency.is_critical))
        parts[dependency.name] = OperationPart(
            dependency.name, dependency.kind or "thing", dependency.needs, can_fail, dependency.is_critical
        )
        return
    parts[dependency.name] = replace(
        before,
        kind=dependency.kind or before.kind,
        needs=(*before.needs, *dependency.needs),
        is_critical=before.is_critical or dependency.is_critical,
    )


def in_order(parts: Structure, tops: Iterable[str]) -> list[str]:
    """What the tops need, and they themselves, each after what it needs. Raises `LocalError` for a circle."""
    done: dict[str, None] = {}
    open_: set[str] = set()
    pending = [(name, False) for name in reversed(list(tops))]
    while pending:
        name, is_after = pending.pop()
        if is_after:
            open_.discard(name)
            done[name] = None
        elif name not in done:
            if name in open_:
                raise LocalError(f"{name} needs itself")
            open_.add(name)
            pending.append((name, True))
            below = [each for need in parts[name].needs for each in need.names if each not in done]
            pending += [(each, False) for each in reversed(below)]
    return list(done)


def works(parts: Structure, order: Iterable[str], failed: frozenset[str]) -> dict[str, bool]:
    """Which parts work while these have failed by themselves; `order` is that of `in_order`."""
    found: dict[str, bool] = {}
    for name in order:
        part = parts[name]
        met = all(sum(found[each] for each in need.names) >= need.at_least for need in part.needs)
        found[name] = met and not (part.can_fail and name in failed)
    return found
