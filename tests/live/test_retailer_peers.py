"""Other people's SIP stacks ask the retailer for an order and pay an invoice: baresip and PJSIP.

They do not understand what they hear. So they press what a person would once the call's record says that the question
before was answered.
"""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from keepline.demo_node import free_port_range, wait_until
from keepline.demo_retailer import NUMBER
from tests.live.test_retailer import Retailer, uses

HERE = Path(__file__).parent
WITHIN_S = 120.0
KEY_GAP_S = 0.25
CARD = "4242424242424242"
ORDER_STATUS = (("1", "ask_choice"), ("100001", "ask_digits"))
PAYMENT = (
    ("3", "ask_choice"), ("20000001", "ask_digits"), ("1", "ask_yes_no"), (CARD, "ask_secret_digits"),
    ("1235", "ask_secret_digits"), ("123", "ask_secret_digits"), ("1", "ask_yes_no"),
)  # fmt: skip
"""What is pressed, and the step that it answers."""


class Pjsip:
    """One call with PJSIP."""

    def __init__(self, uri: str, directory: Path) -> None:
        command = [sys.executable, str(HERE / "pjsip_call.py"), uri, str(directory / "heard.wav")]
        self.log = (directory / "pjsip.log").open("w")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=self.log, stderr=self.log, text=True
        )  # fmt: skip

    def press(self, keys: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(keys + "\n")
        self.process.stdin.flush()

    def end(self) -> None:
        """It must have been hung up on, with a 200."""
        try:
            code = self.process.wait(WITHIN_S)
        finally:
            self.process.kill()
            self.process.communicate()
            self.log.close()
        assert code == 0, Path(self.log.name).read_text(errors="replace")[-3000:]


class Baresip:
    """One call with baresip, whose keypad is a TCP port."""

    def __init__(self, uri: str, directory: Path) -> None:
        first, last = free_port_range(24)
        config = (HERE / "baresip" / "config").read_text()
        values = {
            "@SIP_PORT@": str(first), "@RTP_PORTS@": f"{first + 4}-{last}", "@DIRECTORY@": str(directory),
            "@MODULES@": str(next(Path("/usr/lib").glob("**/baresip/modules"))),
        }  # fmt: skip
        for name, value in values.items():
            config = config.replace(name, value)
        config += f"module_app ctrl_tcp.so\nctrl_tcp_listen 127.0.0.1:{first + 2}\n"
        (directory / "config").write_text(config)
        (directory / "accounts").write_text("<sip:tester@127.0.0.1>;regint=0;audio_codecs=PCMU\n")
        (directory / "contacts").write_text("")
        self.log = (directory / "baresip.log").open("w")
        self.process = subprocess.Popen(
            ["baresip", "-f", str(directory), "-e", f"/dial {uri}"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
        )  # fmt: skip
        self.keypad = self._keypad(first + 2)

    def _keypad(self, port: int) -> socket.socket:
        def connected() -> socket.socket | None:
            try:
                return socket.create_connection(("127.0.0.1", port), timeout=WITHIN_S)
            except OSError:
                return None

        found: socket.socket = wait_until("baresip listens to commands", connected, WITHIN_S)
        return found

    def press(self, keys: str) -> None:
        for key in keys:
            command = json.dumps({"command": "sndcode", "params": key})
            self.keypad.sendall(f"{len(command)}:{command},".encode())
            time.sleep(KEY_GAP_S)

    def end(self) -> None:
        self.keypad.close()
        self.process.terminate()
        self.process.wait(WITHIN_S)
        self.log.close()
        assert "Call established" in Path(self.log.name).read_text(errors="replace")


@pytest.fixture(scope="module")
def retailer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Retailer]:
    with Retailer(tmp_path_factory.mktemp("retailer")) as found:
        yield found


def call(
    retailer: Retailer, phone: Callable[[str, Path], Any], directory: Path, keys: tuple[tuple[str, str], ...]
) -> dict[str, Any]:
    """The record of a call in which these keys were pressed, each when it was asked for."""
    before = {record["id"] for record in retailer.node.calls()}

    def record() -> dict[str, Any] | None:
        return next((one for one in retailer.node.calls() if one["id"] not in before), None)

    def answered(steps: list[str]) -> bool:
        names = [step["name"] for step in (record() or {}).get("steps", ()) if step["name"].startswith("ask_")]
        return names == steps

    peer = phone(retailer.node.uri(NUMBER), directory)
    try:
        wait_until("the call is answered", lambda: (record() or {}).get("answered_at"), WITHIN_S)
        steps: list[str] = []
        for pressed, step in keys:
            peer.press(pressed)
            steps.append(step)
            wait_until(f"{pressed} is the answer to {step}", lambda: answered(steps), WITHIN_S)
        wait_until("the call has ended", lambda: (record() or {}).get("state") == "ended", WITHIN_S)
    finally:
        peer.end()
    found = record()
    assert found is not None
    return found


PHONES = [pytest.param(Baresip, marks=pytest.mark.needs_program("baresip")), Pjsip]


@pytest.mark.parametrize("phone", PHONES)
def test_an_order_is_asked_for(retailer: Retailer, tmp_path: Path, phone: Callable[[str, Path], Any]) -> None:
    record = call(retailer, phone, tmp_path, ORDER_STATUS)
    assert (record["outcome"], record["outcome_fields"]["order"]) == ("order_status", "100001")
    assert (record["ended_by"], record["error"]) == ("flow", "")


@pytest.mark.parametrize("phone", PHONES)
def test_an_invoice_is_paid(retailer: Retailer, tmp_path: Path, phone: Callable[[str, Path], Any]) -> None:
    # Two invoices are open, one for each phone.
    invoice = "20000001" if phone is Baresip else "20000002"
    keys = tuple((invoice if pressed == "20000001" else pressed, step) for pressed, step in PAYMENT)
    record = call(retailer, phone, tmp_path, keys)
    assert (record["outcome"], record["outcome_fields"]["invoice"]) == ("paid", invoice)
    assert uses(record)["use payments.charge"] == "done"
    [charged] = [one for one in retailer.ask("/admin/ledger")["invoices"] if one["invoice"] == invoice]
    assert (charged["charges"], charged["net_cents"]) == (1, record["outcome_fields"]["amount_cents"])
    assert CARD not in json.dumps(record)
    written = [path for path in retailer.node.settings.data.rglob("*") if path.is_file()]
    assert [path for path in written if CARD.encode() in path.read_bytes()] == []
