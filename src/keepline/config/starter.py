"""What `keepline init` writes: a small operation that works at once, with comments that say how to go on.

It writes new files only and never changes one that is there.
"""

import re
from pathlib import Path

NUMBER = "100"
"""What one dials to reach the new operation's flow."""

_YAML = """\
# The operation "{name}": who may call, what they dial, and what answers. `keepline check` tells every mistake in it.
# `keepline schema` prints what an editor needs to complete and explain it.
operation: {name}

# Where this node listens. Callers are told to send their audio to the address of SIP: name one that they can reach.
sip: {{listen: "127.0.0.1:5060"}}
http: {{listen: "127.0.0.1:8080"}}      # the desk: open it in a browser
media: {{rtp_ports: 20000-23999}}       # every even port carries one call

# Who may call, by address: this machine alone. A carrier is a trunk of its own, with the networks it calls from.
trunks:
  here: {{peers: ["127.0.0.0/8", "::1/128"]}}
  # carrier: {{peers: ["203.0.113.0/24"]}}

# The programs that calls run: a function marked @flow in a Python file beside this one.
flows:
  welcome: flows:welcome

# What callers dial: an extension, or a public number in E.164.
numbers:
  {number}: {{flow: welcome}}
  # "+18005550100": {{flow: welcome}}

# What callers hear: a text that is spoken, or a recording (WAV) beside this file.
prompts:
  welcome: {{text: "Welcome. For our opening hours, press 1."}}
  goodbye: {{text: "Thank you for calling. Goodbye."}}
"""

_FLOWS = '''\
"""What a call to {name} does, step by step.

After a crash a flow is run again with the results of the steps it has taken, and goes on where it was. So it decides
by what its steps give it, and never by a clock, by chance or by a file.
"""

from keepline.flow import Call, flow


@flow
async def welcome(call: Call) -> None:
    """Ask for one digit, answer it, and hang up."""
    digit = await call.ask_digits(prompt="welcome", count=1, timeout_s=8.0)
    if digit == "1":
        await call.say("We are open from eight to six, Monday to Friday.")
    elif digit:
        await call.say(f"There is nothing behind {{digit}} yet.")
    await call.say(prompt="goodbye")
    await call.hangup()
'''

_README = """\
# {name}

A phone line that runs on Keepline: `keepline.yaml` says who may call and what answers, `flows.py` what happens then.
In this directory:

```sh
keepline check
keepline up
```

and in a second terminal, while it runs:

```sh
keepline phone sip:{number}@127.0.0.1:5060 --keys "wait:3,1" --record heard.wav
keepline calls
keepline stop
```
"""

_FILES = {"keepline.yaml": _YAML, "flows.py": _FLOWS, "README.md": _README}


class FilesInTheWayError(Exception):
    """There are files already that would have to be written; the message names them."""


def write_starter(directory: Path) -> list[Path]:
    """Write a new operation to a directory, which may exist, and return its files.

    Raises FilesInTheWayError before anything is written, NotADirectoryError, and OSError as the disk does.
    """
    paths = [directory / name for name in _FILES]
    there = [path for path in paths if path.exists() or path.is_symlink()]
    if there:
        raise FilesInTheWayError(" and ".join(map(str, there)))
    if directory.exists() and not directory.is_dir():
        raise NotADirectoryError(20, "Not a directory")
    directory.mkdir(parents=True, exist_ok=True)
    name = operation_name(directory)
    for path, text in zip(paths, _FILES.values(), strict=True):
        with path.open("x", encoding="utf-8") as file:
            file.write(text.format(name=name, number=NUMBER))
    return paths


def operation_name(directory: Path) -> str:
    """The directory's name, as far as an operation may have it; `my-operation` where nothing of it is left."""
    words = re.sub(r"[^A-Za-z0-9_-]+", "-", directory.resolve().name).strip("-_")
    return (words if words[:1].isalpha() else f"my-{words or 'operation'}")[:64]
