"""The connectors of outlets in the active calls process: how each is made, and what goes on beside uses.

Nothing of them is imported where an operation has no outlet: a caller may be waiting for the start.
"""

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

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

    def keep_page(self, operation: Operation, keep: Callable[["asyncio.Task[None]"], None]) -> None:
        """Have the page say how old it is, where there is one."""
        if operation.status_page is not None:
            keep(asyncio.get_running_loop().create_task(self._page(operation).keep_up()))

    def _page(self, operation: Operation) -> Any:
        settings = operation.status_page
        assert settings is not None
        directory = page_directory(self._paths, settings)
        if directory not in self._pages:
            self._pages[directory] = _made("status_page.client", "PageConnector", settings, directory)
        return self._pages[directory]


def _made(module: str, name: str, *given: object) -> Any:
    return getattr(importlib.import_module(f"keepline.connectors.{module}"), name)(*given)
