"""The operation that tests of the call core run: every kind of flow that a call can meet, on a number of its own."""

from keepline.call.turn import Identity, Program
from keepline.flow import Call, HungUp, StepFailedError, flow
from keepline.model.capability import Capability, CapabilityAction, CapabilityPath, HttpService
from keepline.model.operation import (
    EVERYBODY,
    FlowReference,
    HostPort,
    MediaSettings,
    NodeSettings,
    Number,
    Operation,
    OutboundPolicy,
    Prompt,
    SipSettings,
    Trunk,
    TrunkOutbound,
)
from keepline.sip.transaction import Timers
from tests.sim.run_flows import RUN_FLOWS

IDENTITY = Identity(HostPort("203.0.113.5", 5060), "203.0.113.5", "Keepline/test", Timers())
RTP_PORTS = [40000, 40002, 40004, 40006]


@flow
async def greeting(call: Call) -> None:
    """A long prompt that any digit interrupts, a short one, and a BYE."""
    await call.ask_digits(prompt="welcome", count=1, timeout_s=0.0)
    await call.say(prompt="goodbye")
    await call.hangup()


@flow
async def hold(call: Call) -> None:
    """Listen until the caller hangs up."""
    while True:
        await call.ask_digits(count=1, timeout_s=None)


@flow
async def endless(call: Call) -> None:
    """Play until the caller hangs up."""
    await call.say(prompt="music", repeat=True)


@flow
async def keyed(call: Call) -> None:
    """Ask for four digits and read them back."""
    digits = await call.ask_digits("Four digits, please.", count=4, timeout_s=5.0, between_s=3.0)
    await call.say(f"You keyed {digits or 'nothing'}.")
    await call.hangup()


@flow
async def menu(call: Call) -> None:
    """A prompt that is not interrupted, then two questions; keys pressed early count."""
    await call.say(prompt="goodbye")
    first = await call.ask_digits(prompt="welcome", count=1)
    second = await call.ask_digits("And now?", count=2)
    await call.say(f"{first} and {second}")
    await call.hangup()


@flow
async def returning(call: Call) -> None:
    """End without a hang-up."""
    await call.say(prompt="goodbye")


@flow
async def raising(call: Call) -> None:
    """Make a mistake."""
    await call.say(prompt="goodbye")
    raise ValueError("a mistake of the author's")


@flow
async def thorough(call: Call) -> None:
    """Do what is left to do when the caller is gone."""
    try:
        await call.ask_digits(prompt="welcome", count=1)
    except HungUp:
        await call.hangup()
    await call.hangup()


@flow
async def deaf(call: Call) -> None:
    """Take no hang-up for an answer."""
    while True:
        try:
            await call.say(prompt="goodbye")
        except HungUp:
            continue


@flow
async def wanting(call: Call) -> None:
    """Ask for a prompt that is not there, and make do without."""
    try:
        await call.say(prompt="nowhere")
    except StepFailedError:
        await call.say(prompt="goodbye")
    await call.hangup()


@flow
async def hasty(call: Call) -> None:
    """Go round in circles without waiting for anybody."""
    while True:
        await call.ask_digits(timeout_s=0)


@flow
async def brittle(call: Call) -> None:
    """Speak German, and make a mistake."""
    call.language = "de"
    await call.say(prompt="goodbye")
    raise ValueError("a mistake of the author's")


@flow
async def desk(call: Call) -> None:
    """A menu, digits that are read back, a pause and a note: whatever can be asked again."""
    what = await call.ask_choice(
        {"1": "orders", "2": "sales"}, "Orders: 1. Sales: 2.", on_invalid="That is no choice.", timeout_s=4.0
    )
    if not what:
        await call.outcome("lost", reason=what.reason)
        await call.hangup()
        return
    number = await call.ask_digits("Its number?", count=3, min_count=3, confirm=True, timeout_s=4.0)
    await call.wait(1.5)
    await call.log("asked", number=number, attempts=number.attempts)
    sure = await call.ask_yes_no(prompt="goodbye", retries=1)
    await call.say("{what}, {number:digits}.", what=what, number=number or "0")
    await call.outcome("done", sure=bool(sure), reason=number.reason)
    await call.hangup()


@flow
async def voicemail(call: Call) -> None:
    """Record a message, once more where it is too short, and ask about it."""
    message = await call.record_message(
        prompt="goodbye", length_s_max=20, silence_s=2.0, retries=1, on_invalid="That was too short."
    )
    await call.outcome("message" if message else "none", reason=message.reason, attempts=message.attempts)
    sure = await call.ask_digits("Send it? Press 1.", timeout_s=4.0)
    await call.say(f"You keyed {sure or 'nothing'}.")
    await call.hangup()


@flow
async def handing_over(call: Call) -> None:
    """Transfer the caller; where that fails, say why and end."""
    result = await call.transfer("+18005550111", timeout_s=20.0)
    if not result:
        await call.outcome("kept", reason=result.reason, status=result.status)
        await call.say(prompt="goodbye")
        await call.hangup()
        return
    await call.outcome("transferred")


@flow
async def connecting(call: Call) -> None:
    """Let the caller talk to somebody else, say what came of it, and ask for a key that was pressed after it."""
    result = await call.connect("+18005550111", timeout_s=6.0)
    if result:
        await call.outcome("talked", by=result.ended_by)
    else:
        await call.outcome("not_connected", reason=result.reason, status=result.status)
    key = await call.ask_digits(prompt="goodbye", count=1, timeout_s=2.0)
    await call.say(f"You keyed {key or 'nothing'}.")
    await call.hangup()


@flow
async def watchful(call: Call) -> None:
    """Wait for a key for ever, as long as the line is alive; ask twice on the way."""
    asked = await call.ask_digits("Press any key.", timeout_s=4.0, retries=2)
    await call.log("asked", reason=asked.reason, attempts=asked.attempts, silent=call.is_silent)
    key = await call.ask_digits(timeout_s=None)
    await call.log("heard", reason=key.reason, silent=call.is_silent)
    await call.say(f"You keyed {key or 'nothing'}.")
    await call.outcome("done", silent=call.is_silent)
    await call.hangup()


@flow
async def paying(call: Call) -> None:
    """Take a card and charge it, by what may be asked twice or by what can be looked up."""
    card = await call.ask_secret_digits("Your card?", count=16, check="luhn", timeout_s=4.0)
    if not card:
        await call.say(f"{card}.")
    elif call.to_number == "8000":
        await call.say(f"{type(await call.use('office.charge', prompt='music', card=card)).__name__}.")
    else:
        await call.say(f"{type(await call.use('office.send', prompt='music', card=card)).__name__}.")
    await call.hangup()


@flow
async def curt(call: Call) -> None:
    """Hang up at once: before the ACK has come."""
    await call.hangup()


FLOWS = {
    each.__name__: each
    for each in (
        greeting,
        hold,
        endless,
        keyed,
        menu,
        returning,
        raising,
        thorough,
        deaf,
        wanting,
        hasty,
        curt,
        desk,
        voicemail,
        watchful,
        brittle,
        handing_over,
        connecting,
        paying,
    )
}
FLOWS["fragile"] = brittle
FLOWS |= RUN_FLOWS
NUMBERS = {
    "1000": Number("greeting"),
    "1001": Number("greeting", ring_s=3.0),
    "2000": Number("hold"),
    "3000": Number("endless"),
    "4000": Number("keyed"),
    "5000": Number("menu"),
    "6000": Number("returning"),
    "6001": Number("raising"),
    "6002": Number("thorough"),
    "6003": Number("deaf"),
    "6004": Number("wanting"),
    "6005": Number("curt"),
    "6006": Number("hasty"),
    "6007": Number("handing_over"),
    "6008": Number("connecting"),
    "7000": Number("desk"),
    "7010": Number("voicemail"),
    "7020": Number("watchful"),
    "7001": Number("brittle"),
    "7002": Number("fragile"),
    "8000": Number("paying"),
    "8001": Number("paying"),
}
PENDING_S = 120.0
"""Until a doubt is work for a person."""
CAPABILITY = Capability(
    "office",
    (
        CapabilityPath(
            "first",
            HttpService("http://office.invalid", {}),
            {
                "find": CapabilityAction(timeout_s=2.0),
                "charge": CapabilityAction(timeout_s=2.0, changes=True, idempotent=True, pending_s=PENDING_S),
                "send": CapabilityAction(timeout_s=2.0, changes=True, lookup="find", pending_s=PENDING_S),
            },
        ),
    ),
)
FALLBACKS = {"brittle": "desk", "fragile": "raising"}
PROMPTS = {
    "welcome": Prompt(text="Welcome.", length_s=8.0),
    "goodbye": Prompt(text="Goodbye.", length_s=3.0),
    "music": Prompt(text="La la la.", length_s=10.0),
}


def operation(digest: str = "a1", calls_max: int = 100) -> Operation:
    """The operation under a digest; every version of it is the same."""
    return Operation(
        name="test",
        directory="",
        digest=digest,
        sip=SipSettings(IDENTITY.sip, calls_max),
        media=MediaSettings(),
        http=HostPort("127.0.0.1", 8080),
        node=NodeSettings(),
        trunks=(
            Trunk(
                "carrier",
                ("192.0.2.0/24", "2001:db8::/32"),
                outbound=TrunkOutbound("192.0.2.253", 5060),
                accepts_refer=True,
            ),
        ),
        numbers=NUMBERS,
        flows={name: FlowReference("flows", name, FALLBACKS.get(name, "")) for name in FLOWS},
        prompts=PROMPTS,
        outbound=OutboundPolicy((EVERYBODY,)),
        capabilities={"office": CAPABILITY},
    )


def program(digest: str = "a1", calls_max: int = 100) -> Program:
    """The operation, ready to run."""
    return Program(operation(digest, calls_max), FLOWS)
