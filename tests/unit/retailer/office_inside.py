"""The retailer's own back office in virtual time: its real routes, asked by the real HTTP connector, without a socket.

What a test breaks of it, it breaks as a network would: requests that do not arrive, and answers that are lost.
"""

import asyncio
from datetime import date
from pathlib import Path
from typing import Any

import httpx2
from office_app import build
from office_faults import FaultBook
from office_seed import Size
from office_store import Store

from keepline.call.effects import CallCapability
from keepline.connectors.http.client import HttpConnector
from keepline.connectors.interface import Asked
from keepline.flow.capabilities import Unavailable, UseOutcome, read_value
from keepline.model.capability import HttpService
from keepline.model.operation import Operation
from keepline.sim.office import SimOffice
from keepline.sim.world import World

TODAY = date(2026, 3, 2)
SIZE = Size(customers=20, orders=60, invoices=60, slot_days=3)


class OfficeInside(SimOffice):
    """It is asked what the operation file says, and answers what it does when it runs as a process."""

    def __init__(self, world: World, operation: Operation, directory: Path) -> None:
        super().__init__(world)
        self.store = Store(directory / "office.db", TODAY)
        self.store.fill(1, SIZE)
        self.away: set[str] = set()
        """Capabilities that cannot be reached."""
        self._app = build(self.store, FaultBook())
        self._operation = operation
        self._runner = asyncio.Runner()

    def close(self) -> None:
        self._runner.close()
        self.store.close()

    def _outcome(self, wanted: CallCapability) -> UseOutcome:
        if wanted.capability in self.away:
            return Unavailable("cannot be reached")
        capability = self._operation.capabilities[wanted.capability]
        path = capability.path(wanted.path) or capability.paths[0]
        assert isinstance(path.connector, HttpService)
        arguments: dict[str, Any] = read_value(wanted.arguments)
        asked = Asked(wanted.action, path.actions[wanted.action], arguments, wanted.idempotency_key, 1.0)

        async def ask() -> UseOutcome:
            connector = HttpConnector(path.connector, 1, httpx2.ASGITransport(app=self._app))  # type: ignore[arg-type]
            try:
                return await connector.ask(asked)
            finally:
                await connector.close()

        return self._runner.run(ask())

    def ledger(self) -> dict[str, int]:
        """What was really done, by kind."""
        totals = self.store.all("SELECT what, count(*) AS n FROM effects GROUP BY what")
        return {row["what"]: row["n"] for row in totals}
