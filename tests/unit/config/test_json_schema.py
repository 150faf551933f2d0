"""The JSON Schema of operation files: it takes what is right, refuses what is wrong, and explains every setting."""

import re
from typing import Any

import pytest
from ruamel.yaml import YAML

from keepline.config import embedded_operation_path
from keepline.config.json_schema import json_schema
from tests.unit.config.conftest import GOOD_YAML

SCHEMA = json_schema()
KINDS: dict[str, Any] = {
    "boolean": bool,
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
}
UNDERSTOOD = {
    *("$schema", "$defs", "$ref", "title", "description", "examples", "default", "type", "pattern"),
    *(
        "properties",
        "propertyNames",
        "patternProperties",
        "additionalProperties",
        "required",
        "oneOf",
        "anyOf",
        "items",
    ),
    *(
        "minProperties",
        "maxProperties",
        "const",
        "minItems",
        "maxItems",
        "maxLength",
        "minLength",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "enum",
    ),
}
"""Keywords of JSON Schema 2020-12 that `faults` knows: all that the schema uses."""


def faults(value: Any, schema: dict[str, Any], at: str = "$") -> list[str]:
    """Where a value does not fit a schema; the part of JSON Schema 2020-12 that ours needs."""
    assert set(schema) <= UNDERSTOOD
    if "$ref" in schema:
        return faults(value, SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")], at)
    if "anyOf" in schema:  # of different types
        [fitting] = [each for each in schema["anyOf"] if isinstance(value, KINDS[each.get("type", "object")])]
        return faults(value, fitting, at)
    if not isinstance(value, KINDS[schema["type"]]):
        return [f"{at}: not of type {schema['type']}"]
    if isinstance(value, dict):
        return faults_of_object(value, schema, at)
    if isinstance(value, list):
        found = [each for n, item in enumerate(value) for each in faults(item, schema["items"], f"{at}[{n}]")]
        found += [f"{at}: too few"] if len(value) < schema.get("minItems", 0) else []
        return found + ([f"{at}: too many"] if len(value) > schema.get("maxItems", len(value)) else [])
    if isinstance(value, str):
        if "const" in schema:
            return [] if value == schema["const"] else [f"{at}: {value!r} is not {schema['const']!r}"]
        if value not in schema.get("enum", [value]):
            return [f"{at}: {value!r} is none of {schema['enum']}"]
        fits = re.search(schema.get("pattern", ""), value) and len(value) <= schema.get("maxLength", 10**9)
        fits = fits and len(value) >= schema.get("minLength", 0)
        return [] if fits else [f"{at}: {value!r} does not fit"]
    if isinstance(value, bool):
        return []
    low, over, high = (
        schema.get("minimum", value),
        schema.get("exclusiveMinimum", value - 1),
        schema.get("maximum", value),
    )
    return [] if low <= value <= high and value > over else [f"{at}: {value} is out of range"]


def faults_of_object(value: dict[str, Any], schema: dict[str, Any], at: str) -> list[str]:
    found = [f"{at}: lacks {name}" for name in schema.get("required", ()) if name not in value]
    if "oneOf" in schema and sum(set(each["required"]) <= set(value) for each in schema["oneOf"]) != 1:
        found.append(f"{at}: not one of the ways")
    if len(value) < schema.get("minProperties", 0):
        found.append(f"{at}: is empty")
    if len(value) > schema.get("maxProperties", len(value)):
        found.append(f"{at}: has too many")
    for name, child in value.items():
        found += (
            faults(name, {"type": "string"} | schema["propertyNames"], f"{at}: {name}")
            if "propertyNames" in schema
            else []
        )
        matching = [each for pattern, each in schema.get("patternProperties", {}).items() if re.search(pattern, name)]
        below = schema.get("properties", {}).get(name) or (matching[0] if matching else None)
        if below is None and isinstance(schema["additionalProperties"], dict):
            below = schema["additionalProperties"]
        if below is None:
            assert schema["additionalProperties"] is False
            found.append(f"{at}: {name} is not known")
        else:
            found += faults(child, below, f"{at}.{name}")
    return found


def document(text: str) -> Any:
    """As an editor reads it: keys are texts."""

    def with_text_keys(value: Any) -> Any:
        if isinstance(value, dict):
            return {str(key): with_text_keys(each) for key, each in value.items()}
        return [with_text_keys(each) for each in value] if isinstance(value, list) else value

    return with_text_keys(YAML(typ="safe", pure=True).load(text))


@pytest.mark.parametrize("text", [GOOD_YAML, embedded_operation_path().read_text(encoding="utf-8")])
def test_what_is_right_fits(text: str) -> None:
    assert faults(document(text), SCHEMA) == []


@pytest.mark.parametrize(
    ("instead_of", "spoilt", "fault"),
    [
        ("operation: shop", "operation: my shop", "$.operation: 'my shop' does not fit"),
        ("operation: shop", "operatoin: shop", "$: operatoin is not known"),
        ("  0800: {flow: greeting}", "  +1: {flow: greeting}", "$.numbers: 1 is not known"),
        ("{flow: greeting}", "{ring_s: 500, flow: x}", "$.numbers.800.ring_s: 500 is out of range"),
        ("{flow: greeting}", "{}", "$.numbers.800: lacks flow"),
        ("{peers: [203.0.113.0/24]}", "{peers: []}", "$.trunks.carrier.peers: too few"),
        (
            "{peers: [203.0.113.0/24]}",
            f"{{peers: [203.0.113.0/24], media_networks: [{', '.join(['10.0.0.0/8'] * 9)}]}}",
            "$.trunks.carrier.media_networks: too many",
        ),
        ("length_s: 2", "length_s: long", "$.prompts.welcome.length_s: not of type number"),
        ("length_s: 2", "length_s: 0", "$.prompts.welcome.length_s: 0 is out of range"),
        ("length_s: 2", "file: a.wav", "$.prompts.welcome: not one of the ways"),
        ("flows:greeting", "flows.greeting", "$.flows.greeting: 'flows.greeting' does not fit"),
    ],
)
def test_what_is_wrong_does_not_fit(instead_of: str, spoilt: str, fault: str) -> None:
    assert instead_of in GOOD_YAML
    assert fault in faults(document(GOOD_YAML.replace(instead_of, spoilt)), SCHEMA)


@pytest.mark.parametrize("model", [SCHEMA, *SCHEMA["$defs"].values()], ids=lambda model: model["title"])
def test_every_setting_is_explained_and_its_example_fits(model: dict[str, Any]) -> None:
    for name, setting in model["properties"].items():
        assert setting["title"] == name
        assert not setting["description"][0].islower()
        for example in [*setting.get("examples", ()), *([setting["default"]] if "default" in setting else ())]:
            assert faults(example, setting, name) == []


def test_defaults_are_as_the_file_says_them() -> None:
    media = SCHEMA["$defs"]["MediaFile"]["properties"]["rtp_ports"]
    assert (SCHEMA["$defs"]["SipFile"]["properties"]["listen"]["default"], media["default"]) == (
        "127.0.0.1:5060",
        "20000-23999",
    )
