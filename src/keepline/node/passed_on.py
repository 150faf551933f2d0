"""The requests that the supervisor passes on to the active calls process: by names, since it imports little."""

from typing import Final

from keepline.node import (
    incident_commands,
    message_commands,
    number_commands,
    path_commands,
    people_commands,
    work_requests,
)

PASSED_ON: Final = (
    *("place", "start_run", "tell"), *work_requests.OPS, *path_commands.OPS, *number_commands.OPS,
    *incident_commands.OPS, *message_commands.OPS, *people_commands.OPS,
)  # fmt: skip
"""Requests that the active calls process answers."""
