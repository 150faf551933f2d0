"""The page and its history as HTML: whole without a script, nothing in it comes from elsewhere.

`AGE` stands where whoever serves the page says how old it is; a script says the same, again and again.
"""

from datetime import UTC, datetime
from html import escape

from keepline.status_page.published import DESCRIPTIONS, OPERATIONAL, PageFacts, PageIncident, Published
from keepline.status_page.shapes import moment

AGE = "<!--age-->"
COMPONENT_WORDS = {
    OPERATIONAL: "Operational",
    "degraded_performance": "Degraded",
    "partial_outage": "Partial outage",
    "major_outage": "Major outage",
}
STATUS_WORDS = {
    "investigating": "Investigating",
    "identified": "Identified",
    "monitoring": "Monitoring",
    "resolved": "Resolved",
}
BANNER = '<p class="exercise"><strong>EXERCISE - EXERCISE - EXERCISE</strong> This is a drill: nothing has failed.</p>'
HISTORY_LINK = (
    '<p><a href="/history">History</a> · <a href="/history.atom">Atom feed</a> · '
    '<a href="/api/v2/summary.json">JSON</a></p>'
)


def draw_page(facts: PageFacts, published: Published, now_s: float) -> str:
    """The page as it is now."""
    indicator = published.indicator
    parts = [BANNER] if any(each.exercise for each in published.open) else []
    parts.append(f'<p class="whole {indicator}" role="status">{DESCRIPTIONS[indicator]}</p>')
    parts += [_incident(each, "h2") for each in published.open]
    if facts.components:
        rows = "".join(
            f'<li><span>{escape(name)}</span><strong class="{(state := published.state_of(name))}">'
            f"{COMPONENT_WORDS[state]}</strong></li>"
            for name in facts.components
        )
        parts.append(
            f'<section aria-label="Components"><h2>What works</h2><ul class="components">{rows}</ul></section>'
        )
    over = [each for each in published.incidents if not each.is_open][:3]
    if over:
        parts.append("<h2>Lately</h2>" + "".join(_incident(each, "h3") for each in over))
    return _whole(facts, facts.title, [*parts, HISTORY_LINK], now_s)


def draw_history(facts: PageFacts, published: Published, now_s: float) -> str:
    """Every incident that is kept, the newest first."""
    told = "".join(_incident(each, "h2") for each in published.incidents) or "<p>There has been no incident.</p>"
    return _whole(facts, f"{facts.title}: history", [told, '<p><a href="/">How it is now</a></p>'], now_s)


def _incident(incident: PageIncident, level: str) -> str:
    mark = BANNER if incident.exercise else ""
    updates = "".join(
        f'<li><p class="said"><strong>{STATUS_WORDS[each.status]}</strong> {_time(each.at_s)}</p>'
        + "".join(f"<p>{escape(line)}</p>" for line in each.text.splitlines() if line.strip())
        + "</li>"
        for each in reversed(incident.updates)
    )
    kind = "none" if incident.exercise or not incident.is_open else incident.impact
    return (
        f'<article id="{escape(incident.id, quote=True)}" class="{kind}">{mark}'
        f"<{level}>{escape(incident.name)}</{level}><ol>{updates}</ol></article>"
    )


def _time(at_s: float) -> str:
    shown = datetime.fromtimestamp(at_s, UTC).strftime("%-d %b %Y, %H:%M UTC")
    return f'<time datetime="{moment(at_s)}">{shown}</time>'


def _whole(facts: PageFacts, title: str, parts: list[str], now_s: float) -> str:
    body = "\n".join(parts)
    return f"""<!doctype html>
<html lang="{escape(facts.language, quote=True)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<link rel="stylesheet" href="/status.css">
<link rel="alternate" type="application/atom+xml" title="{escape(facts.title, quote=True)}" href="/history.atom">
<script src="/status.js" defer></script>
</head>
<body>
<header><h1>{escape(facts.title)}</h1></header>
<main>
{body}
</main>
<footer><p id="age" data-written="{now_s:.0f}">Written {_time(now_s)}. {AGE}</p></footer>
</body>
</html>
"""
