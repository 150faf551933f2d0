"""Flows without a caller that random worlds run: changes, waits, children, events and a call, each of them once."""

from keepline.flow import Run, flow


@flow
async def fulfilling(run: Run) -> str:
    """Ask, change, wait, change again."""
    await run.use("office.find", number="1")
    change = f"office.{run.variables['change']}"
    first = await run.use(change, number="1")
    await run.wait(float(run.variables["wait_s"]))
    second = await run.use(change, number="2")
    await run.outcome("sent", first=first.ok, second=second.ok)
    return "sent"


@flow
async def gathering(run: Run) -> int:
    """Three children, two of them under one key, and what they come to."""
    started = [await run.start("waiting", seconds=each) for each in (1, 9)]
    started += [await run.start("waiting", key=f"{run.id}", seconds=each) for each in (3, 4)]
    ended = [await run.join(each) for each in started]
    return sum(each.value for each in ended)


@flow
async def waiting(run: Run) -> int:
    """A child that takes its time."""
    await run.wait(float(run.variables["seconds"]))
    return int(run.variables["seconds"])


@flow
async def listening(run: Run) -> str:
    """Two events: one that is told, and one that may not be."""
    first = await run.wait_for("paid", run.variables["order"], timeout_s=40.0)
    second = await run.wait_for("sent", run.variables["order"], timeout_s=15.0)
    return f"{first.ok} {second.ok}"


@flow
async def calling_back(run: Run) -> str:
    """A call of ours, again where nobody answers."""
    for _ in range(2):
        called = await run.call_out("+18005550112", "returning")
        if called.ok:
            return "talked"
        await run.wait(5.0)
    return "nobody"


RUN_FLOWS = {each.__name__: each for each in (fulfilling, gathering, waiting, listening, calling_back)}
