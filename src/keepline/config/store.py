"""The stored copy of an operation: what a node runs, whatever happens to the directory it came from.

A copy is named by the digest of everything that shapes behaviour and never changes: it appears whole, by rename, and
goes whole, by rename. Calls that began with it finish with it.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from keepline.config.flows import python_files
from keepline.model.errors import LocalError
from keepline.model.limits import OPERATION_BYTES_MAX, OPERATION_FILES_MAX, OPERATION_VERSIONS_KEPT_MAX
from keepline.model.operation import Operation

STORED_FILE = "keepline.yaml"
"""The operation file's name in the copy, whatever it was called."""
OVERRIDES_FILE = ".overrides.json"
DIGEST_BYTES = 16
_PARTIAL = re.compile(r"[0-9a-f]+\.([0-9]+)\.partial")

Needed = Callable[[Path, frozenset[str]], frozenset[str]]
"""Of a data directory and digests: those that a call or a node there may still need."""


class TooBigError(Exception):
    """The operation's files exceed a limit; the message says which."""


def operation_files(yaml_file: Path, recordings: Iterable[str]) -> dict[str, Path]:
    """What an operation consists of: the name in the copy -> the file. Raises TooBigError beyond the limits."""
    directory = yaml_file.parent
    found = {STORED_FILE: yaml_file}
    for path in python_files(directory):
        found[path.relative_to(directory).as_posix()] = path
        if len(found) > OPERATION_FILES_MAX:
            break
    found.update((Path(each).as_posix(), directory / each) for each in recordings)
    if len(found) > OPERATION_FILES_MAX:
        raise TooBigError(f"the operation has more than {OPERATION_FILES_MAX} modules and recordings")
    size = sum(path.stat().st_size for path in found.values())
    if size > OPERATION_BYTES_MAX:
        raise TooBigError(f"the operation's files have {size} bytes, more than {OPERATION_BYTES_MAX}")
    return found


def digest_of(files: dict[str, Path], overrides: Sequence[str]) -> str:
    """blake2b-128 of names, contents and overrides, in hex."""
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for name in sorted(files):
        digest.update(f"{name}\0".encode())
        digest.update(hashlib.blake2b(files[name].read_bytes()).digest())
    digest.update(json.dumps(list(overrides)).encode())
    return digest.hexdigest()


def stored_directory(data_dir: Path, digest: str) -> Path:
    """Where the copy of that digest is kept."""
    return data_dir / "operation" / digest


def copy_files(files: dict[str, Path], overrides: Sequence[str], operation: Operation, data_dir: Path) -> Path:
    """Copy an operation's files below `data_dir` and return the copy's directory; done already when it is there.

    Raises LocalError when the files have changed since the operation was loaded, OSError as the disk does.
    """
    target = stored_directory(data_dir, operation.digest)
    if target.is_dir():
        os.utime(target)  # the order in which versions were last begun with, for `prune`
        return target
    partial = _partial(target)
    shutil.rmtree(partial, ignore_errors=True)
    try:
        for name, path in files.items():
            copy = partial / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        (partial / OVERRIDES_FILE).write_text(json.dumps(list(overrides)), encoding="utf-8")
        if digest_of({name: partial / name for name in files}, overrides) != operation.digest:
            raise LocalError("the operation's files changed while they were being copied; try again")
        _sync(partial)
        try:
            partial.rename(target)
        except OSError:
            if not target.is_dir():
                raise  # else another process stored the same copy first, which will do
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def prune(data_dir: Path, current: str, needed: Needed) -> list[str]:
    """Remove copies that nobody needs and return their digests; keeps `current` and the versions last begun with.

    Safe beside a running node: a copy is gone at once or not at all, and one that is begun with meanwhile stays.
    """
    parent = stored_directory(data_dir, current).parent
    begun = {path: path.stat().st_mtime_ns for path in parent.iterdir() if len(path.name) == 2 * DIGEST_BYTES}
    others = sorted((path for path in begun if path.name != current), key=lambda path: begun[path], reverse=True)
    old = others[OPERATION_VERSIONS_KEPT_MAX - 1 :]
    kept = needed(data_dir, frozenset(path.name for path in old)) if old else frozenset()
    removed = []
    for path in old:
        partial = _partial(path)
        try:
            if path.name in kept or path.stat().st_mtime_ns != begun[path]:
                continue
            path.rename(partial)
        except OSError:
            continue  # another process was faster, or this one may not
        shutil.rmtree(partial, ignore_errors=True)
        removed.append(path.name)
    _remove_left(parent)
    return removed


def _partial(target: Path) -> Path:
    """Where a copy of this process grows or is taken apart."""
    return target.with_name(f"{target.name}.{os.getpid()}.partial")


def _remove_left(parent: Path) -> None:
    """Remove what processes that died left half done."""
    for path in parent.iterdir():
        found = _PARTIAL.fullmatch(path.name)
        if found and not Path("/proc", found[1]).exists():
            shutil.rmtree(path, ignore_errors=True)


def read_overrides(directory: Path) -> list[str]:
    """The overrides a copy was stored with."""
    return [str(each) for each in json.loads((directory / OVERRIDES_FILE).read_text(encoding="utf-8"))]


def _sync(directory: Path) -> None:
    for path in (directory, *directory.rglob("*")):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
