"""Prompts that the disk does not take stand in memory: on a tmpfs, in a directory that is the node's own.

Full or read-only, a disk then costs no caller a sentence. They are lost with the machine, removed when the node ends,
and made again when they are wanted. It imports little: the processes that play prompts and those that ask for them look
there too.
"""

import contextlib
import os
import shutil
import stat
from hashlib import blake2b
from pathlib import Path
from typing import Final

MEMORY: Final = Path("/dev/shm")  # that is what it is for; what stands there of others is refused
"""A tmpfs that everybody may write to (shm_overview(7)); where there is none, nothing is kept in memory."""


def memory_directory(prompts: Path) -> Path:
    """Where the prompts that belong into this directory stand while the disk takes none."""
    name = blake2b(os.fsencode(prompts.absolute()), digest_size=12, person=b"prompts").hexdigest()
    return MEMORY / f"keepline-{os.geteuid()}-{name}"


def make_memory_directory(prompts: Path) -> Path:
    """The same, made, and nobody else's; raises OSError."""
    directory = memory_directory(prompts)
    with contextlib.suppress(FileExistsError):
        directory.mkdir(mode=0o700)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise PermissionError(f"{directory} is somebody else's; remove it")
    return directory


def forget_memory(prompts: Path) -> None:
    """Remove what stands in memory, once no process of the node lives."""
    shutil.rmtree(memory_directory(prompts), ignore_errors=True)
