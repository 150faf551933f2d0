"""Identifiers: unlikely to meet, cheap to make, and decided by a seed, so that a simulation can repeat them."""

from hashlib import blake2b


class IdSource:
    """Names for calls, tags and streams, drawn from a seed that the shell gives once."""

    __slots__ = ("_count", "_seed")

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._count = 0

    def token(self, size_bytes: int = 8) -> bytes:
        """The next unpredictable bytes."""
        self._count += 1
        return blake2b(self._count.to_bytes(8, "big"), key=self._seed[:64], digest_size=size_bytes).digest()

    def tag(self) -> str:
        """A dialog tag or branch suffix: 64 bits, twice what RFC 3261 §19.3 asks for."""
        return self.token(8).hex()

    def call(self, now_s: float) -> str:
        """A call's id: 16 hex digits that sort by time, the last five apart within a millisecond."""
        milliseconds = int(now_s * 1000) & 0xFFFFFFFFFFF
        return f"{milliseconds:011x}{int.from_bytes(self.token(3), 'big') & 0xFFFFF:05x}"

    def number(self, bits: int) -> int:
        """An unpredictable number of so many bits (at most 64)."""
        return int.from_bytes(self.token(8), "big") >> (64 - bits)
