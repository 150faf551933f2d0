"""Whether `incidents:` agrees with the rest of the file: works on plain values, as `keepline.config.checks` does."""

from typing import Any

from keepline.config.tree import Tree, Where
from keepline.config.words import nearest
from keepline.model.incident import IncidentSettings

_USUAL = IncidentSettings()


def check_incidents(tree: Tree) -> None:
    """What is named is there, and the windows are in order."""
    found, capabilities = _mapping(tree.plain.get("incidents")), _mapping(tree.plain.get("capabilities"))
    for name in _mapping(found.get("kinds")):
        if name not in capabilities:
            right = nearest(str(name), sorted(capabilities))
            tree.add_mistake(("incidents", "kinds", name), f"there is no capability `{name}`", right, at_key=True)
    for path, test in _mapping(_mapping(found.get("gate")).get("tests")).items():
        where: Where = ("incidents", "gate", "tests", path)
        capability, _, name = str(path).partition("/")
        paths = _mapping(capabilities.get(capability)).get("paths")
        known = [_mapping(each) for each in paths] if isinstance(paths, list) else []
        of = next((each for each in known if each.get("name") == name), None)
        if of is None:
            names = [f"{capability}/{each.get('name')}" for each in known]
            tree.add_mistake(where, f"there is no path `{path}`", nearest(str(path), names), at_key=True)
        elif (action := _mapping(test).get("action")) and not _has(of, str(action)):
            tree.add_mistake((*where, "action"), f"`{path}` has no action `{action}`", "name one that changes nothing")
    short, long = found.get("short_s", _USUAL.short_s), found.get("long_s", _USUAL.long_s)
    if _number(short) > _number(long):
        wrong = f"the short window, {_number(short):g} s, is longer than the long one, {_number(long):g} s"
        tree.add_mistake(("incidents",), wrong, "have `short_s` be the shorter one", at_key=True)


def _has(path: dict[str, Any], action: str) -> bool:
    """Whether a path, of whatever connector, has an action."""
    return any(action in _mapping(_mapping(each).get("actions")) for each in path.values() if isinstance(each, dict))


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):  # the schema says what is wrong with it
        return 0.0


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
