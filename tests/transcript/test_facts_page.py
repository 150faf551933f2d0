"""The reference of facts is what the code says; `--record` writes it anew."""

from keepline.call.facts import FACT_TYPES
from tests.transcript.facts_page import PAGE, page


def test_the_reference_of_facts_is_that_of_the_code(record: bool) -> None:
    if record:
        PAGE.write_text(page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page(), "write it anew: pytest tests/transcript --record"


def test_every_fact_says_what_it_is() -> None:
    assert [kind.__name__ for kind in FACT_TYPES if not (kind.__doc__ or "").strip() or "(" in kind.__doc__[:20]] == []
    kinds = [kind.kind for kind in FACT_TYPES]
    assert len(set(kinds)) == len(kinds)
    assert all(kind.rpartition(".")[2].isdigit() for kind in kinds)
