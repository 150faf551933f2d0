"""Rules about a flow's verbs: that they exist, are awaited, and are all that is awaited; and about the hang-up."""

import ast
from collections.abc import Iterator

from keepline.config.lint.findings import shown
from keepline.config.lint.rules import keywords_of, members_of, rule_of
from keepline.config.lint.scope import Scope

_Node = tuple[ast.AST, str, str, list[str]]
"""A node, the rule that it breaks, its name, and what would have been right."""

_VALUE_TAKERS: tuple[type[ast.AST], ...] = (
    *(ast.Compare, ast.BinOp, ast.BoolOp, ast.UnaryOp, ast.FormattedValue, ast.If, ast.While),
    *(ast.Attribute, ast.Subscript, ast.Expr, ast.Assert),
)
"""What uses a value at once: a verb in it was not awaited. Others may hand it on to an await elsewhere."""
_CONVERTERS = tuple(f"builtins.{each}" for each in ("int", "str", "len", "float", "bool", "print", "list", "sorted"))
_NO_VERBS: tuple[type[ast.AST], ...] = (
    *(ast.Constant, ast.JoinedStr, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp),
    *(ast.GeneratorExp, ast.Compare, ast.BinOp, ast.Lambda),
)


CALL_CHARS_MAX = 40
"""Of a call that is shown with its arguments."""


def verb_nodes(scope: Scope, prompts: list[str] | None) -> Iterator[_Node]:
    """What is wrong about the verbs of a scope; `prompts` are the operation's, None where they are not known."""
    for node in scope.nodes:
        if isinstance(node, ast.Attribute) and scope.is_call(node.value) and isinstance(node.ctx, ast.Load):
            members = members_of(scope.facade_of(node.value))
            if node.attr not in members:
                yield node, "verb", node.attr, list(members)
        elif isinstance(node, ast.Call):
            yield from _call_nodes(scope, node, prompts)
        elif isinstance(node, ast.Await) and (name := _no_verb(scope, node.value)):
            yield node, "await", name, []


def _call_nodes(scope: Scope, node: ast.Call, prompts: list[str] | None) -> Iterator[_Node]:
    function = node.func
    if not isinstance(function, ast.Attribute) or not scope.is_call(function.value):
        own = scope.own(function)
        if own is not None and isinstance(own[1], ast.AsyncFunctionDef) and _is_unawaited(scope, node):
            yield node, "unawaited", _shown_call(node), []
        return
    facade = scope.facade_of(function.value)
    if not members_of(facade).get(function.attr):
        return
    if _is_unawaited(scope, node):
        yield node, "unawaited", _shown_call(node), []
    texts = [value for given in node.args[:2] for _, value in texts_of(scope, given)]
    known = keywords_of(function.attr, "".join(texts) if texts else None, facade)
    for keyword in node.keywords:
        if keyword.arg and known is not None and keyword.arg not in known:
            yield keyword.value, "verb", f"{function.attr}({keyword.arg}=…)", [f"{each}=" for each in sorted(known)]
        elif keyword.arg == "prompt" and prompts is not None:
            for value, name in texts_of(scope, keyword.value):
                if name and name not in prompts:
                    yield value, "prompt", name, prompts


def texts_of(scope: Scope, node: ast.expr) -> Iterator[tuple[ast.expr, str]]:
    """The texts that an expression may stand for, as far as it says them."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node, node.value
    elif isinstance(node, ast.IfExp):
        yield from texts_of(scope, node.body)
        yield from texts_of(scope, node.orelse)
    elif isinstance(node, ast.Name) and node.id not in scope.locals and node.id in scope.module.texts:
        yield node, scope.module.texts[node.id]


def _is_unawaited(scope: Scope, node: ast.expr) -> bool:
    """Whether what should be awaited is certainly not."""
    above = scope.parent(node)
    if isinstance(above, ast.For):
        return above.iter is node
    if isinstance(above, ast.IfExp):
        return above.test is node
    if isinstance(above, _VALUE_TAKERS):
        return True
    if isinstance(above, ast.Call):
        return above.func is not node and scope.name_of(above.func) in _CONVERTERS
    if isinstance(above, ast.Assign) and len(above.targets) == 1 and isinstance(above.targets[0], ast.Name):
        name = above.targets[0].id
        loads = [each for each in scope.nodes if isinstance(each, ast.Name) and each.id == name]
        loads = [each for each in loads if isinstance(each.ctx, ast.Load)]
        return scope.function is not None and name in scope.locals and all(_is_unawaited(scope, each) for each in loads)
    return False


def _no_verb(scope: Scope, node: ast.expr) -> str:
    """What is awaited, where that is certainly no verb and no coroutine of the operation; else empty."""
    if isinstance(node, _NO_VERBS):
        return shown(node)
    if isinstance(node, ast.IfExp):
        return _no_verb(scope, node.body) or _no_verb(scope, node.orelse)
    is_called = isinstance(node, ast.Call)
    target = node.func if isinstance(node, ast.Call) else node
    if scope.is_call(target):
        return shown(node)
    if isinstance(target, ast.Attribute) and scope.is_call(target.value):
        is_verb = members_of(scope.facade_of(target.value)).get(target.attr)
        return "" if is_verb is None or (is_verb and is_called) else shown(node)
    name = scope.name_of(target)
    if not name or name.startswith("keepline.") or (rule_of(name) and not scope.is_own(name)):
        return ""  # unknown, ours, or told of by another rule
    if not scope.is_own(name):
        return shown(node)
    return shown(node) if scope.own(target) is not None and not is_called else ""


def hang_up_nodes(scope: Scope) -> Iterator[_Node]:
    """Where a flow would not notice that its caller is gone."""
    for node in scope.nodes:
        if isinstance(node, ast.Try | ast.TryStar) and _awaits(node.body):
            for handler in node.handlers:
                if _is_hang_up(scope, handler.type):
                    break
                if _is_broad(scope, handler.type) and not _raises_again(handler):
                    kind = "" if handler.type is None else f" {shown(handler.type)}"
                    yield handler, "except", f"except{kind}:", []
            for inner in _own_nodes(node.finalbody):
                if isinstance(inner, ast.Return):
                    yield inner, "except", "return in finally", []
        elif isinstance(node, ast.With) and _awaits(node.body):
            for item in node.items:
                call = item.context_expr
                if isinstance(call, ast.Call) and _suppresses_all(scope, call):
                    yield call, "except", shown(call), []


def _suppresses_all(scope: Scope, call: ast.Call) -> bool:
    is_suppress = scope.name_of(call.func) == "contextlib.suppress"
    return is_suppress and any(_is_broad(scope, each) for each in call.args)


def _is_broad(scope: Scope, kind: ast.expr | None) -> bool:
    if isinstance(kind, ast.Tuple):
        return any(_is_broad(scope, each) for each in kind.elts)
    return kind is None or scope.name_of(kind) == "builtins.BaseException"


def _is_hang_up(scope: Scope, kind: ast.expr | None) -> bool:
    if isinstance(kind, ast.Tuple):
        return any(_is_hang_up(scope, each) for each in kind.elts)
    return kind is not None and scope.name_of(kind) in ("keepline.flow.HungUp", "keepline.flow.engine.HungUp")


def _raises_again(handler: ast.ExceptHandler) -> bool:
    raised = [node.exc for node in _own_nodes(handler.body) if isinstance(node, ast.Raise)]
    return any(each is None or (isinstance(each, ast.Name) and each.id == handler.name) for each in raised)


def _awaits(body: list[ast.stmt]) -> bool:
    return any(isinstance(node, ast.Await) for node in _own_nodes(body))


def _own_nodes(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Every node of some statements, but for functions defined in them."""
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop()
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            yield node
            waiting += ast.iter_child_nodes(node)


def _shown_call(node: ast.Call) -> str:
    text = shown(node)
    return text if len(text) <= CALL_CHARS_MAX else f"{shown(node.func)}(…)"
