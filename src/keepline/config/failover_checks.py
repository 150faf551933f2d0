"""Whether the parts of a number's `failover` agree: works on plain values, as `keepline.config.checks` does."""

import re
from ipaddress import ip_address
from typing import Any

from keepline.config.tree import Tree, Where
from keepline.config.words import nearest
from keepline.model.errors import Mistake
from keepline.model.failover import API, NONE, ORIGINATION, SECOND_NUMBER
from keepline.model.operation import Operation
from keepline.sip.telephone import EXTENSION_DIGITS_MAX

ARGUMENTS = ("number", "to")
"""What the action that points a number is given, beside the key."""
_BELONGS = {
    "addresses": ORIGINATION, "number": SECOND_NUMBER,
    **dict.fromkeys(("ask", "look", "field", "home", "away", "arrives_by", "hold_s", "silent_s"), API),
}  # fmt: skip
_NEEDED = {ORIGINATION: ("addresses",), API: ("ask", "home", "away", "arrives_by"), SECOND_NUMBER: ("number",)}
_EXAMPLES = {
    "addresses": "`addresses: ['203.0.113.9:5060', '198.51.100.4:5060']`, as the carrier has them",
    "ask": "`ask: CAPABILITY.ACTION`, which is given `number` and `to`",
    "home": "`home: TEXT`, what `to` is for the place where the number belongs",
    "away": "`away: TEXT`, what `to` is for the place that it is pointed to meanwhile",
    "arrives_by": "`arrives_by: TRUNK`, by which its calls come then",
    "number": "`number: NUMBER`, another one of `numbers`",
}


def check_failover(tree: Tree) -> None:
    """Each number's carrier is a trunk, and its failover has what its method needs, and nothing of another."""
    trunks = _mapping(tree.plain.get("trunks"))
    for number, entry in _mapping(tree.plain.get("numbers")).items():
        where: Where = ("numbers", number)
        carrier, failover = _mapping(entry).get("carrier"), _mapping(entry).get("failover")
        if isinstance(carrier, str) and carrier not in trunks:
            tree.add_mistake((*where, "carrier"), f"there is no trunk `{carrier}`", nearest(carrier, list(trunks)))
        if not isinstance(failover, dict):
            continue
        at: Where = (*where, "failover")
        if not carrier:
            tree.add_mistake(
                at, "belongs to a number without a carrier", "write `carrier: TRUNK` beside it", at_key=True
            )
        method = failover.get("method")
        for name in failover:
            if _BELONGS.get(name, method) != method and method in _NEEDED | {NONE: ()}:
                wrong = f"`{name}` is no part of `method: {method}`"
                tree.add_mistake((*at, name), wrong, f"leave it away, or write `method: {_BELONGS[name]}`", at_key=True)
        missing = next((name for name in _NEEDED.get(str(method), ()) if not failover.get(name)), None)
        if missing is not None:
            tree.add_mistake(at, f"`method: {method}` lacks `{missing}`", f"write {_EXAMPLES[missing]}", at_key=True)
        if method == API:
            _check_api(tree, at, failover, str(carrier), trunks)
        elif method == SECOND_NUMBER:
            _check_second(tree, at, number, failover.get("number"), carrier)
        elif method == ORIGINATION:
            _check_addresses(tree, at, failover.get("addresses"))


def _check_api(tree: Tree, at: Where, failover: dict[str, Any], carrier: str, trunks: dict[str, Any]) -> None:
    by = failover.get("arrives_by")
    if isinstance(by, str) and by not in trunks:
        tree.add_mistake((*at, "arrives_by"), f"there is no trunk `{by}`", nearest(by, list(trunks)))
    elif by == carrier:
        wrong = f"`{by}` is the carrier that it is to get away from"
        tree.add_mistake((*at, "arrives_by"), wrong, "name the trunk of another one")
    if carrier in trunks and not _mapping(trunks[carrier]).get("outbound"):
        wrong = f"`{carrier}` cannot be asked whether it is there: its trunk has no `outbound`"
        tree.add_mistake(at, wrong, f"write `outbound: {{proxy: HOST}}` at the trunk `{carrier}`", at_key=True)
    if failover.get("home") is not None and failover.get("home") == failover.get("away"):
        tree.add_mistake((*at, "away"), "is where it belongs", "name another place than `home`")
    ask, look = failover.get("ask"), failover.get("look")
    for name, text, changes in (("ask", ask, True), ("look", look, False)):
        if isinstance(text, str):
            _check_action(tree, (*at, name), text, failover.get("field"), changes=changes)
    if isinstance(ask, str) and isinstance(look, str) and ask.partition(".")[0] != look.partition(".")[0]:
        tree.add_mistake((*at, "look"), "is of another capability than `ask`", "ask and look at one place")
    if look and not failover.get("field"):
        wrong = "says nothing without `field`, the field of its answer that has the place"
        tree.add_mistake((*at, "look"), wrong, "write `field: NAME` beside it")


def _check_action(tree: Tree, where: Where, text: str, field: object, *, changes: bool) -> None:
    """The action exists, can be asked with what there is to tell, and may be asked again with its key."""
    name, _, action = text.partition(".")
    known = _actions(tree)
    found = known.get(f"{name}.{action}")
    if found is None:
        tree.add_mistake(where, f"there is no `{text}`", nearest(text, list(known)))
        return
    kind, entry = found
    method = entry.get("method", "GET")
    does = str(entry.get("changes", "")).lower() == "true" or (kind == "http" and method not in ("GET", "HEAD"))
    if changes and not (does and str(entry.get("idempotent", "")).lower() == "true"):
        wrong = f"`{text}` may have to be asked twice, when its answer is lost"
        tree.add_mistake(where, wrong, "it must change something, and say `idempotent: true`: done once for one key")
    if not changes and does:
        tree.add_mistake(where, f"`{text}` changes something", "name one that only looks")
    given = ARGUMENTS if changes else ARGUMENTS[:1]
    strange = sorted(_wanted(entry) - {*given, "idempotency_key"})
    if strange:
        wrong = f"`{text}` wants `{strange[0]}`"
        tree.add_mistake(where, wrong, f"it is given {' and '.join(f'`{each}`' for each in given)}, and its key")
    response = entry.get("response")
    if isinstance(field, str) and response is not None and field not in response:
        tree.add_mistake(where, f"the answer of `{text}` has no field `{field}`", "name it in its `response`")


def _actions(tree: Tree) -> dict[str, tuple[str, dict[str, Any]]]:
    """CAPABILITY.ACTION -> its kind, and what the file says of it at the first path."""
    found = {}
    for name, entry in _mapping(tree.plain.get("capabilities")).items():
        paths = _mapping(entry).get("paths")
        first = _mapping(paths[0]) if isinstance(paths, list) and paths else {}
        for kind in ("http", "python"):
            for action, each in _mapping(_mapping(first.get(kind)).get("actions")).items():
                found[f"{name}.{action}"] = (kind, _mapping(each))
    return found


def _wanted(entry: dict[str, Any]) -> set[str]:
    texts = [entry.get("path"), *_mapping(entry.get("query")).values(), *_mapping(entry.get("body")).values()]
    return {name for text in texts if isinstance(text, str) for name in re.findall(r"\{(\w+)\}", text)}


def _check_second(tree: Tree, at: Where, number: str, second: object, carrier: object) -> None:
    numbers = _mapping(tree.plain.get("numbers"))
    if not isinstance(second, str):
        return
    if second not in numbers:
        tree.add_mistake((*at, "number"), f"there is no number `{second}`", nearest(second, list(numbers)))
    elif second == number:
        tree.add_mistake((*at, "number"), "is the number itself", "name another one")
    elif _mapping(numbers[second]).get("carrier") in (None, carrier):
        wrong = f"`{second}` is not known to belong to another carrier than `{carrier}`"
        tree.add_mistake((*at, "number"), wrong, f"write the `carrier` of `{second}`, or name a number of another one")


def _check_addresses(tree: Tree, at: Where, addresses: object) -> None:
    if isinstance(addresses, list) and len(set(map(str, addresses))) == 1:
        wrong = "is one address alone, and there is no second one to try"
        right = "give the carrier another address of ours, at another node or by another line, and name both"
        tree.add_mistake((*at, "addresses"), wrong, right)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


# What is right, and yet not well --------------------------------------------------------------------------------------


def failover_warnings(operation: Operation) -> list[Mistake]:
    """Numbers that nothing takes over; of a node that this machine alone can call only what the file says itself."""
    is_loopback = ip_address(operation.sip.listen.host).is_loopback
    found = []
    for name, number in operation.numbers.items():
        method = number.failover.method if number.failover is not None else ""
        is_extension = len(name) <= EXTENSION_DIGITS_MAX or not name.startswith("+")
        if method == NONE or (not method and not is_loopback and not is_extension):
            by = f"`{number.carrier}`" if number.carrier else "its carrier"
            wrong = f"nothing takes over `{name}`: while {by} brings no calls, its callers reach nobody"
            right = (
                "have the carrier try several addresses (`origination`), point it by an API (`api`), or have a "
                "number of another carrier (`second_number`); docs/howto/move-numbers.md says what each takes"
            )
            found.append(Mistake(operation.file, 1, 1, f"numbers.{name}.failover", wrong, right))
    return found
