"""A time of day that is another day's says so: due at 14:02 is not this afternoon where it is in two days."""

import re

from keepline.cli.playbooks import line_of
from keepline.desk.words import clock, date, soon
from keepline.model.playbook import HALF_A_DAY_S

NOW_S = 1_795_000_000.0


def test_what_is_due_half_a_day_later_is_told_with_its_day() -> None:
    assert soon(NOW_S + HALF_A_DAY_S - 1, NOW_S) == clock(NOW_S + HALF_A_DAY_S - 1)
    assert soon(NOW_S + HALF_A_DAY_S, NOW_S) == date(NOW_S + HALF_A_DAY_S)
    assert soon(None, NOW_S) == clock(None)
    assert soon(NOW_S, None) == clock(NOW_S)


def test_the_command_says_the_same() -> None:
    step = dict.fromkeys(("id", "subject", "do", "deviation", "by", "why"), "") | {"kind": "human", "overdue": False}
    step |= {"state": "under way", "began_at": NOW_S, "due_at": NOW_S + 172_800.0}
    assert re.search(r"due \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", line_of(step))
    assert re.search(r"due \d\d:\d\d:\d\d", line_of(step | {"due_at": NOW_S + 300.0}))
