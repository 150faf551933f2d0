"""Whether playbooks name what exists, and every path has one. Works on plain values, as `keepline.config.checks` does.

A mistake in a playbook's file has its line and column there.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from keepline.config.playbooks import VERBS, PlaybookFile, playbook_of, verbs_in
from keepline.config.tree import Tree, Where, read_tree
from keepline.config.words import add_validation_mistakes, nearest
from keepline.model.errors import LocalError, Mistake
from keepline.model.limits import OPERATION_FILE_BYTES_MAX
from keepline.model.limits_playbooks import (
    PLAYBOOK_BRANCH_CHARS_MAX,
    PLAYBOOK_STEPS_MAX,
    PLAYBOOKS_MAX,
)
from keepline.model.playbook import AFFECTED, KINDS, Playbook, condition_of, playbook_for, told_of
from keepline.paths.own_parts import TELEPHONY

SHIPPED: Final = Path(__file__).parent / "playbooks_shipped"
ROLES: Final = ("viewer", "agent", "supervisor", "commander", "leader", "admin")
"""Of people, wherever Keepline runs."""
_DIGEST_BYTES: Final = 16
_ALWAYS: Final = frozenset(("id", "do", "when"))
_BESIDE: Final[Mapping[str, tuple[frozenset[str], frozenset[str]]]] = {
    "human": (frozenset(("do", "good", "due_s")), frozenset()),
    "approve": (frozenset(("do", "within_s", "otherwise")), frozenset(("good",))),
    "drain": (frozenset(), frozenset(("for_s",))),
    "prefer": (frozenset(), frozenset(("for_s",))),
    "disable": (frozenset(), frozenset(("for_s",))),
    "release": (frozenset(), frozenset()),
    "take": (frozenset(), frozenset()),
    "put": (frozenset(), frozenset()),
    "preflight": (frozenset(), frozenset(("within_s",))),
    "message": (frozenset(), frozenset(("within_s",))),
    "wait_s": (frozenset(), frozenset()),
    "until": (frozenset(("within_s",)), frozenset()),
    "run": (frozenset(), frozenset(("within_s",))),
    "parallel": (frozenset(), frozenset()),
}
"""What a step must have beside what it does, and what it may have."""


@cache
def shipped() -> Mapping[str, Playbook]:
    """The playbooks that Keepline brings along, by the kind of incident."""
    found = {}
    for kind in KINDS:
        tree = Tree("")
        playbook = read_playbook(tree, kind, SHIPPED / f"{kind}.yaml", "")
        if playbook is None:
            raise LocalError(f"the playbook {kind} of this installation is damaged: {tree.mistakes[:1]}")
        found[kind] = playbook
    return found


def read_playbook(tree: Tree, name: str, path: Path, file: str) -> Playbook | None:
    """What a file says; None, with each mistake noted in `tree`, where it cannot be used. `file` is for the record."""
    shown = str(Path(tree.file).parent / file) if file else path.name
    try:
        with path.open("rb") as opened:
            data = opened.read(OPERATION_FILE_BYTES_MAX + 1)
    except OSError as error:
        tree.add_mistake(("playbooks", name), f"`{file}` cannot be read: {error.strerror}", "name a YAML file here")
        return None
    own = read_tree(data, shown)
    parsed = None
    if not own.mistakes:
        try:
            parsed = PlaybookFile.model_validate(own.plain)
        except ValidationError as error:
            add_validation_mistakes(own, error, PlaybookFile)
        _check_shape(own)
    tree.mistakes += own.mistakes
    tree.beside[name] = own
    if own.mistakes or parsed is None:
        return None
    return playbook_of(name, parsed, file, blake2b(data, digest_size=_DIGEST_BYTES).hexdigest())


def read_playbooks(tree: Tree, directory: Path) -> dict[str, Playbook]:
    """The operation's own, in the order of the file, and those of Keepline for every other kind of incident."""
    named = tree.plain.get("playbooks")
    own: dict[str, Playbook] = {}
    if isinstance(named, dict):
        if len(named) > PLAYBOOKS_MAX:
            tree.add_mistake(("playbooks",), f"has more than {PLAYBOOKS_MAX} entries", "keep those that are needed")
            return {}
        for name, file in named.items():
            if isinstance(file, str) and _is_here(tree, name, directory, file):
                found = read_playbook(tree, name, directory / file, file)
                own |= {name: found} if found is not None else {}
    kinds = {each.kind for each in own.values()}
    return own | {kind: each for kind, each in shipped().items() if kind not in kinds and kind not in own}


def _is_here(tree: Tree, name: str, directory: Path, file: str) -> bool:
    where = ("playbooks", name)
    if "\0" in file:
        tree.add_mistake(where, "is no name of a file", "name a YAML file here")
        return False
    path = (directory / file).resolve()
    if not path.is_relative_to(directory.resolve()):
        wrong = f"`{file}` lies outside of the operation's directory"
        tree.add_mistake(where, wrong, "keep playbooks beside the operation file, so that they travel with it")
        return False
    if not path.is_file():
        known = sorted(each.relative_to(directory.resolve()).as_posix() for each in path.parent.glob("*.yaml"))
        tree.add_mistake(where, f"there is no file `{file}`", nearest(file, known))
        return False
    return True


# What a file alone shows ----------------------------------------------------------------------------------------------


def _steps_in(steps: Any, where: Where) -> Iterator[tuple[Where, dict[str, Any], bool]]:
    """Every step that is a mapping, its place, and whether it is one of a branch."""
    for index, step in enumerate(steps if isinstance(steps, list) else []):
        if isinstance(step, dict):
            yield (*where, index), step, "parallel" in where
            branches = step.get("parallel")
            for name, below in branches.items() if isinstance(branches, dict) else ():
                yield from _steps_in(below, (*where, index, "parallel", name))


def _check_shape(own: Tree) -> None:
    """Each step does one thing, has what that needs, has an id of its own; and there are not too many."""
    seen: dict[str, Where] = {}
    found = list(_steps_in(own.plain.get("steps"), ("steps",)))
    if len(found) > PLAYBOOK_STEPS_MAX:
        own.add_mistake(("steps",), f"{len(found)} steps are more than {PLAYBOOK_STEPS_MAX}", "split the playbook")
    for where, step, is_below in found:
        id_ = step.get("id")
        if isinstance(id_, str) and id_ in seen:
            line = own.position((*seen[id_], "id")).line
            own.add_mistake((*where, "id"), f"`{id_}` is the id of the step in line {line}", "give each its own")
        elif isinstance(id_, str):
            seen[id_] = where
        _check_step(own, where, step, is_below=is_below)


def _check_step(own: Tree, where: Where, step: dict[str, Any], *, is_below: bool) -> None:
    verbs = verbs_in(step)
    if len(verbs) != 1:
        wrong = f"does {' and '.join(verbs)}" if verbs else "does nothing"
        own.add_mistake(where, wrong, f"give it exactly one of {', '.join(VERBS)}")
        return
    verb = verbs[0]
    if verb == "parallel" and is_below:
        own.add_mistake((*where, verb), "stands within a `parallel`", "put its branches beside the others", at_key=True)
    needed, allowed = _BESIDE[verb]
    for name in sorted(needed - set(step)):
        own.add_mistake(where, f"`{verb}` has no `{name}`", f"give it `{name}`: see the reference of playbooks")
    settings = {name for names in _BESIDE.values() for part in names for name in part} | _ALWAYS
    for name in step:
        if name in settings - _ALWAYS - needed - allowed:
            right = f"leave it out; beside `{verb}` may stand {', '.join(sorted(_ALWAYS | needed | allowed))}"
            own.add_mistake((*where, name), f"`{name}` means nothing for `{verb}`", right, at_key=True)


# What the operation has -----------------------------------------------------------------------------------------------


def check_playbooks(tree: Tree, playbooks: Mapping[str, Playbook]) -> None:
    """Each name of a playbook of the operation's own is there, and every path has a playbook."""
    known = _Known(tree)
    for name, playbook in playbooks.items():
        own = tree.beside.get(name)
        if own is None or not playbook.file:
            continue
        before = len(own.mistakes)
        for index, path in enumerate(playbook.paths):
            known.check(own, ("paths", index), "path", path)
        _check_names(own, known)
        _check_branches(own, playbook)
        tree.mistakes += own.mistakes[before:]
    _check_every_path(tree, known, playbooks)


class _Known:
    """The names of an operation."""

    def __init__(self, tree: Tree) -> None:
        numbers = _mapping(tree.plain.get("numbers"))
        roles = [name for name, each in _mapping(tree.plain.get("dependencies")).items() if _kind_of(each) == "role"]
        self.names: dict[str, list[str]] = {
            "path": _paths_of(tree),
            "role": sorted({*ROLES, *roles}),
            "number": sorted(numbers),
            "flow": sorted(_mapping(tree.plain.get("flows"))),
        }
        self.movable = [name for name, each in numbers.items() if _is_moved(each)]

    def check(self, own: Tree, where: Where, what: str, name: str) -> bool:
        """Note a mistake for a name that is not there."""
        known = self.names[what]
        if name not in known:
            own.add_mistake(where, f"there is no {what} `{name}`", nearest(name, known))
        return name in known


_WHAT: Final = {
    "human": "role",
    "approve": "role",
    "drain": "path",
    "prefer": "path",
    "disable": "path",
    "release": "path",
    "take": "number",
    "put": "number",
    "run": "flow",
}


def _check_names(own: Tree, known: _Known) -> None:
    steps = list(_steps_in(own.plain.get("steps"), ("steps",)))
    before: list[str] = []
    for where, step, _ in steps:
        verb = verbs_in(step)[0]
        what, name = _WHAT.get(verb), step[verb]
        if what is not None and not (name == AFFECTED and what in ("path", "number")):
            is_there = known.check(own, (*where, verb), what, name)
            if is_there and what == "number" and name not in known.movable:
                right = f"write `numbers.{name}.failover: {{method: api, …}}` in the operation file"
                own.add_mistake((*where, verb), f"nobody can be asked to point `{name}` elsewhere", right)
        for setting in ("when", "until"):
            for index, text in enumerate(step.get(setting) or ()):
                _check_condition(own, (*where, setting, index), text, known, before)
        before.append(step["id"])


def _check_condition(own: Tree, where: Where, text: str, known: _Known, before: Sequence[str]) -> None:
    what, name = condition_of(text).names
    if what in ("path", "number"):
        known.check(own, where, what, name)
    elif what == "step" and name not in before:
        right = nearest(name, [*before]) if before else "name a fact of the incident"
        own.add_mistake(where, f"there is neither a fact `{name}` nor a step before it of that id", right)


def _check_branches(own: Tree, playbook: Playbook) -> None:
    for index, step in enumerate(playbook.steps):
        for name, below in step.branches:
            size = len(json.dumps(told_of(below), ensure_ascii=False))
            if size > PLAYBOOK_BRANCH_CHARS_MAX:
                wrong = f"has {size} characters as JSON, more than {PLAYBOOK_BRANCH_CHARS_MAX}"
                own.add_mistake(("steps", index, "parallel", name), wrong, "say it in fewer words", at_key=True)


def _check_every_path(tree: Tree, known: _Known, playbooks: Mapping[str, Playbook]) -> None:
    """What may be restricted to some paths leaves no other path without a playbook."""
    for path in known.names["path"]:
        kind = incident_kind_of(path.partition("/")[0])
        if playbook_for(playbooks, kind, [path]) is None:
            own = next((name for name, each in playbooks.items() if each.kind == kind), None)
            where: Where = ("playbooks", own) if own is not None else ("playbooks",)
            right = f"add it to `paths` of one of them, or leave `paths` out: it is for all of its kind then ({kind})"
            tree.add_mistake(where, f"the path `{path}` has no playbook", right)


def incident_kind_of(capability: str) -> str:
    """The kind of incident that the loss of a capability is."""
    if capability == TELEPHONY:
        return "carrier"
    return capability if capability in ("payments", "speech") else "back_office"


def _paths_of(tree: Tree) -> list[str]:
    trunks = _mapping(tree.plain.get("trunks"))
    found = [f"{TELEPHONY}/{name}" for name in trunks]
    for name, entry in _mapping(tree.plain.get("capabilities")).items():
        paths = _mapping(entry).get("paths")
        found += [f"{name}/{_mapping(each).get('name')}" for each in (paths if isinstance(paths, list) else [])]
    return found


def _is_moved(number: Any) -> bool:
    return _mapping(_mapping(number).get("failover")).get("method") == "api"


def _kind_of(entry: Any) -> Any:
    return _mapping(entry).get("kind")


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def mistakes_in_playbooks(file: Path) -> list[Mistake]:
    """Every mistake of an operation's playbooks, and of nothing else. Raises OSError where the file cannot be read."""
    tree = read_tree(file.read_bytes()[: OPERATION_FILE_BYTES_MAX + 1], str(file))
    check_playbooks(tree, read_playbooks(tree, file.absolute().parent))
    return sorted(set(tree.mistakes), key=lambda each: (each.file != tree.file, each))
