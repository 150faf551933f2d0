"""What one process reads from its TCP connections and writes to them: whole messages, each once."""

import asyncio
import socket

import pytest

from keepline.call import effects as fx
from keepline.model import limits
from tests.live.tcp_rig import Holder, connected, listening, message, received, run
from tests.unit.node.node_doubles import until

# Reading --------------------------------------------------------------------------------------------------------------


def test_messages_are_taken_whole_in_order_however_they_come() -> None:
    async def test() -> None:
        with listening() as listener, connected(listener) as caller:
            holder = Holder(listener)
            sent = b"".join(message(number) for number in range(1, 100))
            for piece in (sent[:10], sent[10:90], sent[90:1000], sent[1000:]):
                await holder.loop.sock_sendall(caller, piece)
                await asyncio.sleep(0)
            await until(lambda: len(holder.messages()) == 99)
            assert b"".join(holder.messages()) == sent
            assert holder.peer()[:2] == caller.getsockname()
            holder.close()

    run(test())


def test_a_message_is_consumed_only_after_its_input_is_written() -> None:
    async def test() -> None:
        with listening() as listener, connected(listener) as caller:
            holder = Holder(listener)
            holder.writes_at_once = False
            await holder.loop.sock_sendall(caller, message(1))
            await until(lambda: holder.messages() == [message(1)])
            await holder.loop.sock_sendall(caller, message(2) + message(3)[:20])
            for _ in range(50):
                await asyncio.sleep(0)
            assert holder.messages() == [message(1)]
            holder.die()  # nothing of it was written
            successor = Holder(listener)
            successor.streams.take_over(holder.held)
            await until(lambda: successor.messages() == [message(1), message(2)])
            await holder.loop.sock_sendall(caller, message(3)[20:])
            await until(lambda: len(successor.messages()) == 3)
            assert successor.messages()[2] == message(3)
            successor.die()

    run(test())


def test_stream_messages_per_turn_max_lets_others_have_their_turn() -> None:
    async def test() -> None:
        with listening() as listener, connected(listener) as busy, connected(listener) as other:
            holder = Holder(listener)
            holder.writes_at_once = False
            await holder.loop.sock_sendall(busy, message(1) * (limits.STREAM_MESSAGES_PER_TURN_MAX + 5))
            await until(lambda: len(holder.messages()) == limits.STREAM_MESSAGES_PER_TURN_MAX)
            await holder.loop.sock_sendall(other, message(2))
            await until(lambda: message(2) in holder.messages())
            holder.write()
            await until(lambda: len(holder.messages()) == limits.STREAM_MESSAGES_PER_TURN_MAX + 6)
            holder.close()

    run(test())


def test_rfc5626_3_5_1_a_ping_is_answered_with_a_pong_and_is_no_message() -> None:
    async def test() -> None:
        with listening() as listener, connected(listener) as caller:
            holder = Holder(listener)
            await holder.loop.sock_sendall(caller, b"\r\n\r\n")
            assert await received(caller, 2) == b"\r\n"
            await holder.loop.sock_sendall(caller, message())
            await until(lambda: holder.messages() == [message()])
            assert len(holder.inputs) == 1
            holder.close()

    run(test())


def test_what_cannot_be_taken_apart_is_told_once_and_closed_when_the_core_says_so() -> None:
    async def test() -> None:
        with listening() as listener, connected(listener) as caller:
            holder = Holder(listener)
            await holder.loop.sock_sendall(caller, message() + b"OPTIONS sip:a@b SIP/2.0\r\n\r\nnobody knows" * 100)
            await until(lambda: holder.of(fx.StreamBroken))
            assert holder.messages() == [message()]
            holder.streams.send(b"SIP/2.0 400 Bad Request", holder.peer())
            holder.streams.close(holder.peer())
            assert await received(caller, 1000) == b"SIP/2.0 400 Bad Request"
            caller.close()
            await until(lambda: len(holder.streams) == 0)
            assert len(holder.of(fx.StreamBroken)) == 1
            holder.close()

    run(test())


@pytest.mark.parametrize("rest", [b"", message()[:30]])
def test_a_connection_that_ends_is_told_even_in_the_midst_of_a_message(rest: bytes) -> None:
    async def test() -> None:
        with listening() as listener, connected(listener) as caller:
            holder = Holder(listener)
            await holder.loop.sock_sendall(caller, message() + rest)
            await until(lambda: holder.messages() == [message()])
            caller.close()
            await until(lambda: holder.of(fx.ConnectionLost))
            assert holder.of(fx.ConnectionLost)[0].peer == holder.peer()
            assert len(holder.streams) == 0
            holder.close()

    run(test())


# Writing --------------------------------------------------------------------------------------------------------------


def test_what_a_peer_has_no_room_for_is_sent_later_in_order_and_whole() -> None:
    async def test() -> None:
        with listening() as listener, connected(listener) as caller:
            holder = Holder(listener)
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)
            await holder.loop.sock_sendall(caller, message())
            await until(lambda: holder.messages())
            [stream] = holder.streams._streams
            stream.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            sent = [b"%d" % (number % 10) * 9000 for number in range(20)]
            for data in sent:
                holder.streams.send(data, holder.peer())
            assert stream.unsent_bytes > 0
            assert stream.was_cut_short  # and so it would be closed if this process died now
            assert await received(caller, 180_000) == b"".join(sent)
            assert stream.unsent_bytes == 0
            assert not stream.was_cut_short
            holder.close()

    run(test())


def test_stream_unsent_bytes_max_ends_a_connection_whose_peer_does_not_read() -> None:
    async def test() -> None:
        with listening() as listener, connected(listener) as caller:
            holder = Holder(listener)
            await holder.loop.sock_sendall(caller, message())
            await until(lambda: holder.messages())
            for _ in range(10_000):
                holder.streams.send(b"x" * 20_000, holder.peer())
                if not len(holder.streams):
                    break
            await until(lambda: holder.of(fx.ConnectionLost))
            lost = holder.of(fx.SendFailed)
            assert (
                limits.STREAM_UNSENT_BYTES_MAX
                < sum(len(each.data) for each in lost)
                < 2 * limits.STREAM_UNSENT_BYTES_MAX
            )
            assert "unread" in lost[0].why
            holder.close()

    run(test())
