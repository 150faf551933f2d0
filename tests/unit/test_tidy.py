"""The house style, as far as a machine can check it: sizes, words, imports and what may stand where."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "keepline"
CORE = ("model", "sip", "rtp", "flow", "paths", "succession", "call", "incident")
JOINING = {"call": ("sip", "rtp", "flow", "paths"), "incident": ("sip", "rtp", "flow", "paths", "call")}
"""Core packages that join their siblings; the others know `model` alone."""
PURE_MODULES = frozenset(
    (
        "abc",
        "base64",
        "bisect",
        "collections",
        "contextlib",
        "dataclasses",
        "datetime",  # its types: what the time is is an argument (tested below)
        "decimal",
        "enum",
        "functools",
        "hashlib",
        "heapq",
        "hmac",
        "inspect",
        "ipaddress",
        "itertools",
        "json",
        "math",
        "numpy",
        "operator",
        "re",
        "struct",
        "traceback",
        "types",
        "typing",
    )
)
TERMINAL_PACKAGES = ("cli", "demo", "demo_crm", "demo_outage", "phone")
"""These talk to a person at a terminal; everything else logs."""

FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 400
LONG_FUNCTIONS: dict[str, int] = {}
"""`path:name` -> lines; the list only shrinks."""
LONG_FILES: dict[str, int] = {}
"""`path` -> lines; the list only shrinks."""


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def python_files(*directories: str) -> list[Path]:
    return sorted(path for each in directories for path in (ROOT / each).rglob("*.py"))


SOURCES = python_files("src")
ALL_PYTHON = python_files("src", "tests", "bench", "examples")
TEXTS = sorted(
    path
    for each in ("src", "tests", "bench", "examples", "docs", ".ci")
    for path in (ROOT / each).rglob("*")
    if path.is_file()
    and path.suffix in {".py", ".md", ".yaml", ".toml", ".xml", ".txt", ".svg", ""}
    and "__pycache__" not in path.parts
) + [ROOT / name for name in ("README.md", "Makefile", "pyproject.toml", "requirements.lock", ".gitignore")]


def nothing(found: list[str], rule: str) -> None:
    """Fail with all that was found, a line each."""
    assert not found, "\n".join([rule, *found])


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def lines_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Without its decorators: a test's table of cases may be as long as the cases are many."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            yield node.lineno, node.module or ""


def test_functions_are_short() -> None:
    long = {
        f"{shown(path)}:{node.name}": lines_of(node)
        for path in ALL_PYTHON
        for node in functions(parsed(path))
        if lines_of(node) > FUNCTION_LINES_MAX
    }
    assert long == LONG_FUNCTIONS, f"functions have at most {FUNCTION_LINES_MAX} lines"


def test_files_are_short() -> None:
    counts = {shown(path): path.read_text(encoding="utf-8").count("\n") for path in ALL_PYTHON}
    long = {path: count for path, count in counts.items() if count > FILE_LINES_MAX}
    assert long == LONG_FILES, f"files have at most {FILE_LINES_MAX} lines"


def test_modules_say_what_they_are() -> None:
    silent = [
        shown(path) for path in SOURCES + python_files("bench", "examples") if not ast.get_docstring(parsed(path))
    ]
    nothing(silent, "a module says what it is")


def test_public_functions_have_docstrings() -> None:
    silent = [
        f"{shown(path)}:{node.lineno}: {node.name}"
        for path in SOURCES
        for node in parsed(path).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    nothing(silent, "a public function says what it does")


def test_what_judges_from_outside_imports_nothing_of_ours() -> None:
    outside = python_files("examples/retailer/world", "examples/retailer/backoffice", "examples/bench")
    outside = [path for path in outside if path.name != "flows.py"] + [ROOT / "tools" / "verify_export.py"]
    assert len(outside) > 20
    wrong = [
        f"{shown(path)}:{line}: {name}"
        for path in outside
        for line, name in imports(parsed(path))
        if name.partition(".")[0] == "keepline"
    ]
    nothing(wrong, "callers, the back office and the verifier are evidence from outside")


def test_core_imports_pure_modules_alone() -> None:
    wrong = []
    for package in CORE:
        allowed = {"model", package, *JOINING.get(package, ())}
        for path in (SOURCE / package).rglob("*.py"):
            for line, name in imports(parsed(path)):
                parts = name.split(".")
                own = parts[0] == "keepline" and len(parts) > 1 and parts[1] in allowed
                if not own and parts[0] not in PURE_MODULES:
                    wrong.append(f"{shown(path)}:{line}: {name}")
    nothing(wrong, "core packages import pure modules, numpy and keepline.model")


def test_core_reads_and_writes_nothing() -> None:
    forbidden = {"open", "print", "input", "exec", "eval", "__import__", "breakpoint"}
    wrong = [
        f"{shown(path)}:{node.lineno}: {node.func.id}"
        for package in CORE
        for path in (SOURCE / package).rglob("*.py")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in forbidden
    ]
    nothing(wrong, "the core does no input or output")
    clocks = [
        f"{shown(path)}:{node.lineno}: {node.attr}"
        for package in CORE
        for path in (SOURCE / package).rglob("*.py")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute) and node.attr in ("now", "utcnow", "today")
    ]
    nothing(clocks, "the core has no clock")


def test_only_terminal_programs_print() -> None:
    wrong = [
        f"{shown(path)}:{node.lineno}"
        for path in SOURCES
        if path.relative_to(SOURCE).parts[0].removesuffix(".py") not in TERMINAL_PACKAGES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    nothing(wrong, "only terminal programs print")


def test_dataclasses_of_the_core_have_slots() -> None:
    """Dataclasses of the core have slots; those that change say so by the absence of `frozen`."""
    wrong = [
        f"{shown(path)}:{node.lineno}: {node.name}"
        for package in CORE
        for path in (SOURCE / package).rglob("*.py")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ClassDef)
        for decorator in node.decorator_list
        if ast.unparse(decorator).startswith("dataclass") and "slots=True" not in ast.unparse(decorator)
    ]
    nothing(wrong, "dataclasses of the core have slots")


def test_tests_sleep_only_while_they_poll() -> None:
    """A guessed pause makes a test slow and wrong; a pause inside of a loop waits for something that is looked at."""
    wrong = []
    for path in python_files("tests"):
        tree = parsed(path)
        polling = {
            id(inner) for loop in ast.walk(tree) if isinstance(loop, ast.While | ast.For) for inner in ast.walk(loop)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("time.sleep", "sleep", "asyncio.sleep"):
                yields = node.args and ast.unparse(node.args[0]) == "0"
                if id(node) not in polling and not yields:
                    wrong.append(f"{shown(path)}:{node.lineno}")
    nothing(wrong, "a test polls, it does not wait")


def test_sockets_of_the_network_are_opened_by_live_tests_alone() -> None:
    wrong = [
        f"{shown(path)}:{node.lineno}"
        for path in python_files("tests/unit", "tests/spec", "tests/transcript", "tests/sim")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute) and node.attr in ("AF_INET", "AF_INET6", "create_connection")
    ]
    nothing(wrong, "only tests/live opens sockets")


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        ("work left to do belongs in an issue", r"\b(TODO|FIXME)\b"),
        ("a path of somebody's machine", r"(?<![\w.])/(work|root|home)/\w"),
    ],
)
def test_no_text_holds(what: str, pattern: str) -> None:
    found = [
        f"{shown(path)}:{number}: {line.strip()}"
        for path in TEXTS
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if re.search(pattern, line)
    ]
    nothing(found, what)


def test_lock_names_no_host_and_hashes_everything() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert not re.search(r"://|^-|@ ", text, re.MULTILINE)
    pins = re.split(r"\n(?=\S)", text.strip())
    assert [pin.split()[0] for pin in pins if "--hash=sha256:" not in pin] == []
    assert [pin.split()[0] for pin in pins if "==" not in pin.split()[0]] == []


def test_dependencies_are_locked() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    names = re.findall(
        r'"([A-Za-z][\w.-]*)(?:[><=!~][^"]*)?"', project.split("dependencies = [")[1].split("[project.scripts]")[0]
    )
    locked = {line.split("==")[0] for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()}
    normal = {re.sub(r"[-_.]+", "-", name).lower() for name in locked}
    assert [name for name in names if re.sub(r"[-_.]+", "-", name).lower() not in normal] == []


def test_every_limit_is_reached_by_a_test() -> None:
    limits = [
        target.id
        for path in sorted((SOURCE / "model").glob("limits*.py"))
        for node in parsed(path).body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    ]
    words = {word for path in python_files("tests") for word in re.findall(r"\w+", path.read_text(encoding="utf-8"))}
    nothing([name for name in limits if name not in words], "every limit is reached by a test")
