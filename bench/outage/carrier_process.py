"""A carrier of the retailer's world that fails in the ways that an outage is measured with."""

from typing import Any, Final

from keepline.demo_carrier import CarrierProgram

WELL: Final = "*=answer,ring:0.05,bye-after:2,tone:0"
FAULTS: Final = {"silent": "*=silent", "503": "*=unavailable", "100 only": "*=trying"}
"""What a carrier can be told to do; it can be killed as well."""


class CarrierProcess(CarrierProgram):
    """One carrier at an address of its own; it may be killed and started again."""

    def __init__(self, name: str, address: str, distance: str = "0,0,0") -> None:
        """`distance` is as the world's carriers take it."""
        super().__init__(name, address, (WELL,), options=("--distance", distance))

    @property
    def taken(self) -> list[dict[str, Any]]:
        """The calls that have ended, and those of which a kill has taken the end."""
        ended = super().taken
        known = {call["call_id"] for call in ended}
        return [*ended, *(line for line in self.talking if line["call_id"] not in known)]

    def fail(self, fault: str) -> None:
        """Begin a fault of `FAULTS`, or `killed`; `none` is none."""
        if fault == "none":
            return
        if fault == "killed":
            self.kill()
        else:
            self.say(f"rule {FAULTS[fault]}", "options 503" if fault == "503" else "options none")

    def mend(self) -> None:
        """Be well again."""
        if self.is_running:
            self.say(f"rule {WELL}", "options 200")
        else:
            self.start()
