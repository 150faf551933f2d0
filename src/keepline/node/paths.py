"""Where a node keeps what, below its data directory. Names only; nothing is opened here."""

from dataclasses import dataclass
from pathlib import Path

from keepline.connectors.speech.memory import forget_memory


@dataclass(frozen=True, slots=True)
class NodePaths:
    """The files of one node."""

    data: Path

    @property
    def journal(self) -> Path:
        return self.data / "journal.db"

    @property
    def nonce_key(self) -> Path:
        """By which every process of the node knows the nonces that users answer."""
        return self.data / "nonce.key"

    @property
    def prompts(self) -> Path:
        """Rendered prompts, `<key>.ulaw` and `<key>.alaw`."""
        return self.data / "prompts"

    @property
    def run(self) -> Path:
        """What belongs to the running processes: locks, sockets, `node.json`."""
        return self.data / "run"

    @property
    def supervisor_lock(self) -> Path:
        return self.run / "supervisor.lock"

    @property
    def active_lock(self) -> Path:
        """Held by the active calls process; the kernel hands it on at its death."""
        return self.run / "active.lock"

    @property
    def supervisor_socket(self) -> Path:
        return self.run / "supervisor.sock"

    @property
    def speech_socket(self) -> Path:
        return self.run / "speech.sock"

    @property
    def located_file(self) -> Path:
        """Where the proxies of trunks were found last."""
        return self.data / "located.json"

    @property
    def node_file(self) -> Path:
        """The node's addresses and processes, for whoever finds it without a supervisor."""
        return self.run / "node.json"

    @property
    def node_file_new(self) -> Path:
        """Where the next `node.json` is written before it takes the place of the last."""
        return self.run / "node.new"

    @property
    def status_page(self) -> Path:
        """The files of the public page, where an operation names no other place."""
        return self.data / "status-page"

    def create(self) -> None:
        """Make the directories; private, since prompts and calls are nobody else's."""
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.run.mkdir(exist_ok=True, mode=0o700)
        self.prompts.mkdir(exist_ok=True, mode=0o700)

    def clear_run(self) -> None:
        """Remove what a node that is gone left in `run`, but the supervisor's lock, and in memory."""
        left = (self.supervisor_socket, self.speech_socket, self.node_file, self.node_file_new, self.active_lock)
        for path in left:
            path.unlink(missing_ok=True)
        forget_memory(self.prompts)
