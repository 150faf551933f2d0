"""`playbooks:`: what is read, every mistake at its place in the playbook's own file, and what Keepline brings along."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from keepline.config import load_operation, load_stored, store_operation
from keepline.config.playbook_checks import check_playbooks, incident_kind_of, shipped
from keepline.config.playbooks import PlaybookFile, PlaybookStepFile
from keepline.config.tree import Tree, read_tree
from keepline.config.words import settings_of
from keepline.model import limits_playbooks as limits
from keepline.model.playbook import (
    FACTS,
    KINDS,
    Playbook,
    PlaybookStep,
    StepKind,
    condition_of,
    holds,
    playbook_for,
    steps_of,
    told_of,
)
from tests.unit.config.conftest import GOOD_YAML

ROOT = Path(__file__).parents[3]
Check = Callable[..., list[str]]
GOOD = """\
kind: carrier
title: Ours
steps:
  - {id: drain, drain: affected, for_s: 600}
  - {id: look, human: supervisor, do: Look., good: All is well., due_s: 60, when: ["customers >= 10"]}
  - id: both
    parallel:
      one:
        - {id: ask, approve: commander, do: Go on?, within_s: 60, otherwise: rejected}
      two:
        - {id: pause, wait_s: 5}
        - {id: until, until: [phase is restored, path telephony/carrier is healthy], within_s: 600}
  - {id: after, release: telephony/carrier, when: [ask is approved]}
"""
MORE = """
playbooks: {mine: books/mine.yaml}
capabilities:
  orders: {paths: [{name: crm, python: {module: crm:Crm, actions: {find: {changes: false}}}}]}
"""


@pytest.fixture
def playbook(shop: Path, mistakes: Check) -> Callable[[str], list[str]]:
    """The mistakes of an operation with this playbook."""

    def check(text: str, more: str = MORE) -> list[str]:
        (shop / "books").mkdir(exist_ok=True)
        (shop / "books" / "mine.yaml").write_text(text, encoding="utf-8")
        crm = "class Crm:\n    async def find(self, number: str) -> dict[str, str]:\n        return {}\n"
        (shop / "crm.py").write_text(crm, encoding="utf-8")
        return mistakes(GOOD_YAML + more)

    return check


def with_step(step: str) -> str:
    """The good playbook with one step more at its end, line 14."""
    return GOOD + f"  - {step}\n"


def test_a_playbook_is_read_and_stands_for_its_kind(shop: Path) -> None:
    (shop / "mine.yaml").write_text(GOOD, encoding="utf-8")
    (shop / "keepline.yaml").write_text(GOOD_YAML + "playbooks: {mine: mine.yaml}\n", encoding="utf-8")
    found = load_operation(shop).playbooks
    assert list(found) == ["mine", *(kind for kind in KINDS if kind != "carrier")]
    mine = found["mine"]
    assert (mine.kind, mine.title, mine.file, len(mine.digest)) == ("carrier", "Ours", "mine.yaml", 32)
    steps = mine.every_step()
    assert [step.id for step in steps] == ["drain", "look", "both", "ask", "pause", "until", "after"]
    assert steps[0] == PlaybookStep("drain", StepKind.DRAIN, "affected", for_s=600.0)
    assert (steps[4].for_s, steps[5].within_s, steps[3].otherwise) == (5.0, 600.0, "rejected")
    assert steps_of(told_of(mine.steps)) == mine.steps


def test_a_playbook_is_part_of_the_version(shop: Path, tmp_path: Path) -> None:
    """A run, and a call, finish with the version that they began with: it is stored by digest, playbooks and all."""
    (shop / "mine.yaml").write_text(GOOD, encoding="utf-8")
    (shop / "keepline.yaml").write_text(GOOD_YAML + "playbooks: {mine: mine.yaml}\n", encoding="utf-8")
    before = load_operation(shop)
    copy = store_operation(before, tmp_path / "data")
    assert (copy / "mine.yaml").read_text(encoding="utf-8") == GOOD
    (shop / "mine.yaml").write_text(GOOD.replace("Ours", "Theirs"), encoding="utf-8")
    after = load_operation(shop)
    assert after.digest != before.digest
    assert load_stored(tmp_path / "data", before.digest).playbooks["mine"].title == "Ours"
    (copy / ".values").unlink()  # and from the file itself
    assert load_stored(tmp_path / "data", before.digest).playbooks == before.playbooks


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("{id: x, drain: telephony/carier}", "14:20: steps[4].drain: there is no path `telephony/carier`; did you"),
        ("{id: x, drain: orders/crn}", "14:20: steps[4].drain: there is no path `orders/crn`; did you mean `orders/"),
        ("{id: x, human: superviser, do: D., good: G., due_s: 1}", "there is no role `superviser`; did you mean"),
        ("{id: x, approve: nobody, do: D., within_s: 1, otherwise: approved}", "there is no role `nobody`; known: "),
        ("{id: x, run: tidying}", "14:18: steps[4].run: there is no flow `tidying`; known: `greeting`"),
        ("{id: x, take: 0801}", "14:19: steps[4].take: there is no number `0801`; did you mean `0800`?"),
        ("{id: x, take: 0800}", "nobody can be asked to point `0800` elsewhere; write `numbers.0800.failover"),
        ("{id: x, wait_s: 1, when: [path orders/crn is down]}", "14:31: steps[4].when[0]: there is no path `orders/"),
        ("{id: x, wait_s: 1, when: [number 9 is away]}", "there is no number `9`"),
        ("{id: x, wait_s: 1, when: [y is done]}", "there is neither a fact `y` nor a step before it of that id"),
        ("{id: x, wait_s: 1, when: [x is done]}", "there is neither a fact `x` nor a step before it"),
        ("{id: x, wait_s: 1, when: [customers > many]}", "14:31: steps[4].when[0]: `many` is no number, and `>`"),
        ("{id: x, wait_s: 1, when: [whatever]}", "`whatever` is no condition; write as `customers >= 100`"),
        ("{id: x}", "14:5: steps[4]: does nothing; give it exactly one of human, approve"),
        ("{id: x, wait_s: 1, drain: affected}", "steps[4]: does wait_s and drain; give it exactly one"),
        ("{id: x, human: agent, do: D., due_s: 1}", "14:5: steps[4]: `human` has no `good`"),
        ("{id: x, approve: agent, do: D., within_s: 1}", "`approve` has no `otherwise`"),
        ("{id: x, until: [phase is closed]}", "`until` has no `within_s`"),
        ("{id: x, wait_s: 1, due_s: 2}", "14:24: steps[4].due_s: `due_s` means nothing for `wait_s`; leave it out"),
        ("{id: drain, wait_s: 1}", "14:10: steps[4].id: `drain` is the id of the step in line 4; give each its own"),
        ("{id: Look, wait_s: 1}", "`Look` will not do; an id is small letters"),
        ("{id: cause, wait_s: 1}", "`cause` is what conditions call a fact of the incident; give the step another id"),
        ("{id: x, wait: 1}", "`wait` is not a setting; did you mean `wait_s`?"),
        ("{id: x, wait_s: 0}", "`0` is out of range; write more than 0"),
        ("{id: x, parallel: {a: [{id: y, wait_s: 1}]}}", "steps[4].parallel: is empty"),
        (
            "{id: x, parallel: {a: [{id: p, wait_s: 1}], b: [{id: y, parallel: {c: [], d: []}}]}}",
            "`parallel`",
        ),
    ],
)  # fmt: skip
def test_each_mistake_has_its_place(playbook: Callable[[str], list[str]], step: str, told: str) -> None:
    found = playbook(with_step(step))
    assert any(each.startswith("books/mine.yaml:14:") and told in each for each in found), found


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kind: carriers\ntitle: T\nsteps: []\n", "books/mine.yaml:1:7: kind: "),
        ("kind: carrier\nsteps: [{id: x, wait_s: 1}]\n", "books/mine.yaml:1:1: title: is missing; what it is about"),
        ("kind: carrier\ntitle: T\nsteps: []\n", "books/mine.yaml:3:8: steps: is empty"),
        ("[]", "books/mine.yaml:1:1: operation file: the file is not a mapping"),
        ("kind: a\nkind: b\n", "`kind` stands here a second time"),
        ("kind: node\ntitle: T\npaths: [telephony/x]\nsteps: [{id: x, wait_s: 1}]\n", "3:9: paths[0]: there is no"),
    ],
)  # fmt: skip
def test_a_file_that_is_none(playbook: Callable[[str], list[str]], text: str, told: str) -> None:
    assert any(told in each for each in playbook(text))


def test_a_file_that_is_not_there(mistakes: Check, shop: Path) -> None:
    assert mistakes(GOOD_YAML + "playbooks: {mine: mine.yaml}\n")[0].startswith(
        "keepline.yaml:11:19: playbooks.mine: there is no file `mine.yaml`"
    )
    outside = mistakes(GOOD_YAML + "playbooks: {mine: ../mine.yaml}\n")
    assert "lies outside of the operation's directory" in outside[0]
    assert "is no name of a file" in mistakes(GOOD_YAML + 'playbooks: {mine: "a\\0b"}\n')[0]
    (shop / "mine.yaml").symlink_to(shop / "gone.yaml")
    assert "there is no file" in mistakes(GOOD_YAML + "playbooks: {mine: mine.yaml}\n")[0]


def test_a_path_without_a_playbook_is_found(playbook: Callable[[str], list[str]]) -> None:
    """One that is for some paths is in the place of Keepline's for its kind, so the others are without."""
    text = "kind: back_office\ntitle: T\npaths: [orders/crm]\nsteps: [{id: x, wait_s: 1}]\n"
    more = MORE.replace(
        "[{name: crm,", "[{name: copy, python: {module: crm:Crm, actions: {find: {changes: false}}}}, {name: crm,"
    )
    assert playbook(text, more) == [
        "keepline.yaml:12:19: playbooks.mine: the path `orders/copy` has no playbook; add it to `paths` of one of "
        "them, or leave `paths` out: it is for all of its kind then (back_office)"
    ]
    assert [incident_kind_of(each) for each in ("telephony", "payments", "speech", "orders")] == [
        "carrier", "payments", "speech", "back_office"
    ]  # fmt: skip


def test_the_bounds(playbook: Callable[[str], list[str]], mistakes: Check) -> None:
    def steps(count: int) -> str:
        return "".join(f"  - {{id: s{each}, wait_s: 1}}\n" for each in range(count))

    start = "kind: surge\ntitle: T\nsteps:\n"
    told = playbook(start + steps(limits.PLAYBOOK_STEPS_MAX + 1))
    assert any(f"at most {limits.PLAYBOOK_STEPS_MAX}" in each for each in told)
    branches = ", ".join(f"b{each}: [{{id: y{each}, wait_s: 1}}]" for each in range(limits.PLAYBOOK_BRANCHES_MAX + 1))
    assert any("is too long" in each for each in playbook(start + f"  - {{id: x, parallel: {{{branches}}}}}\n"))
    long = "x" * (limits.PLAYBOOK_WORDS_CHARS_MAX + 1)
    assert any("is too long" in each for each in playbook(start + f"  - {{id: x, wait_s: 1, do: {long}}}\n"))
    conditions = ", ".join(["customers > 1"] * (limits.PLAYBOOK_CONDITIONS_MAX + 1))
    assert any("is too long" in each for each in playbook(start + f"  - {{id: x, wait_s: 1, when: [{conditions}]}}\n"))
    assert any(
        "is out of range" in each
        for each in playbook(start + f"  - {{id: x, wait_s: {limits.PLAYBOOK_TIME_S_MAX + 1}}}\n")
    )
    wordy = ", ".join(
        f"{{id: z{each}, wait_s: 1, do: {'x' * limits.PLAYBOOK_WORDS_CHARS_MAX}}}"
        for each in range(limits.PLAYBOOK_BRANCH_CHARS_MAX // limits.PLAYBOOK_WORDS_CHARS_MAX + 1)
    )
    told = playbook(start + f"  - {{id: x, parallel: {{a: [{wordy}], b: [{{id: y, wait_s: 1}}]}}}}\n")
    assert any(f"more than {limits.PLAYBOOK_BRANCH_CHARS_MAX}; say it in fewer words" in each for each in told)
    many = ", ".join(f"p{each}: books/mine.yaml" for each in range(limits.PLAYBOOKS_MAX + 1))
    assert f"has more than {limits.PLAYBOOKS_MAX} entries" in mistakes(GOOD_YAML + f"playbooks: {{{many}}}\n")[0]


# Keepline's own -------------------------------------------------------------------------------------------------------


def test_keepline_brings_one_for_each_kind_of_incident() -> None:
    assert tuple(shipped()) == KINDS
    for playbook in shipped().values():
        text = (ROOT / "src/keepline/config/playbooks_shipped" / f"{playbook.kind}.yaml").read_bytes()
        tree, own = Tree("keepline.yaml"), read_tree(text, f"{playbook.kind}.yaml")
        tree.beside[playbook.name] = own
        check_playbooks(tree, {playbook.name: replace(playbook, file="x.yaml")})
        assert [each for each in tree.mistakes if each.file != "keepline.yaml"] == []
        assert any(step.kind is StepKind.HUMAN for step in playbook.steps)


def test_the_playbook_of_an_incident_is_the_first_for_its_paths() -> None:
    own = {
        "one": shipped_as("one", ("payments/north",)),
        "other": shipped_as("other", ("payments/south",)),
    }
    assert playbook_for(own, "payments", ["payments/south"]) is own["other"]
    assert playbook_for(own, "payments", ["payments/east"]) is None
    assert playbook_for(own | {"all": shipped_as("all", ())}, "payments", ["payments/east"]) is not None
    assert playbook_for(shipped(), "surge", []) is shipped()["surge"]


def shipped_as(name: str, paths: tuple[str, ...]) -> Playbook:
    return replace(shipped()["payments"], name=name, paths=paths)


# Conditions -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found", "expected"),
    [
        ("customers >= 100", 100, True), ("customers >= 100", 99, False), ("customers > 1", None, False),
        ("customers < 5", 4, True), ("customers <= 5", 6, False), ("kind is carrier", "carrier", True),
        ("kind is not carrier", "surge", True), ("exercise is yes", True, True), ("exercise is yes", False, False),
        ("paths has telephony/north", ["telephony/north"], True), ("paths has no orders/crm", [], True),
        ("paths has orders/crm", None, False), ("ask is approved", "approved", True),
        ("cause is not x y", "x y", False),
    ],
)  # fmt: skip
def test_conditions(text: str, found: object, expected: bool) -> None:
    assert str(condition_of(text)) == text
    assert holds(condition_of(text), found) is expected


# The reference --------------------------------------------------------------------------------------------------------


def test_the_reference_has_every_setting_and_every_fact() -> None:
    page = (ROOT / "docs/reference/playbooks.md").read_text(encoding="utf-8")
    settings = [*settings_of(PlaybookFile), *settings_of(PlaybookStepFile), *FACTS]
    assert [each for each in settings if f"`{each}`" not in page] == []
    assert [kind for kind in KINDS if f"`{kind}`" not in page] == []
