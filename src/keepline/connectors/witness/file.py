"""A witness that is a file: appended to and flushed to its disk, or left as it was."""

import contextlib
import os
from typing import Final

from keepline.connectors.witness.interface import Delivery, WitnessFailed
from keepline.model.witness import FileWitness
from keepline.proof.notes import block_of

SAME_FILE_SYSTEM: Final = "it is on the journal's own file system, and lost with it"


def append_note(place: FileWitness, delivery: Delivery) -> str:
    """Returns a remark where the file is on the journal's own file system. Raises `WitnessFailed`."""
    try:
        is_new = not os.path.exists(place.path)
        descriptor = os.open(place.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            _append(descriptor, block_of(delivery.checkpoint, delivery.now_s))
            device = os.fstat(descriptor).st_dev
        finally:
            os.close(descriptor)
        if is_new:
            _sync_directory(os.path.dirname(place.path))
    except OSError as error:
        raise WitnessFailed(f"{place.path}: {error.strerror or error}") from None
    return SAME_FILE_SYSTEM if device == os.stat(delivery.data).st_dev else ""


def _append(descriptor: int, block: str) -> None:
    """Whole and on the disk, or not at all: a disk that is full takes back what it took of it."""
    before = os.fstat(descriptor).st_size
    block_bytes = (("\n" if before else "") + block).encode()
    try:
        written = os.write(descriptor, block_bytes)
        if written < len(block_bytes):
            raise OSError(f"it took {written} of {len(block_bytes)} bytes")
        os.fsync(descriptor)
    except OSError:
        with contextlib.suppress(OSError):  # what the disk said first is what matters
            os.ftruncate(descriptor, before)
        raise


def _sync_directory(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
