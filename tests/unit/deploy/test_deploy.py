"""The alert rules and the dashboard of `deploy/`: they speak of metrics that exist, of all of them, and Prometheus
itself reads and tries the rules."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from ruamel.yaml import YAML

from keepline.desk.metrics import Metrics
from tests.conftest import program_path
from tests.unit.desk.test_metrics import MetricSource
from tests.unit.test_tidy_docs import parse

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
PAGE = (ROOT / "docs" / "howto" / "alert-with-prometheus.md").read_text(encoding="utf-8")
METRICS = {name: (kind, set(labels)) for name, kind, labels in Metrics(MetricSource()).described()}
SCRAPED = {"job", "instance"}
"""Labels that Prometheus adds."""
OF_A_HISTOGRAM = ("_bucket", "_sum", "_count")
SEVERITIES = ("page", "ticket")


def read_yaml(name: str) -> Any:
    return YAML(typ="safe").load((DEPLOY / name).read_text(encoding="utf-8"))


def rules() -> list[dict[str, Any]]:
    return [rule for group in read_yaml("alerts.yaml")["groups"] for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    return cast(dict[str, Any], json.loads((DEPLOY / "grafana.json").read_text(encoding="utf-8")))


def panels() -> list[dict[str, Any]]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[tuple[str, str]]:
    """Every expression of both, with where it stands."""
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in panels():
        yield from ((panel["title"], target["expr"]) for target in panel["targets"])
    yield from ((each["name"], each["expr"]) for each in dashboard()["annotations"]["list"])


def metric_of(series: str) -> str:
    """The metric that a series belongs to, by its name as it is listed."""
    for ending in OF_A_HISTOGRAM:
        if (name := series.removesuffix(ending)) != series and METRICS.get(name, ("",))[0] == "histogram":
            return name
    return series


def series_in(expression: str) -> set[str]:
    return set(re.findall(r"\bkeepline_\w+", expression))


def test_every_metric_of_the_rules_and_the_dashboard_exists() -> None:
    named = [(where, metric_of(each)) for where, text in expressions() for each in series_in(text)]
    assert [each for each in named if each[1] not in METRICS] == []
    bare = [each for _, text in expressions() for each in series_in(text) if METRICS[metric_of(each)][0] == "histogram"]
    assert [each for each in bare if not each.endswith(OF_A_HISTOGRAM)] == [], "a histogram has no series of its name"


def test_every_metric_is_on_the_dashboard() -> None:
    alerts = {rule["alert"] for rule in rules()}
    shown = {metric_of(each) for where, text in expressions() if where not in alerts for each in series_in(text)}
    assert sorted(set(METRICS) - shown) == []


def test_every_label_that_is_asked_for_exists() -> None:
    wrong = []
    for where, text in expressions():
        for series, selector in re.findall(r"\b(keepline_\w+)\{([^}]*)\}", text):
            asked = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector))
            wrong += [(where, series, asked - METRICS[metric_of(series)][1] - SCRAPED)]
        grouped = {each for found in re.findall(r"\bby \(([^)]*)\)", text) for each in found.split(", ")}
        known = set().union(*(METRICS[metric_of(each)][1] for each in series_in(text)), SCRAPED, {"le"})
        wrong += [(where, "by", grouped - known)]
    assert [each for each in wrong if each[2]] == []


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in SEVERITIES, rule["alert"]
        assert set(rule["annotations"]) == {"summary", "description"}, rule["alert"]
        for line in re.findall(r"`(keepline [^`]*)`", rule["annotations"]["description"]):
            parse(f"{line} x" if line.endswith("take") else line)
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))


def test_every_alert_is_on_the_page_with_its_severity() -> None:
    rows = dict(re.findall(r"^\| `(Keepline\w+)` \| (\w+) \|", PAGE, re.MULTILINE))
    assert rows == {rule["alert"]: rule["labels"]["severity"] for rule in rules()}


def test_every_alert_is_tried_both_ways() -> None:
    tried: dict[str, set[bool]] = {}
    for test in read_yaml("alerts.test.yaml")["tests"]:
        for each in test.get("promql_expr_test", []):
            [name] = re.findall(r'alertname="(\w+)"', each["expr"])
            tried.setdefault(name, set()).add(bool(each["exp_samples"]))
    assert tried == {rule["alert"]: {True, False} for rule in rules()}


def promtool(*arguments: str | Path) -> str:
    program = program_path("promtool")
    assert program is not None
    ran = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.needs_program("promtool")
def test_prometheus_reads_the_rules() -> None:
    assert f"SUCCESS: {len(rules())} rules found" in promtool("check", "rules", DEPLOY / "alerts.yaml")


@pytest.mark.needs_program("promtool")
def test_the_alerts_fire_when_they_should_and_only_then() -> None:
    assert "SUCCESS" in promtool("test", "rules", DEPLOY / "alerts.test.yaml")


@pytest.mark.needs_program("promtool")
def test_prometheus_reads_what_the_dashboard_asks(tmp_path: Path) -> None:
    """As rules, which it can check; Grafana fills in its variables before it asks."""
    asked = [text.replace("$__rate_interval", "1m").replace("$instance", ".*") for _, text in expressions()]
    assert not any("$" in each for each in asked)
    found = [{"record": f"asked:{number}", "expr": each} for number, each in enumerate(asked)]
    (tmp_path / "asked.yaml").write_text(json.dumps({"groups": [{"name": "asked", "rules": found}]}), encoding="utf-8")
    assert f"SUCCESS: {len(found)} rules found" in promtool("check", "rules", tmp_path / "asked.yaml")


@pytest.mark.needs_program("promtool")
def test_prometheus_reads_what_a_scrape_answers() -> None:
    """`check metrics` also has opinions of names; an error would be a text that it cannot read."""
    program = program_path("promtool")
    assert program is not None
    text = Metrics(MetricSource()).scrape()
    ran = subprocess.run([program, "check", "metrics"], input=text, capture_output=True, timeout=120, check=False)
    assert b"error while linting" not in ran.stdout + ran.stderr
    assert ran.returncode in (0, 3), ran.stderr


def test_the_dashboard_stands_on_its_own() -> None:
    """No address, no id of somebody's Grafana; panels do not overlap."""
    text = (DEPLOY / "grafana.json").read_text(encoding="utf-8")
    assert "://" not in text
    assert {panel["datasource"]["uid"] for panel in panels()} == {"${datasource}"}
    ids = [panel["id"] for panel in dashboard()["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
