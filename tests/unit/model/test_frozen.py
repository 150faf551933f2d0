"""Frozen values that are cheap to make, and cheap to make again with a change."""

from dataclasses import field, replace

import pytest

from keepline.model.frozen import frozen, remade


@frozen
class Parcel:
    """A value."""

    to: str
    grams: int = 0
    marks: dict[str, str] = field(default_factory=dict)


def test_a_value_is_remade_as_by_replace_and_the_first_stays_as_it_is() -> None:
    parcel = Parcel("Ulm", 5, {"fragile": "yes"})
    assert remade(parcel, to="Bonn", grams=7) == replace(parcel, to="Bonn", grams=7)
    assert parcel == Parcel("Ulm", 5, {"fragile": "yes"})


def test_a_field_that_there_is_not_is_refused() -> None:
    with pytest.raises(KeyError):
        remade(Parcel("Ulm"), colour="red")
