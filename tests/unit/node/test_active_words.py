"""What reaches the active calls process from another thread, and what leaves it without waiting for anybody."""

import threading

from keepline.call import effects as fx
from keepline.node.journal import Written
from tests.unit.node.journal_facts import pressed, received
from tests.unit.node.node_doubles import PEER, rig, until
from tests.unit.node.test_active import CALL, run, send, serving


def test_words_of_the_journal_that_come_together_are_heeded_together_and_in_order() -> None:
    async def test() -> None:
        with rig() as made:
            made.start()
            for number in range(1, 4):
                made.core.answer = lambda given, n=number: [fx.Persist(pressed(CALL, n)), send(b"%d" % n)]
                made.active.feed(fx.TimeCame())
            threads = [
                threading.Thread(target=made.active.hear_written, args=(Written(number),)) for number in range(1, 4)
            ]
            for thread in threads:
                thread.start()
                thread.join()
            assert made.sip.sent == []
            await until(lambda: len(made.sip.sent) == 3)
            assert [data for data, _ in made.sip.sent] == [b"1", b"2", b"3"]
            made.active.hear_written(Written(0))
            await until(lambda: not made.active._words)

    run(test())


def test_a_stateless_answer_waits_for_nobodys_facts() -> None:
    async def test() -> None:
        with rig() as made:
            serving(made, fx.Persist(received(CALL)), send(b"200"), fx.SendSipAtOnce(b"503", PEER))
            made.active.feed(fx.TimeCame())
            assert [data for data, _ in made.sip.sent] == [b"503"]
            made.written(1)
            assert [data for data, _ in made.sip.sent] == [b"503", b"200"]

    run(test())
