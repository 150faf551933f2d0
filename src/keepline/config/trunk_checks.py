"""Whether the parts of `trunks:` and `outbound:` agree: works on plain values, as `keepline.config.checks` does."""

from typing import Any

from keepline.config.tree import Tree, Where
from keepline.config.words import nearest


def check_trunks(tree: Tree) -> None:
    """Each trunk knows its peers, nothing belongs to two trunks, and each name has one password."""
    owners: dict[str, str] = {}
    for name, entry in _mapping(tree.plain.get("trunks")).items():
        if not isinstance(entry, dict):
            continue
        where: Where = ("trunks", name)
        if entry.get("peers") is None and not entry.get("users"):
            right = "write `peers: [203.0.113.0/24]`, or `users: {NAME: {password_env: NAME}}`"
            tree.add_mistake(where, "has neither `peers` nor `users`, so nobody could call by it", right, at_key=True)
        peers = entry.get("peers")
        for index, peer in enumerate(peers if isinstance(peers, list) else []):
            if isinstance(peer, str) and owners.setdefault(peer, name) != name:
                wrong = f"`{peer}` belongs to the trunk `{owners[peer]}` already"
                tree.add_mistake((*where, "peers", index), wrong, "a network belongs to one trunk")
        for user, place in _mapping(entry.get("users")).items():
            owner = owners.setdefault(f"user {user}", name)
            if owner != name:
                wrong = f"`{user}` is a user of the trunk `{owner}` already"
                tree.add_mistake((*where, "users", user), wrong, "a name belongs to one trunk", at_key=True)
            if isinstance(place, dict):
                _check_password(tree, (*where, "users", user), place, at=(*where, "users", user))
        outbound = _mapping(entry.get("outbound"))
        if outbound:
            _check_credentials(tree, (*where, "outbound"), outbound)
        if str(entry.get("accepts_refer")).lower() == "true" and not outbound:
            right = "write `outbound: {proxy: HOST}` beside it, or leave it away"
            wrong = "nobody is called by this trunk who could hand a caller on"
            tree.add_mistake((*where, "accepts_refer"), wrong, right)
        if "register" in entry:
            _check_registration(tree, where, _mapping(entry["register"]), outbound)


def _check_credentials(tree: Tree, where: Where, entry: dict[str, Any]) -> None:
    """A user name has a password, in one place, and nothing of the kind stands there without a name."""
    if entry.get("username"):
        _check_password(tree, where, entry, at=(*where, "username"))
    for each in ("password_env", "password_file", "realm"):
        if entry.get(each) and not entry.get("username"):
            tree.add_mistake((*where, each), "belongs to no user name", "write `username: NAME` beside it")


def _check_password(tree: Tree, where: Where, entry: dict[str, Any], *, at: Where) -> None:
    places = [each for each in ("password_env", "password_file") if entry.get(each)]
    example = "`password_env: NAME` or `password_file: /PATH`"
    if len(places) == 2:
        tree.add_mistake((*where, places[1]), "there are two places for one password", f"keep one of {example}")
    elif not places:
        tree.add_mistake(at, "has no password", f"write {example} {'in' if at == where else 'beside'} it")


def _check_registration(tree: Tree, where: Where, entry: dict[str, Any], outbound: dict[str, Any]) -> None:
    """A registration goes to the proxy of calls out, with its credentials."""
    at = (*where, "register")
    if not outbound:
        right = "write `outbound: {proxy: sip.carrier.example, username: NAME, password_env: NAME}` beside it"
        tree.add_mistake(at, "goes nowhere: the trunk has no `outbound`", right, at_key=True)
    elif not entry.get("user") and not outbound.get("username"):
        right = "write `register: {user: NAME}`, or the `username` of `outbound`"
        tree.add_mistake(at, "names no user", right, at_key=True)


def check_outbound(tree: Tree) -> None:
    """Where calls can go out, the rule of emergency calls is there; where spending is bounded, prices are known."""
    trunks = _mapping(tree.plain.get("trunks"))
    leaving = [name for name, each in trunks.items() if _mapping(each).get("outbound") is not None]
    policy = _mapping(tree.plain.get("outbound"))
    emergency = policy.get("emergency")
    if leaving and emergency is None:
        where: Where = ("outbound",) if "outbound" in tree.plain else ("trunks", leaving[0], "outbound")
        right = "write `outbound: {emergency: {numbers: [911, 112], rule: refuse}}`, or `trunk: NAME` in its place"
        wrong = "calls can go out, and nothing says what becomes of one to an emergency number"
        tree.add_mistake(where, wrong, right, at_key=True)
    if isinstance(emergency, dict):
        _check_emergency(tree, emergency, leaving)
    for name in _mapping(policy.get("carriers")):
        if name not in leaving:
            wrong = f"there is no trunk `{name}` that calls go out by"
            tree.add_mistake(("outbound", "carriers", name), wrong, nearest(name, leaving), at_key=True)
    _check_spending(tree, policy)


def _check_emergency(tree: Tree, emergency: dict[str, Any], leaving: list[str]) -> None:
    where: Where = ("outbound", "emergency")
    rule, trunk = emergency.get("rule"), emergency.get("trunk")
    if bool(rule) == bool(trunk):
        wrong = "has both a `rule` and a `trunk`" if rule else "has neither a `rule` nor a `trunk`"
        tree.add_mistake(where, wrong, "write `rule: refuse`, or `trunk: NAME`", at_key=True)
    if isinstance(trunk, str) and trunk and trunk not in leaving:
        wrong = f"there is no trunk `{trunk}` that calls go out by"
        tree.add_mistake((*where, "trunk"), wrong, nearest(trunk, leaving))


def _check_spending(tree: Tree, policy: dict[str, Any]) -> None:
    rates, allowed = list(_mapping(policy.get("rates"))), policy.get("allow")
    if policy.get("spend_per_hour_max") is None:
        return
    if not policy.get("currency"):
        right = "write `currency: EUR`, say, beside it"
        tree.add_mistake(("outbound", "spend_per_hour_max"), "is an amount of no currency", right)
    for index, prefix in enumerate(allowed if isinstance(allowed, list) else []):
        if isinstance(prefix, str) and not any(each in ("*", prefix[: len(each)]) for each in rates):
            wrong = f"there is no rate for `{prefix}`, so what its calls cost cannot be bounded"
            tree.add_mistake(("outbound", "allow", index), wrong, f'write `rates: {{"{prefix}": 0.01}}`')


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
