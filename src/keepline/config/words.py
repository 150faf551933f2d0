"""Pydantic's errors in a person's words: what is wrong, and what would be right, from the schema's own descriptions."""

import types
from difflib import get_close_matches
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from keepline.config.schema import OperationFile
from keepline.config.tree import Tree, Where
from keepline.config.values import MISTAKE

_KINDS = {
    "int_parsing": "is not a whole number",
    "int_type": "is not a whole number",
    "int_from_float": "is not a whole number",
    "float_parsing": "is not a number",
    "float_type": "is not a number",
    "finite_number": "is not a number",
    "string_type": "is not a text",
    "list_type": "is not a list",
    "dict_type": "is not a mapping",
    "model_type": "is not a mapping",
    "is_instance_of": "will not do",
}


NEAR = 0.6
"""How alike two words are, of 1, for one to be taken for a slip of the other."""


def close_to(word: str, known: list[str]) -> list[str]:
    """The known word that is nearest, in a list that is empty where none is near."""
    return get_close_matches(word, known, n=1, cutoff=NEAR)


def nearest(word: str, known: list[str]) -> str:
    """`did you mean X?`, or the known words when none is near; for the right-hand side of a mistake."""
    if close := close_to(word, known):
        return f"did you mean `{close[0]}`?"
    if not known:
        return "there is none yet"
    shown = ", ".join(f"`{each}`" for each in sorted(known)[:12])
    return f"known: {shown}" + (" and more" if len(known) > 12 else "")


def settings_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """A model's fields by the names that they have in the file."""
    return {each.alias or name: each for name, each in model.model_fields.items()}


def add_validation_mistakes(tree: Tree, error: ValidationError, root: type[BaseModel] = OperationFile) -> None:
    """Note each of pydantic's errors at its place in the file; what was misspelt is not missing as well."""
    found = error.errors(include_url=False)
    misspelt: set[Where] = set()
    for details in found:
        if details["type"] == "extra_forbidden":
            *above, name = details["loc"]
            misspelt.update((*above, meant) for meant in close_to(str(name), sorted(_settings_at(root, tuple(above)))))
    for details in found:
        where, at_key = _where(details)
        if details["type"] != "missing" or where not in misspelt:
            wrong, right = _words(root, details, where)
            tree.add_mistake(where, wrong, right, at_key=at_key)


def _where(details: ErrorDetails) -> tuple[Where, bool]:
    where = details["loc"]
    if where and where[-1] == "[key]":
        return where[:-1], True
    return where, details["type"] == "extra_forbidden"


def _words(root: type[BaseModel], details: ErrorDetails, where: Where) -> tuple[str, str]:
    kind, context, value = details["type"], details.get("ctx", {}), details["input"]
    if kind == MISTAKE:
        return str(context["wrong"]), str(context["right"])
    if kind == "extra_forbidden":
        return f"`{where[-1]}` is not a setting", nearest(str(where[-1]), sorted(_settings_at(root, where[:-1])))
    right = _what_is_right(root, where)
    if kind == "missing":
        return "is missing", right
    bounds = {"greater_than": "gt", "greater_than_equal": "ge", "less_than": "lt", "less_than_equal": "le"}
    if kind in bounds:
        phrase = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}[bounds[kind]]
        return f"{_shown(value)} is out of range", f"write {phrase} {context[bounds[kind]]:g}"
    if kind in ("too_short", "string_too_short"):
        return "is empty", right
    if kind in ("too_long", "string_too_long"):
        what = "characters" if kind == "string_too_long" else "entries"
        return "is too long", f"at most {context['max_length']} {what}"
    if value is None:
        return "has no value", right
    if kind in ("model_type", "dict_type") and (example := _example_of(root, where)):
        right = f"write a mapping, for example `{example}`"
    return f"{_shown(value)} {_KINDS.get(kind, 'will not do: ' + details['msg'])}", right


def _example_of(root: type[BaseModel], where: Where) -> str:
    """The least that may stand at `where`: `{flow: greeting}`; empty for what is no section."""
    model = _model_at(root, where)
    if model is None:
        return ""
    fields = settings_of(model).items()
    wanted = [(name, each) for name, each in fields if each.is_required()] or list(fields)[:1]
    return "{" + ", ".join(f"{name}: {each.examples[0]}" for name, each in wanted if each.examples) + "}"


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else f"`{str(value)[:60]}`"


def _what_is_right(root: type[BaseModel], where: Where) -> str:
    found = _field_at(root, where)
    if found is None:
        return "see the reference of operation files"
    example = f", for example `{found.examples[0]}`" if found.examples else ""
    return f"{found.description}{example}"


def _settings_at(root: type[BaseModel], where: Where) -> set[str]:
    model = _model_at(root, where)
    return set(settings_of(model)) if model else set()


def _field_at(root: type[BaseModel], where: Where) -> FieldInfo | None:
    while where and isinstance(where[-1], int):
        where = where[:-1]
    model = _model_at(root, where[:-1]) if where else None
    if model is None and len(where) > 1:  # an entry of a mapping: its mapping says what is wanted
        return _field_at(root, where[:-1])
    return settings_of(model).get(str(where[-1])) if model else None


def _model_at(root: type[BaseModel], where: Where) -> type[BaseModel] | None:
    """The model that describes the mapping at `where`; None when that is a plain value or a mapping of names."""
    kind: Any = root
    for part in where:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found = settings_of(kind).get(str(part))
            kind = found.annotation if found else None
        else:
            kind = get_args(kind)[-1] if get_origin(kind) in (dict, list) else None
        if get_origin(kind) in (Union, types.UnionType):
            kind = get_args(kind)[0]
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None
