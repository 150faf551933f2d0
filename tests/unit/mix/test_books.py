"""Callers' calls against a journal's, after a load."""

from collections import Counter

from bench.books import compare_books, words


def test_books_that_agree() -> None:
    found = compare_books({"a", "b"}, Counter(["a", "b", "refused"]), 0) | {"verified": True, "verify": []}
    assert words(found) == "2 calls answered, 3 on record, none wrong; verified"


def test_what_is_missing_doubled_or_open_is_wrong() -> None:
    found = compare_books({"a", "b"}, Counter(["b", "b"]), 1) | {"verified": False, "verify": ["fact 7 was altered"]}
    assert found["wrong"] == ["a: answered, and not on record", "b: 2 records", "1 calls have no end on record"]
    assert words(found).endswith("3 wrong (a: answered, and not on record); NOT VERIFIED: fact 7 was altered")
