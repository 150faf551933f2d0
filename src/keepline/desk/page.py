"""The page at `/`: what the node says, as plain HTML. No script, no image, nothing from elsewhere."""

import html
import time

from keepline.desk.models import Call, Process, Status

REFRESH_S = 5
CALLS_SHOWN = 20

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

STYLESHEET = """\
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 64rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem 1.2rem .2rem 0; text-align: left; vertical-align: top; }
th { font-weight: 600; }
.bad { color: #c62828; font-weight: 600; }
@media (prefers-color-scheme: dark) { .bad { color: #ff8a80; } }
.quiet { opacity: .7; }
.wide { overflow-x: auto; }
"""

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="{refresh_s}">
<title>Keepline</title>
<link rel="stylesheet" href="/desk.css">
</head>
<body>
<h1>Keepline</h1>
<p class="quiet">As of {now}; this page asks again every {refresh_s} s.</p>
<h2>Node</h2>
{status}
<h2>Calls, the newest first</h2>
{calls}
<h2>The same for programs</h2>
<p><a href="/api/status">/api/status</a>, <a href="/api/calls">/api/calls</a>, /api/calls/ID,
<a href="/healthz">/healthz</a>, described in <a href="/openapi.json">/openapi.json</a>; for Prometheus
<a href="/metrics">/metrics</a>.</p>
</body>
</html>
"""


def render_page(status: Status | str, calls: list[Call] | str, now_s: float) -> str:
    """The whole page; a text in the place of an answer says why there is none. `calls` has the newest last."""
    return _PAGE.format(
        refresh_s=REFRESH_S,
        now=_clock(now_s),
        status=_unavailable(status) if isinstance(status, str) else _status(status),
        calls=_unavailable(calls) if isinstance(calls, str) else _calls(calls),
    )


def _status(status: Status) -> str:
    processes = status.processes
    rows = [
        ("node", html.escape(status.node)),
        ("mode", html.escape(status.mode)),
        ("state", html.escape(status.state)),
        ("trouble", _trouble(status.trouble)),
        ("live calls", str(status.live_calls)),
        ("SIP", html.escape(status.sip)),
        ("up for", f"{status.uptime_s:.0f} s, version {html.escape(status.version)}"),
        ("supervisor", _process(processes.supervisor)),
        ("media", _process(processes.media)),
        ("calls, active", _process(processes.calls.active)),
        ("calls, warm", _process(processes.calls.warm)),
    ]
    for trunk, each in status.registrations.items():
        text = "registered" if each.registered else '<span class="bad">not registered</span>'
        rows.append((f"registration {html.escape(trunk)}", f"{text} {html.escape(each.why)}"))
    cells = "\n".join(f'<tr><th scope="row">{name}</th><td>{value}</td></tr>' for name, value in rows)
    return f"<table>\n{cells}\n</table>"


def _calls(calls: list[Call]) -> str:
    if not calls:
        return "<p>None yet.</p>"
    head = "".join(
        f'<th scope="col">{name}</th>' for name in ("received", "from", "to", "flow", "state", "ended by", "id")
    )
    rows = []
    for call in reversed(calls):
        ended = " ".join(str(part) for part in (call.ended_by, call.sip_status) if part)
        texts = (_clock(call.received_at), call.from_, call.to, call.flow, call.state, ended)
        cells = "".join(f"<td>{html.escape(text or '-')}</td>" for text in texts)
        link = html.escape(call.id, quote=True)
        rows.append(f'<tr>{cells}<td><a href="/api/calls/{link}">{link}</a></td></tr>')
    return f'<div class="wide"><table>\n<tr>{head}</tr>\n' + "\n".join(rows) + "\n</table></div>"


def _trouble(troubles: list[str]) -> str:
    return "none" if not troubles else "<br>".join(f'<span class="bad">{html.escape(each)}</span>' for each in troubles)


def _process(process: Process | None) -> str:
    return '<span class="bad">missing</span>' if process is None else f"pid {process.pid}"


def _unavailable(why: str) -> str:
    return f'<p class="bad">{html.escape(why)}</p>'


def _clock(at_s: float | None) -> str:
    return "-" if at_s is None else time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at_s))
