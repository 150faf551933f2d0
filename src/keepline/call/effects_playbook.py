"""What is said of a step of a playbook. Part of `inputs`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SayOfStep:
    """Somebody says something of a step; answered with `IncidentAnswered`."""

    asked: str
    """Id of the request: asked again, it counts once."""
    incident: str
    step: str
    """Empty where one is added."""
    said: str
    """done, skip, approve, reject or add; looked, by the desk, of a preflight."""
    why: str
    """A note; the reason, where the playbook is left."""
    by: str
    is_fine: bool = True
    """Of what was looked at."""
