"""Secrets in a test of a flow: keys are pressed as into any question, and nothing but the use has them."""

from keepline.flow import Call, Reply, flow
from keepline.testing import FlowTester

CARD, CODE = "5893018254760292", "847"


@flow
async def pay(call: Call) -> None:
    """Take a card and its code."""
    card = await call.ask_secret_digits("Your card?", count=16, check="luhn", on_invalid="No such card.")
    code = await call.ask_secret_digits("Its code?", count=3)
    await call.say(f"{card} {code}")
    paid = await call.use("gateway.charge", card=card, code=code)
    await call.say("Thank you." if paid.ok else "Sorry.")
    await call.hangup()


def test_a_card_is_taken() -> None:
    with FlowTester(pay) as tester:
        tester.answers("gateway.charge", Reply({}), changes=True)
        call = tester.call()
        call.hears("Your card?")
        call.presses(CARD[:-1] + "3")
        call.hears("No such card.")
        call.hears("Your card?")
        call.presses(CARD[:8])
        tester.crash()
        call.presses(CARD[8:])
        call.hears("Its code?")
        call.presses(CODE)
        call.hears("Secret(16 digits) Secret(3 digits)")
        call.hears("Thank you.")
        call.ends()
        assert tester.asked("gateway.charge") == [{"card": CARD, "code": CODE}]
        assert [step.result for step in call.steps[:2]] == ["16 digits", "3 digits"]
        assert CARD[:6] not in str(call.record)


def test_what_dies_with_media_is_asked_for_again() -> None:
    with FlowTester(pay) as tester:
        tester.answers("gateway.charge", Reply({}), changes=True)
        call = tester.call()
        call.hears("Your card?")
        call.presses(CARD)
        call.hears("Its code?")
        call.presses(CODE)
        call.hears("Secret(16 digits)")
        tester.crash_media()
        call.hears("Your card?")
        call.presses(CARD)
        call.hears("Its code?")
        call.presses(CODE)
        call.hears("Thank you.")
        call.ends()
        assert tester.asked("gateway.charge") == [{"card": CARD, "code": CODE}]
