"""What lies between a carrier and those who are far from it."""

import pytest
from world_distance import Distance, Way, distance


@pytest.mark.parametrize("text", ["20", "20,7.5", "a,b,c", "5,6,0", "-1,0,0", "20,5,1.5", "20000,0,0", "nan,0,0"])
def test_what_is_no_distance_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=text):
        distance(text)


def test_each_message_takes_its_time_and_some_overtake_others() -> None:
    way = Way(distance("20,15,0"), 1)
    arrived: list[tuple[int, int]] = []
    for now_ms in range(250):
        if now_ms < 200:
            way.send(now_ms / 1000, lambda sent_ms=now_ms: arrived.append((sent_ms, now_ms)))  # type: ignore[misc]  # noqa: B023
        way.deliver(now_ms / 1000)
    order = [sent_ms for sent_ms, _ in arrived]
    assert sorted(order) == list(range(200))
    assert order != sorted(order)
    assert all(5 <= at_ms - sent_ms <= 36 for sent_ms, at_ms in arrived)


def test_a_share_of_the_messages_is_lost() -> None:
    way, arrived = Way(Distance(loss=0.25), 1), []
    for index in range(2000):
        way.send(0.0, lambda at=index: arrived.append(at))  # type: ignore[misc]
    assert len(arrived) + way.lost == 2000
    assert 400 < way.lost < 600


def test_who_is_near_is_reached_at_once() -> None:
    arrived: list[int] = []
    Way(Distance(), 1).send(0.0, lambda: arrived.append(1))
    assert arrived == [1]
