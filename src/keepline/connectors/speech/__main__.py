"""`python -m keepline.connectors.speech --data DIR --socket-fd N`: the speech process."""

import argparse
import json
import socket
import sys
import traceback
from pathlib import Path

from keepline.connectors.speech.engine import SpeechEngine
from keepline.connectors.speech.server import PromptMaker, SpeechServer


def _load_espeak() -> SpeechEngine:
    # Imported here, in this process alone: its licence and its globals stay out of the others.
    from keepline.connectors.speech.espeak import EspeakEngine

    return EspeakEngine()


def _load_fake() -> SpeechEngine:
    from keepline.connectors.speech.fake import FakeEngine

    return FakeEngine()


def _report(key: str, error: Exception) -> None:
    """One structured line on stderr, with where it happened."""
    frames = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    event = {"process": "speech", "level": "error", "event": "prompt failed", "prompt": key, "error": repr(error)}
    sys.stderr.write(json.dumps({**event, "at": frames[-1:]}) + "\n")
    sys.stderr.flush()


def main() -> None:
    """Serve the inherited socket until SIGTERM."""
    parser = argparse.ArgumentParser(prog="keepline-speech", description="Makes prompts for a Keepline node.")
    parser.add_argument("--data", type=Path, required=True, help="the data directory; prompts go to its prompts/")
    parser.add_argument("--socket-fd", type=int, required=True, help="an inherited, listening Unix stream socket")
    parser.add_argument("--engine", choices=("espeak", "fake"), default="espeak")
    arguments = parser.parse_args()
    listener = socket.socket(fileno=arguments.socket_fd)
    load_engine = _load_espeak if arguments.engine == "espeak" else _load_fake
    SpeechServer(listener, PromptMaker(arguments.data / "prompts", load_engine, _report)).run()


if __name__ == "__main__":
    main()
