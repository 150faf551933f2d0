"""The calls process's side of media: effects become commands, events and slots become inputs of the core."""

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

import structlog

from keepline.call import effects as fx
from keepline.connectors.speech.client import PromptFailed, PromptStore
from keepline.model.errors import LocalError
from keepline.model.limits import MEDIA_COMMAND_DATAGRAMS_MAX
from keepline.node import mediawire as wire
from keepline.node.secretlink import Reveals, commands_of, heard_of, seen_in
from keepline.node.secretwire import REVEALED_MAGIC
from keepline.node.slots import Slots

OPEN_NUMBER = 1
REASONS = {reason: reason.name.lower() for reason in wire.FinishReason}
log = structlog.get_logger("media")


def _text(call: int) -> str:
    return f"{call:016x}"


def _way(way: fx.MediaWay) -> wire.StreamWay:
    sends, hears = way.direction in ("sendrecv", "sendonly"), way.direction in ("sendrecv", "recvonly")
    return wire.StreamWay(way.networks, way.frame_ms, way.rtcp_mux, sends, hears)


class MediaLink:
    """Sends commands in batches and reads events, for one epoch of the active process."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        slots: Slots,
        link: socket.socket,
        prompts: PromptStore,
        epoch: int,
        feed: Callable[[fx.Input], None],
    ) -> None:
        self._loop = loop
        self._slots = slots
        self._link = link
        self._prompts = prompts
        self.epoch = epoch
        self._feed = feed
        self._commands: list[wire.Command] = []
        self._unsent: deque[bytes] = deque()
        self._has_dropped = False
        self.reveals = Reveals(epoch, self._ask_at_once)
        self._tasks: set[asyncio.Task[None]] = set()

    # Effects --------------------------------------------------------------------------------------------------------

    def commands(self) -> Mapping[type, Callable[[Any], fx.Input | None]]:
        """What each effect of media's makes: commands, and an answer where there is one at once."""
        return {
            fx.OpenMedia: self.open,
            fx.RedirectMedia: self.redirect,
            fx.PlayPrompt: self.play,
            fx.StopPrompt: self.stop_prompt,
            fx.RecordMedia: self.record,
            fx.StopRecording: self.stop_recording,
            fx.BridgeMedia: self.bridge,
            fx.UnbridgeMedia: self.bridge,
            fx.IgnoreTones: self.ignore_tones,
            fx.CloseMedia: self.close,
            fx.InspectMedia: lambda effect: self.inspect(effect.call, effect.slot),
            **dict.fromkeys(get_args(fx.SecretEffect), self.keep_secret),
        }

    def open(self, effect: fx.OpenMedia) -> None:
        dtmf = effect.dtmf_payload_type if effect.dtmf_payload_type >= 0 else None
        self._commands.append(
            wire.Open(
                int(effect.call, 16),
                effect.slot,
                OPEN_NUMBER,
                effect.remote_host,
                effect.remote_port,
                effect.payload_type,
                dtmf,
                effect.ssrc,
                effect.seq,
                effect.ts,
                _way(effect.way),
                round(effect.dead_air_s * 1000),
            )
        )

    def redirect(self, effect: fx.RedirectMedia) -> None:
        """Let the call's stream go on another way."""
        dtmf = effect.dtmf_payload_type if effect.dtmf_payload_type >= 0 else None
        ends = (effect.remote_host, effect.remote_port, effect.payload_type, dtmf)
        self._commands.append(wire.Redirect(int(effect.call, 16), effect.slot, effect.number, *ends, _way(effect.way)))

    def play(self, effect: fx.PlayPrompt) -> None:
        """Play at once where the prompt is on disk; else have it made first, while the caller hears silence."""
        if self._prompts.ready(effect.prompt.key):
            self._play(effect)
            return
        task = self._loop.create_task(self._make_and_play(effect))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _play(self, effect: fx.PlayPrompt) -> None:
        self._commands.append(
            wire.Play(
                int(effect.call, 16),
                effect.slot,
                effect.number,
                effect.prompt.key,
                effect.repeat,
                effect.barge_in,
                effect.digits_seen,
            )
        )

    async def _make_and_play(self, effect: fx.PlayPrompt) -> None:
        try:
            await self._prompts.ensure(effect.prompt)
        except PromptFailed as failure:
            log.warning("prompt_failed", call=effect.call, what=str(failure))
            self._feed(fx.PromptPlayed(effect.call, effect.number, "failed"))
            return
        self._play(effect)
        self.flush()

    def stop_prompt(self, effect: fx.StopPrompt) -> None:
        self._commands.append(wire.StopPlay(int(effect.call, 16), effect.slot, effect.number))

    def keep_secret(self, effect: fx.SecretEffect) -> None:
        """What is to become of private keys; one of an INFO is on its way before the INFO is answered."""
        self._commands += commands_of(effect)
        if isinstance(effect, fx.PassSecretKey):
            self.flush()

    def _ask_at_once(self, requests: list[wire.Reveal]) -> None:
        self._commands += requests
        self.flush()

    def record(self, effect: fx.RecordMedia) -> None:
        """Begin a recording."""
        length_ms = round(effect.length_s_max * 1000)
        self._commands.append(
            wire.Record(
                int(effect.call, 16),
                effect.slot,
                effect.number,
                effect.key,
                length_ms,
                effect.both,
                round(effect.silence_s * 1000),
            )
        )

    def stop_recording(self, effect: fx.StopRecording) -> None:
        """End a recording."""
        self._commands.append(wire.StopRecord(int(effect.call, 16), effect.slot, effect.number, effect.key))

    def bridge(self, effect: fx.BridgeMedia | fx.UnbridgeMedia) -> None:
        """Bridge the call with another, or no longer."""
        mine = (int(effect.call, 16), effect.slot, effect.number)
        if isinstance(effect, fx.BridgeMedia):
            self._commands.append(wire.Bridge(*mine, int(effect.other_call, 16), effect.other_slot))
        else:
            self._commands.append(wire.Unbridge(*mine))

    def ignore_tones(self, effect: fx.IgnoreTones) -> None:
        """The caller's keys do not come in its audio."""
        self._commands.append(wire.Deafen(int(effect.call, 16), effect.slot))

    def close(self, effect: fx.CloseMedia) -> fx.MediaStopped | None:
        """Close the slot; media's answer brings the figures of its call, unless they are wanted at once."""
        call = int(effect.call, 16)
        if not 0 <= effect.slot < self._slots.count:
            return fx.MediaStopped(effect.call)
        self._commands.append(wire.Close(call, effect.slot, effect.number))
        return self._figures(call, effect.slot) if effect.at_once else None

    def _figures(self, call: int, slot: int) -> fx.MediaStopped:
        """What the slot says of a call; zeros where it speaks of another by now."""
        if self._slots.figures_of(slot) != call:
            return fx.MediaStopped(_text(call))
        stats = self._slots.stats(slot)
        return fx.MediaStopped(
            _text(call),
            stats.packets_sent,
            stats.packets_received,
            max(0, stats.lost),
            stats.jitter_ms,
            stats.frame_ms,
            stats.round_trip_ms,
            stats.reports > 0,
            max(0, stats.peer_lost),
            stats.peer_jitter_ms,
            stats.dead_air_s,
            stats.dead_air_at_s,
        )

    def inspect(self, call: str, slot: int) -> fx.MediaSeen | None:
        """What the slot says of the call; None where it is another's."""
        if self._slots.call_of(slot) != int(call, 16):
            return None
        play = self._slots.play_state(slot)
        head, ring = self._slots.digits(slot)
        secret, silent = seen_in(self._slots, int(call, 16), slot), self._slots.line_is_silent(slot)
        reason = REASONS[play.reason] if play.reason else ""
        heard = self._slots.stats(slot).packets_received > 0
        return fx.MediaSeen(call, play.finished, reason, head, ring, secret, silent, heard)

    def close_strangers(self, live: set[str]) -> None:
        """Close the slots of calls that are not live: their end was written, its command was lost."""
        for slot in self._slots.open_slots():
            call = self._slots.call_of(slot)
            if _text(call) not in live:
                self._commands.append(wire.Close(call, slot, 0xFFFFFFFF))
        self.flush()

    # The socket -----------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Send the commands gathered so far; what the kernel does not take waits for it."""
        if not self._commands:
            return
        commands, self._commands = self._commands, []
        datagrams = self._encode(commands)
        if self._unsent:
            self._keep(datagrams)
            return
        for index, datagram in enumerate(datagrams):
            try:
                self._link.send(datagram)
            except (BlockingIOError, InterruptedError):
                self._keep(datagrams[index:])
                self._loop.add_writer(self._link.fileno(), self._send_kept)
                return

    def _encode(self, commands: list[wire.Command]) -> list[bytes]:
        try:
            return wire.encode_commands(self.epoch, commands)
        except LocalError:  # one of them: the others are other calls'
            datagrams = []
            for command in commands:
                try:
                    datagrams += wire.encode_commands(self.epoch, [command])
                except LocalError as error:
                    log.error("media_command_broken", call=_text(command.call), what=str(error))
            return datagrams

    def _keep(self, datagrams: list[bytes]) -> None:
        room = MEDIA_COMMAND_DATAGRAMS_MAX - len(self._unsent)
        if len(datagrams) > room:
            log.warning("media_commands_dropped", datagrams=len(datagrams) - room)
            self._has_dropped = True
        self._unsent.extend(datagrams[:room])

    def _send_kept(self) -> None:
        with contextlib.suppress(BlockingIOError, InterruptedError):
            while self._unsent:
                self._link.send(self._unsent[0])
                self._unsent.popleft()
        if not self._unsent:
            self._loop.remove_writer(self._link.fileno())
            if self._has_dropped:
                # Media hung and is well again, or has a successor: it is told everything anew.
                self._has_dropped = False
                self._feed(fx.MediaRestarted())

    def read(self) -> Iterator[fx.Input]:
        """The inputs that waiting events make."""
        for _ in range(64):
            try:
                data = self._link.recv(wire.DATAGRAM_BYTES_MAX)
            except (BlockingIOError, InterruptedError):
                return
            if not data:
                return
            if data.startswith(REVEALED_MAGIC):
                self.reveals.take(data)
                continue
            _, events = wire.decode_events(data)
            for event in events:
                given = self._input(event)
                if given is not None:
                    yield given

    def _input(self, event: wire.Event) -> fx.Input | None:
        if isinstance(event, wire.PlayFinished):
            return fx.PromptPlayed(_text(event.call), event.number, REASONS[event.reason])
        if isinstance(event, wire.DigitsReceived):
            if self._slots.call_of(event.slot) != event.call:
                return None
            head, ring = self._slots.digits(event.slot)
            return fx.DigitsHeard(_text(event.call), head, ring)
        if isinstance(event, wire.SecretNews):
            return heard_of(self._slots, event) if self._slots.call_of(event.slot) == event.call else None
        if isinstance(event, wire.Closed):
            return self._figures(event.call, event.slot)
        if isinstance(event, wire.RecordingEnded):
            why = event.why.name.lower()
            heard_s = event.heard_ms / 1000
            return fx.RecordingFinished(_text(event.call), event.number, why, event.length_ms / 1000, heard_s)
        if isinstance(event, wire.DeadAir):
            return fx.DeadAirBegan(_text(event.call), event.silent_ms / 1000, event.ever_heard)
        if isinstance(event, wire.AirBack):
            return fx.DeadAirEnded(_text(event.call), event.silent_ms / 1000)
        if isinstance(event, wire.MediaStarted):
            return fx.MediaRestarted()
        return None
