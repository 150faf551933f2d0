"""Several deaths in a row: each successor dies where its predecessor did."""

from keepline.sim.node import SimNode


class Deaths(frozenset[int]):
    """Moments at which the node's processes die: this one, and the next ones before the same boundary."""

    def __new__(cls, _node: SimNode, first: int, _count: int) -> "Deaths":
        return super().__new__(cls, (first,))

    def __init__(self, node: SimNode, first: int, count: int) -> None:
        self._boundaries, self._first, self._left = node.boundaries, first, count
        self._name = ""

    def __contains__(self, moment: object) -> bool:
        assert isinstance(moment, int)
        name = self._boundaries.crash_points[moment]
        if moment == self._first:
            self._name = name
        dies = self._left > 0 and moment >= self._first and name == self._name
        self._left -= dies
        return dies
