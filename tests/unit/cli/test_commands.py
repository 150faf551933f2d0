"""Each command's output and exit code: 0 fine, 1 failed, 2 wrong input."""

import json
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

import keepline
from keepline.cli.records import _last_line, short
from keepline.config import embedded_operation_path
from tests.unit.cli.conftest import FakeJournal, FakeNode, FakeRecord, Ran, Run


def test_version(run: Run) -> None:
    assert run("--version").out == f"keepline {keepline.__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("upp",),
        ("status", "--jsn"),
        ("calls", "--limit", "x"),
        ("phone",),
        ("call",),
        ("call", "show"),
        ("demo", "--seconds", "0"),
    ],
)
def test_wrong_use_is_wrong_input(run: Run, arguments: tuple[str, ...]) -> None:
    ran = run(*arguments)
    assert ran.code == 2
    assert ran.err


def test_check_of_a_right_file(run: Run) -> None:
    ran = run("check", str(embedded_operation_path().parent))
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"{embedded_operation_path()}: fine: 4 numbers, 4 flows, 3 prompts\n"


@pytest.mark.parametrize(
    ("more", "is_warned"),
    [
        ("", False),
        ("journal: {}", True),
        ("journal: {witnesses: {vault: {file: /mnt/vault/notes}}}", False),
    ],
)
def test_check_warns_of_a_node_for_others_that_nobody_witnesses(
    run: Run, tmp_path: Path, more: str, is_warned: bool
) -> None:
    source = embedded_operation_path()
    (tmp_path / "flows.py").write_text(source.with_name("flows.py").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "music.wav").write_bytes(source.with_name("music.wav").read_bytes())
    text = source.read_text(encoding="utf-8")
    if more:
        text = text.replace('listen: "127.0.0.1:5060"', 'listen: "192.0.2.1:5060"')
    (tmp_path / "keepline.yaml").write_text(f"{text}\n{more}\n", encoding="utf-8")
    ran = run("check")
    assert ran.code == 0
    warning = "warning: keepline.yaml:1:1: journal.witnesses: no witness is named: "
    assert ran.err.startswith(warning) if is_warned else ran.err == ""


def test_check_takes_the_file_that_is_here(run: Run, tmp_path: Path) -> None:
    (tmp_path / "keepline.yaml").write_text("operation: x\nwat: 1\n", encoding="utf-8")
    ran = run("check")
    assert ran.code == 2
    assert ran.out.splitlines()[-1].startswith("keepline.yaml:2:1: wat: `wat` is not a setting; ")


def test_check_of_nothing(run: Run) -> None:
    ran = run("check", "nowhere.yaml")
    assert ran.code == 2
    assert ran.out == (
        "nowhere.yaml:1:1: operation file: there is no such file; name an operation file or its directory;"
        " `keepline init DIR` begins a new one\n"
    )


def test_check_as_json_is_one_object_a_mistake(run: Run, tmp_path: Path) -> None:
    (tmp_path / "keepline.yaml").write_text("operation: x\nnumers: {}\n", encoding="utf-8")
    ran = run("check", "--json")
    assert (ran.code, ran.err) == (2, "")
    *_, last = [json.loads(line) for line in ran.out.splitlines()]
    assert last == {
        "file": "keepline.yaml",
        "line": 2,
        "column": 1,
        "field": "numers",
        "wrong": "`numers` is not a setting",
        "right": "did you mean `numbers`?",
    }
    assert run("check", "--json", str(embedded_operation_path())) == Ran(0, "", "")


def test_the_schema_is_json(run: Run) -> None:
    ran = run("schema")
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_what_the_lint_finds_fails_a_check_and_warns_at_up(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run("init", ".")
    flows = tmp_path / "flows.py"
    flows.write_text(flows.read_text(encoding="utf-8") + "import time\nBEGAN = time.time()\n", encoding="utf-8")
    found = (
        "flows.py:21:9: clock: `time.time` is a clock; use what the call or a connector gives:"
        " a flow is run again after a crash and must do the same\n"
    )
    assert run("check") == Ran(2, found, "")
    monkeypatch.setattr("os.execv", lambda program, arguments: sys.exit(0))
    assert run("up") == Ran(0, "", f"warning: {tmp_path / found}")


def test_up_gives_its_process_to_the_supervisor(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    executed: list[list[str]] = []

    def execv(program: str, arguments: list[str]) -> None:
        executed.append([program, *arguments[1:]])
        raise SystemExit(0)

    monkeypatch.setattr("os.execv", execv)
    ran = run(
        "up", "--sip", "127.0.0.1:0", "--rtp-ports", "41000-41099", "--http", "127.0.0.1:0", "--set", "sip.calls_max=3"
    )
    [stored] = (tmp_path / "keepline-data" / "operation").iterdir()
    assert ran.code == 0
    [[program, *arguments]] = executed
    assert [program, *arguments[:2]] == [sys.executable, "-m", "keepline.node.supervisor"]
    assert arguments[2:6] == ["--data", str(tmp_path / "keepline-data"), "--operation", stored.name]
    assert json.loads(arguments[7]) == {
        "sip": ["127.0.0.1", 0],
        "rtp": [41000, 41099],
        "http": ["127.0.0.1", 0],
        "tcp": True,
        "drain_limit_s": 30.0,
    }
    overrides = json.loads((stored / ".overrides.json").read_text(encoding="utf-8"))
    assert overrides == [
        "sip.calls_max=3",
        "sip.listen=127.0.0.1:0",
        "media.rtp_ports=41000-41099",
        "http.listen=127.0.0.1:0",
    ]


def test_up_names_the_flag_that_was_wrong(run: Run) -> None:
    ran = run("up", "--set", "sip.wat=1", "--sip", "here", "--http", "127.0.0.1:0")
    assert (ran.code, ran.out) == (2, "")
    assert [line.split(": ")[0] for line in ran.err.splitlines()] == ["--set:1:1", "--sip:2:12"]


def test_up_where_data_cannot_be_kept(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ran = run("up", "--data", "file/data")
    remedy = "--data names a directory that can be written to\n"
    assert (ran.code, ran.err) == (1, f"cannot keep data in file/data: Not a directory; {remedy}")
    ran = run("up", "--data", "file")
    assert (ran.code, ran.err) == (1, f"cannot keep data in file: File exists; {remedy}")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "operation").touch()
    ran = run("up", "--data", "data")
    assert ran.code == 1
    assert ran.err.startswith("cannot keep data in data: ")
    assert ran.err.endswith(remedy)


def test_status_as_json_is_the_reply_with_what_is_on_the_disk(run: Run, node: FakeNode) -> None:
    node.status = {"node": "n1", "live_calls": 2, "processes": {"media": {"pid": 7}}}
    assert json.loads(run("status", "--json").out) == node.status | {"witnesses": {}, "copies": {}}


def test_status_for_a_person(run: Run, node: FakeNode) -> None:
    node.status = {
        "node": "n1",
        "live_calls": 2,
        "processes": {"supervisor": {"pid": 6}, "calls": {"active": {"pid": 7}, "warm": None}},
    }
    lines = [line.split() for line in run("status").out.splitlines()]
    assert lines == [
        ["node", "n1"],
        ["live", "calls", "2"],
        ["supervisor", "pid", "6"],
        ["calls", "active", "pid", "7"],
        ["calls", "warm", "none"],
    ]


def test_status_for_a_person_has_no_brackets(run: Run, node: FakeNode) -> None:
    node.status = {
        "trouble": [],
        "journal": {"waiting_facts": 0, "flush_s": 0.5},
        "restarts": {},
        "tcp": {"listens": True},
        "note": None,
    }
    lines = [line.split(maxsplit=1) for line in run("status").out.splitlines()]
    assert [each[-1].strip() for each in lines] == [
        "none",
        "waiting facts 0, flush s 0.5",
        "none",
        "listens yes",
        "none",
    ]
    node.status = {"trouble": ["no warm process", "a slow disk"]}
    assert run("status").out.split(maxsplit=1)[1].strip() == "no warm process; a slow disk"


def test_status_without_a_node(run: Run, node: FakeNode) -> None:
    node.running = False
    ran = run("status", "--data", "elsewhere")
    assert (ran.code, ran.out, ran.err) == (1, "", "no node runs in elsewhere\n")


@pytest.mark.parametrize("flags", [(), ("--now",)])
def test_stop_waits_until_the_node_is_gone(run: Run, node: FakeNode, flags: tuple[str, ...]) -> None:
    ran = run("stop", *flags)
    assert (ran.code, ran.out) == (0, "stopped\n")
    assert node.asked[0] == {"op": "stop", "now": bool(flags)}
    assert node.stops_after == 0


def test_stop_of_a_node_that_stays_says_how_to_end_it(
    run: Run, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keepline.cli.node.STOP_MARGIN_S", 0.0)
    node.stops_after = 10**9
    ran = run("stop")
    assert ran.code == 1
    assert ran.err == "the node still runs after 0 s; end it with: keepline stop --now --data keepline-data\n"


def test_stop_ends_orphans(run: Run, node: FakeNode) -> None:
    node.running, node.orphans = False, [11, 12]
    ran = run("stop")
    assert (ran.code, ran.out) == (0, "ended what a former node had left: 11 12\n")


def test_stop_without_a_node(run: Run, node: FakeNode) -> None:
    node.running = False
    ran = run("stop")
    assert (ran.code, ran.err) == (1, "no node runs in keepline-data\n")


def test_calls_without_a_journal(run: Run) -> None:
    ran = run("calls")
    assert (ran.code, ran.err) == (
        1,
        "no journal in keepline-data: no node has run there yet; --data names the directory of one\n",
    )


def test_calls_as_json_are_all_of_them_one_a_line(run: Run, journal: FakeJournal) -> None:
    journal.put(*(FakeRecord(f"c{number}") for number in range(30)))
    lines = run("calls", "--json").out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [f"c{number}" for number in range(30)]


@pytest.mark.parametrize(("limit", "shown"), [("2", ["c1", "c2"]), ("0", []), ("9", ["c0", "c1", "c2"])])
def test_calls_limited_are_the_newest(run: Run, journal: FakeJournal, limit: str, shown: list[str]) -> None:
    journal.put(*(FakeRecord(f"c{number}") for number in range(3)))
    lines = run("calls", "--json", "--limit", limit).out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == shown


def test_a_call_on_one_line(run: Run, journal: FakeJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keepline.cli.records.clock", lambda at_s: "NOW")
    journal.put(FakeRecord("0123456789abcdef"))
    assert run("calls").out == ("NOW  0123456789ab  alice -> 1000  greeting  ended  11.0 s  flow 200  completed\n")


def test_calls_followed_are_shown_whenever_they_change(
    run: Run, journal: FakeJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.put(*(FakeRecord(f"c{number}") for number in range(12)), FakeRecord("live", state="answered"))
    journal.rounds = [[FakeRecord("live", state="ended")], [], [FakeRecord("new")]]

    def next_round(seconds: float) -> None:
        if not journal.rounds:
            raise KeyboardInterrupt
        journal.put(*journal.rounds.pop(0))

    monkeypatch.setattr("keepline.cli.records.time.sleep", next_round)
    lines = [json.loads(line) for line in run("calls", "--json", "--follow", "--limit", "2").out.splitlines()]
    assert [(each["id"], each["state"]) for each in lines] == [
        ("c11", "ended"),
        ("live", "answered"),
        ("live", "ended"),
        ("new", "ended"),
    ]


def test_a_call_shown_is_its_timeline(run: Run, journal: FakeJournal) -> None:
    journal.put(FakeRecord("abc1"), FakeRecord("abd2"))
    lines = run("call", "show", "abc").out.splitlines()
    assert "abc1" in lines[0]
    assert [line.split() for line in lines[1:]] == [
        ["+0.000", "s", "call_received", "from=alice"],
        ["+0.250", "s", "call_answered"],
    ]


def test_what_a_flow_failed_of_ends_the_timeline(run: Run, journal: FakeJournal) -> None:
    error = "Traceback (most recent call last):\n  File 'flows.py', line 3\nZeroDivisionError: division by zero\n"
    journal.put(FakeRecord("abc1", error=error))
    lines = run("call", "show", "abc1").out.splitlines()
    assert lines[-4:] == ["", *error.splitlines()]
    assert _last_line(error) == "ZeroDivisionError: division by zero"
    assert _last_line(None) == ""


def test_no_caller_moves_the_cursor(run: Run, journal: FakeJournal) -> None:
    journal.put(FakeRecord("abc1", from_="\x1b[2Jmallory\r\u202e", error="\x1b]0;x\x07"))
    for shown in (run("calls").out, run("call", "show", "abc1").out):
        assert "mallory" in shown
        assert not any(each in shown for each in "\x1b\x07\r\u202e")
    assert short("a\x1b[31mb") == "a\ufffd[31mb"


def test_the_sip_ladder_of_a_call(run: Run, journal: FakeJournal) -> None:
    journal.put(FakeRecord("abc1"))
    lines = run("call", "show", "abc1", "--sip").out.splitlines()
    assert [line.split(maxsplit=3)[2:] for line in lines] == [
        ["->", "INVITE sip:1000@127.0.0.1 …"],
        ["<-", "SIP/2.0 200 OK"],
    ]
    whole = run("call", "show", "abc1", "--sip", "--full").out.splitlines()
    assert whole[0].split(maxsplit=3)[2:] == ["->", "INVITE sip:1000@127.0.0.1"]
    assert whole[1].startswith("    ")


def test_a_call_that_is_not_there(run: Run, journal: FakeJournal) -> None:
    ran = run("call", "show", "zz")
    assert (ran.code, ran.err) == (1, "no call has an id that begins with zz\n")


def test_a_beginning_that_fits_two_calls(run: Run, journal: FakeJournal) -> None:
    journal.put(FakeRecord("abc1"), FakeRecord("abd2"))
    ran = run("call", "show", "ab")
    assert (ran.code, ran.err) == (2, "2 calls have an id that begins with ab: abc1 abd2\n")


def test_the_phone_gets_what_was_asked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[tuple[object, ...]] = []
    module = types.ModuleType("keepline.phone")
    vars(module).update(run_phone=lambda *arguments: heard.append(arguments) or 1)
    monkeypatch.setitem(sys.modules, "keepline.phone", module)
    ran = run("phone", "sip:1000@127.0.0.1", "--keys", "1,wait:2", "--record", "x.wav", "--seconds", "3")
    assert ran.code == 1
    assert heard == [("sip:1000@127.0.0.1", "1,wait:2", Path("x.wav"), 3.0, False)]


def test_the_demo_gets_what_was_asked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keepline.demo.run_demo", lambda *asked: 0 if asked == (12.0, True, "bench") else 1)
    plans = []
    monkeypatch.setattr("keepline.demo_outage.run_outage", lambda plan, *_: plans.append(plan) or 0)
    assert run("demo", "--kills", "--seconds", "12", "--json", "--operation", "bench").code == 0
    assert run("demo", "--kills", "--seconds", "12", "--json").code == 1
    assert run("demo", "--minutes", "2", "--seed", "7", "--no-compare", "--by-hand", "--set", "mode=1").code == 0
    [plan] = plans
    assert (plan.outage_s, plan.seed, plan.compares, plan.around_s, plan.by_hand) == (120.0, 7, False, 40.0, True)
    assert plan.settings == ("mode=1",)


@pytest.mark.parametrize("debug", [False, True])
def test_an_unexpected_failure_is_one_line_and_its_traceback_on_request(
    run: Run, node: FakeNode, monkeypatch: pytest.MonkeyPatch, debug: bool
) -> None:
    monkeypatch.setenv("KEEPLINE_DEBUG", "")
    monkeypatch.setattr(sys.modules["keepline.node.control"], "ask", None)
    ran = run(*(["--debug"] if debug else []), "status")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.endswith("keepline: TypeError: 'NoneType' object is not callable (--debug shows where)\n")
    assert ("Traceback" in ran.err) == debug


def test_a_reader_that_goes_away_is_fine() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-c", "from keepline.cli import main; main()", "schema"]
    ran = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (0, b"")


def test_a_data_directory_is_private(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "execv", lambda *_: sys.exit(0))
    assert run("up", "--data", "data").code == 0
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
