"""What the lint finds: the place, the rule, and the words."""

import ast
from dataclasses import dataclass
from pathlib import Path

from keepline.config.lint.modules import CodeModule
from keepline.config.lint.rules import RULES
from keepline.config.words import nearest

NAME_CHARS_MAX = 60
"""Of the code that a finding shows."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One line of code that breaks a rule."""

    path: Path
    line: int
    column: int
    rule: str
    wrong: str
    right: str


def shown(node: ast.AST) -> str:
    """Code as a person reads it."""
    try:
        return ast.unparse(node)
    except RecursionError:
        return "…"


def finding(module: CodeModule, node: ast.AST, rule: str, name: str, known: list[str] | None = None) -> Finding:
    """A finding at `node` in the words of its rule; `known` are the names that would have been right."""
    return finding_at(module, getattr(node, "lineno", 1), module.column(node), rule, name, known)


def finding_at(
    module: CodeModule, line: int, column: int, rule: str, name: str, known: list[str] | None = None
) -> Finding:
    """The same at a line and a column, both 1-based."""
    words = RULES[rule]
    short = name if len(name) <= NAME_CHARS_MAX else f"{name[:NAME_CHARS_MAX]}…"
    right = words.right.format(name=short, nearest=nearest(name, known or []))
    return Finding(module.path, line, column, rule, words.wrong.format(name=short), right)
