"""The back office of the mixed crowd: it does once what has one key, and counts what it did by payer."""

import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from mixed_office import Office, card_of


def charge(office: Office, key: str, **asked: Any) -> str:
    data = json.dumps(asked).encode()
    request = urllib.request.Request(f"{office.url}/charges", data, {"Idempotency-Key": key})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return str(json.load(answer)["receipt"])


def test_one_key_is_one_charge_however_often_and_at_once_it_is_asked() -> None:
    with Office((0.05, 0.2)) as office, ThreadPoolExecutor(8) as pool:
        keys = [f"{at % 4:012d}" for at in range(16)]
        receipts = list(pool.map(lambda key: charge(office, key, payer=f"p{key}"), keys))
        assert receipts == keys
        assert [office.told(f"p{key}") for key in keys[:4]] == [(1, 1)] * 4
        assert set(office.requests.values()) == {4}
        charge(office, "another", payer="p" + keys[0])
        assert office.told("p" + keys[0]) == (2, 2)
        assert office.told("nobody") == (0, 0)


def test_a_card_that_is_another_ones_is_noticed() -> None:
    with Office((0.0, 0.0)) as office:
        charge(office, "a", payer="x", card=card_of("x"))
        charge(office, "b", payer="y", card=card_of("x"))
        assert office.wrong_cards == ["y"]
