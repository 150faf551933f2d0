"""A piece of code under the lint, a function or what a module runs at import, and what the names in it stand for."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from keepline.config.lint.modules import CodeBase, CodeModule, Function, builtin, imported_names, module_code
from keepline.flow import Call, Run

_CALL_TYPES = ("keepline.flow.Call", "keepline.flow.verbs.Call")
_RUN_TYPES = ("keepline.flow.Run", "keepline.flow.runs.Run")
_FLOW_MARKS = ("keepline.flow.flow", "keepline.flow.engine.flow")


@dataclass(slots=True)
class Scope:
    """One function with all that is nested in it, or the code of a module that runs when it is imported."""

    code: CodeBase
    module: CodeModule
    function: Function | None
    calls: set[str] = field(default_factory=set)
    """Names that stand for the flow's `Call`, or its `Run`."""
    runs: set[str] = field(default_factory=set)
    """Those of them that stand for a `Run`."""
    nodes: list[ast.AST] = field(default_factory=list)
    parents: dict[ast.AST, ast.AST] = field(default_factory=dict)
    own_imports: dict[str, str] = field(default_factory=dict)
    locals: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        if self.function is None:
            self.nodes = list(module_code(self.module.tree))
        else:
            self.nodes = list(_without_annotations(self.function))
            self._read_locals(self.function)
        chosen = set(self.nodes)
        for node in self.nodes:
            for child in ast.iter_child_nodes(node):
                if child in chosen:
                    self.parents[child] = node

    def _read_locals(self, function: Function) -> None:
        declared: set[str] = set()
        for node in self.nodes:
            if isinstance(node, ast.Import | ast.ImportFrom):
                self.own_imports.update(imported_names(node, self.module.name, self.module.is_package))
            elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                self.locals.add(node.id)
            elif isinstance(node, ast.arg):
                self.locals.add(node.arg)
            elif isinstance(node, ast.Global):
                declared.update(node.names)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.ExceptHandler):
                self.locals.update({node.name or ""} if node is not function else ())
        self.locals -= declared
        arguments = parameters(function)
        if arguments and is_flow(function, self):
            self.calls.add(arguments[0].arg)
        self.runs.update(each.arg for each in arguments if self._is_type(each.annotation, "Run", _RUN_TYPES))
        self.calls.update(each.arg for each in arguments if self._is_type(each.annotation, "Call", _CALL_TYPES))
        self.calls |= self.runs

    def _is_type(self, annotation: ast.expr | None, name: str, types: tuple[str, ...]) -> bool:
        if isinstance(annotation, ast.Constant):
            return annotation.value == name
        return annotation is not None and self.name_of(annotation, of_module=True) in types

    def name_of(self, node: ast.AST, *, of_module: bool = False) -> str:
        """The dotted name that an expression stands for, `datetime.datetime.now`; empty where the text does not say."""
        if isinstance(node, ast.Attribute):
            base = self.name_of(node.value, of_module=of_module)
            return f"{base}.{node.attr}" if base else ""
        if not isinstance(node, ast.Name):
            return ""
        if not of_module and node.id in self.own_imports:
            return self.own_imports[node.id]
        if not of_module and node.id in self.locals:
            return ""
        if node.id in self.module.imports:
            return self.module.imports[node.id]
        if node.id in self.module.functions or node.id in self.module.classes or node.id in self.module.variables:
            return f"{self.module.name}.{node.id}" if self.module.name else node.id
        return builtin(node.id)

    def own(self, node: ast.AST) -> tuple[CodeModule, Function | ast.ClassDef] | None:
        """The operation's own function or class that an expression stands for."""
        name = self.name_of(node)
        found = self.code.follow(name) if name else None
        return (found[0], found[1]) if found and found[1] is not None else None

    def is_own(self, name: str) -> bool:
        """Whether a dotted name belongs to the operation."""
        return self.code.follow(name) is not None

    def is_call(self, node: ast.AST) -> bool:
        """Whether an expression is the flow's `Call` or `Run`, for certain."""
        return isinstance(node, ast.Name) and node.id in self.calls

    def facade_of(self, node: ast.AST) -> type[Call] | type[Run]:
        """Which of the two it is."""
        return Run if isinstance(node, ast.Name) and node.id in self.runs else Call

    def parent(self, node: ast.AST) -> ast.AST | None:
        return self.parents.get(node)


def parameters(function: Function) -> list[ast.arg]:
    """Those that can be given by position, then the others."""
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]


def is_flow(function: Function, scope: Scope) -> bool:
    """Whether it is marked @flow."""
    marks = [each.func if isinstance(each, ast.Call) else each for each in function.decorator_list]
    return any(scope.name_of(each, of_module=True) in _FLOW_MARKS for each in marks)


def _without_annotations(function: Function) -> Iterator[ast.AST]:
    """Every node of it in the order of the text, but for types, which do nothing."""
    waiting: list[ast.AST] = [function]
    while waiting:
        node = waiting.pop()
        yield node
        annotations = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        marks = function.decorator_list if node is function else []
        below = [each for each in ast.iter_child_nodes(node) if each not in annotations and each not in marks]
        waiting += reversed(below)
