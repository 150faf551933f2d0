"""Whether the parts of `dependencies:` agree: works on plain values, as `keepline.config.checks` does."""

from typing import Any

from keepline.config.dependencies import parse_need
from keepline.config.tree import Tree, Where
from keepline.config.words import nearest
from keepline.model.limits import DEPENDENCIES_MAX
from keepline.paths.own_parts import OWN_PARTS, TELEPHONY


def check_dependencies(tree: Tree) -> None:
    """Everything that is named is there, nothing depends on itself, and there are not too many."""
    entries = {name: each for name, each in _mapping(tree.plain.get("dependencies")).items() if isinstance(each, dict)}
    if len(entries) > DEPENDENCIES_MAX:
        tree.add_mistake(("dependencies",), f"has more than {DEPENDENCIES_MAX} entries", "keep what decides anything")
        return
    own = _things_of(tree)
    known = sorted({*entries, *own})
    graph: dict[str, list[str]] = {thing: list(below) for thing, below in own.items()}
    for name, entry in entries.items():
        where: Where = ("dependencies", name)
        if "/" in name and name not in own:
            wrong = f"there is no `{name}` in the file"
            tree.add_mistake(where, wrong, nearest(name, sorted(own)), at_key=True)
        needs = entry.get("needs")
        for index, text in enumerate(needs if isinstance(needs, list) else []):
            for needed in _names_in(text):
                if needed not in known:
                    right = nearest(needed, known) + f"; or give it an entry: `{needed}: {{kind: thing}}`"
                    tree.add_mistake((*where, "needs", index), f"there is no `{needed}`", right)
                else:
                    graph.setdefault(name, []).append(needed)
    if circle := _circle(graph):
        at = next((name for name in circle if name in entries), None)
        place: Where = ("dependencies", at) if at is not None else ("dependencies",)
        shown = " needs ".join(circle)
        tree.add_mistake(place, f"depends on itself: {shown}", "leave one of these out", at_key=True)


def _names_in(text: Any) -> tuple[str, ...]:
    """The names in a need; none of what is no need, which is the schema's business."""
    try:
        return parse_need(text).names if isinstance(text, str) else ()
    except ValueError:
        return ()


def _things_of(tree: Tree) -> dict[str, list[str]]:
    """What the file has already, and Keepline itself: name -> what that needs."""
    found: dict[str, list[str]] = {
        name: [n for need in each.needs for n in need.names] for name, each in OWN_PARTS.items()
    }
    trunks = [f"{TELEPHONY}/{name}" for name in _mapping(tree.plain.get("trunks"))]
    found[TELEPHONY] = trunks
    found |= {trunk: [] for trunk in trunks}
    for name, entry in _mapping(tree.plain.get("capabilities")).items():
        paths = _mapping(entry).get("paths")
        below = [f"{name}/{_mapping(each).get('name')}" for each in (paths if isinstance(paths, list) else [])]
        found[name] = below
        found |= {path: [] for path in below}
    return found


def _circle(graph: dict[str, list[str]]) -> list[str]:
    """Names that need one another in a circle, the first again at the end; empty where there is none."""
    done: set[str] = set()
    for start in graph:
        pending = [(start, iter(graph[start]))] if start not in done else []
        trail = [name for name, _ in pending]
        while pending:
            name, rest = pending[-1]
            below = next(rest, None)
            if below is None:
                pending.pop()
                trail.pop()
                done.add(name)
            elif below in trail:
                return [*trail[trail.index(below) :], below]
            elif below not in done:
                trail.append(below)
                pending.append((below, iter(graph.get(below, ()))))
    return []


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
