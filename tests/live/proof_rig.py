"""The demo as somebody at a desk has it: its process, a mail server of the shop, a browser, and a telephone."""

import contextlib
import glob
import json
import os
import re
import signal
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from aiosmtpd.controller import Controller

from keepline.config import load_operation
from keepline.demo_crowd import Crowd
from keepline.demo_node import COMMAND_WITHIN_S, NodeFailedError, keepline_command, marked, wait_until
from keepline.demo_retailer import CARRIERS, NUMBER, retailer_path
from keepline.model.operation import Prompt

WITHIN_S = 60.0
MARK = "KEEPLINE_PROOF_TEST"
READY = re.compile(r"(Watch the node with two carriers|Take the first carrier away, and give it back): (http://\S+)")
MONEY = re.compile(r"^money:\n(?: .*\n)+", re.MULTILINE)
LEADERS = (
    '{subject: "{severity}: {cause}", opened: "{incident} since {opened}: {cause}.", closed: "{incident} is over."}'
)
SLA: dict[str, Any] = {
    "telephony/carrier": {
        "monthly_fee": 900,
        "credits": [{"below": 99.9999, "percent": 5}, {"below": 99.9995, "percent": 15}, {"below": 98, "percent": 40}],
        "why": "terms of a carrier that owes something for seconds",
    }
}


def settings_of(mail_port: int) -> list[str]:
    """What a shop adds that has a mail server, and somebody who wants to know."""
    server = f'{{server: "127.0.0.1:{mail_port}", from: shop@example.com, security: none}}'
    given = {
        "capabilities.mail": f"{{paths: [{{name: own, email: {server}}}]}}",
        "contacts": "{mara: {audiences: [leaders], alone: her mail alone, channels: [{mail: mara@example.com}]}}",
        "messages.sets.carrier.leaders": f"{{en: {LEADERS}}}",
        "money.sla": json.dumps(SLA),
    }
    return [word for name, value in given.items() for word in ("--set", f"{name}={value}")]


class Mailbox:
    """What a real SMTP server was sent, with when."""

    def __init__(self) -> None:
        self.mails: list[str] = []

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's
        self.mails.append(envelope.content.decode())
        return "250 queued"


class Demo:
    """`keepline demo --by-hand` with a mail server. As a context manager it leaves nothing behind."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.box = Mailbox()
        self._mail = Controller(self.box, hostname="127.0.0.1", port=_free_port())
        self._process: subprocess.Popen[str] | None = None
        self.told: list[str] = []
        """What it printed."""

    def __enter__(self) -> "Demo":
        self._mail.start()
        environment = os.environ | {MARK: str(self._directory), "TMPDIR": str(self._directory)}
        command = [*keepline_command(), "demo", "--by-hand", "--no-compare", "--minutes", "9"]
        self._process = subprocess.Popen(
            [*command, *settings_of(self._mail.port)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=environment,
        )  # fmt: skip
        threading.Thread(target=self._read, args=(self._process,), daemon=True).start()
        try:
            wait_until("the demo tells where its pages are", lambda: len(self.addresses) == 2, WITHIN_S)
        except NodeFailedError:
            print("\n".join(self.told))
            self.__exit__()
            raise
        return self

    def __exit__(self, failed: type[BaseException] | None = None, *_: object) -> None:
        assert self._process is not None
        if failed is not None:
            print("\n".join([*self.told[-20:], *(each.read_text()[-20_000:] for each in self._logs())]))
        self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(COMMAND_WITHIN_S)
        for left in marked(MARK, str(self._directory)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(left.pid, signal.SIGKILL)
        self._process.wait()
        self._mail.stop()

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self.told.append(line.rstrip())

    @property
    def addresses(self) -> list[str]:
        """Of the board, and of the world's page."""
        return [found[2] for line in list(self.told) if (found := READY.search(line))]

    @property
    def board(self) -> str:
        return self.addresses[0].rstrip("/")

    @property
    def world(self) -> str:
        return self.addresses[1]

    @property
    def data(self) -> Path:
        """The node's data directory."""
        [found] = glob.glob(str(self._directory / "keepline-demo-*" / "two" / "data"))
        return Path(found)

    def carrier_told(self, name: str) -> list[dict[str, Any]]:
        """What a carrier of the world has told of its calls, in its own words."""
        return [json.loads(line) for line in (self.data.parent / f"{name}.jsonl").read_text().splitlines()]

    def _logs(self) -> list[Path]:
        """What the node has logged."""
        return [Path(each) for each in glob.glob(str(self._directory / "keepline-demo-*" / "two" / "data.stderr"))]

    def command(self, *arguments: str) -> str:
        """Run `keepline ARGUMENTS --data …`; what it prints."""
        done = subprocess.run(
            [*keepline_command(), *arguments, "--data", str(self.data)], capture_output=True, text=True, check=False,
            timeout=WITHIN_S,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.command("status", "--json")))

    def money(self) -> dict[str, Any]:
        """The prices of its operation, as the file and the settings have them."""
        found = MONEY.search((retailer_path() / "keepline.yaml").read_text())
        assert found is not None
        return dict(yaml.safe_load(found[0])["money"]) | {"sla": SLA}

    def greeting_file(self) -> Path:
        """The audio of the words that callers hear first of a carrier's outage, once it is spoken."""
        words = load_operation(retailer_path() / "keepline.yaml").messages.sets["carrier"]["callers"]["en"]
        return self.data / "prompts" / f"{Prompt(words.opened, language='en').key}.ulaw"

    def greeting_file_there(self) -> Path | None:
        """The same, once it is there."""
        return found if (found := self.greeting_file()).exists() else None

    @contextlib.contextmanager
    def callers(self, known: dict[str, Path], seconds: float) -> Iterator[Crowd]:
        """People who call twice a second, by the carrier that is there, and listen for a while; what each heard is in
        `reports`."""
        sip = str(self.status()["sip"]).removeprefix("udp:")
        options = ["--rate", "2", "--seconds", str(seconds), "--hang-up-after", "7", "--host", CARRIERS["second"]]
        options += [word for name, path in known.items() for word in ("--prompt", f"{name}={path}")]
        with Crowd(f"sip:{NUMBER}@{sip}", options) as crowd:
            yield crowd


def read(address: str) -> str:
    """What is served there; empty while nobody answers."""
    try:
        with urllib.request.urlopen(address, timeout=WITHIN_S) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, ConnectionError):
        return ""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])
