"""Whether a journal is what was written: every fact against its digest, every digest against the signed checkpoints.

It names the first fact that was altered, is missing or stands in another's place; where somebody has mended the digests
as well, the stretch between two checkpoints that holds it. What was cut off at the end is proved by a checkpoint that
was kept elsewhere, and by nothing inside the journal. Source: RFC 6962 §2.1.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from keepline.model.errors import PeerError
from keepline.proof.checkpoint import Checkpoint, verify
from keepline.proof.entry import digest_of, entry_of
from keepline.proof.merkle import Frontier, leaf_hash


@dataclass(frozen=True, slots=True)
class StoredFact:
    """One fact as it is stored."""

    seq: int
    call: str
    kind: str
    body: bytes
    """b"" where it was erased."""
    salt: bytes
    digest: bytes

    def __str__(self) -> str:
        return f"fact {self.seq} ({self.kind}{f' of call {self.call}' if self.call else ''})"


@dataclass(slots=True)
class Findings:
    """What came of it."""

    facts: int = 0
    erased: int = 0
    checkpoints: int = 0
    signed: int = 0
    """Facts up to the last checkpoint that holds."""
    witnessed: int = 0
    """Facts up to the last checkpoint that was kept elsewhere and holds."""
    wrong: list[str] = field(default_factory=list)
    """What is not as it was, the first first; empty for a journal that is as it was written."""


class JournalVerifier:
    """Reads facts in order, and compares."""

    def __init__(
        self, origin: str, public: Ed25519PublicKey, notes: Iterable[str], witnesses: Iterable[str] = ()
    ) -> None:
        """`notes` are the journal's own checkpoints, `witnesses` those that were kept elsewhere."""
        self.verdict = Findings()
        self._origin, self._public = origin, public
        self._due: dict[int, list[tuple[Checkpoint, bool]]] = {}
        for note in notes:
            self._expect(note, False)
        for note in witnesses:
            self._expect(note, True)
        self._frontier = Frontier()
        self._is_whole = True
        self._held = 0

    def _expect(self, note: str, is_witness: bool) -> None:
        try:
            checkpoint = verify(note, self._public)
            if checkpoint.origin != self._origin:
                raise PeerError(f"the checkpoint is of the log {checkpoint.origin!r}, this is {self._origin!r}")
        except PeerError as error:
            self.verdict.wrong.append(f"{'the witness: ' if is_witness else ''}{error}")
            return
        self._due.setdefault(checkpoint.size, []).append((checkpoint, is_witness))
        self.verdict.checkpoints += not is_witness

    def read(self, facts: Iterable[StoredFact]) -> Findings:
        """All facts, by their numbers from 1."""
        verdict = self.verdict
        last = 0
        self._compare()
        for fact in facts:
            if fact.seq != last + 1:
                gap = f"fact {last + 1} is" if fact.seq == last + 2 else f"facts {last + 1} to {fact.seq - 1} are"
                verdict.wrong.append(f"{gap} missing")
                self._is_whole = False  # no root after it can be right
            last = fact.seq
            if not fact.body and not fact.salt:
                verdict.erased += 1
            elif digest_of(fact.salt, fact.seq, fact.body) != fact.digest:
                verdict.wrong.append(f"{fact} was altered, or stands in the place of another")
            self._frontier.append(leaf_hash(entry_of(fact.seq, fact.kind, fact.call, fact.digest)))
            verdict.facts += 1
            self._compare()
        for size in sorted(self._due) if self._is_whole else ():
            where = "a checkpoint kept elsewhere" if any(w for _, w in self._due[size]) else "a signed checkpoint"
            verdict.wrong.append(f"the journal ends with fact {last}; {where} has seen {size}")
        return verdict

    def _compare(self) -> None:
        if not self._is_whole:
            return
        size, first = self._frontier.size, self._held + 1
        for checkpoint, is_witness in self._due.pop(size, ()):
            if checkpoint.root == self._frontier.root:
                self._held = size
                if is_witness:
                    self.verdict.witnessed = size
                self.verdict.signed = max(self.verdict.signed, size)
            elif not self.verdict.wrong:
                source = "kept elsewhere" if is_witness else "of the journal"
                self.verdict.wrong.append(
                    f"facts {first} to {size} are not those that were signed (checkpoint {source})"
                )


def notes_in(text: str) -> Iterator[str]:
    """The signed notes of a witness's file, one after the other."""
    lines: list[str] = []
    for line in text.splitlines():
        if not line and lines and lines[-1].startswith("\N{EM DASH} "):
            yield "\n".join(lines) + "\n"
            lines = []
        elif line or lines:
            lines.append(line)
    if lines:
        yield "\n".join(lines) + "\n"
