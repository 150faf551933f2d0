"""Two system calls that Python 3.11 does not offer: timerfd, and a UDP socket's disconnection.

Sources: timerfd_create(2), connect(2) on AF_UNSPEC.
"""

import ctypes
import os
from socket import AF_UNSPEC, socket
from typing import Final

CLOCK_MONOTONIC: Final = 1
TFD_TIMER_ABSTIME: Final = 1
_NS: Final = 1_000_000_000

_libc = ctypes.CDLL(None, use_errno=True)


class _TimeSpec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _TimerSpec(ctypes.Structure):
    _fields_ = (("interval", _TimeSpec), ("value", _TimeSpec))


class _Address(ctypes.Structure):
    _fields_ = (("family", ctypes.c_ushort), ("rest", ctypes.c_char * 14))


_UNSPECIFIED: Final = _Address(AF_UNSPEC, b"")


def timerfd_create() -> int:
    """A disarmed, non-blocking timer on the clock of `time.monotonic`; the descriptor is the caller's."""
    fd: int = _libc.timerfd_create(CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
    if fd < 0:
        raise _error("timerfd_create")
    return fd


def timerfd_set(fd: int, first_s: float, interval_s: float) -> None:
    """Fire at the monotonic time `first_s` and every `interval_s` from then on; zeroes disarm."""
    spec = _TimerSpec(_time(interval_s), _time(first_s))
    if _libc.timerfd_settime(fd, TFD_TIMER_ABSTIME, ctypes.byref(spec), None) < 0:
        raise _error("timerfd_settime")


def disconnect(sock: socket) -> None:
    """Undo `connect`: the socket keeps its port and hears everybody again."""
    if _libc.connect(sock.fileno(), ctypes.byref(_UNSPECIFIED), ctypes.sizeof(_UNSPECIFIED)) < 0:
        raise _error("connect")


def _time(seconds: float) -> _TimeSpec:
    return _TimeSpec(*divmod(round(seconds * _NS), _NS))


def _error(what: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{what}: {os.strerror(number)}")
