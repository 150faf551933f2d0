"""4: sales. Three questions make a lead, and a message tells more of it."""

from flows.people import take_message
from flows.promises import apologise, number_of
from keepline.flow import Call, Promised

INTERESTS = {"1": "kitchen", "2": "living room", "3": "bedroom", "4": "something else"}
BUDGETS_CENTS = {"1": "50000", "2": "200000", "3": "500000"}
TIMEFRAMES = {"1": "now", "2": "this_month", "3": "later"}


async def qualify(call: Call) -> None:
    """Find out what somebody wants, how soon and for how much."""
    # Who does not answer a question is a lead all the same: the answer is a `Failure` then, and false.
    interest = await call.ask_choice(INTERESTS, prompt="ask_interest", retries=1) or "not told"
    budget_cents = await call.ask_choice(BUDGETS_CENTS, prompt="ask_budget", retries=1)
    timeframe = await call.ask_choice(TIMEFRAMES, prompt="ask_timeframe", retries=1)
    # Kept before the message: many a caller hangs up at the end of one, and then nothing more is asked of anybody.
    lead = await call.use(
        "leads.add", prompt="hold", phone=number_of(call) or "withheld", interest=interest,
        budget_cents=int(budget_cents) if budget_cents else None, timeframe=timeframe or None,
    )  # fmt: skip
    if isinstance(lead, Promised):
        await call.outcome("lead", noted=lead.id)
        await take_message(call, "sales", f"about what is noted as {lead.id}")
        await call.say(prompt="lead_noted")
        return
    if not lead.ok:
        await apologise(call, "sales", f"wants to buy: {interest}", lead)
        return
    await call.outcome("lead", lead=lead.id, score=lead.score)
    await take_message(call, "sales", f"about lead {lead.id}")
    await call.say(prompt="lead_thanks")
