"""How the rest of Keepline gets its prompts: are the files there, and if not, have them made.

It imports neither numpy nor an engine. A prompt wanted by many calls at once is asked for once. The speech process may
die over a request: it is asked again over a new connection, whose listening socket outlives that process, a bounded
number of times within a time limit. It does not watch or start that process.
"""

import asyncio
import os
import socket
from collections import OrderedDict
from pathlib import Path

import msgspec

from keepline.connectors.speech.memory import memory_directory
from keepline.model import limits
from keepline.model.errors import KeeplineError
from keepline.model.operation import Prompt

ATTEMPT_TIMEOUT_S = 8.0
"""For one answer; a process that takes longer counts as hung."""
ENSURE_TIMEOUT_S = 20.0
"""For a prompt, its turn in the queue and all attempts included."""
RETRY_DELAY_FIRST_S = 0.05
"""Before the second attempt; doubled for each one after it."""
FAILURE_HOLD_S = 5.0
"""How long a failure answers for its prompt before it is asked for again."""


class PromptFailed(KeeplineError):  # noqa: N818  # what happened, as events are named
    """A prompt cannot be had; `what` says why in words for a log."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class _Answer(msgspec.Struct, frozen=True):
    ok: bool
    key: str | None = None
    error: str | None = None


class PromptStore:
    """The prompts of one data directory, for one event loop."""

    def __init__(self, data_dir: Path, socket_path: Path) -> None:
        """`socket_path` is where the speech process listens; its length does not matter."""
        self._directory = data_dir / "prompts"
        self._memory = memory_directory(self._directory)
        self._socket_path = socket_path
        self._ready: set[str] = set()
        self._making: dict[str, asyncio.Task[None]] = {}
        self._failures: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._turns = asyncio.Semaphore(limits.PROMPT_REQUESTS_MAX)

    def ready(self, key: str) -> bool:
        """Whether both files of the prompt stand on disk, or in memory."""
        if key in self._ready:
            return True
        names = [f"{key}.{suffix}" for suffix in ("ulaw", "alaw")]
        if not any(all((place / name).exists() for name in names) for place in (self._directory, self._memory)):
            return False
        if len(self._ready) >= limits.PROMPTS_READY_MAX:
            self._ready.clear()
        self._ready.add(key)
        return True

    async def ensure(self, prompt: Prompt) -> str:
        """The key of `prompt` once both its files stand; raises PromptFailed within ENSURE_TIMEOUT_S at the latest."""
        key = prompt.key
        if self.ready(key):
            return key
        if self._failures and (what := self._recent_failure(key)):
            raise PromptFailed(what)
        task = self._making.get(key)
        if task is None:
            if len(self._making) >= limits.PROMPT_WAITING_MAX:
                raise PromptFailed(f"{limits.PROMPT_WAITING_MAX} prompts are being made already")
            task = asyncio.get_running_loop().create_task(self._make(prompt), name=f"prompt {key}")
            self._making[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        # A caller who hangs up stops waiting; the prompt is finished for the others.
        await asyncio.shield(task)
        return key

    async def close(self) -> None:
        """Give up what is being made; whoever waits for it is cancelled."""
        tasks = list(self._making.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, key: str, done: asyncio.Task[None]) -> None:
        self._making.pop(key, None)
        if not done.cancelled():
            done.exception()  # Seen, so that asyncio does not complain where every caller has hung up meanwhile.

    async def _make(self, prompt: Prompt) -> None:
        try:
            async with asyncio.timeout(ENSURE_TIMEOUT_S), self._turns:
                await self._ask_until_answered(prompt)
        except TimeoutError:
            raise self._fail(prompt, f"the speech process did not answer within {ENSURE_TIMEOUT_S:g} s") from None
        except PromptFailed as failure:
            raise self._fail(prompt, failure.what) from None

    async def _ask_until_answered(self, prompt: Prompt) -> None:
        key = prompt.key
        request = {
            "key": key,
            "text": prompt.text,
            "file": prompt.file,
            "language": prompt.language,
            "length_s": prompt.length_s,
        }
        line = msgspec.json.encode(request) + b"\n"
        trouble = ""
        for attempt in range(limits.PROMPT_ATTEMPTS_MAX):
            if attempt:
                await asyncio.sleep(RETRY_DELAY_FIRST_S * 2 ** (attempt - 1))
                if self.ready(key):  # Made, and the process died before it said so.
                    return
            try:
                async with asyncio.timeout(ATTEMPT_TIMEOUT_S):
                    answer = await self._ask(line)
            except TimeoutError:
                trouble = f"no answer within {ATTEMPT_TIMEOUT_S:g} s"
            except (OSError, EOFError, ValueError) as error:
                trouble = f"{type(error).__name__} {error}".strip()
            else:
                if not answer.ok:
                    raise PromptFailed(answer.error or "the speech process gave no reason")
                if not self.ready(key):
                    raise PromptFailed(f"the speech process said that {key} is ready, and {self._directory} lacks it")
                return
        raise PromptFailed(f"the speech process failed {limits.PROMPT_ATTEMPTS_MAX} times, last with {trouble}")

    async def _ask(self, line: bytes) -> _Answer:
        """One request over a connection of its own; raises OSError, EOFError or ValueError when that breaks."""
        reader, writer = await asyncio.open_unix_connection(sock=connect_unix(self._socket_path))
        try:
            writer.write(line)
            await writer.drain()
            return msgspec.json.decode(await reader.readuntil(b"\n"), type=_Answer)
        except asyncio.LimitOverrunError as error:
            raise ValueError(f"an answer too long: {error}") from None
        finally:
            writer.close()

    def _recent_failure(self, key: str) -> str | None:
        failed_at_s, what = self._failures.get(key, (0.0, ""))
        if what and asyncio.get_running_loop().time() - failed_at_s < FAILURE_HOLD_S:
            return what
        self._failures.pop(key, None)
        return None

    def _fail(self, prompt: Prompt, what: str) -> PromptFailed:
        """Remember the failure for a moment, and name the prompt in it."""
        named = f"prompt {prompt.file or prompt.text[:60]!r}: {what}"
        while len(self._failures) >= limits.PROMPT_FAILURES_MAX:
            self._failures.popitem(last=False)
        self._failures[prompt.key] = (asyncio.get_running_loop().time(), named)
        return PromptFailed(named)


def connect_unix(path: Path) -> socket.socket:
    """Connect a non-blocking stream socket to `path`, however long that is; raises OSError.

    The kernel takes 107 bytes of path (unix(7)), so the directory is named by descriptor. It does so without waiting:
    a full queue is BlockingIOError at once.
    """
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.connect(f"/proc/self/fd/{directory}/{path.name}")
    except OSError:
        sock.close()
        raise
    finally:
        os.close(directory)
    return sock
