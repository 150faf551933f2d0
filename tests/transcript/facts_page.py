"""The reference of the journal's facts, as the code has them: kinds, fields, types and what each means."""

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

from keepline.call.facts import FACT_TYPES, Fact

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "facts.md"
HEAD = """# Facts

What is journaled of calls, in the order of a call's life, and of [runs](flows.md#flows-without-a-caller);
[the journal](journal.md) says how it is kept.
The number behind a kind is its version: a field that is added has a default, and a kind whose meaning changes gets
another number, so that an old journal is read by newer code. Each fact has `call`, the call's id (16 hex digits, empty
for what concerns no call; of a run or an event its own), and most have `at_s`, node time in seconds since the epoch.
`keepline call show ID` prints them, of a run `keepline flow show ID`.
"""


def page() -> str:
    """The whole page."""
    return HEAD + "".join(f"\n{section(kind)}" for kind in FACT_TYPES)


def section(kind: type[Fact]) -> str:
    """One fact."""
    meanings = field_docs(kind)
    lines = [f"## {kind.kind}", " ".join(inspect.cleandoc(kind.__doc__ or "").split()), ""]
    rows = [
        f"| `{field.name}` | {type_words(field.type)} | {meanings.get(field.name, '')} |"
        for field in fields(kind)
        if field.name not in ("call", "at_s")
    ]
    if rows:
        lines += ["| field | type | meaning |", "|---|---|---|", *rows, ""]
    return "\n".join(lines)


def type_words(of: object) -> str:
    """A field's type as a person reads it."""
    text = inspect.formatannotation(of).replace("|", "or")
    return re.sub(r"[A-Za-z_]+\.(?=[A-Za-z_])", "", text)


def field_docs(kind: type[Fact]) -> dict[str, str]:
    """What stands under each field in the code."""
    (definition,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(definition, ast.ClassDef)
    return dict(_pairs(definition.body))


def _pairs(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for first, second in pairwise(body):
        is_text = isinstance(second, ast.Expr) and isinstance(second.value, ast.Constant)
        if isinstance(first, ast.AnnAssign) and isinstance(first.target, ast.Name) and is_text:
            yield first.target.id, " ".join(str(second.value.value).split())  # type: ignore[attr-defined]
