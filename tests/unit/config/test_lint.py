"""The lint of flows: each rule, what it finds and what it leaves alone."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from keepline.config.lint import RULES, lint_flows
from keepline.config.lint.rules import members_of
from keepline.flow import Call

Lint = Callable[..., list[str]]
HEAD = "from keepline.flow import Call, HungUp, flow\n\n"


@pytest.fixture
def lint(tmp_path: Path) -> Lint:
    """The findings in a flow with this body, as `line:column rule`; lines count from the body's first."""

    def run(body: str, imports: str = "", **others: str) -> list[str]:
        head = f"{HEAD}{imports}\n@flow\nasync def pay(call: Call) -> None:\n"
        code = head + "".join(f"    {line}\n" for line in body.splitlines())
        (tmp_path / "flows.py").write_text(code, encoding="utf-8")
        for name, text in others.items():
            (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        offset = head.count("\n")
        return [f"{each.line - offset}:{each.column} {each.rule}" for each in lint_flows(tmp_path, ["welcome"])]

    return run


@pytest.mark.parametrize(
    ("imports", "code", "rule"),
    [
        ("import time", "time.time()", "clock"),
        ("from time import time as t", "t()", "clock"),
        ("import time as clock", "clock.monotonic_ns()", "clock"),
        ("import time", "time.strftime('%H')", "clock"),
        ("import datetime", "datetime.datetime.now()", "clock"),
        ("import datetime as dt", "dt.datetime.now(dt.timezone.utc)", "clock"),
        ("from datetime import datetime", "datetime.utcnow().hour", "clock"),
        ("from datetime import datetime", "datetime.today", "clock"),
        ("from datetime import date", "date.today()", "clock"),
        ("import random", "random.random()", "random"),
        ("from random import choice as pick", "pick([1, 2])", "random"),
        ("import random", "random.Random()", "random"),
        ("import secrets", "secrets.token_hex()", "random"),
        ("import uuid", "uuid.uuid4().hex", "random"),
        ("from uuid import uuid1", "uuid1()", "random"),
        ("import os", "os.urandom(4)", "random"),
        ("", "hash('x')", "random"),
        ("import numpy as np", "np.random.rand()", "random"),
        ("", "open('x')", "io"),
        ("", "input()", "io"),
        ("import socket", "socket.socket()", "io"),
        ("import requests", "requests.get('x')", "io"),
        ("from httpx import get", "get('x')", "io"),
        ("import urllib.request", "urllib.request.urlopen('x')", "io"),
        ("import aiohttp", "aiohttp.ClientSession()", "io"),
        ("import subprocess", "subprocess.run(['ls'])", "io"),
        ("import os", "os.environ.get('X')", "io"),
        ("from pathlib import Path", "Path('x').read_text()", "io"),
        ("import time", "time.sleep(1)", "wait"),
        ("import asyncio", "asyncio.get_running_loop()", "wait"),
        ("import threading", "threading.Lock()", "wait"),
        ("from concurrent.futures import ThreadPoolExecutor", "ThreadPoolExecutor()", "wait"),
    ],
)
def test_what_differs_when_a_flow_runs_again_is_found_at_its_place(
    lint: Lint, imports: str, code: str, rule: str
) -> None:
    assert lint(f"x = {code}", imports) == [f"1:9 {rule}"]
    assert lint(f"x = {code}  # keepline: allow {rule}", imports) == []


@pytest.mark.parametrize(
    ("imports", "code"),
    [
        ("import time", "time.strptime('1', '%H')"),
        ("import datetime", "datetime.datetime(2026, 1, 1)"),
        ("from datetime import datetime", "datetime.fromisoformat('2026-01-01')"),
        ("import random", "random.Random(call.id).choice([1, 2])"),
        ("from urllib.parse import quote", "quote('x')"),
        ("import urllib.parse", "urllib.parse.quote('x')"),
        ("import os", "os.path.join('a', 'b')"),
        ("import uuid", "uuid.UUID(int=5)"),
        ("", "print('fine')"),
        ("", "(lambda time: time.time())(call)"),
        ("import math", "math.floor(1.5)"),
    ],
)
def test_what_is_the_same_each_time_is_left_alone(lint: Lint, imports: str, code: str) -> None:
    assert lint(f"x = {code}", imports) == []


@pytest.mark.parametrize(
    "code",
    [
        "for each in {'a', call.id}: pass",
        "x = [each for each in {'a', 'b'}]",
        "x = list(set(call.id))",
        "x = ', '.join({each for each in call.id})",
        "x = [*{'a', 'b'}]",
        "x = {'a', 'b'}.pop()",
        "x = next(iter(frozenset(call.id)))",
        "them = set(call.id)\nfor each in them: pass",
    ],
)
def test_the_order_of_a_set_is_another_one_in_each_process(lint: Lint, code: str) -> None:
    assert [each.split()[1] for each in lint(code)] == ["order"]


@pytest.mark.parametrize(
    "code",
    [
        "for each in sorted({'a', 'b'}): pass",
        "x = 'a' in {'a', 'b'}",
        "x = any(each for each in {'a', call.id})",
        "x = sorted(list({'a', 'b'}))",
        "x = {each for each in {'a', 'b'}}",
        "for each in {1, 2, 3}: pass",
        "x = len(set(call.id)) + len({'a'} | {'b'})",
        "for each in ['a', 'b']: pass",
        "them = set(call.id)\nthem = sorted(them)\nfor each in them: pass",
        "for each in set(): pass",
        "def set(x): return x\nfor each in set(call.id): pass",
    ],
)
def test_a_set_whose_order_says_nothing_is_left_alone(lint: Lint, code: str) -> None:
    assert lint(code) == []


def test_a_name_of_ones_own_is_not_the_librarys(lint: Lint) -> None:
    assert lint("time = call.id\ntime.time()") == []
    assert lint("import time\ntime.time()") == ["2:5 clock"]
    own = "def random(): return 4\n"
    assert lint("random.random()", "import random", random=own) == []


def test_an_import_is_found_unless_something_uses_it(lint: Lint) -> None:
    assert lint("await call.hangup()", "import requests") == ["-2:1 io"]
    assert lint("await call.hangup()", "import asyncio") == ["-2:1 wait"]
    assert lint("await call.hangup()", "from threading import Lock  # keepline: allow wait") == []
    connector = "import requests\n\nclass Crm:\n    def find(self):\n        return requests.get('x')\n"
    assert lint("await call.hangup()", connector) == []
    assert lint("Crm().find()", connector) == ["-3:16 io"]


def test_code_that_runs_at_import_is_a_flows_too(lint: Lint) -> None:
    assert lint("await call.hangup()", "import time\nBEGAN = time.time()") == ["-2:9 clock"]
    guarded = "import time\nif __name__ == '__main__':\n    print(time.time())"
    assert lint("await call.hangup()", guarded) == []


def test_what_a_flow_uses_of_its_own_is_followed_and_nothing_else(lint: Lint, tmp_path: Path) -> None:
    helpers = "import time\ndef now():\n    return time.time()\ndef other():\n    return time.time()\n"
    lint("x = helpers.now()", "import helpers", helpers=helpers)
    found = lint_flows(tmp_path, [])
    assert [(each.path.name, each.line, each.column) for each in found] == [("helpers.py", 3, 12)]
    lint("x = n()", "from pack import n", helpers=helpers)
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("from .inner import now as n\n", encoding="utf-8")
    (tmp_path / "pack" / "inner.py").write_text(helpers, encoding="utf-8")
    found = lint_flows(tmp_path, [])
    assert [each.path.relative_to(tmp_path).as_posix() for each in found] == ["pack/inner.py"]


def test_a_ring_of_imports_and_calls_ends(lint: Lint) -> None:
    ring = "from flows import pay\nfrom b import y as x\ndef f(call): return f if call else pay\n"
    assert lint("a.f(call)\na.x", "import a", a=ring, b="from a import x as y\n") == []


@pytest.mark.parametrize(
    ("code", "place"),
    [
        ("await ext.fetch()", "1:5 await"),
        ("await ext.fetch", "1:5 await"),
        ("await print('x')", "1:5 await"),
        ("await 'x'", "1:5 await"),
        ("await [call.say('x')]", "1:5 await"),
        ("await call", "1:5 await"),
        ("await call.id", "1:5 await"),
        ("await call.say", "1:5 await"),
        ("await own", "1:5 await"),
        ("await (call.say('x') if call.id else 5)", "1:5 await"),
    ],
)
def test_an_await_of_no_verb_is_found(lint: Lint, code: str, place: str) -> None:
    imports = "import ext\nasync def own(call): await call.hangup()"
    assert lint(code, imports) == [place]


def test_an_await_that_breaks_another_rule_is_told_once(lint: Lint) -> None:
    assert lint("await asyncio.sleep(1)", "import asyncio") == ["1:11 wait"]


@pytest.mark.parametrize(
    "code",
    [
        "await call.say('x')",
        "await own(call)",
        "await made(call)",
        "step = call.say('x')\nawait step",
        "await (call.say('x') if call.id else call.hangup())",
        "for step in [call.say('x'), call.say('y')]:\n    await step",
        "own.attribute = 5\nawait call.list_of[0]()" if "list_of" in members_of(Call) else "await unknown(call)",
    ],
)
def test_an_await_of_verbs_in_any_guise_is_left_alone(lint: Lint, code: str) -> None:
    imports = "async def own(c): await c.hangup()\ndef made(c): return c.hangup()\nfrom x import *"
    assert [each for each in lint(code, imports) if "await" in each] == []


@pytest.mark.parametrize(
    ("code", "place"),
    [
        ("call.say('x')", "1:5 unawaited"),
        ("own(call)", "1:5 unawaited"),
        ("if call.ask_digits('x') == '1':\n    pass", "1:8 unawaited"),
        ("x = f'{call.ask_digits()}'", "1:12 unawaited"),
        ("x = int(call.ask_digits())", "1:13 unawaited"),
        ("x = call.ask_digits().strip()", "1:9 unawaited"),
        ("x = call.ask_digits()", "1:9 unawaited"),
        ("x = call.ask_digits()\nif x == '1':\n    pass", "1:9 unawaited"),
    ],
)
def test_a_verb_that_is_not_awaited_is_found(lint: Lint, code: str, place: str) -> None:
    assert lint(code, "async def own(c): await c.hangup()") == [place]


@pytest.mark.parametrize(
    ("code", "found"),
    [
        (
            "await call.use('orders.statsu', number='1')",
            ["the operation has no `orders.statsu` to use; did you mean `orders.status`?"],
        ),
        ("await call.use('orders.status')\nawait call.use(call.id)", []),
        ("await call.use(WHAT)", ["the operation has no `stock.level` to use; it can be `orders.status`"]),
    ],
)
def test_what_no_capability_has_breaks_the_rule_use(lint: Lint, tmp_path: Path, code: str, found: list[str]) -> None:
    lint(code, "WHAT = 'stock.level'")
    told = lint_flows(tmp_path, [], {"orders.status": frozenset()})
    assert [each.rule for each in told] == ["use"] * len(found)
    assert [f"{each.wrong}; {each.right}" for each in told] == found or "can be" in str(found)
    assert lint_flows(tmp_path, []) == []


@pytest.mark.parametrize(
    ("code", "missing"),
    [
        ("await call.use('orders.status', number=1)", []),
        ("await call.use('orders.status', **known)", []),
        ("await call.use('orders.status', numer=1)", ["number"]),
        ("await call.use('orders.book')", ["day", "number"]),
    ],
)
def test_a_use_without_what_its_action_wants_breaks_the_rule_argument(
    lint: Lint, tmp_path: Path, code: str, missing: list[str]
) -> None:
    lint(code)
    actions = {"orders.status": frozenset({"number"}), "orders.book": frozenset({"number", "day"})}
    told = lint_flows(tmp_path, [], actions)
    assert {each.rule for each in told} <= {"argument"}
    assert [f"{each.wrong}; {each.right}" for each in told] == [
        f"the action wants `{name}`, which this use does not give; add `{name}=…`" for name in missing
    ]


def words(directory: Path, prompts: list[str] | None) -> list[str]:
    return [f"{each.wrong}; {each.right}" for each in lint_flows(directory, prompts)]


def test_a_verb_that_is_none_is_told_with_the_nearest(lint: Lint, tmp_path: Path) -> None:
    assert lint("await call.ask_digit('x')") == ["1:11 verb"]
    assert words(tmp_path, None) == ["the call has no `ask_digit`; did you mean `ask_digits`?"]
    assert lint("await call.say('x', repaet=True)") == ["1:32 verb"]
    assert words(tmp_path, None) == ["the call has no `say(repaet=…)`; did you mean `repeat=`?"]
    assert lint("x = call.from_number, call.id") == []


def test_the_call_is_known_wherever_it_is_handed_on(lint: Lint) -> None:
    helper = "async def ask(first, c): await c.sya('x')"
    assert lint("await ask(1, call)", helper) == ["-2:32 verb"]
    assert lint("await ask(1, c=call)", helper) == ["-2:32 verb"]
    assert lint("await ask(call, other)", helper) == []
    assert lint("await ask(1)", "async def ask(x, *, c: 'Call' = None): await c.sya('x')") == ["-2:46 verb"]
    assert lint("call = call.id\nx = call.upper()") == []


@pytest.mark.parametrize(
    ("code", "place"),
    [
        ("await call.say(prompt='welcom')", "1:27 prompt"),
        ("await call.ask_digits(prompt='bye')", "1:34 prompt"),
        ("await call.say(prompt='welcome' if call.id else 'bye')", "1:53 prompt"),
        ("await call.say(prompt=BYE)", "1:27 prompt"),
    ],
)
def test_a_prompt_that_the_operation_lacks_is_found(lint: Lint, tmp_path: Path, code: str, place: str) -> None:
    assert lint(code, "BYE = 'bye'") == [place]
    assert lint_flows(tmp_path, None) == []


def test_the_nearest_prompt_is_told(lint: Lint, tmp_path: Path) -> None:
    lint("await call.say(prompt='welcom')\nawait call.say(prompt=call.id)\nawait call.say(prompt='welcome')")
    assert words(tmp_path, ["welcome"]) == ["the operation has no prompt `welcom`; did you mean `welcome`?"]


@pytest.mark.parametrize(
    ("code", "places"),
    [
        ("try:\n    await call.say('x')\nexcept:\n    pass", ["3:5 except"]),
        ("try:\n    await call.say('x')\nexcept BaseException as e:\n    x = e", ["3:5 except"]),
        ("try:\n    await call.say('x')\nexcept (ValueError, BaseException):\n    pass", ["3:5 except"]),
        ("try:\n    await call.say('x')\nexcept:\n    raise", []),
        ("try:\n    await call.say('x')\nexcept BaseException as e:\n    raise e", []),
        ("try:\n    await call.say('x')\nexcept HungUp:\n    raise\nexcept BaseException:\n    pass", []),
        ("try:\n    await call.say('x')\nexcept Exception:\n    pass", []),
        ("try:\n    x = 1\nexcept:\n    pass", []),
        ("try:\n    await call.say('x')\nfinally:\n    return", ["4:9 except"]),
        ("with contextlib.suppress(BaseException):\n    await call.say('x')", ["1:10 except"]),
        ("with contextlib.suppress(ValueError):\n    await call.say('x')", []),
    ],
)
def test_what_swallows_the_hang_up_is_found(lint: Lint, code: str, places: list[str]) -> None:
    assert lint(code, "import contextlib") == places


@pytest.mark.parametrize(
    ("code", "places"),
    [
        ("global COUNT\nCOUNT += 1", ["2:5 global"]),
        ("SEEN.append(call.id)", ["1:5 global"]),
        ("SEEN[0] = call.id", ["1:5 global"]),
        ("del SEEN[0]", ["1:9 global"]),
        ("SEEN[0].x = 1", ["1:5 global"]),
        ("helpers.COUNT = 1", ["1:5 global"]),
        ("helpers.SEEN.clear()", ["1:5 global"]),
        ("x = next(NUMBERS)", ["1:9 global"]),
        ("x = SEEN[0]", []),
        ("SEEN = []\nSEEN.append(1)", []),
        ("seen = list(SEEN)\nseen.append(1)", []),
    ],
)
def test_a_variable_of_the_module_that_a_flow_changes_is_found(lint: Lint, code: str, places: list[str]) -> None:
    imports = "import helpers\nimport itertools\nCOUNT = 0\nSEEN = []\nNUMBERS = itertools.count()"
    assert lint(code, imports, helpers="COUNT = 0\nSEEN = []\n") == places


@pytest.mark.parametrize(
    ("code", "places"),
    [
        ("x = time.time() + random.random()  # keepline: allow clock", ["1:23 random"]),
        ("x = time.time() + random.random()  # keepline: allow clock, random: a test", []),
        ("# keepline: allow clock\nx = time.time()", []),
        ("x = time.time(  # keepline: allow clock\n)", []),
        ("y = 5  # keepline: allow clock\nx = time.time()", ["2:9 clock"]),
        ("x = 1  # keepline: allow clocks", ["1:30 allow"]),
        ("x = 1  # keepline: allow", ["1:29 allow"]),
        ("x = '# keepline: allow clocks'", []),
    ],
)
def test_a_comment_excuses_what_it_names(lint: Lint, code: str, places: list[str]) -> None:
    assert lint(code, "import random\nimport time") == places


def test_a_column_counts_characters(lint: Lint) -> None:
    assert lint("x = 'größe', time.time()", "import time") == ["1:18 clock"]


def test_what_cannot_be_parsed_is_left_to_others(lint: Lint, tmp_path: Path) -> None:
    assert lint("x = (", "import time") == []
    (tmp_path / "flows.py").write_bytes(b"x = '\xff'\0")
    assert lint_flows(tmp_path, []) == []


def test_every_rule_is_in_the_reference() -> None:
    page = Path(__file__).parents[3] / "docs" / "reference" / "flow-lint.md"
    assert re.findall(r"^\| `([\w-]+)` \|", page.read_text(encoding="utf-8"), re.MULTILINE) == list(RULES)


def test_every_rule_has_a_test_of_its_own() -> None:
    tests = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in RULES if f' {name}"' not in tests and f'"{name}"' not in tests] == []
