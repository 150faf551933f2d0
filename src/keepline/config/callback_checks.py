"""Whether `callbacks:` agrees with the rest of the file: works on plain values, as `keepline.config.checks` does."""

from keepline.config.tree import Plain, Tree
from keepline.config.words import nearest


def check_callbacks(tree: Tree) -> None:
    """Whoever is promised a call can be called: there is the flow, a way out, and somebody who may be called."""
    found = _mapping(tree.plain.get("callbacks"))
    if not found:
        return
    flow, flows = found.get("flow"), sorted(_mapping(tree.plain.get("flows")))
    if isinstance(flow, str) and flow not in flows:
        tree.add_mistake(("callbacks", "flow"), f"there is no flow `{flow}`", nearest(flow, flows))
    if found.get("hours") is not None and found.get("time_zone") is None:
        right = "write `time_zone: Europe/Berlin` beside them"
        tree.add_mistake(("callbacks", "hours"), "nothing says in which time zone they are", right)
    if found.get("time_zone") is not None and found.get("hours") is None:
        right = "write `hours: 09:00-20:00` beside it"
        tree.add_mistake(("callbacks", "time_zone"), "there are no hours that it is of", right)
    trunks = _mapping(tree.plain.get("trunks"))
    if not any(_mapping(each).get("outbound") for each in trunks.values()):
        wrong = "nobody can be called back: no trunk places calls"
        tree.add_mistake(("callbacks",), wrong, "give a trunk `outbound: {proxy: HOST}`", at_key=True)
    elif not _mapping(tree.plain.get("outbound")).get("allow"):
        wrong = "nobody may be called back: `outbound.allow` names no prefix"
        tree.add_mistake(("callbacks",), wrong, 'write `outbound: {allow: ["+49"]}`', at_key=True)


def _mapping(found: Plain) -> dict[str, Plain]:
    return found if isinstance(found, dict) else {}
