"""Kamailio with its dispatcher in front of the same two carriers: the peer that an outage is measured beside.

Its configuration is what its documentation shows for a dispatcher with failover: the next destination where one does
not answer in `fr_timer` or answers 5xx, which marks that one; OPTIONS every second brings it back.
"""

import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Final

PORT: Final = 5090
STARTS_WITHIN_S: Final = 20.0
CONFIG: Final = """
debug=-1
log_stderror=no
fork=yes
children=4
auto_aliases=no
listen=udp:127.0.0.1:{port}
mpath="{modules}"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "dispatcher.so"
modparam("dispatcher", "list_file", "{directory}/dispatcher.list")
modparam("dispatcher", "flags", 2)
modparam("dispatcher", "ds_ping_interval", 1)
modparam("dispatcher", "ds_probing_mode", 1)
modparam("dispatcher", "ds_probing_threshold", 1)
modparam("dispatcher", "ds_inactive_threshold", 1)
modparam("dispatcher", "xavp_dst", "_dsdst_")
modparam("dispatcher", "xavp_ctx", "_dsctx_")
{timers}
request_route {{
    if (is_method("CANCEL")) {{
        if (t_check_trans()) t_relay();
        exit;
    }}
    if (is_method("ACK")) {{
        t_relay();
        exit;
    }}
    if (is_method("BYE")) {{
        t_relay();
        exit;
    }}
    if (!is_method("INVITE")) {{
        sl_send_reply("405", "Method Not Allowed");
        exit;
    }}
    if (!ds_select_dst("1", "8")) {{
        sl_send_reply("503", "No carrier");
        exit;
    }}
    t_on_failure("NEXT");
    t_relay();
}}
failure_route[NEXT] {{
    if (t_is_canceled()) exit;
    if (t_branch_timeout() || t_check_status("5[0-9][0-9]")) {{
        ds_mark_dst("ip");
        if (ds_next_dst()) {{
            t_on_failure("NEXT");
            t_relay();
            exit;
        }}
    }}
}}
"""


def is_there() -> bool:
    """Whether Kamailio is installed."""
    return shutil.which("kamailio") is not None


class Kamailio:
    """One Kamailio, from `start` to `end`. `fr_timer_ms` None is as shipped (30 s)."""

    def __init__(self, directory: Path, carriers: list[str], fr_timer_ms: int | None) -> None:
        [modules] = Path("/usr/lib").glob("*/kamailio/modules")
        timers = "" if fr_timer_ms is None else f'modparam("tm", "fr_timer", {fr_timer_ms})'
        lines = [f"1 sip:{address} 0 {len(carriers) - index}\n" for index, address in enumerate(carriers)]
        (directory / "dispatcher.list").write_text("".join(lines))
        self._config = directory / "kamailio.cfg"
        self._config.write_text(CONFIG.format(port=PORT, modules=modules, directory=directory, timers=timers))
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Wait until it answers; raises `RuntimeError` where it does not."""
        log = (self._directory / "kamailio.log").open("wb")
        options = ["-DD", "-E", "-m", "256", "-M", "16", "-Y", str(self._directory), "-f", str(self._config)]
        self._process = subprocess.Popen(["kamailio", *options], stdout=log, stderr=log)
        log.close()
        limit_s = time.monotonic() + STARTS_WITHIN_S
        while not _answers():
            if self._process.poll() is not None or time.monotonic() > limit_s:
                raise RuntimeError(f"kamailio does not begin: {(self._directory / 'kamailio.log').read_text()[-2000:]}")

    def end(self) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(STARTS_WITHIN_S)


def _answers() -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.bind(("127.0.0.1", 0))
        asking.settimeout(0.2)
        here = f"127.0.0.1:{asking.getsockname()[1]}"
        asking.connect(("127.0.0.1", PORT))
        text = (
            f"OPTIONS sip:127.0.0.1:{PORT} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bKready\r\n"
            f"Max-Forwards: 5\r\nFrom: <sip:a@{here}>;tag=1\r\nTo: <sip:127.0.0.1>\r\n"
            f"Call-ID: ready@{here}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        )
        try:
            asking.send(text.encode())
            return asking.recv(2048).startswith(b"SIP/2.0 ")
        except OSError:
            return False
