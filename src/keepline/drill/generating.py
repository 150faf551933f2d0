"""One drill for every path that an operation's model has, and those that are about nobody's path in particular.

Pure: an operation in, drills out. A path for which there is no way to be broken from outside gets no drill, and is
named as such.
"""

from collections.abc import Sequence

from keepline.drill.experiment import MODULE, Drill, DrillAction, Hypothesis, Pauses, Probe, Provider, Range
from keepline.model.capability import CapabilityAction, CapabilityPath, HttpService
from keepline.model.operation import Operation
from keepline.model.outlets import GREETING, STATUS_PAGE

FAULT_S = 20.0
"""How long a fault of a generated drill stands."""
FAULTS_S = {"payments": 30.0}
"""Of what callers come to last of all, and three of them must have, or nobody could notice."""
KNOWN_S = 30.0
"""So long all of it is used before a part of the back office breaks: callers come to it late in their calls, and what
is slow is told from what it was before.
"""
AT_LEAST_WELL = 0.95
CALLERS = {
    "orders": "order_status:60,impatient:15,wants_a_person:15,pay:5",
    "appointments": "book:35,cancel_appointment:25,order_status:10,wants_a_person:15",
    "billing": "pay:50,order_status:15,wants_a_person:20",
    "payments": "pay:60,order_status:10,wants_a_person:15",
    "leads": "lead:50,order_status:15,wants_a_person:20",
    "messages": "lead:50,order_status:15,wants_a_person:20",
}
"""Who calls while a capability is broken: mostly those who want it, or nobody could notice within seconds."""
WORLD = "a node, a back office and carriers of the drill's own, on this machine; no real call, nothing outside of them"


def _do(name: str, func: str, pause_s: float = 0.0, **arguments: str | float) -> DrillAction:
    provider = Provider.model_validate({"type": "python", "module": MODULE, "func": func, "arguments": arguments})
    return DrillAction(type="action", name=name, provider=provider, pauses=Pauses(after=pause_s))


def _look(name: str, func: str, tolerance: bool | Range) -> Probe:
    provider = Provider.model_validate({"type": "python", "module": MODULE, "func": func})
    return Probe(type="probe", name=name, tolerance=tolerance, provider=provider)


STEADY = Hypothesis(
    title="The node answers, and calls that reach it end as their callers meant them to",
    probes=[
        _look("the-node-answers", "answers", True),
        _look("calls-end-well", "share_well", Range(type="range", range=(AT_LEAST_WELL, 1.0))),
    ],
)


def _drill(name: str, title: str, path: str, made_from: str, *faults: DrillAction, detects: str = "") -> Drill:
    healed = _do("no-fault-is-left", "heal")
    callers = CALLERS.get((detects or path).partition("/")[0], "")
    return Drill(
        name, title, WORLD, STEADY, faults, (healed,), path, detects=detects or path, callers=callers,
        made_from=made_from,
    )  # fmt: skip


def paths_of(operation: Operation) -> list[str]:
    """Every path of the model, by its name; but for those by which we tell people ourselves, which need nobody else."""
    carriers = [each.trunk for each in operation.outbound.carriers] or [
        trunk.name for trunk in operation.trunks if trunk.outbound is not None
    ]
    paths = [f"telephony/{name}" for name in carriers]
    others = {name: each for name, each in operation.capabilities.items() if name not in (GREETING, STATUS_PAGE)}
    return paths + [f"{name}/{path.name}" for name, each in others.items() for path in each.paths]


def generated(operation: Operation) -> dict[str, Drill]:
    """By name."""
    made_from = f"generated from {operation.name}"
    drills = []
    for path in paths_of(operation):
        capability, _, name = path.partition("/")
        if capability == "telephony":
            fault = _do("black-hole-it", "carrier_fault", FAULT_S, at=name, kind="black-holed", expires_s=FAULT_S)
            drills.append(_drill(f"telephony-{name}-dead", f"The carrier {name} is dead", path, made_from, fault))
            continue
        found = operation.capabilities[capability]
        place = next(number for number, each in enumerate(found.paths) if each.name == name)
        stands_in = place > 0
        # What stands in for others is drilled by their absence: then it has to carry what they did. To break it while
        # nobody asks it would show nothing.
        broken = found.paths[:place] if stands_in else found.paths[place : place + 1]
        fault_s = FAULTS_S.get(capability, FAULT_S)
        faults = _down([each for each in broken if isinstance(each.connector, HttpService)], fault_s)
        if faults and stands_in:
            missing = next(each.name for each in broken if isinstance(each.connector, HttpService))
            title, detects = f"{capability}: {name} alone", f"{capability}/{missing}"
            drills.append(_drill(f"{capability}-{name}-alone", title, path, made_from, *faults, detects=detects))
        elif faults:
            title = f"{capability} cannot be had by {name}"
            drills.append(_drill(f"{capability}-{name}-down", title, path, made_from, *faults))
    return {each.name: each for each in (*drills, *_others(operation, made_from))}


def _down(paths: Sequence[CapabilityPath], fault_s: float) -> list[DrillAction]:
    """All that is asked by these paths is refused with 503, for a while."""
    routes = sorted({_route(action) for path in paths for action in path.actions.values()})
    faults = [
        _do(f"take-it-down-{place}", "office_fault", 0.0, route=route, kind="status", expires_s=fault_s)
        for place, route in enumerate(routes, start=1)
    ]
    if faults:
        faults[0] = faults[0].model_copy(update={"pauses": Pauses(before=KNOWN_S)})
        before_s = faults[-1].pauses.before
        faults[-1] = faults[-1].model_copy(update={"pauses": Pauses(before=before_s, after=fault_s)})
    return faults


def _route(action: CapabilityAction) -> str:
    """What the back office calls it: `GET /orders/*`."""
    path = "".join(part if place % 2 == 0 else "*" for place, part in enumerate(_split(action.path)))
    return f"{action.method} {path}"


def _split(path: str) -> list[str]:
    """Text, name, text…, of `/orders/{number}/x`."""
    parts: list[str] = []
    for piece in path.split("{"):
        parts += piece.split("}", 1) if parts else [piece]
    return parts


def _others(operation: Operation, made_from: str) -> list[Drill]:
    first = next(iter(paths_of(operation)), "").partition("/")[2]

    orders = _orders_path(operation)

    def carrier(name: str, title: str, kind: str) -> Drill:
        fault = _do("plant-it", "carrier_fault", FAULT_S, at=first, kind=kind, expires_s=FAULT_S)
        return _drill(name, title, f"telephony/{first}", made_from, fault)

    def office(name: str, title: str, kind: str) -> Drill:
        fault = _do("plant-it", "office_fault", FAULT_S, route="GET /orders/*", kind=kind, expires_s=FAULT_S)
        before = fault.model_copy(update={"pauses": Pauses(before=KNOWN_S, after=FAULT_S)})
        return _drill(name, title, orders, made_from, before)

    def here(name: str, title: str, func: str, detects: str = "", **arguments: str | float) -> Drill:
        return _drill(name, title, "", made_from, _do("do-it", func, FAULT_S, **arguments), detects=detects)

    calls, media, disk = (f"keepline/{part}" for part in ("active", "media", "disk"))
    return [
        carrier("carrier-503", "The first carrier refuses every call with 503", "503"),
        carrier("carrier-100-only", "The first carrier answers 100 and nothing more", "100 only"),
        carrier("carrier-slow", "The first carrier holds calls back for seconds", "slow"),
        carrier("carrier-silent-audio", "The first carrier sets calls up without audio", "silent audio"),
        office("crm-slow", "The CRM takes seconds to answer", "slow"),
        office("crm-wrong", "The CRM answers with half of what it should", "malformed"),
        here("calls-killed", "The process that runs the calls is killed", "killed", calls, role="active"),
        here("media-killed", "The process that carries the audio is killed", "killed", media, role="media"),
        here(
            "calls-frozen", "The process that runs the calls hangs", "frozen", calls, role="active", expires_s=FAULT_S
        ),
        here("surge", "Four times as many call", "surge", times=4.0, expires_s=FAULT_S),
        here("disk-full", "The journal's disk is full", "disk_full", disk, expires_s=FAULT_S),
    ]


def _orders_path(operation: Operation) -> str:
    """The path that answers `GET /orders/*`, which CRM drills break; empty where there is none."""
    for name, each in operation.capabilities.items():
        for path in each.paths:
            asks = any(_route(action).startswith("GET /orders/") for action in path.actions.values())
            if asks and isinstance(path.connector, HttpService):
                return f"{name}/{path.name}"
    return ""
