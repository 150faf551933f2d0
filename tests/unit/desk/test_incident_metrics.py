"""What a scrape says of paths and incidents: what is so now, and nothing while nobody can say."""

import pytest

from keepline.call.facts.action import ActionAdded, ActionEnded
from keepline.call.facts.incident import IncidentClosed, IncidentOpened, IncidentTaken
from keepline.desk.metrics import Metrics
from keepline.desk.source import Unavailable
from keepline.incident.book import IncidentBook
from tests.unit.desk.desk_fakes import standing
from tests.unit.desk.test_metrics import MetricSource, value


def opened(number: int, severity: int = 1, exercise: str = "") -> IncidentOpened:
    return IncidentOpened(
        f"INC-20261123-{number}", 1.0, "carrier", "A is away", severity, ("telephony",), ("telephony/a",), "path",
        "no answer", 1.0, exercise=exercise,
    )  # fmt: skip


def test_open_incidents_and_those_that_nobody_commands() -> None:
    book = IncidentBook([opened(1), opened(2, 3), opened(3, 2, "drill-1")])
    metrics = Metrics(MetricSource(), incidents=lambda: book)
    text = metrics.scrape()
    assert value(text, 'keepline_incidents_open{exercise="no",severity="1"}') == 1
    assert value(text, 'keepline_incidents_open{exercise="no",severity="2"}') == 0
    assert value(text, 'keepline_incidents_open{exercise="yes",severity="2"}') == 1
    assert value(text, "keepline_incidents_uncommanded") == 2
    book.note(IncidentTaken("INC-20261123-1", 2.0, "ada"))
    book.note(IncidentClosed("INC-20261123-2", 2.0, "", "passed"))
    text = metrics.scrape()
    assert value(text, 'keepline_incidents_open{exercise="no",severity="3"}') == 0
    assert value(text, "keepline_incidents_uncommanded") == 0


def test_what_is_to_be_done_after_incidents_is_open_until_it_is_done_and_overdue_once_its_day_is_over() -> None:
    book = IncidentBook([opened(1), opened(2, 2, "drill-1")])
    for number, (incident, due_s) in enumerate([(1, 10.0), (1, 4e9), (2, 20.0)], start=1):
        book.note(ActionAdded(f"INC-20261123-{incident}", 1.0, number, "claim it", "grace", due_s, "ada"))
    metrics = Metrics(MetricSource(), incidents=lambda: book)
    text = metrics.scrape()
    assert (value(text, "keepline_review_actions_open"), value(text, "keepline_review_actions_overdue")) == (3, 2)
    book.note(ActionEnded("INC-20261123-1", 2.0, 1, "done", "grace"))
    book.note(IncidentClosed("INC-20261123-1", 2.0, "", "passed"))
    text = metrics.scrape()
    assert (value(text, "keepline_review_actions_open"), value(text, "keepline_review_actions_overdue")) == (2, 1)


def test_incidents_are_counted_with_whether_they_are_a_drills() -> None:
    source = MetricSource()
    metrics = Metrics(source)
    metrics.scrape()
    source.facts += [opened(1), opened(2), opened(3, 2, "drill-1")]
    text = metrics.scrape()
    assert value(text, 'keepline_incidents_total{exercise="no",kind="carrier"}') == 2
    assert value(text, 'keepline_incidents_total{exercise="yes",kind="carrier"}') == 1


def test_paths_are_as_the_node_says_and_absent_while_it_says_nothing() -> None:
    source = MetricSource()
    source.standings = [
        standing("orders/crm", condition="down"),
        standing("orders/copy", 2, "degraded"),
        standing("payments/main", condition="down"),
        standing("speech/local", condition="unknown"),
    ]
    metrics = Metrics(source)
    text = metrics.scrape()
    assert value(text, 'keepline_path_health{path="orders/crm"}') == 0
    assert value(text, 'keepline_path_health{path="orders/copy"}') == 0.5
    assert b'path="speech/local"' not in text
    fit = [value(text, f'keepline_paths_fit{{capability="{each}"}}') for each in ("orders", "payments", "speech")]
    assert fit == [1, 0, 1]
    source.down = "the node does not answer"
    text = metrics.scrape()
    assert b"keepline_path_health{" not in text
    assert b"keepline_paths_fit{" not in text


def test_incidents_that_cannot_be_read_are_none_that_anybody_counts() -> None:
    def away() -> IncidentBook:
        raise Unavailable("no journal")

    metrics = Metrics(MetricSource(), incidents=away)
    text = metrics.scrape()
    assert b"keepline_incidents_open{" not in text
    assert value(text, "keepline_incidents_uncommanded") != value(text, "keepline_incidents_uncommanded"), "no number"
    assert value(text, "keepline_review_actions_overdue") != value(text, "keepline_review_actions_overdue"), "no number"
    assert value(text, "keepline_live_calls") == pytest.approx(2)
