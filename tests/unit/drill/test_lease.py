"""A fault as a lease: whatever happens, it is undone, and it is not undone before its time without a reason."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepline.drill.lease import IGNORED, TABLE, Lease, LeaseEffect, LeaseEvent, LeaseState
from keepline.model.errors import LocalError
from keepline.model.limits_drills import LEASE_S_MAX, UNDO_AGAIN_S

E = LeaseEvent
OUTSIDE = (E.PLANTED, E.NOT_PLANTED, E.ASKED_TO_END, E.HOLDER_GONE)


def standing(expires_s: float = 10.0) -> Lease:
    lease = Lease(expires_s)
    assert lease.step(0.0, E.BEGUN) == [LeaseEffect.PLANT]
    assert lease.step(0.1, E.PLANTED) == []
    assert lease.state is LeaseState.STANDING
    return lease


def test_it_ends_by_itself_and_not_before() -> None:
    lease = standing()
    assert lease.tick(9.9) == []
    assert lease.tick(10.0) == [LeaseEffect.UNDO]
    lease.step(10.1, E.UNDONE)
    assert (lease.state, lease.why, lease.tick(99.0)) == (LeaseState.GONE, "expired", [])


@pytest.mark.parametrize("event", [E.ASKED_TO_END, E.HOLDER_GONE])
def test_it_ends_at_once_when_asked_or_when_its_holder_is_gone(event: LeaseEvent) -> None:
    lease = standing()
    assert lease.step(1.0, event) == [LeaseEffect.UNDO]
    assert lease.step(1.0, event) == []


def test_what_may_have_been_planted_is_undone() -> None:
    lease = Lease(10.0)
    lease.step(0.0, E.BEGUN)
    assert lease.step(0.1, E.NOT_PLANTED) == [LeaseEffect.UNDO]


def test_what_was_never_begun_needs_no_undoing() -> None:
    lease = Lease(10.0)
    assert lease.step(0.0, E.ASKED_TO_END) == []
    assert lease.state is LeaseState.GONE


def test_undoing_is_repeated_until_it_is_done() -> None:
    lease = standing()
    lease.step(1.0, E.ASKED_TO_END)
    for again in range(5):
        now_s = 1.0 + again * UNDO_AGAIN_S
        lease.step(now_s, E.NOT_UNDONE)
        assert lease.tick(now_s + UNDO_AGAIN_S / 2) == []
        assert lease.tick(now_s + UNDO_AGAIN_S) == [LeaseEffect.UNDO]
    lease.step(9.0, E.UNDONE)
    assert (lease.state, lease.tries) == (LeaseState.GONE, 6)


@given(st.lists(st.sampled_from(OUTSIDE), max_size=8), st.integers(0, 5))
def test_whatever_happens_it_is_gone_in_the_end(events: list[LeaseEvent], failures: int) -> None:
    lease, now_s, planted, undone = Lease(10.0), 0.0, False, 0
    lease.step(now_s, E.BEGUN)
    effects: list[LeaseEffect] = []
    for event in events:
        if event is E.PLANTED and lease.state is LeaseState.STANDING:
            continue
        if event is E.NOT_PLANTED and lease.state is LeaseState.STANDING:
            continue
        planted |= event is E.PLANTED
        effects += lease.step(now_s, event)
    for _ in range(40):
        now_s += 1.0
        effects += lease.tick(now_s)
        while effects:
            assert effects.pop(0) is LeaseEffect.UNDO
            undone += 1
            lease.step(now_s, E.NOT_UNDONE if undone <= failures else E.UNDONE)
    assert (lease.state, undone) == (LeaseState.GONE, failures + 1)


@pytest.mark.parametrize("expires_s", [0.0, -1.0, LEASE_S_MAX + 1])
def test_no_fault_stands_for_ever(expires_s: float) -> None:
    with pytest.raises(ValueError, match="at most"):
        Lease(expires_s)


def test_every_pair_is_in_the_table_or_ignored_or_a_mistake_of_ours() -> None:
    assert not set(TABLE) & IGNORED
    for state in LeaseState:
        for event in LeaseEvent:
            if (state, event) in TABLE or (state, event) in IGNORED:
                continue
            with pytest.raises(LocalError, match="cannot be"):
                Lease(1.0, state).step(0.0, event)
