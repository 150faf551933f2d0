"""Whether what is left carries the peak when one carrier fails, and how busy it was at most."""

from keepline.paths.capacity import Peak, Room, busiest, without_each

PEAK = Peak(8.0, 200)


def words(*rooms: Room) -> list[tuple[bool, str]]:
    return [(each.ok, each.what) for each in without_each(rooms, PEAK)]


def test_each_carrier_may_fail_in_turn() -> None:
    assert words(Room("north", 10.0, 300), Room("south", 10.0, 100)) == [
        (True, "without north: south takes 10 of 8 calls/s"),
        (False, "without north: south takes 100 channels, and the peak has 200"),
        (True, "without south: north takes 10 of 8 calls/s"),
        (True, "without south: north takes 300 of 200 channels"),
    ]


def test_several_that_are_left_carry_it_together() -> None:
    rooms = [Room(name, 4.0, 100) for name in ("north", "south", "west")]
    assert all(each.ok for each in without_each(rooms, PEAK))


def test_a_limit_that_is_not_told_is_not_counted_on() -> None:
    found = without_each([Room("north", 10.0, 300), Room("south", None, 300)], PEAK)
    [bad] = [each for each in found if not each.ok]
    assert bad.what == "without north: whether south takes 8 calls/s is not known"
    assert bad.fix == "ask south how much it takes, and write `outbound.carriers.south.calls_per_s_max`"
    rooms = [Room("north", None, None), Room("south", 10.0, 300), Room("west", None, None)]
    assert [each.ok for each in without_each(rooms, PEAK)] == [True, True, False, False, True, True]


def test_what_is_too_little_says_how_much_is_missing() -> None:
    found = without_each([Room("north", 10.0, 300), Room("south", 5.0, 300)], PEAK)
    [bad] = [each for each in found if not each.ok]
    assert bad.fix == "buy 3 calls/s more at south, or list another carrier"


def test_one_carrier_alone_is_no_pair() -> None:
    assert words(Room("north", 10.0, 300)) == [
        (False, "there is one carrier alone (north), and nothing carries its calls")
    ]
    assert words() == [(False, "there is one carrier alone (none), and nothing carries its calls")]


def test_the_busiest_ten_seconds_and_the_most_at_once() -> None:
    spans = [(float(at), at + 4.0) for at in range(100)] + [(200.0 + at / 10, 203.0) for at in range(20)]
    assert busiest(spans) == Peak(2.0, 20)
    assert busiest([]) == Peak(0.0, 0)
    assert busiest([(1.0, 2.0), (2.0, 3.0)]).channels == 1
