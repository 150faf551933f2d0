"""Verifies what `keepline export` wrote, reading nothing else and importing nothing of Keepline.

python verify_export.py EXPORT [--key LOG.PUB] [--witness CHECKPOINTS]...

It needs the `cryptography` package for Ed25519. Exit 0: every fact is what was written, in its place, up to the last
signed checkpoint. Exit 1 names the first thing that is not. Source: RFC 6962 §2.1; C2SP signed-note.
"""

import argparse
import base64
import json
import sys
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class NotAsWritten(Exception):  # noqa: N818
    """The export is not what was written; the text says where."""


def key_of(line: str) -> tuple[str, bytes, Ed25519PublicKey]:
    """Name, four bytes of it, and the key, from the line of a log.pub."""
    origin, name, encoded = line.strip().split("+", 2)
    raw = base64.b64decode(encoded)
    expected = sha256(origin.encode() + b"\n" + raw).digest()[:4]
    if raw[:1] != b"\x01" or expected.hex() != name:
        raise NotAsWritten("the public key does not belong to its name")
    return origin, expected, Ed25519PublicKey.from_public_bytes(raw[1:])


def checkpoint_of(note: str, key: tuple[str, bytes, Ed25519PublicKey]) -> tuple[int, bytes]:
    """Size and root that a signed note states."""
    origin, name, public = key
    text, _, signatures = note.partition("\n\n")
    lines = text.split("\n")
    if len(lines) != 3 or lines[0] != origin:
        raise NotAsWritten("a checkpoint is not of this log")
    for line in signatures.splitlines():
        signed = base64.b64decode(line.rpartition(" ")[2])
        if signed[:4] == name:
            try:
                public.verify(signed[4:], (text + "\n").encode())
            except InvalidSignature:
                raise NotAsWritten(f"the signature of the checkpoint of {lines[1]} facts is false") from None
            return int(lines[1]), base64.b64decode(lines[2])
    raise NotAsWritten(f"the checkpoint of {lines[1]} facts is not signed by this key")


class Tree:
    """RFC 6962's hash tree, as the roots of its complete subtrees."""

    def __init__(self) -> None:
        self.size = 0
        self.roots: list[bytes] = []

    def append(self, node: bytes, leaves: int = 1) -> None:
        while self.size & leaves:
            node = sha256(b"\x01" + self.roots.pop() + node).digest()
            self.size, leaves = self.size - leaves, 2 * leaves
        self.roots.append(node)
        self.size += leaves

    def root(self) -> bytes:
        if not self.roots:
            return sha256(b"").digest()
        root = self.roots[-1]
        for left in reversed(self.roots[:-1]):
            root = sha256(b"\x01" + left + root).digest()
        return root


def add(tree: Tree, fact: dict[str, object]) -> None:
    """One fact, if it is the next and says what its digest says."""
    seq, kind, call = int(str(fact["seq"])), str(fact["kind"]), str(fact["call"])
    digest, salt = bytes.fromhex(str(fact["digest"])), bytes.fromhex(str(fact["salt"]))
    body = base64.b64decode(str(fact["body"]))
    if seq != tree.size + 1:
        raise NotAsWritten(f"after fact {tree.size} comes fact {seq}")
    if (body or salt) and sha256(salt + seq.to_bytes(8, "big") + body).digest() != digest:
        raise NotAsWritten(f"fact {seq} ({kind}, call {call}) was altered")
    entry = b"keepline fact 1\n%d\n%b\n%b\n%b" % (seq, kind.encode(), call.encode(), digest)
    tree.append(sha256(b"\x00" + entry).digest())


def graft(tree: Tree, first: int, facts: int, root: str) -> None:
    """Facts that were let go of: the root of their subtree is left."""
    if first != tree.size + 1 or (tree.size | facts) & (facts - 1):
        raise NotAsWritten(f"after fact {tree.size} comes no segment of {facts} facts from {first}")
    tree.append(bytes.fromhex(root), facts)


def notes_of(path: str) -> list[str]:
    """The notes of a witness's file; each ends with its signature."""
    notes, lines = [], []
    for line in Path(path).read_text("utf-8").splitlines():
        lines += [line] if line or lines else []
        lines = [] if line.startswith("#") else lines  # says when the next one came
        if line.startswith("\N{EM DASH} "):
            notes.append("\n".join(lines) + "\n")
            lines = []
    return notes


def verify(export: str, key_file: str | None, witness_files: list[str]) -> str:
    """What is proved, in words."""
    with open(export, encoding="utf-8") as lines:
        told = json.loads(next(lines))["log"]
        key = key_of(Path(key_file).read_text("ascii") if key_file else told)
        kept = {size: root for path in witness_files for size, root in (checkpoint_of(n, key) for n in notes_of(path))}
        tree, signed, witnessed = Tree(), 0, 0
        for line in lines:
            row = json.loads(line)
            if "checkpoint" in row:
                size, root = checkpoint_of(row["checkpoint"], key)
                if size != tree.size or root != tree.root():
                    raise NotAsWritten(f"facts {signed + 1} to {tree.size} are not those that were signed")
                signed = size
            elif "segment" in row:
                before = tree.size
                graft(tree, **row["segment"])
                kept = {size: kept[size] for size in kept if not before < size < tree.size}  # nothing to compare with
            else:
                add(tree, row)
                if tree.size in kept and kept.pop(tree.size) != tree.root():
                    raise NotAsWritten(f"facts up to {tree.size} are not those of the checkpoint kept elsewhere")
                witnessed = tree.size if witness_files and not kept else witnessed
        if any(size > tree.size for size in kept):
            raise NotAsWritten(f"it ends with fact {tree.size}, a checkpoint kept elsewhere has seen {max(kept)}")
    return f"{tree.size} facts, {signed} of them signed" + (", witnessed" if witness_files else "")


def main() -> int:
    parser = argparse.ArgumentParser(description="Verify what `keepline export` wrote.")
    parser.add_argument("export")
    parser.add_argument("--key", help="a copy of log.pub that was kept elsewhere")
    parser.add_argument("--witness", action="append", default=[], help="checkpoints that were kept elsewhere")
    given = parser.parse_args()
    try:
        print(verify(given.export, given.key, given.witness))
    except (NotAsWritten, OSError, ValueError, KeyError, StopIteration) as problem:
        print(f"not what was written: {problem or 'nothing to read'}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
