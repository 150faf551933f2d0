"""The rules of the lint: what no flow may do, and what would be right instead.

Each is in `docs/reference/flow-lint.md` (tested). A line is excused by `# keepline: allow NAME`.
"""

import inspect
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, get_origin

from keepline.flow import Call, Run
from keepline.flow.spoken import fields_of

_AGAIN = "use what the call or a connector gives: a flow is run again after a crash and must do the same"


@dataclass(frozen=True, slots=True)
class LintRule:
    """One rule."""

    wrong: str
    """With `{name}` for what was found."""
    right: str


RULES: dict[str, LintRule] = {
    "clock": LintRule("`{name}` is a clock", _AGAIN),
    "random": LintRule(
        "`{name}` gives another value each time",
        f"{_AGAIN}; `random.Random(call.id)` is the same each time",
    ),
    "order": LintRule("`{name}` has another order in each process", "go through a list, or through `sorted({name})`"),
    "io": LintRule("`{name}` reads or writes outside of the flow", _AGAIN),
    "wait": LintRule(
        "`{name}` waits, or does things at once, outside of the flow",
        "let a verb of the call wait: a flow that blocks holds up every other call",
    ),
    "await": LintRule(
        "`await {name}` awaits no verb",
        "await a verb of the call, or an `async def` of the operation that awaits verbs",
    ),
    "unawaited": LintRule("`{name}` does nothing until it is awaited", "write `await {name}`"),
    "verb": LintRule("the call has no `{name}`", "{nearest}"),
    "prompt": LintRule("the operation has no prompt `{name}`", "{nearest}"),
    "use": LintRule("the operation has no `{name}` to use", "{nearest}"),
    "argument": LintRule("the action wants `{name}`, which this use does not give", "add `{name}=…`"),
    "except": LintRule(
        "`{name}` swallows the caller's hang-up",
        "catch `Exception`, or end with `raise`",
    ),
    "global": LintRule(
        "a flow changes `{name}`, which belongs to the module",
        "keep it in a variable of the flow: after a crash the module's is as it began",
    ),
    "allow": LintRule("there is no rule `{name}` to allow", "{nearest}"),
}

_CLOCK_ALLOWED = {f"time.{each}" for each in ("sleep", "strptime", "struct_time", "mktime", "timezone", "tzname")}
_CLOCK = {
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.datetime.today",
    "datetime.date.today",
}
_RANDOM = {
    *("uuid.uuid1", "uuid.uuid4", "uuid.getnode", "os.urandom", "os.getrandom", "builtins.hash", "builtins.id"),
}
_RANDOM_MODULES = ("random", "secrets", "numpy.random")
_RANDOM_ALLOWED = {"secrets.compare_digest"}
_OS_IO = (
    *("chdir", "chmod", "close", "fdopen", "fork", "kill", "listdir", "makedirs", "mkdir", "open", "pipe", "popen"),
    *("read", "remove", "rename", "replace", "rmdir", "scandir", "stat", "symlink", "system", "truncate", "unlink"),
    *("walk", "write", "getpid", "getppid", "_exit", "abort", "environ", "getenv"),
)
_IO = {"builtins.open", "builtins.input", "io.open", *(f"os.{each}" for each in _OS_IO)}
_IO_MODULES = (
    *("socket", "ssl", "select", "selectors", "socketserver", "subprocess", "shutil", "tempfile", "fcntl", "mmap"),
    *("requests", "httpx", "urllib", "urllib3", "aiohttp", "http.client", "http.server", "websockets", "grpc"),
    *("ftplib", "smtplib", "imaplib", "poplib", "telnetlib", "xmlrpc", "paramiko", "boto3"),
    *("sqlite3", "dbm", "shelve", "psycopg", "psycopg2", "asyncpg", "pymysql", "redis", "pymongo", "sqlalchemy"),
)
_IO_ALLOWED_MODULES = ("urllib.parse",)
FILE_METHODS = frozenset({"read_text", "write_text", "read_bytes", "write_bytes"})
"""Methods of `pathlib.Path`, known by their names alone."""
_WAIT = {"time.sleep"}
_WAIT_MODULES = (
    *("asyncio", "threading", "_thread", "multiprocessing", "concurrent", "queue", "sched", "signal"),
    *("trio", "anyio", "curio", "gevent", "eventlet"),
)
MUTATING_METHODS = frozenset(
    (
        *("append", "appendleft", "extend", "extendleft", "insert", "remove", "pop", "popleft", "popitem", "clear"),
        *("update", "setdefault", "add", "discard", "sort", "reverse", "rotate", "subtract"),
        *("difference_update", "intersection_update", "symmetric_difference_update", "__setitem__", "__delitem__"),
    )
)


def rule_of(name: str) -> str:
    """The rule that the use of `module.attribute` breaks; empty where it breaks none."""
    if name in _CLOCK or (name.startswith("time.") and name not in _CLOCK_ALLOWED):
        return "clock"
    if name in _WAIT or _is_below(name, _WAIT_MODULES):
        return "wait"
    if name in _RANDOM or (_is_below(name, _RANDOM_MODULES) and name not in _RANDOM_ALLOWED | {*_RANDOM_MODULES}):
        return "random"
    if name in _IO or (_is_below(name, _IO_MODULES) and not _is_below(name, _IO_ALLOWED_MODULES)):
        return "io"
    return ""


def _is_below(name: str, modules: tuple[str, ...]) -> bool:
    return any(name == each or name.startswith(each + ".") for each in modules)


def members_of(facade: type[Call] | type[Run]) -> dict[str, bool]:
    """What a `Call` or a `Run` has -> whether it is a verb, that is, has to be awaited."""
    names = {*dir(facade), *facade.__annotations__}
    return {name: _is_verb(getattr(facade, name, None)) for name in names if not name.startswith("_")}


def _is_verb(member: Any) -> bool:
    if not inspect.isfunction(member):
        return False
    given = inspect.get_annotations(member).get("return")
    if isinstance(given, str):
        return given.startswith(("Verb", "Awaitable", "Coroutine"))
    kind = get_origin(given) or given
    return inspect.iscoroutinefunction(member) or (isinstance(kind, type) and issubclass(kind, Awaitable))


def keywords_of(verb: str, text: str | None = None, facade: type[Call] | type[Run] = Call) -> frozenset[str] | None:
    """The arguments that a member of the `facade` takes by name, with the fields of its `text`; None: it takes any."""
    parameters = list(inspect.signature(getattr(facade, verb)).parameters.values())[1:]
    names = frozenset(each.name for each in parameters if each.kind not in (each.POSITIONAL_ONLY, each.VAR_KEYWORD))
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return names.union(fields_of(text)) if text is not None and "text" in names else None
    return names
