"""The versions of the operation that a calls process runs: each with its flows, and with what its calls will need.

Whatever takes long to import is imported here, before a call needs it: an import holds up the loop. What an operation
does not need is not imported, since a caller may be waiting for the start.
"""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import structlog

from keepline.call.turn import Program
from keepline.config import import_flow, load_stored
from keepline.model.operation import Operation, is_address
from keepline.node.capabilities import load_connectors
from keepline.node.passwords import read_passwords

RESOLVER = "keepline.node.resolver"
log = structlog.get_logger("calls")


class Programs:
    """Versions by their digests; one that cannot be had is asked for anew each time."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._programs: dict[str, Program] = {}

    def __contains__(self, digest: str) -> bool:
        return digest in self._programs

    def __iter__(self) -> Iterator[Program]:
        return iter(self._programs.values())

    def __getitem__(self, digest: str) -> Program:
        """One that was loaded."""
        return self._programs[digest]

    def load(self, digest: str) -> Program | None:
        """A stored version with its flows; None, with a loud word, where it cannot be had."""
        if digest not in self._programs:
            try:
                operation = load_stored(self._data, digest)
                load_connectors(operation)
                if asks_for_names(operation):
                    importlib.import_module(RESOLVER)
                functions: Any = {name: import_flow(operation, ref) for name, ref in operation.flows.items()}
            except Exception as error:
                log.error("operation_missing", digest=digest, what=str(error))
                return None
            self._programs[digest] = self._whole(Program(operation, functions, read_passwords(operation)))
        return self._programs[digest]

    def _whole(self, program: Program) -> Program:
        """With its test calls, where it has any."""
        if not program.operation.preflight.numbers:
            return program
        from keepline.node.test_calls import with_test_calls  # which others do without

        return with_test_calls(program)

    def operation(self, digest: str) -> Operation | None:
        """Of a version that was loaded."""
        program = self._programs.get(digest)
        return program.operation if program is not None else None


def asks_for_names(operation: Operation) -> bool:
    """Whether a trunk's proxy is a name, and must be located."""
    proxies = [trunk.outbound.proxy_host for trunk in operation.trunks if trunk.outbound is not None]
    return not all(map(is_address, proxies))
