"""Rules about what code uses: clocks, chance, input and output, waiting, and variables of modules."""

import ast
from collections.abc import Iterator

from keepline.config.lint.findings import shown
from keepline.config.lint.modules import imported_names
from keepline.config.lint.rules import FILE_METHODS, MUTATING_METHODS, rule_of
from keepline.config.lint.scope import Scope

Found = Iterator[tuple[ast.AST, str, str]]
"""A node, the rule that it breaks, and its name."""


def uses(scope: Scope) -> Found:
    """Names that no flow may use, and methods that only files have."""
    for node in scope.nodes:
        if not isinstance(node, ast.Name | ast.Attribute) or not isinstance(node.ctx, ast.Load):
            continue
        below = isinstance(node, ast.Attribute) and _broken(scope, node.value)
        if (rule := _broken(scope, node)) and not below:
            yield node, rule, shown(_whole(scope, node))
        elif isinstance(node, ast.Attribute) and node.attr in FILE_METHODS and not below and _is_called(scope, node):
            yield node, "io", node.attr


def _broken(scope: Scope, node: ast.AST) -> str:
    """The rule that a name breaks by itself."""
    name = scope.name_of(node)
    rule = rule_of(name) if name else ""
    if not rule or scope.is_own(name):
        return ""
    is_bare_module = "." not in name and isinstance(scope.parent(node), ast.Attribute)
    is_seeded = name == "random.Random" and _is_called(scope, node, with_arguments=True)
    return "" if is_bare_module or is_seeded else rule


def _whole(scope: Scope, node: ast.AST) -> ast.AST:
    """`os.environ.get` for the `os.environ` in it."""
    above = scope.parent(node)
    while isinstance(above, ast.Attribute):
        node, above = above, scope.parent(above)
    return node


def _is_called(scope: Scope, node: ast.AST, *, with_arguments: bool = False) -> bool:
    call = scope.parent(node)
    return isinstance(call, ast.Call) and call.func is node and bool(not with_arguments or call.args or call.keywords)


def imports(scope: Scope) -> Found:
    """Imports that a flow has no use for and that nothing else uses; a use is told where it stands."""
    used = {node.id for node in ast.walk(scope.module.tree) if isinstance(node, ast.Name)}
    for node in scope.nodes:
        if isinstance(node, ast.Import | ast.ImportFrom) and not getattr(node, "level", 0):
            for bound, name in imported_names(node, scope.module.name).items():
                whole = _whole_name(node, bound, name)
                rule = rule_of(whole)
                if rule in ("io", "wait") and bound not in used and not scope.is_own(whole):
                    yield node, rule, f"import {whole}" if isinstance(node, ast.Import) else whole


def _whole_name(node: ast.Import | ast.ImportFrom, bound: str, name: str) -> str:
    """`urllib.request` of `import urllib.request`, which binds `urllib` alone."""
    if isinstance(node, ast.Import):
        return next((each.name for each in node.names if each.name.partition(".")[0] == bound), name)
    return name


def changes(scope: Scope) -> Found:
    """Variables of modules that a flow changes."""
    if scope.function is None:
        return
    declared = {name for node in scope.nodes if isinstance(node, ast.Global) for name in node.names}
    for node in scope.nodes:
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load) and node.id in declared:
            yield node, "global", node.id
        elif isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            yield from _change_within(scope, node)
        elif isinstance(node, ast.Call):
            yield from _change_by_call(scope, node)


def _change_within(scope: Scope, node: ast.Attribute | ast.Subscript) -> Found:
    """`STATE["x"] = 1`, `helpers.COUNT = 1`, `del STATE[0]`."""
    base: ast.expr = node
    while isinstance(base, ast.Attribute | ast.Subscript):
        base = base.value
        if _is_module_variable(scope, base):
            yield node, "global", shown(base)
            return
    if isinstance(node, ast.Attribute) and scope.is_own(scope.name_of(node)):
        yield node, "global", shown(node)


def _change_by_call(scope: Scope, node: ast.Call) -> Found:
    """`STATE.append(x)`, `next(COUNTER)`."""
    function = node.func
    if isinstance(function, ast.Attribute) and function.attr in MUTATING_METHODS:
        if _is_module_variable(scope, function.value):
            yield node, "global", shown(function.value)
    elif scope.name_of(function) == "builtins.next" and node.args and _is_module_variable(scope, node.args[0]):
        yield node, "global", shown(node.args[0])


def _is_module_variable(scope: Scope, node: ast.AST) -> bool:
    name = scope.name_of(node)
    found = scope.code.follow(name) if name else None
    return found is not None and found[1] is None and name.rpartition(".")[2] in found[0].variables
