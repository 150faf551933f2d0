"""Whether the parts of `capabilities:` agree: works on plain values, as `keepline.config.checks` does."""

import re
from typing import Any

from keepline.config.answers import SECRET
from keepline.config.capabilities import PATH_KINDS, PROMISING_KINDS, READING
from keepline.config.hedges import check_hedge
from keepline.config.outlets import OUTLET_KINDS
from keepline.config.tree import Tree, Where
from keepline.config.words import nearest
from keepline.model.capability import IDEMPOTENCY_KEY
from keepline.model.outlets import SEND, SEND_ARGUMENTS

_TEMPLATE = re.compile(r"\{(\w+)\}")
_SECRET_HEADER = re.compile(r"authorization|cookie|secret|token|password|api-?key", re.IGNORECASE)


def check_capabilities(tree: Tree) -> None:
    """Each path is of one kind, has its secrets elsewhere, and its actions' lookups exist and answer alike."""
    for name, entry in _mapping(tree.plain.get("capabilities")).items():
        paths = _list(_mapping(entry).get("paths"))
        _check_alike(tree, ("capabilities", name, "paths"), paths)
        check_hedge(tree, ("capabilities", name, "hedge"), _mapping(entry).get("hedge"), _read_twice(paths))
        for index, path in enumerate(paths):
            if not isinstance(path, dict):
                continue
            where: Where = ("capabilities", name, "paths", index)
            kinds = [kind for kind in PATH_KINDS if kind in path]
            if len(kinds) != 1:
                said = " and ".join(f"`{kind}`" for kind in kinds)
                wrong = f"has {said}" if kinds else "does not say what it is"
                tree.add_mistake(where, wrong, "give it one of " + ", ".join(f"`{kind}`" for kind in PATH_KINDS))
            for kind in kinds:
                below = _mapping(path[kind])
                _check_headers(tree, (*where, kind, "headers"), _mapping(below.get("headers")))
                _check_lookups(tree, (*where, kind, "actions"), _mapping(below.get("actions")), kind)
            for kind in PROMISING_KINDS:
                if kind in path:
                    before = list(map(_mapping, paths[:index]))
                    _check_promising(tree, (*where, kind), _mapping(path[kind]), before, kind)
            if "snapshot" in path:
                _check_snapshot(tree, where, _mapping(path["snapshot"]), is_first=index == 0)


def _check_alike(tree: Tree, where: Where, paths: list[Any]) -> None:
    """What a later path has, the first has too, and it can be asked for it in the same words."""
    names: list[str] = []
    first = _actions_of(paths[0]) if paths else {}
    for index, path in enumerate(map(_mapping, paths)):
        name = str(path.get("name"))
        if name in names:
            tree.add_mistake((*where, index, "name"), f"there are two paths `{name}`", "give each a name of its own")
        names.append(name)
        for action, (kind, below) in _actions_of(path).items() if index else ():
            at = (*where, index, kind, "actions", action)
            if action not in first:
                right = f"flows can ask for what the first path has; {nearest(action, list(first))}"
                tree.add_mistake(at, f"the first path has no `{action}`", right, at_key=True)
                continue
            kind_of_first, meant = first[action]
            missing = sorted(set(_names(meant.get("response"))) - set(_names(below.get("response"))))
            if kind not in PROMISING_KINDS and _changes(below, kind) != _changes(meant, kind_of_first):
                which = "here" if _changes(below, kind) else "at the first path"
                right = "a change has paths that change, and a question those that do not: leave it away here"
                tree.add_mistake(at, f"`{action}` changes something {which} alone", right, at_key=True)
            elif missing and kind not in PROMISING_KINDS:
                wrong = f"the answer lacks `{missing[0]}`, which that of the first path has"
                tree.add_mistake(at, wrong, "give both the same `response`", at_key=True)
            elif (
                kind_of_first == "http"
                and kind not in PROMISING_KINDS
                and (more := sorted(_wanted(below) - _wanted(meant)))
            ):
                wrong = f"asks for `{more[0]}`, which the first path does without"
                tree.add_mistake(at, wrong, "use the same arguments", at_key=True)


def _actions_of(path: Any) -> dict[str, tuple[str, dict[str, Any]]]:
    """Of either kind of path: action -> its kind, and what the file says of it."""
    return {
        name: (kind, _mapping(action))
        for kind in PATH_KINDS
        for name, action in _mapping(_mapping(_mapping(path).get(kind)).get("actions")).items()
    }


def _read_twice(paths: list[Any]) -> int:
    """Actions that change nothing and have two paths."""
    asked = [
        name
        for path in paths
        for name, (kind, told) in _actions_of(path).items()
        if kind not in PROMISING_KINDS and not _changes(told, kind)
    ]
    return sum(asked.count(name) > 1 for name in set(asked))


def _check_promising(tree: Tree, where: Where, below: dict[str, Any], before: list[dict[str, Any]], kind: str) -> None:
    """It stands behind paths that make the change, and what is kept can be made under the same key again and again."""
    if not before:
        right = "put the path before it that makes the changes: a promise is for when that does not"
        tree.add_mistake(where, f"`{kind}` cannot be the first path", right, at_key=True)
        return
    flows = list(_mapping(tree.plain.get("flows")))
    for name, action in _mapping(below.get("actions")).items():
        at = (*where, "actions", name)
        making = [
            found for path in before if (found := _actions_of(path).get(name)) and found[0] not in PROMISING_KINDS
        ]
        changing = [meant for made_by, meant in making if _changes(meant, made_by)]
        if not making:
            continue  # that the first path lacks it is said already
        if len(changing) < len(making):
            tree.add_mistake(
                at, f"`{name}` changes nothing", "a promise is of a change; leave it away here", at_key=True
            )
        elif kind == "outbox" and len(changing) > 1:
            right = "keep what one path alone makes, or promise it by `deferred`"
            tree.add_mistake(at, f"{len(changing)} paths make `{name}`", right, at_key=True)
        elif kind == "outbox" and changing and not changing[0].get("idempotent"):
            right = "say `idempotent: true` there, if the other side does what has one key once; else it cannot be kept"
            tree.add_mistake(at, f"the path before it may make `{name}` twice", right, at_key=True)
        flow = _mapping(action).get("flow")
        if kind == "deferred" and isinstance(flow, str) and flow not in flows:
            tree.add_mistake((*at, "flow"), f"there is no flow `{flow}`", nearest(flow, flows))


def _check_snapshot(tree: Tree, where: Where, snapshot: dict[str, Any], *, is_first: bool) -> None:
    """It stands behind what it is a copy of, and its actions name tables that there are."""
    if is_first:
        right = "put the path before it that it is a copy of: what is asked of a copy is never the newest"
        tree.add_mistake((*where, "snapshot"), "a copy cannot be the first path", right, at_key=True)
    tables = list(_mapping(snapshot.get("tables")))
    for name, action in _mapping(snapshot.get("actions")).items():
        table = _mapping(action).get("table")
        if isinstance(table, str) and table not in tables:
            place = (*where, "snapshot", "actions", name, "table")
            tree.add_mistake(place, f"there is no table `{table}`", nearest(table, tables))


def _check_headers(tree: Tree, where: Where, headers: dict[str, Any]) -> None:
    for name, value in headers.items():
        if not isinstance(value, str):
            continue
        found = SECRET.fullmatch(value)
        if found is None and _SECRET_HEADER.search(name):
            right = "write `env:NAME`, `file:/PATH` or `Bearer env:NAME`"
            tree.add_mistake((*where, name), "a secret does not belong into the file", right)
        elif found is not None and found[2] == "file" and not found[3].startswith("/"):
            tree.add_mistake((*where, name), f"`{found[3]}` is no whole path", "write it from `/` on")


def _check_lookups(tree: Tree, where: Where, actions: dict[str, Any], kind: str) -> None:
    for name, entry in actions.items():
        _check_resolve(tree, (*where, name), _mapping(entry), kind)
        lookup = _mapping(entry).get("lookup")
        if not isinstance(lookup, str) or not lookup:
            continue
        asked = _mapping(actions.get(lookup))
        if not asked:
            tree.add_mistake((*where, name, "lookup"), f"there is no action `{lookup}`", nearest(lookup, list(actions)))
        elif _changes(asked, kind):
            tree.add_mistake((*where, name, "lookup"), f"`{lookup}` changes something", "name one that only looks")
        elif missing := sorted(set(_names(_mapping(entry).get("response"))) - set(_names(asked.get("response")))):
            wrong = f"the answer of `{lookup}` lacks `{missing[0]}`"
            tree.add_mistake((*where, name, "lookup"), wrong, "give both the same `response`")


def _check_resolve(tree: Tree, where: Where, action: dict[str, Any], kind: str) -> None:
    resolve = _mapping(action.get("resolve"))
    if not resolve:
        return
    if action.get("lookup"):
        wrong = "has both `lookup` and `resolve`"
        tree.add_mistake((*where, "resolve"), wrong, "keep `resolve` if what it does not find was not done")
    if not _changes(action, kind):
        tree.add_mistake((*where, "resolve"), "the action changes nothing", "a question is simply asked again")
    missing = sorted(set(_names(action.get("response"))) - set(_names(resolve.get("response"))))
    if resolve.get("response") and missing:
        wrong = f"the answer of `resolve` lacks `{missing[0]}`"
        tree.add_mistake((*where, "resolve"), wrong, "give both the same `response`")


def _changes(action: dict[str, Any], kind: str) -> bool:
    said = str(action.get("changes", "")).lower()
    return said == "true" or (kind == "http" and said != "false" and action.get("method", "GET") not in READING)


def _names(response: Any) -> list[str]:
    return [str(each) for each in response] if isinstance(response, dict | list) else []


def check_is_not_deferred(tree: Tree, flow: object) -> None:
    """A flow for calls sees to no promise: there is no caller then."""
    for name, entry in _mapping(tree.plain.get("capabilities")).items():
        for index, path in enumerate(_list(_mapping(entry).get("paths"))):
            below = _mapping(_mapping(path).get("deferred"))
            for action, told in _mapping(below.get("actions")).items():
                if _mapping(told).get("flow") == flow:
                    at = ("capabilities", name, "paths", index, "deferred", "actions", action, "flow")
                    right = "name one that runs without a caller: it takes `run: Run`"
                    tree.add_mistake(at, f"the flow `{flow}` needs a caller", right)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def action_arguments(tree: Tree) -> dict[str, frozenset[str]]:
    """CAPABILITY.ACTION of everything that the file lets a flow ask, with the arguments that its templates want.

    Of a class that is nothing: what a method does without is its own to say.
    """
    found: dict[str, frozenset[str]] = {}
    for name, entry in _mapping(tree.plain.get("capabilities")).items():
        paths = _mapping(entry).get("paths")
        for path in map(_mapping, paths if isinstance(paths, list) else []):
            if any(kind in path for kind in OUTLET_KINDS):
                found.setdefault(f"{name}.{SEND}", frozenset(SEND_ARGUMENTS))
            for kind in PATH_KINDS:
                for each, action in _mapping(_mapping(path.get(kind)).get("actions")).items():
                    found.setdefault(f"{name}.{each}", _wanted(_mapping(action)))
    return found


def _wanted(action: dict[str, Any]) -> frozenset[str]:
    templates = [action.get("path"), *_mapping(action.get("query")).values(), *_mapping(action.get("body")).values()]
    names = {name for text in templates if isinstance(text, str) for name in _TEMPLATE.findall(text)}
    names |= {key} if isinstance(key := action.get("key"), str) else set()
    return frozenset(names - {IDEMPOTENCY_KEY})
