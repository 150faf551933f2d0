"""What an operation says of flows that fail, and of languages."""

from collections.abc import Callable
from pathlib import Path

import pytest

from keepline.call.steps.apology import apologies, apology_of
from keepline.config import load_operation
from keepline.model.operation import FlowReference, Prompt
from tests.unit.config.conftest import GOOD_YAML

Check = Callable[..., list[str]]
FALLING_BACK = GOOD_YAML.replace(
    "  greeting: flows:greeting", "  greeting: {run: flows:greeting, fallback: operator}\n  operator: flows:greeting"
)


def loaded(shop: Path, yaml: str):  # type: ignore[no-untyped-def]
    (shop / "keepline.yaml").write_text(yaml, encoding="utf-8")
    return load_operation(shop)


def test_a_flow_has_a_fallback_or_none(shop: Path) -> None:
    assert loaded(shop, FALLING_BACK).flows == {
        "greeting": FlowReference("flows", "greeting", "operator"),
        "operator": FlowReference("flows", "greeting"),
    }


def test_the_apology_is_a_text_or_a_prompt(shop: Path) -> None:
    said = loaded(shop, GOOD_YAML + "apology: {text: We are sorry., language: de}\n")
    assert said.apology == Prompt(text="We are sorry.", language="de")
    assert apologies(said) == [said.apology]
    recorded = loaded(shop, GOOD_YAML + "apology: {prompt: tune}\n")
    assert recorded.apology == recorded.prompts["tune"]


def test_without_one_it_is_ours_in_every_language_that_is_spoken(shop: Path) -> None:
    operation = loaded(
        shop,
        GOOD_YAML.replace("{flow: greeting}", "{flow: greeting, language: fr}\n  1000: {flow: greeting, language: it}"),
    )
    assert operation.numbers["0800"].language == "fr"
    made = {prompt.language: prompt.text for prompt in apologies(operation)}
    assert sorted(made) == ["en", "fr"]
    assert made["fr"].startswith("Nous sommes désolés")
    assert apology_of(operation, "it") == apology_of(None, "") == apology_of(operation, "en")


@pytest.mark.parametrize(
    ("yaml", "mistake"),
    [
        (
            FALLING_BACK.replace("fallback: operator", "fallback: operater"),
            "5:45: flows.greeting.fallback: there is no flow `operater`; did you mean `operator`?",
        ),
        (
            FALLING_BACK.replace("fallback: operator", "fallback: greeting"),
            "5:45: flows.greeting.fallback: `greeting` cannot be its own fallback; name another flow, or none",
        ),
        (
            GOOD_YAML + "apology: {text: Sorry., prompt: tune}\n",
            "11:1: apology: has both a text and a prompt; keep `text` or `prompt`",
        ),
        (GOOD_YAML + "apology: {language: de}\n", "11:1: apology: has neither a text nor a prompt; give it a `text`"),
        (
            GOOD_YAML + "apology: {prompt: tun}\n",
            "11:19: apology.prompt: there is no prompt `tun`; did you mean `tune`?",
        ),
    ],
)
def test_mistakes(mistakes: Check, yaml: str, mistake: str) -> None:
    assert mistakes(yaml) == [f"keepline.yaml:{mistake}"]
