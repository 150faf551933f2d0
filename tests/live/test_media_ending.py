"""The end of a call's media: figures that are complete, an answer that cannot be lost."""

from pathlib import Path

from keepline.node.mediawire import Close, Closed, Open, encode_commands
from tests.live.media_rig import Rig, until

CLOSE_NUMBER = 0xFFFFFFFF


def test_closed_tells_that_the_figures_are_final(tmp_path: Path) -> None:
    with Rig(tmp_path).start() as rig:
        phone = rig.phone()
        rig.open(phone)
        for _ in range(10):
            phone.send(rig.ports[0])
        phone.hear(3)
        rig.send(Close(1, 0, CLOSE_NUMBER))
        assert rig.wait(Closed) == Closed(1, 0, CLOSE_NUMBER)
        stats = rig.slots.stats(0)
        phone.drain()
        assert (rig.slots.call_of(0), rig.slots.figures_of(0)) == (0, 1)
        assert stats.packets_sent == len(phone.packets)
        assert stats.packets_received == 10


def test_what_is_still_queued_counts_and_so_do_its_digits(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        phone = rig.phone()
        opening = Open(1, 0, 1, phone.host, phone.port, 0, 101, 1, 1, 1)
        rig.start()
        rig.open(phone)
        phone.send(rig.ports[0])
        until(lambda: rig.slots.stats(0).packets_received, lambda count: count == 1)
        rig.kill()
        for _ in range(50):
            phone.send(rig.ports[0])
        rig.send(Close(1, 0, CLOSE_NUMBER))
        rig.start()
        rig.wait(Closed)
        assert rig.slots.stats(0).packets_received == 51
        assert rig.slots.stats(0).lost == 0
        rig.send(opening)  # the same call again: a slot is free once it is closed, whoever asks
        until(lambda: rig.slots.call_of(0), lambda call: call == 1)


def test_a_close_of_a_call_that_is_not_there_is_answered_all_the_same(tmp_path: Path) -> None:
    with Rig(tmp_path).start() as rig:
        rig.open(rig.phone())
        rig.send(Close(2, 0, CLOSE_NUMBER), Close(3, 1, CLOSE_NUMBER))
        assert rig.wait(Closed) == Closed(2, 0, CLOSE_NUMBER)
        assert rig.wait(Closed) == Closed(3, 1, CLOSE_NUMBER)
        assert rig.slots.call_of(0) == 1
        assert rig.slots.figures_of(1) == 0


def test_a_successor_answers_for_a_dead_process(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        phone = rig.phone()
        rig.send(Open(1, 0, 1, phone.host, phone.port, 0, 101, 5, 5, 5), Close(1, 0, CLOSE_NUMBER))
        rig.start()
        assert rig.wait(Closed) == Closed(1, 0, CLOSE_NUMBER)
        rig.kill()
        rig.send(Close(1, 0, CLOSE_NUMBER))
        rig.start()
        assert rig.wait(Closed) == Closed(1, 0, CLOSE_NUMBER)
        assert (rig.slots.call_of(0), rig.slots.figures_of(0)) == (0, 1)


def test_a_close_of_an_older_epoch_is_refused(tmp_path: Path) -> None:
    with Rig(tmp_path).start() as rig:
        rig.open(rig.phone())
        rig.slots.calls_epoch = 5
        rig.commands.send(encode_commands(4, [Close(1, 0, CLOSE_NUMBER)])[0])
        rig.commands.send(encode_commands(5, [Close(9, 1, CLOSE_NUMBER)])[0])
        assert rig.wait(Closed).call == 9
        assert rig.slots.call_of(0) == 1
