"""Identifiers: no two calls of a node share one, and a seed decides them all."""

from keepline.model.ids import IdSource

NOW_S = 1_700_000_000.0


def test_calls_of_one_millisecond_have_different_ids() -> None:
    ids = IdSource(b"seed")
    made = {ids.call(NOW_S) for _ in range(50_000)}
    assert len(made) == 50_000


def test_ids_of_calls_sort_by_time_and_fit_a_slot() -> None:
    ids = IdSource(b"seed")
    made = [ids.call(NOW_S + index / 1000) for index in range(1000)]
    assert made == sorted(made)
    assert all(len(each) == 16 and 0 < int(each, 16) < 2**64 for each in made)


def test_processes_of_one_millisecond_hardly_meet() -> None:
    assert len({IdSource(b"process %d" % number).call(NOW_S) for number in range(100)}) == 100


def test_a_seed_decides_everything() -> None:
    first, second, other = IdSource(b"seed"), IdSource(b"seed"), IdSource(b"another")
    draw = [(each.call(NOW_S), each.tag(), each.token(), each.number(32)) for each in (first, second, other)]
    assert draw[0] == draw[1]
    assert draw[0] != draw[2]


def test_tags_and_numbers_do_not_repeat_and_have_their_size() -> None:
    ids = IdSource(b"seed" * 100)
    tags = {ids.tag() for _ in range(10_000)}
    assert len(tags) == 10_000
    assert {len(each) for each in tags} == {16}
    assert all(ids.number(bits) < 2**bits for bits in (1, 15, 31, 32, 64) for _ in range(100))
