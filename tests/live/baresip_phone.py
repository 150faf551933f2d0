"""baresip as a phone of its own process, without a sound card or a keyboard: what it hears is what it says."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from keepline.demo_node import free_port_range, wait_until

CONFIG = Path(__file__).with_name("baresip") / "config"
WITHIN_S = 60


class Baresip:
    """A phone that runs, and what it has said so far."""

    def __init__(self, port: int, said: Path) -> None:
        self.port = port
        self._said = said

    @property
    def said(self) -> str:
        return self._said.read_text(errors="replace")

    def counted(self) -> tuple[int, int]:
        """The packets that it sent and received in its last call, once that is over."""
        counts = wait_until("baresip counts its packets", lambda: _COUNTS.findall(self.said), WITHIN_S)
        sent, received = counts[-1]
        return int(sent), int(received)


_COUNTS = re.compile(r"packets:\s+(\d+)\s+(\d+)")


@contextmanager
def baresip(directory: Path, account: str, *arguments: str) -> Iterator[Baresip]:
    """Run it, ready for calls, with an account (`<sip:user@host>;parameters`), and end it."""
    # It listens on TCP too, and on the next port for TLS: below the ports that outgoing connections are given.
    first, last = free_port_range(22)
    values = {
        "@SIP_PORT@": str(first),
        "@RTP_PORTS@": f"{first + 2}-{last}",
        "@DIRECTORY@": str(directory),
        "@MODULES@": str(next(Path("/usr/lib").glob("**/baresip/modules"))),
    }
    config = CONFIG.read_text()
    for name, value in values.items():
        config = config.replace(name, value)
    (directory / "config").write_text(config)
    (directory / "accounts").write_text(f"{account};regint=0;audio_codecs=PCMU\n")
    (directory / "contacts").write_text("")
    said = directory / "said"
    with said.open("w") as file:
        process = subprocess.Popen(
            ["baresip", "-f", str(directory), *arguments], stdin=subprocess.DEVNULL, stdout=file, stderr=file
        )
        try:
            phone = Baresip(first, said)
            wait_until("baresip is ready", lambda: "baresip is ready" in phone.said, WITHIN_S)
            yield phone
        finally:
            process.terminate()
            process.wait(WITHIN_S)
            print(said.read_text(errors="replace"))
