"""What callers know of themselves: their orders, invoices and cards, as the back office lists them.

Every value is handed out once, in order, until there are no more; then it goes round. One seed and one back office give
every caller the same values.
"""

import http.client
import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

OPEN = ("placed", "packed", "shipped")
TIMEOUT_S = 10.0

BUILT_IN: dict[str, Any] = {
    "customers": [{"id": "C1001", "phone": "+12125550100"}],
    "orders": [
        {"number": f"{100_000 + n}", "status": ("packed", "shipped", "out_for_delivery", "delivered", "placed",
                                                "cancelled")[n % 6]} for n in range(1, 601)
    ],
    "invoices": [
        {"number": f"{20_000_000 + n}", "due_cents": 0 if n % 5 == 0 else 100, "void": n % 11 == 0}
        for n in range(1, 601)
    ],
    "cards": {"good": ["4242424242424242"], "declined": {"4000000000009995": "insufficient_funds"}},
}  # fmt: skip
"""What a back office with the usual sizes holds, for a world that runs without one."""


class Directory:
    """Hands out values to callers."""

    def __init__(self, listed: Mapping[str, Any], booked: Sequence[str] = ()) -> None:
        orders, invoices = listed["orders"], listed["invoices"]
        booked_set = set(booked)
        self.pools: dict[str, list[str]] = {
            "order": [o["number"] for o in orders if o["status"] != "cancelled"],
            "open_order": [o["number"] for o in orders if o["status"] in OPEN and o["number"] not in booked_set],
            "booked_order": list(booked),
            "done_order": [o["number"] for o in orders if o["status"] == "delivered"],
            "unknown_order": ["999999"],
            "invoice": [i["number"] for i in invoices if i["due_cents"] > 0 and not i["void"]],
            "paid_invoice": [i["number"] for i in invoices if i["due_cents"] <= 0 and not i["void"]],
            "void_invoice": [i["number"] for i in invoices if i["void"]],
            "unknown_invoice": ["29999999"],
            "card": list(listed["cards"]["good"]),
            "declined_card": list(listed["cards"]["declined"]),
            "wrong_card": ["4242424242424241"],
            "expiry": ["1235"],
            "past_expiry": ["0120"],
            "cvv": ["123"],
        }
        self.phones: list[str] = [customer["phone"] for customer in listed["customers"]]
        self._next = dict.fromkeys(self.pools, 0)

    def values(self, names: frozenset[str]) -> dict[str, str]:
        """One value for each name; LookupError names what there is none of."""
        found = {}
        for name in sorted(names):
            pool = self.pools[name]
            if not pool:
                raise LookupError(f"there is no {name} to hand out")
            found[name] = pool[self._next[name] % len(pool)]
            self._next[name] += 1
        return found

    def phone(self, rng: random.Random) -> str:
        """The number of somebody."""
        return rng.choice(self.phones)


class OfficeClient:
    """As much of the back office as the world needs: it is a customer with a web browser."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """(status, JSON)."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT_S)
        try:
            headers = {"Content-Type": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def directory(self) -> Any:
        """Everything that callers can know."""
        return self.ask("GET", "/admin/directory?limit=10000")[1]

    def ledger(self) -> Any:
        """What was really done."""
        return self.ask("GET", "/admin/ledger")[1]

    def book(self, count: int) -> list[str]:
        """Make appointments, the last open orders first, as if on the web; the orders that have one then."""
        orders = [o["number"] for o in self.directory()["orders"] if o["status"] in OPEN]
        slots = [slot["id"] for slot in self.ask("GET", f"/slots?limit={max(1, min(count, 500))}")[1]["slots"]]
        booked: list[str] = []
        for order, slot in zip(reversed(orders), reversed(slots), strict=False):
            if len(booked) < count and self.ask("POST", "/appointments", {"order": order, "slot": slot})[0] == 201:
                booked.append(order)
        return booked
