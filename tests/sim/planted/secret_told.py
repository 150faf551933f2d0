"""Somebody left a line in that reports what is keyed, for debugging."""

from keepline.call.effects import Address, Report
from tests.sim.random_worlds import random_scene
from tests.sim.scenes import Scene

WITHIN_SEEDS = 10


def plant(seed: int) -> Scene:
    """The world of a seed with this bug in it."""
    scene = random_scene(seed)
    media, reports = scene.node.media, scene.node.log.reports
    press = media.press

    def tell(rtp: Address, key: str) -> None:
        press(rtp, key)
        reports.extend(Report("keyed", call, keyed) for call, keyed in media.log.keyed_in_private.items())

    media.press = tell  # type: ignore[method-assign]
    return scene
