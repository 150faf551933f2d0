"""The disk under SQLite, seen and spoilt from Python: every write, truncation, flush and deletion, by way of ctypes.

SQLite reaches files through a table of functions (https://www.sqlite.org/vfs.html). `watch` replaces those that change
a file by ones that ask a `Disk` first: it notes what comes, and may fail it or make it wait. For tests alone.
"""

import contextlib
import ctypes
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

OK: Final = 0
FULL: Final = 13
READ_ONLY: Final = 8
IO_ERROR_WRITE: Final = 10 | (3 << 8)
IO_ERROR_FSYNC: Final = 10 | (4 << 8)

_Pointer = ctypes.c_void_p
_Open = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, _Pointer, _Pointer, ctypes.c_int, _Pointer)
_Delete = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, ctypes.c_char_p, ctypes.c_int)
_Write = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, _Pointer, ctypes.c_int, ctypes.c_int64)
_Truncate = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, ctypes.c_int64)
_Sync = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, ctypes.c_int)


class _Vfs(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_int),
        ("file_bytes", ctypes.c_int),
        ("path_bytes_max", ctypes.c_int),
        ("next", _Pointer),
        ("name", ctypes.c_char_p),
        ("data", _Pointer),
        ("open", _Pointer),
        ("delete", _Pointer),
    )


class _Methods(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_int),
        ("close", _Pointer),
        ("read", _Pointer),
        ("write", _Pointer),
        ("truncate", _Pointer),
        ("sync", _Pointer),
        ("others", _Pointer * 13),
    )


@dataclass(frozen=True, slots=True)
class Deed:
    """Something done to a file."""

    kind: str
    """write, truncate, delete, flush, or entries: a directory is flushed, and with it who was deleted."""
    path: str
    offset: int = 0
    """Of a write; of a truncation the size."""
    data: bytes = b""


class Disk:
    """What a test wants to know of a disk, and to do to it."""

    def before(self, deed: Deed) -> int:
        """It is to be done: `OK`, or the code with which it fails."""
        return OK

    def after(self, deed: Deed) -> None:
        """It is done."""


def library() -> Path | None:
    """The SQLite that Python uses; None where it is built in."""
    sqlite3.connect(":memory:").close()
    found = re.search(r" (/\S*libsqlite3\S*)$", Path("/proc/self/maps").read_text(encoding="utf-8"), re.MULTILINE)
    return Path(found[1]) if found else None


@contextlib.contextmanager
def watch(disk: Disk) -> Iterator[None]:
    """While it lasts, files that SQLite opens are on this disk, and `os.fdatasync` and `os.fsync` too."""
    path = library()
    assert path is not None
    sqlite = ctypes.CDLL(str(path))
    sqlite.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
    vfs = sqlite.sqlite3_vfs_find(None).contents
    patched = _Patched(disk, vfs)
    plain_pwrite = os.pwrite
    plain, plain_fsync, plain_open, plain_delete = os.fdatasync, os.fsync, vfs.open, vfs.delete

    def fdatasync(descriptor: int) -> None:
        def flush() -> int:
            plain(descriptor)
            return OK

        if patched.do(Deed("flush", os.readlink(f"/proc/self/fd/{descriptor}")), flush) != OK:
            raise OSError(5, "Input/output error")

    def pwrite(descriptor: int, data: bytes, at: int) -> int:
        done = plain_pwrite(descriptor, data, at)
        disk.after(Deed("write", os.readlink(f"/proc/self/fd/{descriptor}"), at, bytes(data[:done])))
        return done

    def fsync(descriptor: int) -> None:
        plain_fsync(descriptor)
        disk.after(Deed("entries", os.readlink(f"/proc/self/fd/{descriptor}")))

    vfs.open, vfs.delete = patched.address_of(patched.open), patched.address_of(patched.delete)
    os.fdatasync, os.fsync, os.pwrite = fdatasync, fsync, pwrite
    try:
        yield
    finally:
        vfs.open, vfs.delete = plain_open, plain_delete
        os.fdatasync, os.fsync, os.pwrite = plain, plain_fsync, plain_pwrite
        _KEPT.append(patched)


_KEPT: list[Any] = []
"""A connection that is still open goes on using its functions."""


class _Patched:
    def __init__(self, disk: Disk, vfs: _Vfs) -> None:
        self._disk = disk
        self._plain_open, self._plain_delete = _Open(vfs.open), _Delete(vfs.delete)
        self._paths: dict[int, str] = {}
        self._plain: dict[int, _Methods] = {}
        self._methods: dict[int, _Methods] = {}
        self.open = _Open(self._open)
        self.delete = _Delete(self._delete)
        self._write_f, self._truncate_f, self._sync_f = (
            _Write(self._write),
            _Truncate(self._truncate),
            _Sync(self._sync),
        )

    @staticmethod
    def address_of(function: Callable[..., int]) -> int | None:
        return ctypes.cast(function, _Pointer).value  # type: ignore[arg-type]

    def _open(self, vfs: int, name: int, file: int, flags: int, out: int) -> int:
        code = self._plain_open(vfs, name, file, flags, out)
        if code == OK and name:
            methods = ctypes.cast(file, ctypes.POINTER(_Pointer))
            at = methods[0]
            if at not in self._methods:
                plain = _Methods.from_address(at)
                made = _Methods()
                ctypes.memmove(ctypes.byref(made), at, ctypes.sizeof(_Methods))
                made.write = self.address_of(self._write_f)
                made.truncate = self.address_of(self._truncate_f)
                made.sync = self.address_of(self._sync_f)
                self._plain[ctypes.addressof(made)], self._methods[at] = plain, made
            self._paths[file] = ctypes.string_at(name).decode()
            methods[0] = ctypes.addressof(self._methods[at])
        return int(code)

    def _of(self, file: int) -> _Methods:
        return self._plain[ctypes.cast(file, ctypes.POINTER(_Pointer))[0]]

    def do(self, deed: Deed, how: Callable[[], int]) -> int:
        """Do it, unless it is to fail."""
        code = self._disk.before(deed)
        if code == OK:
            code = how()
        if code == OK:
            self._disk.after(deed)
        return code

    def _write(self, file: int, data: int, size: int, offset: int) -> int:
        deed = Deed("write", self._paths[file], offset, ctypes.string_at(data, size))
        return self.do(deed, lambda: _Write(self._of(file).write)(file, data, size, offset))

    def _truncate(self, file: int, size: int) -> int:
        deed = Deed("truncate", self._paths[file], size)
        return self.do(deed, lambda: _Truncate(self._of(file).truncate)(file, size))

    def _sync(self, file: int, flags: int) -> int:
        return self.do(Deed("flush", self._paths[file]), lambda: _Sync(self._of(file).sync)(file, flags))

    def _delete(self, vfs: int, name: bytes, sync: int) -> int:
        return self.do(Deed("delete", name.decode()), lambda: self._plain_delete(vfs, name, sync))
