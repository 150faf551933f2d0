"""The modules of an operation as the lint reads them: syntax trees, and what each name in them stands for.

Nothing is imported or run. A name is followed through imports, aliases and the operation's own modules as far as the
text says it; what the text does not say is unknown, and no rule speaks about it.
"""

import ast
import builtins
import io
import re
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from keepline.config.flows import python_files

Function = ast.FunctionDef | ast.AsyncFunctionDef

_EXCUSE = re.compile(r"#\s*keepline:\s*allow\s*([\w-]*(?:\s*,\s*[\w-]+)*)")
_FOLLOWED_NAMES_MAX = 32
"""Imports of imports that are followed; a ring of them ends here."""


@dataclass(slots=True)
class CodeModule:
    """One file."""

    name: str
    """Dotted, below the operation's directory; empty for an `__init__.py` at its top."""
    path: Path
    is_package: bool
    tree: ast.Module
    lines: list[str]
    imports: dict[str, str] = field(default_factory=dict)
    """Name in the module -> what it was imported as, `datetime.datetime`."""
    functions: dict[str, Function] = field(default_factory=dict)
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    variables: set[str] = field(default_factory=set)
    texts: dict[str, str] = field(default_factory=dict)
    """Variables that stand for one text."""
    excuses: dict[int, list[tuple[str, int]]] = field(default_factory=dict)
    """Line -> the rules that it is excused from, each with its column."""

    def column(self, node: ast.AST) -> int:
        """1-based, in characters."""
        offset = getattr(node, "col_offset", 0)
        line = self.lines[getattr(node, "lineno", 1) - 1] if self.lines else ""
        return len(line.encode()[:offset].decode(errors="replace")) + 1

    def is_excused(self, node: ast.AST, rule: str) -> bool:
        """Whether a comment on one of its lines, or on a line of its own above, allows it."""
        first = getattr(node, "lineno", 1)
        last = first if isinstance(node, ast.ExceptHandler | ast.Try) else getattr(node, "end_lineno", None) or first
        above = first - 1
        alone = above > 0 and self.lines[above - 1].lstrip().startswith("#")
        lines = [*([above] if alone else []), *range(first, last + 1)]
        return any(name == rule for line in lines for name, _ in self.excuses.get(line, ()))


@dataclass(slots=True)
class CodeBase:
    """All modules of one operation."""

    modules: dict[str, CodeModule]

    def follow(self, name: str) -> tuple[CodeModule, Function | ast.ClassDef | None] | None:
        """The own module, and the function or class in it, that a dotted name stands for; None where it is not own."""
        for _ in range(_FOLLOWED_NAMES_MAX):
            found = self._split(name)
            if found is None:
                return None
            module, rest = found
            first, _, more = rest.partition(".")
            if first in module.functions:
                return module, module.functions[first]
            if first in module.classes:
                return module, module.classes[first]
            if first not in module.imports or module.imports[first] == name:
                return module, None
            name = ".".join(filter(None, (module.imports[first], more)))
        return None

    def _split(self, name: str) -> tuple[CodeModule, str] | None:
        parts = name.split(".")
        for count in range(len(parts), 0, -1):
            module = self.modules.get(".".join(parts[:count]))
            if module is not None:
                return module, ".".join(parts[count:])
        return None


def read_code(directory: Path) -> CodeBase:
    """Every module of the operation that can be parsed; the others are mistakes of their own."""
    modules = {}
    for path in python_files(directory):
        parts = path.relative_to(directory).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        try:
            source = path.read_bytes()
            encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
            text = io.TextIOWrapper(io.BytesIO(source), encoding).read()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SyntaxWarning)  # the import has told it
                tree = ast.parse(source)
            module = CodeModule(name, path, is_package, tree, text.splitlines())
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        _read_definitions(module)
        module.excuses = _excuses(text)
        modules[name] = module
    return CodeBase(modules)


def imported_names(node: ast.stmt, module: str, is_package: bool = False) -> dict[str, str]:
    """What an import statement binds: name -> what it stands for."""
    if isinstance(node, ast.Import):
        return {
            (each.asname or each.name.partition(".")[0]): (each.name if each.asname else each.name.partition(".")[0])
            for each in node.names
        }
    if isinstance(node, ast.ImportFrom):
        source = node.module or ""
        if node.level:
            parts = module.split(".") if module else []
            parents = parts[: len(parts) - node.level + (1 if is_package else 0)]
            source = ".".join([*parents, *filter(None, [node.module])])
        return {
            (each.asname or each.name): f"{source}.{each.name}" if source else each.name
            for each in node.names
            if each.name != "*"
        }
    return {}


def module_code(tree: ast.Module) -> Iterator[ast.AST]:
    """What runs when a module is imported: no bodies of functions, and nothing that is for type checkers or scripts."""
    waiting: list[ast.AST] = list(reversed(tree.body))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and _is_for_others(node.test):
            waiting += node.orelse
            continue
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            arguments = node.args
            waiting += [*arguments.defaults, *filter(None, arguments.kw_defaults)]
            waiting += getattr(node, "decorator_list", [])
        else:
            waiting += reversed(list(ast.iter_child_nodes(node)))


def builtin(name: str) -> str:
    """`builtins.open` for `open`; empty for what is none."""
    return f"builtins.{name}" if hasattr(builtins, name) else ""


def _is_for_others(test: ast.expr) -> bool:
    return ast.unparse(test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING", "__name__ == '__main__'")


def _read_definitions(module: CodeModule) -> None:
    for node in module_code(module.tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module.imports.update(imported_names(node, module.name, module.is_package))
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            module.variables.add(node.id)
    for statement in module.tree.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            module.functions[statement.name] = statement
        elif isinstance(statement, ast.ClassDef):
            module.classes[statement.name] = statement
        elif isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant):
            [target, *_] = statement.targets
            if isinstance(target, ast.Name) and isinstance(statement.value.value, str):
                module.texts[target.id] = statement.value.value


def _excuses(text: str) -> dict[int, list[tuple[str, int]]]:
    found: dict[int, list[tuple[str, int]]] = {}
    if "keepline:" not in text:
        return found
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT and (excuse := _EXCUSE.search(token.string)):
                column = token.start[1] + excuse.start(1) + 1
                found[token.start[0]] = [(each.strip(), column) for each in excuse[1].split(",")]
    except (tokenize.TokenError, SyntaxError):
        pass
    return found
