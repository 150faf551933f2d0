"""The operation file as a JSON Schema, for editors: completion, hints and red lines while one types.

It is made from the same models that read the file, so it cannot fall behind them. It says less than `keepline check`:
no references between parts, no files beside it, no flows. Source: JSON Schema 2020-12.
"""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import CoreSchema

from keepline.config.schema import OperationFile
from keepline.config.tree import read_value
from keepline.model.operation import HostPort

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TITLE = "Keepline operation file"


def json_schema() -> dict[str, Any]:
    """The whole schema, ready for JSON."""
    return OperationFile.model_json_schema(schema_generator=_Generate)


class _Generate(GenerateJsonSchema):
    """Pydantic's generator, with defaults and examples as one writes them in the file."""

    def generate(self, schema: CoreSchema, mode: JsonSchemaMode = "validation") -> JsonSchemaValue:
        made = super().generate(schema, mode)
        for model in [made, *made.get("$defs", {}).values()]:
            about = str(model.pop("description")).partition(";")[0]
            model["title"] = about.strip(".").replace("`", "").replace(":", "")
            model["properties"] = {name: _setting(name, each) for name, each in model["properties"].items()}
        return {"$schema": DIALECT, **made, "title": TITLE}

    def encode_default(self, dft: Any) -> Any:
        """As the file would say it: `127.0.0.1:5060`, `20000-23999`; a section's default is its settings'."""
        if isinstance(dft, HostPort):
            return str(dft)
        if isinstance(dft, tuple):
            return "-".join(map(str, dft))
        return super().encode_default(dft)


def _setting(name: str, made: dict[str, Any]) -> dict[str, Any]:
    """One setting as an editor shows it."""
    setting = dict(made)
    if "anyOf" in setting:  # a setting that may be absent; whoever writes it writes a value
        [kind] = [each for each in setting.pop("anyOf") if each != {"type": "null"}]
        setting.update(kind)
    if setting.get("default") in (None, "") or "$ref" in setting:  # nothing to show; or its own settings show theirs
        setting.pop("default", None)
    if "patternProperties" in setting:
        setting["additionalProperties"] = False
    description = str(setting["description"])
    setting.update(title=name, description=description[:1].upper() + description[1:])
    if "examples" in setting:
        setting["examples"] = [_typed(each, name, setting) for each in setting["examples"]]
    return setting


def _typed(example: str, name: str, setting: dict[str, Any]) -> Any:
    """An example, which is written as text, with the type that an editor expects of the value."""
    value: Any = _with_truth(read_value(example))
    if isinstance(value, dict) and list(value) == [name]:
        value = value[name]  # an example of a section shows its key too
    for each in setting.get("patternProperties", {}).values():
        value = {key: _number(below, each) for key, below in value.items()}
    return _number(value, setting)


def _number(value: Any, setting: dict[str, Any]) -> Any:
    """A text as the number that it stands for, where the setting is one."""
    if isinstance(value, str) and setting.get("type") in ("integer", "number"):
        return int(value) if value.isdigit() else float(value)
    return value


def _with_truth(value: Any) -> Any:
    """The same with `true` and `false` as what they mean to an editor."""
    if isinstance(value, dict):
        return {key: _with_truth(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_truth(each) for each in value]
    return value == "true" if value in ("true", "false") else value
