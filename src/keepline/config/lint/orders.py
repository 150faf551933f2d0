"""The rule about sets: their order is another one in each process, since the hashes of texts are.

It speaks of what is a set for certain: one that is written out, `set(…)`, or a local variable that is nothing else.
Numbers alone keep their order, and what does not go by the order (`sorted`, `in`, `len`, another set) is left alone.
"""

import ast
from collections.abc import Iterator

from keepline.config.lint.findings import shown
from keepline.config.lint.scope import Scope

_MADE = ("builtins.set", "builtins.frozenset")
_IN_ORDER = frozenset(f"builtins.{each}" for each in ("list", "tuple", "iter", "enumerate", "zip", "map", "filter"))
_IN_NONE = frozenset(
    f"builtins.{each}" for each in ("sorted", "set", "frozenset", "any", "all", "sum", "min", "max", "len")
)


def orders(scope: Scope) -> Iterator[tuple[ast.AST, str, str]]:
    """Sets whose order a flow goes by."""
    sets = _local_sets(scope)
    for node in scope.nodes:
        if isinstance(node, ast.expr) and _is_set(scope, node, sets) and _goes_by_order(scope, node):
            yield node, "order", shown(node)


def _is_set(scope: Scope, node: ast.expr, known: set[str]) -> bool:
    if isinstance(node, ast.Set):
        return not all(isinstance(each, ast.Constant) and not isinstance(each.value, str | bytes) for each in node.elts)
    if isinstance(node, ast.Call):
        return scope.name_of(node.func) in _MADE and bool(node.args)
    if isinstance(node, ast.Name):
        return isinstance(node.ctx, ast.Load) and node.id in known
    return isinstance(node, ast.SetComp)


def _local_sets(scope: Scope) -> set[str]:
    """Variables of a function that are bound once, to a set."""
    bound = [node.id for node in scope.nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    found = set()
    for node in scope.nodes:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if bound.count(name) == 1 and scope.function is not None and _is_set(scope, node.value, set()):
                found.add(name)
    return found


def _goes_by_order(scope: Scope, node: ast.expr) -> bool:
    above = scope.parent(node)
    if isinstance(above, ast.For):
        return above.iter is node
    if isinstance(above, ast.comprehension) and above.iter is node:
        return _keeps_order(scope, scope.parent(above))
    if isinstance(above, ast.Starred):
        return isinstance(scope.parent(above), ast.List | ast.Tuple | ast.Call)
    if isinstance(above, ast.Attribute):
        return above.attr == "pop" and isinstance(scope.parent(above), ast.Call)
    if isinstance(above, ast.Call) and node in above.args:
        is_join = isinstance(above.func, ast.Attribute) and above.func.attr == "join"
        return is_join or (scope.name_of(above.func) in _IN_ORDER and _keeps_order(scope, above))
    return False


def _keeps_order(scope: Scope, made: ast.AST | None) -> bool:
    """Whether what is made of a set, element by element, shows its order."""
    if isinstance(made, ast.SetComp):
        return False
    above = scope.parent(made) if made is not None else None
    return not (isinstance(above, ast.Call) and made in above.args and scope.name_of(above.func) in _IN_NONE)
