"""`capabilities:` of an operation file: what is right comes out frozen, and what is wrong is told with its remedy."""

from pathlib import Path

import pytest

from keepline.config import load_operation
from keepline.config.load import lint_operation
from keepline.model.capability import FieldPath, HttpService, PythonClass, SecretRef
from keepline.model.errors import OperationError
from keepline.model.limits_capabilities import CAPABILITY_PATHS_MAX, PENDING_S_MAX

HEAD = """operation: shop
trunks: {carrier: {peers: [203.0.113.0/24]}}
flows: {greeting: flows:greeting}
numbers: {"1000": {flow: greeting}}
capabilities:
  orders:
    paths:
      - name: crm
"""
HTTP = """        http:
          base_url: https://crm.example.com/v1/
          headers: {Authorization: "Bearer env:TOKEN", Key: "file:/run/key", Tenant: shop}
          actions:
            status: {path: "/orders/{number}", response: {state: "$.a[0].state?"}}
            find: {path: /find, query: {key: "{idempotency_key}"}, response: {id: $.id}}
            book: {method: POST, path: /book, response: {id: $.id}, lookup: find, timeout_s: 2}
"""
PYTHON = """        python: {module: "crm:Crm", actions: {status: {changes: false, response: [state]}}}
"""
CRM = """class Crm:
    def status(self) -> dict[str, str]:
        return {"state": "new"}
"""


def load(directory: Path, text: str) -> object:
    (directory / "keepline.yaml").write_text(HEAD + text, encoding="utf-8")
    code = "from keepline.flow import Call, flow\n\n\n@flow\nasync def greeting(call: Call) -> None: ...\n"
    (directory / "flows.py").write_text(code, encoding="utf-8")
    (directory / "crm.py").write_text(CRM, encoding="utf-8")
    return load_operation(directory).capabilities["orders"].paths[0]


def test_http(tmp_path: Path) -> None:
    path = load(tmp_path, HTTP)
    assert isinstance(path.connector, HttpService)  # type: ignore[attr-defined]
    assert path.connector.base_url == "https://crm.example.com/v1"  # type: ignore[attr-defined]
    assert dict(path.connector.headers) == {  # type: ignore[attr-defined]
        "Authorization": SecretRef("env", "TOKEN", "Bearer "),
        "Key": SecretRef("file", "/run/key"),
        "Tenant": SecretRef("", "shop"),
    }
    status, book = path.actions["status"], path.actions["book"]  # type: ignore[attr-defined]
    assert status.response == {"state": FieldPath(("a", 0, "state"), optional=True)}
    assert str(status.response["state"]) == "$.a[0].state?"
    assert (status.changes, status.timeout_s) == (False, 5.0)
    assert (book.changes, book.idempotent, book.lookup, book.timeout_s) == (True, False, "find", 2.0)


CHARGE = (
    "            charge: {method: POST, path: /pay, response: {id: $.id}, pending_s: 60, wait_s: 9, resolve: RESOLVE}\n"
)


def charging(resolve: str, more: str = "") -> str:
    return HTTP + CHARGE.replace("RESOLVE}", resolve + more + "}")


def test_how_a_doubt_is_ended(tmp_path: Path) -> None:
    path = load(tmp_path, charging('{path: "/pay/{idempotency_key}", timeout_s: 3, sure_after_s: 20}'))
    charge = path.actions["charge"]  # type: ignore[attr-defined]
    assert (charge.resolve, charge.pending_s, charge.wait_s, charge.sure_after_s) == ("charge.resolve", 60, 9, 20)
    asked = path.actions[charge.resolve]  # type: ignore[attr-defined]
    assert (asked.method, asked.path, asked.changes, asked.timeout_s) == ("GET", "/pay/{idempotency_key}", False, 3)
    assert asked.response == {"id": FieldPath(("id",))}
    assert (asked.query, asked.body) == ({}, {})
    book = path.actions["book"]  # type: ignore[attr-defined]
    assert (book.resolve, book.pending_s) == ("", 43_200)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (charging("{path: /pay}", ", lookup: find"), "has both `lookup` and `resolve`"),
        (charging("{path: /pay}", ", changes: false"), "the action changes nothing"),
        (charging("{path: /pay, response: {no: $.no}}"), "the answer of `resolve` lacks `id`"),
        (charging("{path: /pay}").replace("pending_s: 60", f"pending_s: {PENDING_S_MAX + 1}"), "pending_s"),
        (PYTHON.replace("changes: false", "changes: true, resolve: {method: found}"), "has no method `found`"),
    ],
)
def test_mistakes_of_how_a_doubt_is_ended(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(OperationError) as raised:
        load(tmp_path, text)
    assert any(told in str(mistake) for mistake in raised.value.mistakes), raised.value.mistakes


def test_python(tmp_path: Path) -> None:
    path = load(tmp_path, PYTHON)
    assert path.connector == PythonClass("crm", "Crm", 4)  # type: ignore[attr-defined]
    assert path.actions["status"].response == {"state": FieldPath(("state",))}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("instead_of", "spoilt", "told"),
    [
        ('"Bearer env:TOKEN"', "abc", "a secret does not belong into the file; write `env:NAME`"),
        ("file:/run/key", "file:run/key", "`run/key` is no whole path"),
        ("lookup: find", "lookup: fnid", "there is no action `fnid`; did you mean `find`?"),
        ("lookup: find", "lookup: book", "`book` changes something"),
        ("response: {id: $.id}, lookup", "response: {id: $.id, at: $.at}, lookup", "the answer of `find` lacks `at`"),
        ("$.a[0].state?", "a.state", "`a.state` is no place in an answer"),
        ("{state: ", "{ok: ", "`ok` cannot be a field of an answer"),
        ("base_url: https://", "base_url: ftp://", "base_url"),
        ("method: POST", "method: SEND", "method"),
    ],
)
def test_mistakes(tmp_path: Path, instead_of: str, spoilt: str, told: str) -> None:
    assert instead_of in HTTP
    with pytest.raises(OperationError) as raised:
        load(tmp_path, HTTP.replace(instead_of, spoilt))
    assert told in str(raised.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [(HTTP + PYTHON, "has `http` and `python`"), ("", "does not say what it is")],
)
def test_a_path_is_of_one_kind(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(OperationError) as raised:
        load(tmp_path, text)
    assert told in str(raised.value)


@pytest.mark.parametrize(
    ("instead_of", "written", "mistake"),
    [
        ("crm:Crm", "cmr:Crm", "9:26: capabilities.orders.paths[0].python.module: there is no module `cmr` here;"
         " did you mean `crm`?"),
        ("crm:Crm", "crm:Cmr", "9:26: capabilities.orders.paths[0].python.module: there is no class `Cmr` in crm;"
         " did you mean `Crm`?"),
        ("{status:", "{statsu:", "9:47: capabilities.orders.paths[0].python.actions.statsu: `Crm` has no method"
         " `statsu`; did you mean `status`?"),
        ("crm:Crm", "broken:Crm", "9:26: capabilities.orders.paths[0].python.module: `broken` does not import:"
         " ZeroDivisionError: division by zero; mend the module, so that it imports"),
        ("crm:Crm", "broken2:Crm", "9:26: capabilities.orders.paths[0].python.module: `broken2` does not import:"
         " ModuleNotFoundError: No module named 'no_such_thing'; mend the module, so that it imports"),
        ("crm:Crm", "needy:Needy", "9:26: capabilities.orders.paths[0].python.module: `Needy` cannot be made without"
         " `url`; give `url` of `__init__` a default"),
    ],
)  # fmt: skip
def test_a_class_is_there_and_has_its_methods(tmp_path: Path, instead_of: str, written: str, mistake: str) -> None:
    (tmp_path / "broken.py").write_text("1 / 0\n", encoding="utf-8")
    (tmp_path / "broken2.py").write_text("import no_such_thing\n", encoding="utf-8")
    needy = "class Needy:\n    def __init__(self, url: str) -> None: ...\n    def status(self) -> None: ...\n"
    (tmp_path / "needy.py").write_text(needy, encoding="utf-8")
    with pytest.raises(OperationError) as caught:
        load(tmp_path, PYTHON.replace(instead_of, written))
    assert [str(each) for each in caught.value.mistakes] == [f"{tmp_path}/keepline.yaml:{mistake}"]


def test_a_use_is_compared_with_the_templates_of_its_action(tmp_path: Path) -> None:
    load(tmp_path, HTTP)
    flow = "@flow\nasync def greeting(call: Call) -> None:\n    await call.use('orders.status')\n"
    uses = "    await call.use('orders.find')\n    await call.use('orders.book', anything=1)\n"
    (tmp_path / "flows.py").write_text(f"from keepline.flow import Call, flow\n\n\n{flow}{uses}", encoding="utf-8")
    with pytest.raises(OperationError) as caught:
        load_operation(tmp_path, lint=True)
    expected = [
        f"{tmp_path}/flows.py:6:11: argument: the action wants `number`, which this use does not give; add `number=…`"
    ]
    assert [str(each) for each in caught.value.mistakes] == expected
    operation = load_operation(tmp_path)
    assert [str(each) for each in lint_operation(operation)] == expected


SECOND = """      - name: copy
        http:
          base_url: https://copy.example.com
          actions:
            status: {path: "/copies/{number}", response: {state: $.state, age: $.age}}
"""


def test_paths_stand_in_their_order(tmp_path: Path) -> None:
    load(tmp_path, HTTP + SECOND)
    orders = load_operation(tmp_path).capabilities["orders"]
    assert [path.name for path in orders.paths] == ["crm", "copy"]
    assert orders.action("book") is not None


@pytest.mark.parametrize(
    ("instead_of", "written", "told"),
    [
        ("name: copy", "name: crm", "there are two paths `crm`; give each a name of its own"),
        ("status: {path", "state: {path", "the first path has no `state`; flows can ask for what the first path has"),
        ("status: {path", "book: {path", "`book` changes something at the first path alone; a change has paths that"),
        ("state: $.state, ", "", "the answer lacks `state`, which that of the first path has"),
        ("{number}", "{customer}", "asks for `customer`, which the first path does without; use the same arguments"),
    ],
)
def test_a_later_path_can_be_asked_as_the_first(tmp_path: Path, instead_of: str, written: str, told: str) -> None:
    with pytest.raises(OperationError) as caught:
        load(tmp_path, HTTP + SECOND.replace(instead_of, written))
    [mistake] = caught.value.mistakes
    assert told in str(mistake)


def test_a_capability_has_capability_paths_max_paths_at_most(tmp_path: Path) -> None:
    many = "".join(SECOND.replace("copy", f"copy{number}", 1) for number in range(CAPABILITY_PATHS_MAX))
    with pytest.raises(OperationError) as caught:
        load(tmp_path, HTTP + many)
    assert f"at most {CAPABILITY_PATHS_MAX} entries" in str(caught.value)
