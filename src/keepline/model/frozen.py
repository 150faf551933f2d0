"""Frozen values that are cheap to make: frozen for the type checker, ordinary dataclasses with slots when they run.

A frozen dataclass sets each of its fields through `object.__setattr__`, in 0.11 us. A call is made of some 90 values
with 470 fields, and a ninth of its processor time went into that. So it is the type checker that refuses an assignment,
in `make check`, and the interpreter has an ordinary `__init__` to run. What a flow is handed is an author's, whom no
type checker watches: that stays `@dataclass(frozen=True, slots=True)`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(described: type[T]) -> type[T]:
    """Make a frozen value of a class; it inherits from others of this kind, or from what has no fields."""
    return dataclass(slots=True, unsafe_hash=True)(described)


def remade(value: T, **changes: Any) -> T:
    """`dataclasses.replace` at a third of its cost, for values of many fields that every call makes.

    Raises `KeyError` for a field that there is not.
    """
    fields_of, places = _shape(type(value))  # type: ignore[arg-type]
    given = [*fields_of(value)]
    for name, changed in changes.items():
        given[places[name]] = changed
    return type(value)(*given)


@cache
def _shape(described: Any) -> tuple[Callable[[Any], tuple[Any, ...]], dict[str, int]]:
    names = described.__match_args__
    return attrgetter(*names), {name: place for place, name in enumerate(names)}
