"""A small SIP phone at the terminal, for trying a node and for tests: one call over UDP, G.711 and telephone-events.

It is a peer like any other: it uses the SIP and RTP machines and knows nothing of nodes. It refuses registration,
authentication, other transports and other codecs, with a line that says so.
"""

from pathlib import Path

FINE, FAILED, WRONG_INPUT = 0, 1, 2


def run_phone(uri: str, keys: str, record: Path | None, seconds: float | None, interactive: bool) -> int:
    """Call `uri`, do what `keys` says, and return 0 (answered and ended normally), 1 (not so) or 2 (wrong input).

    `keys` is the grammar of `keepline.phone.keys`; `record` a WAV file of what is heard; `seconds` hangs up so long
    after the answer; `interactive` takes keys from the terminal.
    """
    import sys

    from keepline.phone.keys import KeysError, parse_keys
    from keepline.phone.recording import Recording
    from keepline.phone.shell import Phone, WrongTarget, parse_target

    try:
        steps = parse_keys(keys)
        target = parse_target(uri)
        recording = None if record is None else Recording(record)
    except (KeysError, WrongTarget) as error:
        print(error, file=sys.stderr)
        return WRONG_INPUT
    except OSError as error:
        print(f"--record {record}: {error.strerror}; name a file that can be written", file=sys.stderr)
        return WRONG_INPUT
    return FINE if Phone(target, steps, recording, seconds, interactive).run() else FAILED
