"""`dependencies:` of an operation file: what is read, and every mistake at its place with what would be right."""

from collections.abc import Callable
from pathlib import Path

import pytest

from keepline.config import load_operation
from keepline.model.dependency import KINDS, Dependency, Need
from keepline.model.limits import DEPENDENCIES_MAX, DEPENDENCY_NEEDS_MAX
from tests.unit.config.conftest import GOOD_YAML

Check = Callable[..., list[str]]


def with_them(text: str) -> str:
    return GOOD_YAML + f"dependencies: {{{text}}}\n"


def test_needs_of_every_kind(shop: Path) -> None:
    (shop / "keepline.yaml").write_text(
        GOOD_YAML
        + """\
dependencies:
  telephony/carrier: {needs: [line]}
  line: {kind: network, needs: [metronet or citynet, 2 of a  b c]}
  metronet: {kind: isp}
  citynet: {kind: isp, needs: [keepline/machine]}
  a: {}
  b: {}
  c: {critical: true}
""",
        encoding="utf-8",
    )
    found = load_operation(shop).dependencies
    assert found["line"] == Dependency("line", "network", (Need(("metronet", "citynet"), 1), Need(("a", "b", "c"), 2)))
    assert [str(each) for each in found["line"].needs] == ["metronet or citynet", "2 of a b c"]
    assert [each.spare for each in found["line"].needs] == [1, 1]
    assert found["c"].is_critical
    assert found["telephony/carrier"] == Dependency("telephony/carrier", "", (Need(("line",), 1),))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_may_be_written(shop: Path, kind: str) -> None:
    (shop / "keepline.yaml").write_text(with_them(f"a: {{kind: {kind}}}"), encoding="utf-8")
    assert load_operation(shop).dependencies["a"].kind == kind


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: {needs: [b]}", "dependencies.a.needs[0]: there is no `b`"),
        ("metronet: {}, a: {needs: [metrnet]}", "there is no `metrnet`; did you mean `metronet`?"),
        ("telephony/carier: {}", "there is no `telephony/carier` in the file; did you mean `telephony/carrier`?"),
        ("a: {needs: [b and c]}", "`b and c` is no need; write `NAME`, `NAME or NAME`, or `2 of NAME NAME NAME`"),
        ("a: {}, b: {needs: [2 of a]}", "`2 of a` is no need"),
        ("a: {}, c: {}, b: {needs: [3 of a c]}", "`3 of a c` asks for 3 of 2"),
        ("a: {}, b: {needs: [a or a]}", "`a or a` names one twice"),
        ("a: {needs: [b]}, b: {needs: [c]}, c: {needs: [a]}", "depends on itself: a needs b needs c needs a"),
        ("a: {needs: [a]}", "depends on itself: a needs a"),
        ("telephony/carrier: {needs: [telephony]}", "depends on itself"),
        ("a: {kind: cloud}", "`cloud` will not do"),
        ("a b: {}", "`a b` will not do"),
        ("a: 5", "is not a mapping"),
        ("a: {needs: 5}", "is not a list"),
    ],
)
def test_a_mistake_says_what_would_be_right(mistakes: Check, text: str, told: str) -> None:
    [mistake] = mistakes(with_them(text))
    assert told in mistake


def test_there_are_dependencies_max_entries_at_most(mistakes: Check) -> None:
    many = ", ".join(f"n{number}: {{}}" for number in range(DEPENDENCIES_MAX + 1))
    [mistake] = mistakes(with_them(many))
    assert f"has more than {DEPENDENCIES_MAX} entries" in mistake


def test_one_has_dependency_needs_max_needs_at_most(mistakes: Check) -> None:
    needs = ", ".join(["b"] * (DEPENDENCY_NEEDS_MAX + 1))
    [mistake] = mistakes(with_them(f"b: {{}}, a: {{needs: [{needs}]}}"))
    assert f"at most {DEPENDENCY_NEEDS_MAX} entries" in mistake


def test_a_long_chain_is_no_recursion(shop: Path) -> None:
    chain = ", ".join(f"n{number}: {{needs: [n{number + 1}]}}" for number in range(DEPENDENCIES_MAX - 1))
    (shop / "keepline.yaml").write_text(with_them(f"{chain}, n{DEPENDENCIES_MAX - 1}: {{}}"), encoding="utf-8")
    assert len(load_operation(shop).dependencies) == DEPENDENCIES_MAX
