"""Whether `messages:`, `contacts:` and `status_page:` agree with the rest of the file: works on plain values."""

from collections.abc import Iterator
from typing import Any

from keepline.config.outlets import OUTLET_KINDS
from keepline.config.tree import Tree, Where
from keepline.config.words import nearest
from keepline.model.messages import CALLERS, PAGE
from keepline.model.outlets import GREETING, SEND, STATUS_PAGE
from keepline.model.templates import facts_in
from keepline.paths.own_parts import TELEPHONY

PATH_ACTIONS = ("http", "python", "outbox", "deferred")


def check_messages(tree: Tree) -> None:
    """Each set can be said to whom it is for, each contact be reached by two ways, each line of the page be known."""
    capabilities = _mapping(tree.plain.get("capabilities"))
    _check_sets(tree)
    _check_contacts(tree, capabilities)
    _check_page(tree, capabilities)
    for name, made_by in ((GREETING, "messages"), (STATUS_PAGE, "status_page")):
        if name in capabilities and tree.plain.get(made_by) is not None:
            wrong = f"`{made_by}` has a capability of this name"
            tree.add_mistake(("capabilities", name), wrong, "give yours another name", at_key=True)


def _check_sets(tree: Tree) -> None:
    readers = {
        each
        for contact in _mapping(tree.plain.get("contacts")).values()
        for each in _list(_mapping(contact).get("audiences"))
    }
    has_page = tree.plain.get(STATUS_PAGE) is not None
    for kind, audience, languages in _sets(tree):
        where: Where = ("messages", "sets", kind, audience)
        if audience == PAGE and not has_page:
            tree.add_mistake(where, "there is no status page", "write `status_page: {title: TITLE}`", at_key=True)
        elif audience not in (CALLERS, PAGE) and audience not in readers:
            right = f"give one of `contacts` the audience `{audience}`, or leave these words away"
            tree.add_mistake(where, f"there is nobody of `{audience}` to tell", right, at_key=True)
        for language, words in languages.items():
            _check_words(tree, (*where, language), audience, _mapping(words))


def _check_words(tree: Tree, where: Where, audience: str, words: dict[str, Any]) -> None:
    standing, opened = words.get("standing"), words.get("opened")
    if audience != CALLERS:
        if standing is not None:
            tree.add_mistake((*where, "standing"), "callers alone hear", "leave it away here", at_key=True)
        if opened is not None and not words.get("subject"):
            right = "say it in a line, as `Card payments do not work`"
            tree.add_mistake((*where, "subject"), "is missing", right)
        return
    if isinstance(standing, str) and facts_in(standing):
        right = "it is spoken when the node starts: write it without facts"
        tree.add_mistake((*where, "standing"), f"holds the fact `{facts_in(standing)[0]}`", right)
    elif standing is None and isinstance(opened, str) and facts_in(opened):
        right = "say beside it by `standing` what is heard where nothing can be spoken in time, without facts"
        tree.add_mistake((*where, "opened"), f"holds the fact `{facts_in(opened)[0]}`", right)


def _check_contacts(tree: Tree, capabilities: dict[str, Any]) -> None:
    outlets = sorted(name for name, each in capabilities.items() if _can_send(_mapping(each)))
    said = {audience for _, audience, _ in _sets(tree)}
    for name, contact in _mapping(tree.plain.get("contacts")).items():
        where: Where = ("contacts", name)
        below = _mapping(contact)
        channels = [_mapping(each) for each in _list(below.get("channels"))]
        for index, channel in enumerate(channels):
            for outlet in channel:
                if outlet not in outlets:
                    right = nearest(outlet, outlets) if outlets else "give `capabilities` a path of `email:`"
                    wrong = f"there is no outlet `{outlet}`"
                    tree.add_mistake((*where, "channels", index, outlet), wrong, right, at_key=True)
        if channels and len({outlet for channel in channels for outlet in channel}) < 2 and not below.get("alone"):
            right = "add one by another outlet, or say by `alone` why one is enough"
            tree.add_mistake((*where, "channels"), f"`{name}` has no second channel", right, at_key=True)
        for index, audience in enumerate(_list(below.get("audiences"))):
            if isinstance(audience, str) and said and audience not in said:
                wrong = f"`messages` has no words for `{audience}`"
                tree.add_mistake((*where, "audiences", index), wrong, nearest(audience, sorted(said)))


def _check_page(tree: Tree, capabilities: dict[str, Any]) -> None:
    known = [TELEPHONY, *capabilities]
    for name, needs in _mapping(_mapping(tree.plain.get(STATUS_PAGE)).get("components")).items():
        for index, capability in enumerate(_list(needs)):
            if capability not in known:
                where: Where = (STATUS_PAGE, "components", name, index)
                tree.add_mistake(where, f"there is no capability `{capability}`", nearest(str(capability), known))


def _can_send(capability: dict[str, Any]) -> bool:
    """Its first path does: it is an outlet, or has an action of that name."""
    paths = _list(capability.get("paths"))
    first = _mapping(paths[0]) if paths else {}
    if any(kind in first for kind in OUTLET_KINDS):
        return True
    return any(SEND in _mapping(_mapping(first.get(kind)).get("actions")) for kind in PATH_ACTIONS)


def _sets(tree: Tree) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for kind, audiences in _mapping(_mapping(tree.plain.get("messages")).get("sets")).items():
        for audience, languages in _mapping(audiences).items():
            yield kind, audience, _mapping(languages)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
