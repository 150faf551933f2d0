"""Gets a copy from the service that it is a copy of: whole tables by GET, their declared fields and nothing else.

A table that breaks its contract (no list, a row without its key or a declared field) is not taken, and neither is any
other of that copy: the last whole one stays. Source: RFC 9110 §9.3.1. Redirections are not followed.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import httpx2

from keepline.connectors.interface import MissingFieldError, pick
from keepline.connectors.secrets import SecretMissingError, secret_of
from keepline.connectors.snapshot.client import key_text
from keepline.model.capability import CapabilityAction, Snapshot, SnapshotTable
from keepline.model.limits_capabilities import SNAPSHOT_BYTES_MAX, SNAPSHOT_ROWS_MAX

WORDS_CHARS_MAX: Final = 200


class CopyFailed(Exception):  # noqa: N818 - what happened, as the other outcomes are named
    """No copy could be made; the message says why."""


def fetch_answers(
    snapshot: Snapshot, actions: Mapping[str, CapabilityAction], transport: httpx2.BaseTransport | None = None
) -> list[tuple[str, str, Mapping[str, Any]]]:
    """What every action answers to every key; raises `CopyFailed`. `transport` stands in for the network in tests."""
    found: list[tuple[str, str, Mapping[str, Any]]] = []
    try:
        headers = {name: secret_of(value) for name, value in snapshot.headers.items()}
        with httpx2.Client(
            headers={"Accept": "application/json", **headers},
            timeout=snapshot.timeout_s,
            trust_env=False,
            follow_redirects=False,
            transport=transport,
        ) as client:
            for name, table in snapshot.tables.items():
                mine = {each: action for each, action in actions.items() if action.table == name}
                found += _answers(_rows(client, snapshot.base_url, name, table), name, table, mine)
                if len(found) > SNAPSHOT_ROWS_MAX:
                    raise CopyFailed(f"there are more than {SNAPSHOT_ROWS_MAX} rows")
    except SecretMissingError as error:
        raise CopyFailed(str(error)) from None
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        raise CopyFailed(f"{snapshot.base_url}: {type(error).__name__}: {error}"[:WORDS_CHARS_MAX]) from None
    return found


def _rows(client: httpx2.Client, base_url: str, name: str, table: SnapshotTable) -> list[Any]:
    body = bytearray()
    with client.stream("GET", base_url + table.path) as answer:
        if not answer.is_success:
            raise CopyFailed(f"{base_url}{table.path} answered {answer.status_code}")
        for chunk in answer.iter_bytes():
            body += chunk
            if len(body) > SNAPSHOT_BYTES_MAX:
                raise CopyFailed(f"{base_url}{table.path}: the answer has more than {SNAPSHOT_BYTES_MAX} bytes")
    try:
        rows = pick(json.loads(body), table.rows)
    except MissingFieldError as missing:
        raise CopyFailed(f"{name}: {missing}") from None
    except ValueError:
        raise CopyFailed(f"{name}: the answer is no JSON") from None
    if not isinstance(rows, list):
        raise CopyFailed(f"{name}: the answer has no list at {table.rows}")
    return rows


def _answers(
    rows: list[Any], name: str, table: SnapshotTable, actions: Mapping[str, CapabilityAction]
) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for number, row in enumerate(rows, 1):
        try:
            key = pick(row, table.key)
            if key is None:
                raise MissingFieldError(f"the answer has no {table.key}")
            for action, promise in actions.items():
                yield action, key_text(key), {each: pick(row, at) for each, at in (promise.response or {}).items()}
        except MissingFieldError as missing:
            raise CopyFailed(f"{name}: row {number}: {missing}") from None
