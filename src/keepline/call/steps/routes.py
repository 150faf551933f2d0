"""By which paths a question went, on record: nobody needs it to go on, and whoever asks why has the answer."""

from keepline.call.facts import UseRouted, UseStarted
from keepline.call.inputs import UseRoute
from keepline.call.state import CallState
from keepline.call.turn import Turn


def note(turn: Turn, call: CallState, use: UseStarted, route: UseRoute | None) -> None:
    """Record it, where the first path did not simply answer."""
    if route is not None and call.has_caller:
        name = f"{use.capability}.{use.action}"
        told = (route.path, route.hedged, route.after_s, route.why)
        turn.record(call, UseRouted(call.id, turn.now_s, use.step, name, *told))
