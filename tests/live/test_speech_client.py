"""PromptStore against speech processes that answer, die, hang and talk nonsense."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from keepline.connectors.speech import client
from keepline.connectors.speech.client import PromptFailed, PromptStore
from keepline.model import limits
from keepline.model.operation import Prompt

HELLO = Prompt(text="Hello there", length_s=0.5)
Script = list[Callable[["Speaker", socket.socket, dict[str, object]], None]]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    # Deeper than the 107 bytes that a Unix socket's address holds.
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    (deep / "run").mkdir(parents=True)
    (deep / "prompts").mkdir()
    return deep


@pytest.fixture
def listener(data: Path) -> Iterator[socket.socket]:
    directory = os.open(data / "run", os.O_PATH)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.bind(f"/proc/self/fd/{directory}/speech.sock")
        os.close(directory)
        sock.listen(128)
        yield sock


class Speaker:
    """A speech process played by a script: one behaviour a connection, the last one for all further ones."""

    def __init__(self, listener: socket.socket, data: Path, script: Script) -> None:
        self.prompts = data / "prompts"
        self.requests: list[dict[str, object]] = []
        self.held: list[socket.socket] = []
        self._listener, self._script = listener, script
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def make(self, key: object) -> None:
        for suffix in ("ulaw", "alaw"):
            (self.prompts / f"{key}.{suffix}").write_bytes(b"\xff" * 160)

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        for sock in self.held:
            sock.close()

    def _run(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with sock.makefile("rb") as file:
                request = json.loads(file.readline())
            behaviour = self._script[min(len(self.requests), len(self._script) - 1)]
            self.requests.append(request)
            with contextlib.suppress(OSError):  # The asker may have gone.
                behaviour(self, sock, request)
            if sock not in self.held:
                sock.close()


def answer(speaker: Speaker, sock: socket.socket, request: dict[str, object]) -> None:
    speaker.make(request["key"])
    sock.sendall(json.dumps({"ok": True, "key": request["key"]}).encode() + b"\n")


def die(_speaker: Speaker, _sock: socket.socket, _request: dict[str, object]) -> None:
    pass


def die_after_making(speaker: Speaker, _sock: socket.socket, request: dict[str, object]) -> None:
    speaker.make(request["key"])


def babble(_speaker: Speaker, sock: socket.socket, _request: dict[str, object]) -> None:
    sock.sendall(b"\x00\xff not json\n")


def babble_without_end(_speaker: Speaker, sock: socket.socket, _request: dict[str, object]) -> None:
    sock.sendall(b"x" * 1_000_000)


def hang(speaker: Speaker, sock: socket.socket, _request: dict[str, object]) -> None:
    speaker.held.append(sock)


def refuse(_speaker: Speaker, sock: socket.socket, _request: dict[str, object]) -> None:
    sock.sendall(b'{"ok": false, "error": "unknown language"}\n')


def lie(_speaker: Speaker, sock: socket.socket, request: dict[str, object]) -> None:
    sock.sendall(json.dumps({"ok": True, "key": request["key"]}).encode() + b"\n")


@pytest.fixture
def speak(listener: socket.socket, data: Path) -> Iterator[Callable[..., Speaker]]:
    speakers: list[Speaker] = []

    def start(*script: Callable[[Speaker, socket.socket, dict[str, object]], None]) -> Speaker:
        speakers.append(Speaker(listener, data, list(script)))
        return speakers[-1]

    yield start
    for speaker in speakers:
        speaker.stop()


def store_of(data: Path) -> PromptStore:
    return PromptStore(data, data / "run" / "speech.sock")


def ensure(data: Path, prompt: Prompt = HELLO) -> str:
    return asyncio.run(store_of(data).ensure(prompt))


def test_a_prompt_that_is_missing_is_asked_for_with_all_that_shapes_it(
    data: Path, speak: Callable[..., Speaker]
) -> None:
    speaker = speak(answer)
    store = store_of(data)
    assert not store.ready(HELLO.key)
    assert asyncio.run(store.ensure(HELLO)) == HELLO.key
    assert store.ready(HELLO.key)
    expected = {"key": HELLO.key, "text": "Hello there", "file": "", "language": "en", "length_s": 0.5}
    assert speaker.requests == [expected]


def test_a_prompt_on_disk_needs_no_speech_process(data: Path) -> None:
    for suffix in ("ulaw", "alaw"):
        assert not store_of(data).ready(HELLO.key)
        (data / "prompts" / f"{HELLO.key}.{suffix}").write_bytes(b"\xff")
    assert ensure(data) == HELLO.key


def test_calls_that_want_the_same_prompt_ask_once(data: Path, speak: Callable[..., Speaker]) -> None:
    speaker = speak(answer)

    async def many() -> list[str]:
        store = store_of(data)
        other = replace(HELLO, text="Other")
        return await asyncio.gather(*(store.ensure(prompt) for prompt in [HELLO, other] * 50))

    assert set(asyncio.run(many())) == {HELLO.key, replace(HELLO, text="Other").key}
    assert len(speaker.requests) == 2


def test_a_caller_who_gives_up_takes_the_prompt_from_nobody(data: Path, speak: Callable[..., Speaker]) -> None:
    speak(answer)

    async def one_hangs_up() -> str:
        store = store_of(data)
        leaving, staying = (asyncio.ensure_future(store.ensure(HELLO)) for _ in range(2))
        await asyncio.sleep(0)
        leaving.cancel()
        return await staying

    assert asyncio.run(one_hangs_up()) == HELLO.key


@pytest.mark.parametrize("trouble", [die, babble, babble_without_end])
def test_a_process_that_breaks_off_is_asked_again(
    data: Path, speak: Callable[..., Speaker], trouble: Callable[..., None]
) -> None:
    speaker = speak(trouble, trouble, answer)
    assert ensure(data) == HELLO.key
    assert len(speaker.requests) == 3


def test_a_prompt_made_before_its_maker_died_is_found(data: Path, speak: Callable[..., Speaker]) -> None:
    speaker = speak(die_after_making)
    assert ensure(data) == HELLO.key
    assert len(speaker.requests) == 1


def test_attempts_are_bounded(data: Path, speak: Callable[..., Speaker]) -> None:
    speaker = speak(die)
    with pytest.raises(PromptFailed, match=r"'Hello there': the speech process failed 4 times"):
        ensure(data)
    assert len(speaker.requests) == limits.PROMPT_ATTEMPTS_MAX


def test_a_process_that_hangs_over_a_request_is_asked_again(
    data: Path, speak: Callable[..., Speaker], monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang_once(speaker: Speaker, sock: socket.socket, request: dict[str, object]) -> None:
        monkeypatch.setattr(client, "ATTEMPT_TIMEOUT_S", 60)  # The next attempt has all the time it may need.
        hang(speaker, sock, request)

    monkeypatch.setattr(client, "ATTEMPT_TIMEOUT_S", 0.05)
    speak(hang_once, answer)
    assert ensure(data) == HELLO.key


def test_a_process_that_hangs_for_good_is_given_up(
    data: Path, speak: Callable[..., Speaker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "ENSURE_TIMEOUT_S", 0.05)
    speak(hang)
    with pytest.raises(PromptFailed, match="did not answer within"):
        ensure(data)


def test_a_refusal_is_final_and_answers_for_a_moment(data: Path, speak: Callable[..., Speaker]) -> None:
    speaker = speak(refuse)

    async def twice() -> None:
        store = store_of(data)
        for _ in range(2):
            with pytest.raises(PromptFailed, match="unknown language"):
                await store.ensure(HELLO)

    asyncio.run(twice())
    assert len(speaker.requests) == 1


def test_a_failure_is_forgotten_after_a_moment(
    data: Path, speak: Callable[..., Speaker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "FAILURE_HOLD_S", 0.0)
    speak(refuse, answer)

    async def again() -> str:
        store = store_of(data)
        with pytest.raises(PromptFailed):
            await store.ensure(HELLO)
        return await store.ensure(HELLO)

    assert asyncio.run(again()) == HELLO.key


def test_failures_remembered_and_keys_known_are_bounded(
    data: Path, speak: Callable[..., Speaker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PROMPT_FAILURES_MAX", 3)
    monkeypatch.setattr(limits, "PROMPTS_READY_MAX", 3)
    speaker = speak(refuse)

    async def many() -> None:
        store = store_of(data)
        for number in range(5):
            with pytest.raises(PromptFailed):
                await store.ensure(replace(HELLO, text=f"{number}"))
        with pytest.raises(PromptFailed):  # Pushed out by the later ones, so asked for again.
            await store.ensure(replace(HELLO, text="0"))
        assert len(speaker.requests) == 6
        for number in range(10):
            speaker.make(number)
            assert store.ready(f"{number}")
            assert len(store._ready) <= 3

    asyncio.run(many())


def test_prompts_waiting_are_bounded(
    data: Path, speak: Callable[..., Speaker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PROMPT_WAITING_MAX", 2)
    speak(hang)

    async def crowd() -> None:
        store = store_of(data)
        waiting = [asyncio.ensure_future(store.ensure(replace(HELLO, text=f"{number}"))) for number in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(PromptFailed, match="2 prompts are being made already"):
            await store.ensure(HELLO)
        await store.close()
        assert all(
            isinstance(ended, asyncio.CancelledError)
            for ended in await asyncio.gather(*waiting, return_exceptions=True)
        )

    asyncio.run(crowd())


def test_requests_at_once_are_bounded(
    data: Path, speak: Callable[..., Speaker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PROMPT_REQUESTS_MAX", 1)
    speaker = speak(answer)

    async def crowd() -> None:
        store = store_of(data)
        await asyncio.gather(*(store.ensure(replace(HELLO, text=f"{number}")) for number in range(20)))

    asyncio.run(crowd())
    assert len(speaker.requests) == 20


def test_a_lie_is_noticed(data: Path, speak: Callable[..., Speaker]) -> None:
    speak(lie)
    with pytest.raises(PromptFailed, match="lacks it"):
        ensure(data)


def test_no_socket_at_all_is_a_failure_with_its_reason(data: Path) -> None:
    with pytest.raises(PromptFailed, match="FileNotFoundError"):
        ensure(data)


def test_a_failure_that_nobody_waits_for_makes_no_noise(data: Path, speak: Callable[..., Speaker]) -> None:
    speak(refuse)
    noise: list[object] = []

    async def leave() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: noise.append(context))
        store = store_of(data)
        waiting = asyncio.ensure_future(store.ensure(HELLO))
        await asyncio.sleep(0)
        making = list(store._making.values())
        waiting.cancel()
        await asyncio.wait(making)

    asyncio.run(leave())
    assert noise == []


def test_a_real_process_killed_over_a_request_is_replaced_unnoticed(data: Path, listener: socket.socket) -> None:
    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "keepline.connectors.speech", "--data", str(data)]
        command += ["--socket-fd", str(listener.fileno()), "--engine", "fake"]
        return subprocess.Popen(command, pass_fds=[listener.fileno()])

    async def kill_over_a_request(process: subprocess.Popen[bytes]) -> str:
        store = store_of(data)
        await store.ensure(HELLO)
        process.send_signal(signal.SIGSTOP)
        waiting = asyncio.ensure_future(store.ensure(replace(HELLO, text="In its hands")))
        await asyncio.sleep(0)
        process.kill()
        running.append(await asyncio.to_thread(start))
        return await waiting

    running = [start()]
    try:
        key = asyncio.run(kill_over_a_request(running[0]))
        assert (data / "prompts" / f"{key}.ulaw").stat().st_size == 4000
    finally:
        for process in running:
            process.kill()
            process.wait()


def test_the_client_loads_neither_numpy_nor_an_engine() -> None:
    heavy = "{'numpy', 'soxr', 'espeakng_loader'}"
    check = f"import sys, keepline.connectors.speech.client; print({heavy} & set(sys.modules))"
    heard = subprocess.run([sys.executable, "-c", check], capture_output=True, check=True, text=True)
    assert heard.stdout == "set()\n"
