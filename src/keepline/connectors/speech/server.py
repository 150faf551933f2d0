"""The speech process: makes prompts for whoever asks over a Unix socket, one JSON line each way.

    {"key": "…", "text": "…", "file": "", "language": "en", "length_s": null}
    {"ok": true, "key": "…"}    or    {"ok": false, "key": "…", "error": "what is wrong"}

One thread makes them, one at a time, in the order of arrival, each connection's answers in the order of its requests.
No request ends the process or another's connection. It decides nothing about who needs a prompt when; a prompt that
stands on disk is not made again, and none waits for a flush. The listening socket is its parent's and outlives it.
"""

import contextlib
import os
import selectors
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec

from keepline.connectors.speech.engine import Samples, SpeechEngine, SpeechError
from keepline.connectors.speech.flushing import Flusher
from keepline.connectors.speech.memory import make_memory_directory, memory_directory
from keepline.connectors.speech.render import PromptRequest, check_request, is_stored, make_samples, store, sweep
from keepline.model import limits


class _Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line as it comes in."""

    key: str
    text: str = ""
    file: str = ""
    language: str = "en"
    length_s: float | None = None


class _Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    ok: bool
    key: str | None = None
    error: str | None = None


class PromptMaker:
    """Turns a request line into an answer line, and a prompt into files. The engine is loaded when first needed."""

    def __init__(
        self,
        directory: Path,
        load_engine: Callable[[], SpeechEngine],
        report: Callable[[str, Exception], None] = lambda key, error: None,
    ) -> None:
        """`directory` is where the prompts stand, made if missing; `report` hears of failures that nobody foresaw."""
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._load_engine = load_engine
        self._engine: SpeechEngine | None = None
        self._report = report
        self._bytes = sweep(directory)
        self._flusher = Flusher(directory)
        self._memory = memory_directory(directory)
        self._memory_bytes = sweep(self._memory) if self._memory.is_dir() else 0

    def answer(self, line: bytes) -> bytes:
        """Do what one line asks for; never raises for anything that stands in it."""
        key: str | None = None
        try:
            asked = msgspec.json.decode(line, type=_Request)
            key = asked.key
            self._make(PromptRequest(asked.key, asked.text, asked.file, asked.language, asked.length_s))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return _encode(_Answer(ok=False, error=f"not a request: {error}"))
        except SpeechError as error:
            return _encode(_Answer(ok=False, key=key, error=str(error)))
        except OSError as error:
            return _encode(_Answer(ok=False, key=key, error=f"the prompt cannot be stored: {error}"))
        except Exception as error:  # One prompt's trouble must not become every caller's silence.
            self._report(key or "", error)
            return _encode(_Answer(ok=False, key=key, error=f"the speech process failed over it: {error!r}"))
        return _encode(_Answer(ok=True, key=key))

    def _make(self, request: PromptRequest) -> None:
        check_request(request)
        if is_stored(self._directory, request.key) or is_stored(self._memory, request.key):
            return
        if self._bytes >= limits.PROMPT_STORE_BYTES_MAX:
            raise SpeechError(f"the prompts of this node have reached {limits.PROMPT_STORE_BYTES_MAX} bytes")
        samples = make_samples(request, self._loaded_engine)
        try:
            self._bytes += store(self._directory, request.key, samples, self._flusher)
        except OSError as error:
            self._keep_in_memory(request.key, samples, error)

    def _keep_in_memory(self, key: str, samples: Samples, trouble: OSError) -> None:
        """The disk does not take it; raises what the disk said where memory does not either."""
        if self._memory_bytes >= limits.PROMPT_MEMORY_BYTES_MAX:
            raise trouble
        try:
            self._memory_bytes += store(make_memory_directory(self._directory), key, samples, None)
        except OSError as error:
            self._report(key, error)
            raise trouble from None

    def _loaded_engine(self) -> SpeechEngine:
        if self._engine is None:
            self._engine = self._load_engine()
        return self._engine


def _encode(answer: _Answer) -> bytes:
    return msgspec.json.encode(answer) + b"\n"


class _Client:
    """One connection: what it sent and has not been answered, what it was answered and has not read."""

    __slots__ = ("inbound", "outbound", "sock", "writing")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.inbound = bytearray()
        self.outbound = bytearray()
        self.writing = False


class SpeechServer:
    """Serves the clients of one inherited listening socket until SIGTERM."""

    def __init__(self, listener: socket.socket, maker: PromptMaker) -> None:
        self._listener = listener
        self._maker = maker
        self._selector = selectors.DefaultSelector()
        self._clients: set[_Client] = set()
        self._accepting = False
        self._stopping = False

    def run(self) -> None:
        """Serve; returns after SIGTERM. Ctrl-C is for the parent to act on, and ignored here."""
        wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake_write)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._listener.setblocking(False)
        self._selector.register(wake_read, selectors.EVENT_READ, None)
        while not self._stopping:
            self._accept_while_there_is_room()
            for ready, mask in self._selector.select():
                if ready.fileobj is self._listener:
                    self._accept()
                elif isinstance(ready.data, _Client):
                    self._serve(ready.data, mask)

    def _stop(self, _number: int, _frame: object) -> None:
        self._stopping = True

    def _accept_while_there_is_room(self) -> None:
        room = len(self._clients) < limits.SPEECH_CLIENTS_MAX
        if room and not self._accepting:
            self._selector.register(self._listener, selectors.EVENT_READ)
        elif not room and self._accepting:
            self._selector.unregister(self._listener)
        self._accepting = room

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:  # Gone again, or taken by a process that is about to replace this one.
            return
        sock.setblocking(False)
        client = _Client(sock)
        self._clients.add(client)
        self._selector.register(sock, selectors.EVENT_READ, client)

    def _serve(self, client: _Client, mask: int) -> None:
        try:
            if mask & selectors.EVENT_READ and not self._read(client):
                return self._drop(client)
            self._write(client)
        except OSError:
            self._drop(client)

    def _read(self, client: _Client) -> bool:
        """Take what came and answer its whole lines; False ends the connection."""
        data = client.sock.recv(limits.SPEECH_LINE_BYTES_MAX)
        if not data:
            return False
        client.inbound += data
        while not self._stopping and (end := client.inbound.find(b"\n")) >= 0:
            line = bytes(client.inbound[:end])
            del client.inbound[: end + 1]
            client.outbound += self._maker.answer(line)
            # Each answer leaves when it is ready: the next line may take long.
            self._write(client)
            if len(client.outbound) > limits.SPEECH_UNREAD_BYTES_MAX:
                return False
        if len(client.inbound) > limits.SPEECH_LINE_BYTES_MAX:
            too_long = f"a request has at most {limits.SPEECH_LINE_BYTES_MAX} bytes"
            client.outbound += _encode(_Answer(ok=False, error=too_long))
            self._write(client)
            return False
        return True

    def _write(self, client: _Client) -> None:
        if client.outbound:
            with contextlib.suppress(BlockingIOError):
                del client.outbound[: client.sock.send(client.outbound)]
        if bool(client.outbound) != client.writing:
            client.writing = bool(client.outbound)
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.writing else 0)
            self._selector.modify(client.sock, events, client)

    def _drop(self, client: _Client) -> None:
        self._selector.unregister(client.sock)
        client.sock.close()
        self._clients.discard(client)
