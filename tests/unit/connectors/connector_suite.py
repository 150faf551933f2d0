"""One capability as each connector provides it: what the suite runs against."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import httpx2

from keepline.config.answers import parse_field
from keepline.connectors.fake import FakeConnector
from keepline.connectors.http.client import HttpConnector
from keepline.connectors.interface import Asked, Connector
from keepline.connectors.python.runner import PythonConnector
from keepline.flow import Refused
from keepline.model.capability import CapabilityAction, HttpService

FIELDS = {"state": parse_field("$.state"), "expected": parse_field("$.expected?")}
ACTIONS = {
    "status": CapabilityAction(method="GET", path="/orders/{number}", response=FIELDS),
    "spoilt": CapabilityAction(method="GET", path="/spoilt", response=FIELDS),
    "book": CapabilityAction(
        method="POST", path="/book", changes=True, idempotent=True, response={"receipt": parse_field("$.receipt")}
    ),
    "spoil": CapabilityAction(method="POST", path="/spoilt", changes=True, response=FIELDS),
}


class Shop:
    """What stands behind all of them."""

    def __init__(self) -> None:
        self.booked: Counter[str] = Counter()

    def status(self, number: str) -> Mapping[str, Any] | Refused:
        if number != "100001":
            return Refused(404, "order_unknown", "no such order")
        return {"state": "shipped"}

    def spoilt(self) -> Mapping[str, Any]:
        return {"sate": "shipped"}

    def spoil(self) -> Mapping[str, Any]:
        return {}

    def book(self, slot: str, idempotency_key: str = "") -> Mapping[str, Any]:
        if not self.booked[idempotency_key]:
            self.booked[idempotency_key] += 1
        return {"receipt": slot}


def http_of(shop: Shop) -> Connector:
    def answer(request: httpx2.Request) -> httpx2.Response:
        path, key = request.url.path, request.headers.get("Idempotency-Key", "")
        if path.startswith("/v1/orders/"):
            found = shop.status(path.rpartition("/")[2])
        elif path == "/v1/book":
            found = shop.book(json.loads(request.content)["slot"], key)
        else:
            found = shop.spoilt()
        if isinstance(found, Refused):
            told = {"error": {"code": found.code, "message": found.detail}}
            return httpx2.Response(found.status, json=told)
        return httpx2.Response(200, json=found)

    return HttpConnector(HttpService("http://shop.invalid/v1", {}), 4, httpx2.MockTransport(answer))


def python_of(shop: Shop) -> Connector:
    return PythonConnector(lambda: shop, 2)


def fake_of(shop: Shop) -> Connector:
    return FakeConnector({name: getattr(shop, name) for name in ACTIONS})


CONNECTORS: dict[str, Callable[[Shop], Connector]] = {"http": http_of, "python": python_of, "fake": fake_of}


def asked(name: str, key: str = "c1-0", timeout_s: float = 5.0, **arguments: object) -> Asked:
    return Asked(name, ACTIONS[name], arguments, key, timeout_s)


def run(connector: Connector, *wanted: Asked) -> list[Any]:
    """What came of each, one after the other."""

    async def all_of_them() -> list[Any]:
        found = [await connector.ask(each) for each in wanted]
        await connector.close()
        return found

    return asyncio.run(all_of_them())
