"""The leaders' page, and the same for programs."""

from collections.abc import Callable, Sequence
from threading import Event

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse

from keepline.desk.board_api import following
from keepline.desk.feed import Feed
from keepline.desk.leaders import Leaders
from keepline.desk.models import Problem
from keepline.desk.models_leaders import LeadersNow
from keepline.desk.pages import draw_page, environment
from keepline.desk.people.needing import needs
from keepline.desk.source import Unavailable
from keepline.model.money import MoneySettings
from keepline.model.operation import Operation
from keepline.model.people import Permission


class Prices:
    """What the operation that runs says that things cost."""

    def __init__(self) -> None:
        self._money: MoneySettings | None = None

    def begin(self, operation: Operation) -> Sequence[Event]:
        """Another version of it runs."""
        self._money = operation.money
        return ()

    def money(self) -> MoneySettings | None:
        """None while none is known, or it states no prices."""
        return self._money


def add_leaders(app: FastAPI, feed: Feed, money: Callable[[], MoneySettings | None]) -> None:
    """Add the routes."""
    leaders = Leaders(feed.board.source, money)

    def now() -> LeadersNow:
        leaders.look()
        return leaders.now(feed.now if feed.now is not None else feed.board.now())

    def drawn() -> str:
        try:
            return environment().get_template("leaders_now.html").render(now=now())
        except Unavailable as error:
            return environment().get_template("unavailable.html").render(why=str(error))

    @app.get("/api/leaders", responses={503: {"model": Problem}})
    @needs(Permission.LEADERS)
    def api() -> LeadersNow:
        """Tool health, customers, money and the expected end of every incident that is open."""
        feed.board.refresh()
        leaders.look()
        return leaders.now(feed.board.now())

    @app.get("/leaders", response_class=HTMLResponse, include_in_schema=False)
    @needs(Permission.LEADERS)
    def page() -> HTMLResponse:
        feed.board.refresh()
        return draw_page("leaders.html", drawn())

    @app.get("/live/leaders", include_in_schema=False, response_model=None)
    @needs(Permission.LEADERS)
    async def live() -> StreamingResponse | JSONResponse:
        return following(feed, "leaders", drawn)
