"""The connectors of outlets in the active calls process: how each is made, and what goes on beside uses.

Nothing of them is imported where an operation has no outlet, nor while a caller may be waiting for the start; and not
at the moment of an incident either, since an import holds up the loop: a thread does it once the process is at work.
"""

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from keepline.call.effects_message import SetGreeting
from keepline.connectors.interface import Connector
from keepline.model.capability import CapabilityPath
from keepline.model.exercise import marked_greeting
from keepline.model.messages import CALLERS, StatusPageSettings
from keepline.model.operation import Operation, Prompt
from keepline.model.outlets import (
    AppriseService,
    MailServer,
    PageFiles,
    SpokenGreeting,
    StandingGreeting,
    WebhookService,
)
from keepline.node.paths import NodePaths

Make = Callable[[Operation, CapabilityPath], Connector]
CONNECTORS: Final = "keepline.connectors"
MODULES: Final[dict[type, tuple[str, ...]]] = {
    MailServer: (f"{CONNECTORS}.email.client", "aiosmtplib"),
    AppriseService: (f"{CONNECTORS}.apprise.client",),
    WebhookService: (f"{CONNECTORS}.webhook.client",),
    SpokenGreeting: (f"{CONNECTORS}.greeting.client",),
    StandingGreeting: (f"{CONNECTORS}.greeting.client",),
    PageFiles: (f"{CONNECTORS}.status_page.client",),
}
"""What each kind of path needs; the library apprise is left out: it is large, and a thread of its own imports it."""
LOADED_AFTER_S: Final = 2.0
"""What waits for the start of a process, or for its successor, goes first."""


def page_directory(paths: NodePaths, page: StatusPageSettings) -> Path:
    """Where the files of the status page are."""
    return Path(page.directory) if page.directory else paths.status_page


def standing(operation: Operation) -> list[Prompt]:
    """What callers hear where nothing can be spoken in time, in earnest and in an exercise: made at the start."""
    if operation.messages is None:
        return []
    found = {}
    for audiences in operation.messages.sets.values():
        for language, words in audiences.get(CALLERS, {}).items():
            for text in (words.standing, marked_greeting(words.standing, language)):
                found[language, text] = Prompt(text, language=language)
    return list(found.values())


class OutletMakers:
    """By the kinds of their paths."""

    def __init__(
        self, paths: NodePaths, ensure: Callable[[Prompt], Awaitable[str]], put: Callable[[SetGreeting], None]
    ) -> None:
        """`ensure` has a prompt spoken; `put` tells the core what callers are to hear."""
        self._paths = paths
        self._pages: dict[Path, Any] = {}
        """One writer for each directory, of whichever version: they share its history."""
        self.makers: dict[type, Make] = {
            MailServer: lambda _, path: _made("email.client", "EmailConnector", path.connector),
            AppriseService: lambda _, path: _made("apprise.client", "AppriseConnector", path.connector),
            WebhookService: lambda _, path: _made("webhook.client", "WebhookConnector", path.connector),
            SpokenGreeting: lambda _, path: _made("greeting.client", "GreetingConnector", "texts", ensure, put),
            StandingGreeting: lambda _, path: _made("greeting.client", "GreetingConnector", "standing", ensure, put),
            PageFiles: lambda operation, _: self._page(operation),
        }

    def begin(
        self, operation: Operation, keep: Callable[["asyncio.Task[None]"], None], after_s: float = LOADED_AFTER_S
    ) -> None:
        """Have ready what people are told by before there is something to tell; the page says how old it is."""
        if modules_of(operation):
            keep(asyncio.get_running_loop().create_task(self._begin(operation, after_s)))

    async def _begin(self, operation: Operation, after_s: float) -> None:
        await asyncio.sleep(after_s)
        for module in modules_of(operation):
            await asyncio.to_thread(importlib.import_module, module)
        if operation.status_page is not None:
            await self._page(operation).keep_up()

    def _page(self, operation: Operation) -> Any:
        settings = operation.status_page
        assert settings is not None
        directory = page_directory(self._paths, settings)
        if directory not in self._pages:
            self._pages[directory] = _made("status_page.client", "PageConnector", settings, directory)
        return self._pages[directory]


def modules_of(operation: Operation) -> list[str]:
    """What the paths of an operation's outlets need, each once."""
    kinds = [type(path.connector) for each in operation.capabilities.values() for path in each.paths]
    return list(dict.fromkeys(module for kind in kinds for module in MODULES.get(kind, ())))


def _made(module: str, name: str, *given: object) -> Any:
    return getattr(importlib.import_module(f"{CONNECTORS}.{module}"), name)(*given)
