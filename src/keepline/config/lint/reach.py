"""Which code flows run: the functions marked @flow, and what of the operation's own they use, directly or through it.

Code that no flow reaches, such as a connector beside the flows, may do as it likes.
"""

import ast
from dataclasses import dataclass, field

from keepline.config.lint.modules import CodeBase, CodeModule, Function
from keepline.config.lint.scope import Scope, is_flow, parameters

_ROUNDS_MAX = 8
"""Times a function is read again because it turns out to be given the call too."""


@dataclass(slots=True)
class _Reach:
    code: CodeBase
    scopes: dict[ast.AST, Scope] = field(default_factory=dict)
    given: dict[ast.AST, set[str]] = field(default_factory=dict)
    """Parameters of a function that some other hands its call to."""
    waiting: list[tuple[CodeModule, Function]] = field(default_factory=list)

    def run(self) -> None:
        for module in self.code.modules.values():
            probe = Scope(self.code, module, None)
            self.waiting += [(module, each) for each in module.functions.values() if is_flow(each, probe)]
        rounds: dict[ast.AST, int] = {}
        while self.waiting:
            module, function = self.waiting.pop()
            known = self.scopes.get(function)
            given = self.given.get(function, set())
            if known is not None and given <= known.calls:
                continue
            rounds[function] = rounds.get(function, 0) + 1
            if rounds[function] > _ROUNDS_MAX:
                continue
            scope = Scope(self.code, module, function)
            scope.calls |= given
            _forget_reassigned(scope)
            self.scopes[function] = scope
            self._follow(scope)

    def _follow(self, scope: Scope) -> None:
        for node in scope.nodes:
            if not isinstance(node, ast.Name | ast.Attribute) or not isinstance(node.ctx, ast.Load):
                continue
            found = scope.own(node)
            if found is None:
                continue
            module, target = found
            if isinstance(target, ast.ClassDef):
                self._reach_class(module, target)
                continue
            call = scope.parent(node)
            if isinstance(call, ast.Call) and call.func is node:
                self.given.setdefault(target, set()).update(_given(scope, call, target))
            self.waiting.append((module, target))

    def _reach_class(self, module: CodeModule, found: ast.ClassDef) -> None:
        self.waiting += [
            (module, each) for each in found.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        probe = Scope(self.code, module, None)
        for base in found.bases:
            above = probe.own(base)
            if above is not None and isinstance(above[1], ast.ClassDef) and above[1] is not found:
                self.waiting += [
                    (above[0], each)
                    for each in above[1].body
                    if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
                ]


def _is_given(scope: Scope, value: ast.expr) -> bool:
    """Whether it is the flow's `Call`; what is given a `Run` says so itself, or nothing is said of it."""
    return scope.is_call(value) and isinstance(value, ast.Name) and value.id not in scope.runs


def _given(scope: Scope, call: ast.Call, target: Function) -> set[str]:
    """The parameters of `target` that are given the call here."""
    by_position = [each.arg for each in [*target.args.posonlyargs, *target.args.args]]
    found = {name for name, value in zip(by_position, call.args, strict=False) if _is_given(scope, value)}
    known = {each.arg for each in parameters(target)}
    return found | {each.arg for each in call.keywords if each.arg in known and _is_given(scope, each.value)}


def _forget_reassigned(scope: Scope) -> None:
    """A name that is bound again, here or in a function within, is no longer the call for certain."""
    bound = [node.id for node in scope.nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)]
    inner = [
        each.arg
        for node in scope.nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and node is not scope.function
        for each in ast.walk(node.args)
        if isinstance(each, ast.arg)
    ]
    scope.calls -= {*bound, *inner}


def code_of_flows(code: CodeBase) -> list[Scope]:
    """Each function that a flow runs, and each module that holds one, as far as the text says it."""
    reach = _Reach(code)
    reach.run()
    modules = {id(scope.module): scope.module for scope in reach.scopes.values()}
    return [*(Scope(code, module, None) for module in modules.values()), *reach.scopes.values()]
