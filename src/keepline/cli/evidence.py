"""`keepline evidence`: an incident for those who were not there and believe nobody: an insurer, an auditor."""

import json
import sqlite3
import time
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from keepline.cli.output import DEFAULT_DATA, FAILED, CommandFailed, Data
from keepline.cli.review import prices_of

README = """# Evidence of {id}

What Keepline has on record of this incident, and what proves that it is what was written at the time.

- `review.md`, `review.html`, `review.json`: what happened, computed from the facts beside them.
- `facts.jsonl`: {shown} facts in full, and the hashes of the others of {size}: the log's signed root follows from both.
- `verify_export.py`: checks that, and imports nothing of Keepline. It needs Python and the `cryptography` package:

      python verify_export.py facts.jsonl --key LOG.PUB --witness CHECKPOINTS

  `--key` is a copy of the node's `log.pub`, and `--witness` are checkpoints of it that were kept elsewhere while it
  happened (`journal.witnesses`). Without these it proves that the files agree with one another, and no more.

`facts.jsonl` holds the numbers of callers and what their calls did. Give it to nobody who must not have them.
"""


def evidence(
    id_: Annotated[str, typer.Argument(metavar="ID", help="The incident's id.")],
    to: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where to; a directory of its name.", show_default=False),
    ] = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Write an incident's review, its facts with the proofs of them, and what verifies those, into a directory."""
    from keepline.incident.review import review_of
    from keepline.incident.review_text import html_of, markdown_of
    from keepline.node.journal_evidence import write_evidence
    from keepline.node.journal_review import reviewed

    directory = to or Path(id_)
    now_s = time.time()
    try:
        found = review_of(reviewed(data, id_, prices_of(data), now_s))
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / "facts.jsonl").open("w", encoding="utf-8") as file:
            shown, size = write_evidence(data, id_, file, now_s)
        texts = {
            "review.json": json.dumps(found, ensure_ascii=False, indent=2),
            "review.html": html_of(found),
            "review.md": markdown_of(found),
            "README.md": README.format(id=id_, shown=shown, size=size),
            "verify_export.py": _verifier(),
        }
        for name, text in texts.items():
            (directory / name).write_text(text, encoding="utf-8")
    except KeyError:
        known = "`keepline incident list --all` has them"
        raise CommandFailed(f"no incident has the id {id_}; {known}", FAILED) from None
    except (OSError, sqlite3.Error) as error:
        raise CommandFailed(f"the evidence cannot be written: {error}", FAILED) from error
    typer.echo(f"{directory}: {shown} of {size} facts in full, and the proof of them")


def _verifier() -> str:
    """The program that knows nothing of Keepline; from the wheel, or from a checkout."""
    for place in (files("keepline") / "tools", Path(__file__).resolve().parents[3] / "tools"):
        file = place / "verify_export.py"
        if file.is_file():
            return file.read_text(encoding="utf-8")
    raise CommandFailed("this installation lacks verify_export.py; install keepline again", FAILED)
