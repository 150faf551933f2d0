"""Identifiers: unlikely to meet, cheap to make, and decided by a seed, so that a simulation can repeat them."""

from hashlib import blake2b


class IdSource:
    """Names for calls, tags and streams, drawn from a seed that the shell gives once."""

    __slots__ = ("_call_offset", "_calls", "_count", "_keyed", "_seed")

    def __init__(self, seed: bytes) -> None:
        self._seed = seed[:64]
        self._keyed: dict[int, blake2b] = {}
        self._count = 0
        self._calls = 0
        self._call_offset = self.number(20)

    def token(self, size_bytes: int = 8) -> bytes:
        """The next unpredictable bytes."""
        self._count += 1
        keyed = self._keyed.get(size_bytes)
        if keyed is None:
            keyed = self._keyed[size_bytes] = blake2b(key=self._seed, digest_size=size_bytes)
        drawn = keyed.copy()
        drawn.update(self._count.to_bytes(8, "big"))
        return drawn.digest()

    def tag(self) -> str:
        """A dialog tag or branch suffix: 64 bits, twice what RFC 3261 §19.3 asks for."""
        return self.token(8).hex()

    def call(self, now_s: float) -> str:
        """A call's id: 16 hex digits, eleven of time in milliseconds, by which they sort, and five that count.

        The count begins anywhere, so that two processes of one node hardly meet in the millisecond they share.
        """
        self._calls += 1
        milliseconds = int(now_s * 1000) & 0xFFFFFFFFFFF
        return f"{milliseconds:011x}{(self._call_offset + self._calls) & 0xFFFFF:05x}"

    def number(self, bits: int) -> int:
        """An unpredictable number of so many bits (at most 64)."""
        return int.from_bytes(self.token(8), "big") >> (64 - bits)


def mark_of(sip_call_id: str) -> str:
    """What a call is known by before anything of it is written: 16 hex digits of its Call-ID."""
    return blake2b(sip_call_id.encode("utf-8", "replace"), digest_size=8).hexdigest()
