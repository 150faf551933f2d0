"""A stored operation, read in a millisecond: beside each copy lie the values that its file came to.

They stand for the copy only where it is unchanged, in its place, and the code is that which made them; else the file is
read as it was at first, and they are made anew. Whoever can write them can write the flows beside them as well.
"""

import contextlib
import os
import pickle
import sys
from dataclasses import replace
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Final

from keepline.config.store import (
    STORED_FILE,
    TooBigError,
    digest_of,
    operation_files,
    read_overrides,
    stored_directory,
)
from keepline.model.operation import Operation, Prompt
from keepline.model.playbook import playbook_files

VALUES_FILE: Final = ".values"
_HASH_BYTES: Final = 16
_SHAPED_BY: Final = ("config", "model")
"""The packages whose code decides what a file comes to."""


def load_stored(data_dir: Path, digest: str) -> Operation:
    """The operation stored under `digest`; raises OperationError when the copy is missing or no longer whole.

    Flows are not imported: `import_flow` does that when a call needs one.
    """
    directory = stored_directory(data_dir, digest)
    operation = _read_values(directory)
    if operation is not None and _is_of(operation, directory, digest):
        return operation
    from keepline.config.load import read_stored  # it takes long to import

    operation = read_stored(data_dir, digest)
    keep_values(directory, operation)
    return operation


def moved(operation: Operation, directory: Path) -> Operation:
    """A loaded operation as its copy in `directory` is loaded."""
    before = Path(operation.directory)

    def there(prompt: Prompt) -> Prompt:
        return replace(prompt, file=str(directory / Path(prompt.file).relative_to(before))) if prompt.file else prompt

    return replace(
        operation,
        directory=str(directory),
        file=str(directory / STORED_FILE),
        prompts={name: there(prompt) for name, prompt in operation.prompts.items()},
        apology=there(operation.apology) if operation.apology is not None else None,
    )


def keep_values(directory: Path, operation: Operation) -> None:
    """Keep what the copy in `directory` came to; where the disk does not take it, the file is read again."""
    data = pickle.dumps(operation)
    new = directory / f"{VALUES_FILE}.{os.getpid()}"
    with contextlib.suppress(OSError):
        new.write_bytes(_code() + _hash(data) + data)
        new.replace(directory / VALUES_FILE)


def _read_values(directory: Path) -> Operation | None:
    try:
        stored = (directory / VALUES_FILE).read_bytes()
    except OSError:
        return None
    code, seal, data = stored[:_HASH_BYTES], stored[_HASH_BYTES : 2 * _HASH_BYTES], stored[2 * _HASH_BYTES :]
    if code != _code() or seal != _hash(data):
        return None
    found = pickle.loads(data)
    return found if isinstance(found, Operation) else None


def _is_of(operation: Operation, directory: Path, digest: str) -> bool:
    file = directory.absolute() / STORED_FILE
    if operation.digest != digest or operation.file != str(file):
        return False
    recordings = {os.path.relpath(each.file, operation.directory) for each in operation.prompts.values() if each.file}
    try:
        overrides = read_overrides(directory)
        found = digest_of(operation_files(file, recordings | playbook_files(operation.playbooks)), overrides)
    except (OSError, ValueError, TooBigError):
        return False
    return found == digest and overrides == list(operation.overrides)


@cache
def _code() -> bytes:
    """What a file comes to depends on the code that reads it."""
    root = Path(__file__).resolve().parents[1]
    told = [sys.version]
    for package in _SHAPED_BY:
        for path in sorted(each for kind in ("*.py", "*.yaml") for each in (root / package).rglob(kind)):
            found = path.stat()
            told.append(f"{path.relative_to(root)} {found.st_size} {found.st_mtime_ns}")
    return _hash("\n".join(told).encode())


def _hash(data: bytes) -> bytes:
    return blake2b(data, digest_size=_HASH_BYTES).digest()
