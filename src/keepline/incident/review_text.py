"""A review as Markdown and as HTML: one page that needs nothing else, to be read, printed and sent.

Both have the same parts in the same order, made of the review as JSON has it. It refuses to reckon.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;"
    "background:#fff}table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem;display:block;overflow-x:auto}"
    "th,td{border-bottom:1px solid #ccc;padding:.3rem .6rem;text-align:left;vertical-align:top}"
    "h2{margin-top:2rem}.exercise{background:#7a2e00;color:#fff;padding:.5rem 1rem;font-weight:bold}"
    "@media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#15171a}th,td{border-color:#444}}"
)
Table = tuple[str, tuple[str, ...], list[tuple[str, ...]]]
"""A heading, the names of its columns, and its rows."""
EXERCISE: Final = "EXERCISE: nothing here is of the real figures."


def markdown_of(review: dict[str, Any]) -> str:
    """The review as Markdown."""
    lines = [f"# {_title(review)}", ""]
    lines += [f"**{EXERCISE}**", ""] if review["exercise"] else []
    lines += [*summary_of(review), ""]
    for heading, columns, rows in tables_of(review):
        lines += [f"## {heading}", ""]
        if not rows:
            lines += ["None.", ""]
            continue
        lines += [_row(columns), _row(["---"] * len(columns)), *map(_row, rows), ""]
    return "\n".join(lines)


def html_of(review: dict[str, Any]) -> str:
    """The review as one HTML page."""
    parts = [f"<h1>{_safe(_title(review))}</h1>"]
    parts += [f'<p class="exercise">{_safe(EXERCISE)}</p>'] if review["exercise"] else []
    parts += [f"<p>{_safe(line)}</p>" for line in summary_of(review)]
    for heading, columns, rows in tables_of(review):
        parts.append(f"<h2>{_safe(heading)}</h2>")
        if not rows:
            parts.append("<p>None.</p>")
            continue
        head = "".join(f'<th scope="col">{_safe(each)}</th>' for each in columns)
        body = "".join("<tr>" + "".join(f"<td>{_safe(each)}</td>" for each in row) + "</tr>" for row in rows)
        parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
    title = _safe(_title(review))
    meta = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    style = f"<title>{title}</title><style>{_STYLE}</style>"
    return (
        f'<!doctype html>\n<html lang="en"><head>{meta}{style}</head><body>\n' + "\n".join(parts) + "\n</body></html>\n"
    )


def _title(review: dict[str, Any]) -> str:
    incident = review["incident"]
    return f"Review of {incident['id']}: {incident['cause']}"


def summary_of(review: dict[str, Any]) -> list[str]:
    """A review in a few sentences."""
    incident, minutes = review["incident"], review["minutes"]
    attempts, answered, lost = (sum(each[name] for each in minutes) for name in ("attempts", "answered", "lost"))
    lines = [
        f"{incident['kind']}, severity {incident['worst']} at its worst, {incident['phase']}. "
        f"It began at {_clock(incident['since'])} UTC.",
    ]
    if not review["is_final"]:
        lines.append("It is not closed: this is how it stands, and no review yet.")
    if not review["exercise"]:
        lines.append(
            f"Of {attempts} calls {answered} were answered and {lost} lost; {review['customers']} callers felt it. "
            f"Estimated: {review['unseen']} callers whom no carrier brought."
        )
    money = review["money"]
    if money is not None:
        total, saved = _span(money["total"], money["currency"]), _span(money["saved"], money["currency"])
        lines.append(f"It cost {total}. Without a second path it would have cost {saved} more.")
        owed = sum(each["credit"] for each in review["sla"])
        if review["sla"]:
            lines.append(f"Providers give back {owed:.2f} {money['currency']} for the month, by their own terms.")
    return lines


def tables_of(review: dict[str, Any]) -> Sequence[Table]:
    """The tables of a review, in their order; those without rows too."""
    play, money = review["playbook"], review["money"]
    currency = money["currency"] if money is not None else ""
    bill = (
        [*money["lines"], *({**each, "what": f"saved: {each['what']}"} for each in money["saved_lines"])]
        if money
        else []
    )
    return (
        ("How long it took", ("until", "seconds from its beginning"), [
            (name.removesuffix("_s"), "not yet" if took is None else f"{took:.1f}")
            for name, took in review["times"].items()
        ]),
        ("What callers experienced", ("minute (UTC)", "attempts", "answered", "delayed", "lost", "gave up"), [
            (_clock(each["at"])[:-3], *(str(each[name]) for name in
             ("attempts", "answered", "delayed", "lost", "gave_up")))
            for each in review["minutes"]
        ]),
        ("What it cost", ("what", "count", f"each ({currency})", f"total ({currency})", "what it rests on"), [
            (each["what"] + (" (estimated)" if each["is_estimate"] else ""), f"{each['count']:g}",
             "no price" if each["each"] is None else _figures(each["each"]), _figures(each["total"]), each["why"])
            for each in bill
        ]),
        ("What providers give back, by their terms", ("path", "month", "worked", "down", "step", "credit", "claim by",
                                                     "what it rests on"), [
            (each["path"], each["month"], f"{each['availability']:.3f} %", f"{each['down_min']:g} min",
             f"{each['percent']:g} % of {each['fee']:.2f}", f"{each['credit']:.2f} {currency}",
             "" if each["claim_by"] is None else _clock(each["claim_by"])[:10], each["why"])
            for each in review["sla"]
        ]),
        ("What each path did", ("when (UTC)", "path", "condition", "evidence"), [
            (_clock(each["at"]), each["path"], each["condition"], each["evidence"]) for each in review["paths"]
        ]),
        ("What the recovery gate tested", ("when (UTC)", "path", "result", "what came of it", "test calls"),
         list(map(_test_cells, review["tests"]))),
        ("Decisions", ("when (UTC)", "about", "what", "by"), list(map(_cells, review["decisions"]))),
        ("Messages", ("when (UTC)", "message", "came to"), [
            (_clock(each["began_at"]), each["key"], each["ending"]) for each in review["messages"]
        ]),
        ("The playbook", ("step", "state", "by", "what was found", "left the playbook"), [
            (each["id"], each["state"] + (" (late)" if each["overdue"] else ""), each["by"], each["why"],
             each["deviation"])
            for each in (play["steps"] if play is not None else ())
        ]),
        ("Timeline", ("when (UTC)", "about", "what", "by"), list(map(_cells, review["timeline"]))),
        ("Open work", ("item", "what"), [
            (str(each.get("item", each.get("id", ""))), str(each.get("what", each.get("kind", ""))))
            for each in review["open_work"]
        ]),
        ("Left of the playbook", ("step", "what", "owner", "state"), [
            (each["step"], each["do"], each["owner"], each["state"]) for each in review["steps_left"]
        ]),
        ("Actions", ("action", "what", "owner", "due", "state", "word"), [
            (str(each["number"]), each["what"], each["owner"], _clock(each["due"])[:10],
             "overdue" if each["is_overdue"] else each["state"], each["why"])
            for each in review["actions"]
        ]),
    )  # fmt: skip


def _cells(line: dict[str, Any]) -> tuple[str, ...]:
    return _clock(line["at"]), line["what"], line["words"], line["by"]


def _test_cells(test: dict[str, Any]) -> tuple[str, ...]:
    calls = ", ".join(test["calls"]) or "none"
    return _clock(test["at"]), test["path"], "passed" if test["ok"] else "failed", test["words"], calls


def _figures(price: dict[str, float]) -> str:
    return f"{price['low']:.2f} / {price['mid']:.2f} / {price['high']:.2f}"


def _span(price: dict[str, float], currency: str) -> str:
    return f"{price['mid']:.2f} {currency} ({price['low']:.2f} to {price['high']:.2f})"


def _clock(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(each.replace("|", "\\|").split()) for each in cells) + " |"


def _safe(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
