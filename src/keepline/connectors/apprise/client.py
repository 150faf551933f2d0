"""One service by way of the library apprise, which blocks and is imported in a thread when it is first needed.

It tells whether a message was passed on; where not, it does not tell whether that is certain. So a failure is a doubt,
and whoever asked goes on to another channel with words for it. Source: the library's reference (URLs of services).
"""

import importlib
from typing import Any
from urllib.parse import quote

from keepline.connectors.interface import Asked
from keepline.connectors.notes import OutgoingNote, note_of
from keepline.connectors.secrets import SecretMissingError, secret_of
from keepline.connectors.threads import Threads, ThreadsStuckError
from keepline.flow.capabilities import Reply, Unavailable, Unknown, UseOutcome
from keepline.model.outlets import AppriseService

LIBRARY = "apprise"
TO = "{to}"
THREADS = 2


class AppriseConnector:
    """One path."""

    def __init__(self, service: AppriseService, name: str = "apprise") -> None:
        self._service = service
        self._threads = Threads(THREADS, name)

    async def ask(self, asked: Asked) -> UseOutcome:
        """Pass one message on."""
        note = note_of(asked)
        if not isinstance(note, OutgoingNote):
            return note
        try:
            url = secret_of(self._service.url).replace(TO, quote(note.to, safe=""))
        except SecretMissingError as error:
            return Unavailable(f"its address is missing: {error}")
        try:
            outcome: UseOutcome = await self._threads.run(lambda: _notify(url, note, asked.timeout_s))
        except ThreadsStuckError as stuck:
            return Unavailable(str(stuck))
        return outcome

    async def close(self) -> None:
        """Let go of the threads."""
        self._threads.close()


def _notify(url: str, note: OutgoingNote, timeout_s: float) -> UseOutcome:
    """Of a thread. The address is never part of what is said: it holds secrets."""
    library: Any = importlib.import_module(LIBRARY)
    service = library.Apprise()
    if not service.add(url):
        return Unavailable("its address is none that apprise knows")
    try:
        is_told = service.notify(body=note.text, title=note.subject, timeout=timeout_s)
    except Exception as error:  # of a library with a hundred services
        return Unknown(f"apprise raised {type(error).__name__}")
    return Reply({"reference": ""}) if is_told else Unknown("apprise says that it was not passed on, and not why")
