"""TCP connections of one process: accepted, made, held, handed over, closed, each within its limits."""

import asyncio
import os
import socket

import pytest

from keepline.call import effects as fx
from keepline.model import limits
from keepline.node.streams import overdue
from keepline.node.tcp_stream import TcpStream
from keepline.sip.peers import TcpPeer
from tests.live.tcp_rig import Holder, connected, listening, message, received, run
from tests.unit.node.node_doubles import until

# New ones -------------------------------------------------------------------------------------------------------------


def test_a_connection_is_made_for_who_has_none_and_serves_again() -> None:
    async def test() -> None:
        with listening() as listener, listening() as proxy:
            holder = Holder(listener)
            holder.streams.end_handover()
            proxy.setblocking(False)
            target = TcpPeer(*proxy.getsockname())
            for data in (b"one", b"two"):
                holder.streams.send(data, target)
            ours, _ = await holder.loop.sock_accept(proxy)
            assert await received(ours, 6) == b"onetwo"
            holder.streams.send(b"three", TcpPeer("127.0.0.1", 1, back=proxy.getsockname()))
            assert await received(ours, 5) == b"three"
            assert len(holder.held) == 1
            await holder.loop.sock_sendall(ours, message())
            await until(lambda: holder.messages() == [message()])
            assert holder.peer()[:2] == proxy.getsockname()
            ours.close()
            holder.close()

    run(test())


def test_rfc3261_18_4_what_nobody_listens_for_comes_back() -> None:
    async def test() -> None:
        with listening() as listener, socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            holder = Holder(listener)
            holder.streams.end_handover()
            peer = TcpPeer(*bound.getsockname())
            for data in (b"one", b"two"):
                holder.streams.send(data, peer)
            await until(lambda: holder.of(fx.ConnectionLost))
            assert [each.data for each in holder.of(fx.SendFailed)] == [b"one", b"two"]
            for host in ("not-an-address", "256.1.1.1"):
                holder.streams.send(b"three", TcpPeer(host, 5060))
            await until(lambda: len(holder.of(fx.SendFailed)) == 4)
            assert len(holder.streams) == 0
            holder.close()

    run(test())


def test_stream_connect_s_max_is_how_long_a_connection_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STREAM_CONNECT_S_MAX", 0.05)

    async def test() -> None:
        with (
            listening() as listener,
            socket.create_server(("127.0.0.1", 0), backlog=0) as full,
            connected(full),
            socket.socket() as waiting,
        ):
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())  # no room for it: its SYN goes unheard, and so will ours
            holder = Holder(listener)
            holder.streams.end_handover()
            holder.streams.send(b"one", TcpPeer(*full.getsockname()))
            await until(lambda: holder.of(fx.SendFailed))
            assert "no connection within" in holder.of(fx.SendFailed)[0].why
            holder.close()

    run(test())


def test_stream_accepts_per_turn_max_is_no_end() -> None:
    async def test() -> None:
        with listening() as listener:
            holder = Holder(listener)
            callers = [connected(listener) for _ in range(limits.STREAM_ACCEPTS_PER_TURN_MAX + 3)]
            holder.streams._accept(listener)
            assert len(holder.streams) == limits.STREAM_ACCEPTS_PER_TURN_MAX
            await until(lambda: len(holder.streams) == len(callers))
            for caller in callers:
                caller.close()
            await until(lambda: len(holder.streams) == 0)
            holder.close()

    run(test())


def test_strangers_are_closed_as_they_come_where_they_are_ignored_and_it_is_said_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def test() -> None:
        with listening() as listener:
            holder = Holder(listener)
            holder.door.is_known, holder.door.answers_strangers = False, False
            for _ in range(20):
                with connected(listener) as stranger:
                    assert await received(stranger, 1) == b""
            holder.streams.sweep()
            assert len(holder.streams) == 0
            holder.close()

    run(test())
    said = capsys.readouterr()
    assert (said.out + said.err).count("tcp_refused") == 1


def test_a_stranger_that_is_refused_has_few_connections_for_a_short_time() -> None:
    async def test() -> None:
        with listening() as listener:
            holder = Holder(listener)
            holder.door.is_known = False
            strangers = [connected(listener) for _ in range(limits.STRANGER_STREAMS_PER_SOURCE_MAX + 1)]
            assert await received(strangers[-1], 1) == b""
            assert len(holder.streams) == limits.STRANGER_STREAMS_PER_SOURCE_MAX
            holder.now_s += limits.STRANGER_STREAM_S_MAX + 1
            holder.streams.sweep()
            assert len(holder.streams) == 0
            for stranger in strangers:
                stranger.close()
            holder.close()

    run(test())


def test_a_stranger_that_left_is_not_run_after() -> None:
    async def test() -> None:
        with listening() as listener, listening() as stranger:
            stranger.setblocking(False)
            holder = Holder(listener)
            holder.door.is_known = False
            holder.streams.end_handover()
            host, port = stranger.getsockname()
            holder.streams.send(b"SIP/2.0 403 Forbidden", TcpPeer(host, 1, back=(host, port)))
            await until(lambda: holder.of(fx.SendFailed))
            with pytest.raises(BlockingIOError):
                stranger.accept()
            holder.close()

    run(test())


def test_a_stranger_that_has_proved_to_be_a_user_keeps_its_connection() -> None:
    async def test() -> None:
        with listening() as listener, connected(listener) as user:
            holder = Holder(listener)
            holder.door.is_known = False
            await holder.loop.sock_sendall(user, message())
            await until(lambda: holder.messages())
            holder.door.is_known = True
            holder.streams.sweep()
            holder.door.is_known = False  # it is long ago; what came by it goes on
            holder.now_s += limits.STRANGER_STREAM_S_MAX + 1
            holder.streams.sweep()
            assert len(holder.streams) == 1
            holder.close()

    run(test())


# A successor ----------------------------------------------------------------------------------------------------------


def test_a_successor_goes_on_with_every_connection_and_closes_one_that_was_left_in_the_midst_of_a_message(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def test() -> None:
        with listening() as listener, connected(listener) as well, connected(listener) as cut:
            holder = Holder(listener)
            cut.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)
            await holder.loop.sock_sendall(well, message(1))
            await until(lambda: len(holder.messages()) == 1)
            well_peer = holder.peer()
            await holder.loop.sock_sendall(cut, message(2))
            await until(lambda: len(holder.messages()) == 2)
            cut_peer = holder.of(fx.MessageReceived)[1].source
            while not any(stream.unsent_bytes for stream in holder.streams._streams):
                holder.streams.send(b"x" * 50_000, cut_peer)
            holder.die()

            successor = Holder(listener)
            successor.streams.send(b"for the one", well_peer)  # before it has the connection: it waits for it
            successor.streams.take_over(holder.held)
            successor.streams.end_handover()
            assert await received(well, 11) == b"for the one"
            assert len(successor.streams) == 1
            while await received(cut, 1):
                pass  # what had left before, and then its end
            successor.die()

    run(test())
    said = capsys.readouterr()
    assert "tcp_cut_short" in said.out + said.err


def test_stream_handover_s_max_is_how_long_messages_wait_for_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STREAM_HANDOVER_S_MAX", 0.05)

    async def test() -> None:
        with listening() as listener, listening() as proxy:
            proxy.setblocking(False)
            holder = Holder(listener)
            holder.streams.send(b"one", TcpPeer(*proxy.getsockname()))
            ours, _ = await holder.loop.sock_accept(proxy)
            assert await received(ours, 3) == b"one"
            ours.close()
            holder.close()

    run(test())


def test_a_connection_that_could_not_be_held_at_once_is_held_later() -> None:
    async def test() -> None:
        with listening() as listener, connected(listener) as caller:
            holder = Holder(listener)
            holder.has_time_to_hold = False
            await holder.loop.sock_sendall(caller, message())
            await until(lambda: holder.messages())
            assert holder.held == []
            holder.has_time_to_hold = True
            holder.streams.sweep()
            holder.streams.sweep()
            assert len(holder.held) == 1
            duplicates = holder.streams.duplicates()
            assert len(duplicates) == 1
            for each in duplicates:
                os.close(each)
            holder.close()

    run(test())


# Time -----------------------------------------------------------------------------------------------------------------


def test_connections_have_their_time() -> None:
    with socket.socket() as sock:
        stream = TcpStream(sock, TcpPeer("192.0.2.1", 1), 100.0, is_known=True)
        assert overdue(stream, 100.0 + limits.STREAM_IDLE_S_MAX) == ""
        assert "idle" in overdue(stream, 101.0 + limits.STREAM_IDLE_S_MAX)
        stream.unfinished_s = 100.0
        assert overdue(stream, 100.0 + limits.STREAM_MESSAGE_S_MAX) == ""
        assert "whole" in overdue(stream, 101.0 + limits.STREAM_MESSAGE_S_MAX)
        stranger = TcpStream(sock, TcpPeer("192.0.2.1", 1), 100.0, is_known=False)
        assert overdue(stranger, 100.0 + limits.STRANGER_STREAM_S_MAX) == ""
        assert "stranger" in overdue(stranger, 101.0 + limits.STRANGER_STREAM_S_MAX)


def test_stream_message_s_max_counts_from_a_messages_first_byte() -> None:
    async def test() -> None:
        with listening() as listener, connected(listener) as caller:
            holder = Holder(listener)
            await holder.loop.sock_sendall(caller, message(1) + message(2)[:30])
            await until(lambda: holder.messages())
            [stream] = holder.streams._streams
            assert stream.unfinished_s == 1000.0
            holder.now_s += limits.STREAM_MESSAGE_S_MAX
            await holder.loop.sock_sendall(caller, message(2)[30:40])
            await asyncio.sleep(0)
            holder.streams.sweep()
            assert len(holder.streams) == 1
            await holder.loop.sock_sendall(caller, message(2)[40:])
            await until(lambda: len(holder.messages()) == 2)
            assert stream.unfinished_s is None
            await holder.loop.sock_sendall(caller, message(3)[:30])
            await until(lambda: stream.unfinished_s is not None)
            holder.now_s += limits.STREAM_MESSAGE_S_MAX + 1
            holder.streams.sweep()
            assert len(holder.streams) == 0
            holder.close()

    run(test())
