"""The docs, as far as a machine can check them: nothing undocumented, nothing that is not there, examples that run."""

import ast
import re
import shlex
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
import typer.main
from pydantic import BaseModel

from keepline.cli import app
from keepline.config import load_operation
from keepline.config.schema import OperationFile
from keepline.config.words import settings_of
from keepline.desk.metrics import Metrics
from keepline.desk.node_source import NodeSource
from keepline.flow import Call, Run

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
REFERENCE = DOCS / "reference"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[str]:
    return [body for kind, body in BLOCK.findall(text_of(page)) if kind == language]


def sections(page: Path) -> dict[str, str]:
    """Second-level headings and what stands below each."""
    parts = re.split(r"^## (.+)\n", text_of(page), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


# Commands -------------------------------------------------------------------------------------------------------------


def commands(group: Any = None, prefix: str = "keepline") -> Iterator[tuple[str, Any]]:
    """Every command that can be run, with its whole name."""
    for name, command in (group or typer.main.get_command(app)).commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", command


def test_every_command_and_option_is_in_the_reference() -> None:
    documented = sections(REFERENCE / "commands.md")
    assert sorted(documented) == sorted(name for name, _ in commands())
    missing = [
        f"{name} {flag}"
        for name, command in commands()
        for option in command.params
        for flag in (option.opts if option.param_type_name == "option" else [option.metavar])
        if (flag.startswith("--") and flag != "--help" and flag not in documented[name])
        or (not flag.startswith("-") and flag not in documented[name])
    ]
    assert missing == []


def test_general_options_are_in_the_reference() -> None:
    opening = text_of(REFERENCE / "commands.md").split("\n## ")[0]
    flags = [flag for option in typer.main.get_command(app).params for flag in option.opts if flag.startswith("--")]
    assert [flag for flag in flags if flag not in opening] == []


def parse(line: str) -> None:
    """Have the command line parse a `keepline ...`; raises what it says of a mistake."""
    command: Any = typer.main.get_command(app)
    context = None
    arguments = shlex.split(line, comments=True)[1:]
    while hasattr(command, "commands"):
        with command.make_context(command.name, arguments, parent=context) as context:
            rest = [*context._protected_args, *context.args]
            _, command, arguments = command.resolve_command(context, rest)
    command.make_context(command.name, arguments, parent=context)


def shell_lines() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for body in blocks(page, "sh"):
            for line in body.replace("\\\n", " ").splitlines():
                found += [(page.name, part) for part in re.findall(r"(?:make|[\w./]*keepline)\b[^)|;]*", line)]
    return found


@pytest.mark.parametrize(("page", "line"), shell_lines())
def test_examples_of_the_command_line_are_right(page: str, line: str) -> None:
    if line.startswith("make"):
        targets = re.findall(r"^([\w-]+):", text_of(ROOT / "Makefile"), re.MULTILINE)
        assert [word for word in line.split()[1:] if "=" not in word and word not in targets] == []
    else:
        parse(line)


# Settings and verbs ---------------------------------------------------------------------------------------------------


def settings(model: type[BaseModel] = OperationFile, prefix: str = "") -> Iterator[str]:
    """Every setting of an operation file by its whole name, `trunks.NAME.peers`."""
    for name, field in settings_of(model).items():
        kind: Any = field.annotation
        full = f"{prefix}{name}"
        if get_origin(kind) is dict:
            kind = get_args(kind)[1]
            full += ".NUMBER" if name == "numbers" else ".NAME"
        elif get_origin(kind) is list and isinstance(get_args(kind)[0], type) and get_args(kind)[0] is not str:
            kind = get_args(kind)[0]
            full += "[]"
        kind = next(
            (each for each in (kind, *get_args(kind)) if isinstance(each, type)), kind
        )  # of Annotated, of | None
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from settings(kind, f"{full}.")
        else:
            yield full


def test_every_setting_is_in_the_reference() -> None:
    table = sections(REFERENCE / "operation.md")["Settings"]
    assert re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE) == list(settings())


def test_every_verb_is_in_the_reference() -> None:
    text = text_of(REFERENCE / "flows.md")
    public = [("call", name) for name in dir(Call)] + [("run", name) for name in dir(Run)]
    assert [each for each in public if not each[1].startswith("_") and "`{}.{}".format(*each) not in text] == []


def test_every_metric_is_in_the_reference() -> None:
    rows = re.findall(r"^\| `(keepline_\w+)` \| (\w+) \|([^|]*)\|", text_of(REFERENCE / "metrics.md"), re.MULTILINE)
    metrics = Metrics(NodeSource(ROOT))
    assert [(name, kind, re.findall(r"`(\w+)`", labels)) for name, kind, labels in rows] == metrics.described()


def pages_with_an_operation() -> list[Path]:
    return [page for page in PAGES if any("operation:" in body for body in blocks(page, "yaml"))]


@pytest.mark.parametrize("page", pages_with_an_operation(), ids=lambda page: page.name)
def test_operations_in_the_docs_are_right(page: Path, tmp_path: Path) -> None:
    [operation] = [body for body in blocks(page, "yaml") if body.startswith("operation:")]
    flows, *_ = [body for body in blocks(page, "python") if "@flow" in body]
    (tmp_path / "keepline.yaml").write_text(operation, encoding="utf-8")
    (tmp_path / "flows.py").write_text(flows, encoding="utf-8")
    assert load_operation(tmp_path).flows


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_in_the_docs_compiles(page: Path) -> None:
    for body in blocks(page, "python"):
        compile(textwrap.dedent(body), page.name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


# Pages ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[\w-]+)?\)", text_of(page))
    assert [each for each in targets if "://" not in each and not (page.parent / each).exists()] == []


def test_every_page_can_be_reached() -> None:
    linked = {
        (page.parent / target).resolve()
        for page in PAGES
        for target in re.findall(r"\]\(([^)#\s]+)", text_of(page))
        if "://" not in target
    }
    assert [page.name for page in PAGES[1:] if page.resolve() not in linked] == []


def test_decisions_are_short_and_dated() -> None:
    decisions = sections(DOCS / "design.md")
    assert [title for title in decisions if not re.match(r"20\d\d-\d\d(-\d\d)?: ", title)] == []
    assert [title for title, body in decisions.items() if len(body.strip().splitlines()) > 5] == []


# Words ----------------------------------------------------------------------------------------------------------------


@cache
def public_names() -> dict[str, list[str]]:
    """Each class, function and constant of a module's top level -> where it is defined."""
    found: dict[str, list[str]] = {}
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.parse(text_of(path)).body:
            targets: list[Any] = []
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                targets = [node.name]
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                assigned = node.targets if isinstance(node, ast.Assign) else [node.target]
                targets = [each.id for each in assigned if isinstance(each, ast.Name)]
            for name in targets:
                found.setdefault(name, []).append(path.relative_to(ROOT).as_posix())
    return found


def glossary_rows(heading: str | None = None) -> list[list[str]]:
    text = text_of(REFERENCE / "glossary.md")
    part = sections(REFERENCE / "glossary.md")[heading] if heading else text.split("\n## ")[0]
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line.startswith("| ")
    ][1:]


def test_the_glossary_names_what_exists() -> None:
    named = [name for row in glossary_rows() for name in re.findall(r"`(\w+)`", row[2])]
    assert [name for name in named if name not in public_names()] == []


def test_the_glossary_is_in_order_and_says_each_once() -> None:
    terms = [row[0] for row in glossary_rows()]
    assert terms == sorted(set(terms))


def test_words_that_are_not_used_are_not() -> None:
    avoided = "|".join(row[0] for row in glossary_rows("Words that are not used"))
    pattern = re.compile(rf"(^|_)({avoided})s?(_|$)|({avoided.title()})s?(?=[A-Z]|$)")
    assert [f"{where[0]}: {name}" for name, where in public_names().items() if pattern.search(name)] == []


PROGRAMS_OF_THEIR_OWN = ("desk", "phone", "demo")
"""They see the same things from the other end, and name them from there."""


def test_one_class_name_has_one_meaning() -> None:
    defined: dict[str, list[str]] = {}
    source = ROOT / "src" / "keepline"
    for path in sorted(source.rglob("*.py")):
        if not path.relative_to(source).as_posix().startswith(PROGRAMS_OF_THEIR_OWN):
            for node in ast.parse(text_of(path)).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    defined.setdefault(node.name, []).append(path.relative_to(ROOT).as_posix())
    assert [f"{name}: {', '.join(where)}" for name, where in defined.items() if len(where) > 1] == []
