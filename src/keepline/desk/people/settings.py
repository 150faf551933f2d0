"""What the operation that the node runs says about its desk, as it is now."""

import threading
from collections.abc import Sequence

from keepline.model.operation import Operation
from keepline.model.people import DeskSettings


class DeskSettingsNow:
    """Follows the node's operation; until it has seen one, the board is nobody's who is not known."""

    def __init__(self) -> None:
        self._settings = DeskSettings()

    def begin(self, operation: Operation) -> Sequence[threading.Event]:
        """These are the settings from now on."""
        self._settings = operation.desk
        return ()

    def is_open(self) -> bool:
        """Whether whoever can reach the board may see it."""
        return self._settings.open_board
