"""`keepline spof`: what it says, as words, as JSON and as a picture."""

import json
from pathlib import Path
from xml.etree import ElementTree

from tests.unit.cli.conftest import Run

RETAILER = str(Path(__file__).parents[3] / "examples" / "retailer")


def test_it_names_what_is_hidden_and_what_to_do_first(run: Run) -> None:
    ran = run("spof", RETAILER)
    assert (ran.code, ran.err) == (0, "")
    assert "(2 hidden)" in ran.out.splitlines()[0]
    assert (
        "metronet (isp): alone takes down telephony\n"
        "  hidden: telephony has a choice of telephony/carrier and telephony/second, and each needs it\n"
    ) in ran.out
    assert "mara (person): alone takes down outage_messages\n  hidden:" in ran.out
    assert "what to do first:\n  1. " in ran.out


def test_as_json_it_says_all_of_it(run: Run) -> None:
    told = json.loads(run("spof", RETAILER, "--json").out)
    assert {each["name"] for each in told["singles"] if each["hidden"]} == {"metronet", "mara"}
    assert told["critical"][-1] == "telephony"
    assert {"names", "brings_down"} == set(told["doubles"][0])
    assert {"part", "what", "singles", "pairs"} == set(told["remedies"][0])


def test_it_draws_each_part_once(run: Run, tmp_path: Path) -> None:
    assert run("spof", RETAILER, "--svg", "out.svg").code == 0
    root = ElementTree.parse(tmp_path / "out.svg").getroot()
    texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    told = json.loads(run("spof", RETAILER, "--json").out)
    assert len(texts) == len(set(texts)) == told["parts"]
    assert {"telephony", "metronet", "mara"} <= set(texts)


def test_a_picture_that_cannot_be_written_is_said(run: Run) -> None:
    ran = run("spof", RETAILER, "--svg", "nowhere/out.svg")
    assert (ran.code, ran.err) == (1, "nowhere/out.svg cannot be written: No such file or directory\n")


def test_a_mistake_in_the_file_is_told_first(run: Run, tmp_path: Path) -> None:
    (tmp_path / "keepline.yaml").write_text("operation: x\n", encoding="utf-8")
    ran = run("spof")
    assert ran.code == 2
    assert "trunks: is missing" in ran.err


def test_without_a_word_of_dependencies_it_knows_keeplines_own(run: Run) -> None:
    told = json.loads(run("spof", "--json").out)
    assert {each["name"] for each in told["singles"]} >= {"keepline/machine", "keepline/network"}
