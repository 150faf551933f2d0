"""Whether a journal is what was written: every fact against its digest, every digest against the signed checkpoints.

It names the first fact that was altered, is missing or stands in another's place; where somebody has mended the digests
as well, the stretch between two checkpoints that holds it. What was cut off at the end is proved by a checkpoint that
was kept elsewhere, and by nothing inside the journal. Source: RFC 6962 §2.1.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from keepline.model.errors import PeerError
from keepline.proof.checkpoint import Checkpoint, verify
from keepline.proof.entry import digest_of, entry_of
from keepline.proof.merkle import Frontier, leaf_hash
from keepline.proof.notes import KeptNote, utc


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

    @property
    def first(self) -> int:
        return self.seq

    @property
    def last(self) -> int:
        return self.seq

    def __str__(self) -> str:
        return f"fact {self.seq} ({self.kind}{f' of call {self.call}' if self.call else ''})"


@dataclass(frozen=True, slots=True)
class StoredSegment:
    """Facts that were let go of: a complete subtree, of which the root is left."""

    first: int
    facts: int
    root: bytes

    @property
    def last(self) -> int:
        return self.first + self.facts - 1


@dataclass(slots=True)
class Findings:
    """What came of it."""

    facts: int = 0
    erased: int = 0
    removed: int = 0
    """Facts of which only the root of their subtree is left."""
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
        self, origin: str, public: Ed25519PublicKey, notes: Iterable[str], witnesses: Iterable[KeptNote] = ()
    ) -> None:
        """`notes` are the journal's own checkpoints, `witnesses` those that were kept elsewhere."""
        self.verdict = Findings()
        self._origin, self._public = origin, public
        self._due: dict[int, list[tuple[Checkpoint, KeptNote | None]]] = {}
        for note in notes:
            self._expect(note, None)
        for kept in witnesses:
            self._expect(kept.note, kept)
        self._frontier = Frontier()
        self._is_whole = True
        self._held = 0

    def _expect(self, note: str, kept: KeptNote | None) -> None:
        try:
            checkpoint = verify(note, self._public)
            if checkpoint.origin != self._origin:
                raise PeerError(f"the checkpoint is of the log {checkpoint.origin!r}, this is {self._origin!r}")
        except PeerError as error:
            self.verdict.wrong.append(f"{f'the witness {kept.source}: ' if kept is not None else ''}{error}")
            return
        self._due.setdefault(checkpoint.size, []).append((checkpoint, kept))
        self.verdict.checkpoints += kept is None

    def read(self, facts: Iterable[StoredFact | StoredSegment]) -> Findings:
        """All facts, by their numbers from 1, and segments in the place of those that were let go of."""
        verdict = self.verdict
        last = 0
        self._compare()
        for fact in facts:
            if fact.first != last + 1:
                gap = f"fact {last + 1} is" if fact.first == last + 2 else f"facts {last + 1} to {fact.first - 1} are"
                verdict.wrong.append(f"{gap} missing" if fact.first > last else f"fact {fact.first} is there twice")
                self._is_whole = False  # no root after it can be right
            before, last = last, fact.last
            if isinstance(fact, StoredSegment):
                self._pass_over(fact, before)
                continue
            if not fact.body and not fact.salt:
                verdict.erased += 1
            elif digest_of(fact.salt, fact.seq, fact.body) != fact.digest:
                verdict.wrong.append(f"{fact} was altered, or stands in the place of another")
            self._frontier.append(leaf_hash(entry_of(fact.seq, fact.kind, fact.call, fact.digest)))
            verdict.facts += 1
            self._compare()
        if self._is_whole:
            verdict.wrong += [self._cut(size, last) for size in sorted(self._due, reverse=True)]
        return verdict

    def _pass_over(self, segment: StoredSegment, before: int) -> None:
        """What was signed in the midst of a segment cannot be compared any more."""
        self.verdict.removed += segment.facts
        for size in [size for size in self._due if before < size < segment.last]:
            del self._due[size]
        try:
            self._frontier.append(segment.root, segment.facts)
        except ValueError as error:
            self.verdict.wrong.append(f"facts {segment.first} to {segment.last} are no part of the tree: {error}")
            self._is_whole = False
        self._compare()

    def _cut(self, size: int, last: int) -> str:
        """The journal is shorter than somebody has seen it."""
        kept = next((kept for _, kept in self._due[size] if kept is not None), None)
        if kept is None:
            return f"the journal ends with fact {last}; a signed checkpoint has seen {size}"
        when = f" at {utc(kept.at_s)}" if kept.at_s is not None else ""
        return f"the witness {kept.source} saw {size} facts{when}, this journal has {last}: its end was cut off"

    def _compare(self) -> None:
        if not self._is_whole:
            return
        size, first = self._frontier.size, self._held + 1
        for checkpoint, kept in self._due.pop(size, ()):
            if checkpoint.root == self._frontier.root:
                self._held = size
                if kept is not None:
                    self.verdict.witnessed = size
                self.verdict.signed = max(self.verdict.signed, size)
            elif not self.verdict.wrong:
                source = f"kept by {kept.source}" if kept is not None else "of the journal"
                self.verdict.wrong.append(
                    f"facts {first} to {size} are not those that were signed (checkpoint {source})"
                )
