"""Epochs: each process that becomes active begins one, and whoever belongs to an older one is refused.

The lock lets one process at a time be active. The epoch is what stops one that was so no longer and does not know it:
it was stopped, or its lock was lost with the lock's file. Journal, media and the process itself ask here.
"""


def next_epoch(on_disk: int, in_memory: int) -> int:
    """The epoch of a process that becomes active: above all that the journal and media's memory have seen.

    Either may lag: a full disk takes no epoch, and memory is new after all processes died.
    """
    return max(on_disk, in_memory) + 1


def is_over(epoch: int, newest: int) -> bool:
    """Whether what is of `epoch` is refused because a newer one has begun."""
    return newest > epoch
