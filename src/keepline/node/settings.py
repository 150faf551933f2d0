"""The part of an operation that a supervisor needs, as `keepline up` hands it on. It reads no files itself."""

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """The part of the operation that a supervisor needs."""

    sip: tuple[str, int]
    rtp: tuple[int, int]
    """First and last port, inclusive."""
    http: tuple[str, int]
    drain_limit_s: float
    tcp: bool = True
    """Whether SIP is served over TCP as well, on the same port."""
    page: tuple[str, str] = ("", "")
    """Where the status page is served, `HOST:PORT`, and the directory of its files; empty: nobody here does."""

    @classmethod
    def parse(cls, text: str) -> "Settings":
        """From the JSON that `keepline up` passes on."""
        given = json.loads(text)
        page = given.get("page", ("", ""))
        return cls(
            (given["sip"][0], given["sip"][1]),
            (given["rtp"][0], given["rtp"][1]),
            (given["http"][0], given["http"][1]),
            given["drain_limit_s"],
            given.get("tcp", True),
            (page[0], page[1]),
        )
