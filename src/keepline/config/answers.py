"""The words that the kinds of paths share in an operation file: names, places in an answer, secrets' whereabouts."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, WithJsonSchema
from pydantic_core import PydanticCustomError

from keepline.model.capability import FieldPath, SecretRef

MISTAKE = "keepline_mistake"
_FIELD = re.compile(r"\$((?:\.[A-Za-z_]\w*|\[[0-9]{1,4}\])*)(\??)")
_PART = re.compile(r"\.(\w+)|\[([0-9]+)\]")
SECRET = re.compile(r"(?:([A-Za-z]\w*) )?(env|file):(.+)")
CLASS = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)")
_ACTION = re.compile(r"[A-Za-z_]\w{0,63}")
TAKEN = ("ok", "fields", "age_s")
"""Names that a `Reply` has already."""


def _mistaken(wrong: str, right: str) -> PydanticCustomError:
    return PydanticCustomError(MISTAKE, "{wrong}; {right}", {"wrong": wrong, "right": right})


def _field_text(text: str) -> str:
    if not _FIELD.fullmatch(text):
        raise _mistaken(f"`{text}` is no place in an answer", "write `$.name`, `$.list[0].name`, or `$.name?`")
    return text


def _action_name(text: str) -> str:
    if not _ACTION.fullmatch(text):
        raise _mistaken(f"`{text}` will not do", "write letters, digits and `_`, a letter first")
    return text


def _answer_name(text: str) -> str:
    if not _ACTION.fullmatch(text) or text.startswith("_") or text in TAKEN:
        raise _mistaken(
            f"`{text}` cannot be a field of an answer", "write letters, digits and `_`, and not `ok` or `age_s`"
        )
    return text


def _class_text(text: str) -> str:
    if not CLASS.fullmatch(text):
        raise _mistaken(f"`{text}` is no class", "write MODULE:CLASS, for example `crm:Crm`")
    return text


_NAMED = WithJsonSchema({"type": "string", "pattern": f"^{_ACTION.pattern}$"})
ActionName = Annotated[str, AfterValidator(_action_name), _NAMED]
AnswerName = Annotated[str, AfterValidator(_answer_name), _NAMED]
FieldText = Annotated[str, AfterValidator(_field_text)]
ClassText = Annotated[str, AfterValidator(_class_text)]


class Strict(BaseModel):
    """No setting that is not known."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


def parse_field(text: str) -> FieldPath:
    """`$.a.b[0]?`"""
    found = _FIELD.fullmatch(text)
    assert found is not None
    keys = tuple(int(index) if index else key for key, index in _PART.findall(found[1]))
    return FieldPath(keys, found[2] == "?")


def secret_place(text: str) -> SecretRef:
    """`env:NAME` or `file:/PATH`, with a word before it or not; any other text is itself."""
    found = SECRET.fullmatch(text)
    if found is None:
        return SecretRef("", text)
    return SecretRef(found[2], found[3], f"{found[1]} " if found[1] else "")
