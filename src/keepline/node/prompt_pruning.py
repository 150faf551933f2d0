"""Old prompts are removed, so that what flows once said does not fill the disk; and what a power cut may have spoilt.

Only where no process of a node lives: whoever plays a prompt believes it to be on disk once it was. One that is asked
for again is made again. It refuses to touch what is no prompt.
"""

import re
from contextlib import suppress
from pathlib import Path

import structlog

from keepline.connectors.speech.flushing import FLUSHED_NAME
from keepline.model.limits import PROMPT_UNUSED_DAYS_MAX

_PROMPT = re.compile(r"[0-9a-f]{32}\.[au]law")
DAY_S = 86_400
log = structlog.get_logger("supervisor")


def prune_prompts(directory: Path, now_s: float) -> int:
    """Remove prompts that were neither made nor read for `PROMPT_UNUSED_DAYS_MAX` days; how many files went.

    So do those that may not have been flushed before the machine lost its power (`connectors.speech.flushing`).
    """
    oldest_s, flushed_ns, unused, unflushed = now_s - PROMPT_UNUSED_DAYS_MAX * DAY_S, _flushed_ns(directory), 0, 0
    for path in directory.iterdir() if directory.is_dir() else ():
        if _PROMPT.fullmatch(path.name):
            with suppress(OSError):  # it is somebody else's then, or gone
                found = path.stat()
                is_unused = max(found.st_mtime, found.st_atime) < oldest_s
                if is_unused or (flushed_ns is not None and found.st_mtime_ns > flushed_ns):
                    path.unlink()
                    unused, unflushed = unused + is_unused, unflushed + (not is_unused)
    with suppress(OSError):  # where the disk takes nothing, later ones are not flushed either
        if directory.is_dir():
            (directory / FLUSHED_NAME).touch()
    if unused or unflushed:
        log.info("prompts_removed", unused=unused, unused_days=PROMPT_UNUSED_DAYS_MAX, unflushed=unflushed)
    return unused + unflushed


def _flushed_ns(directory: Path) -> int | None:
    """All that is as old is flushed; None where nobody has noted it: all of it is, then."""
    try:
        return (directory / FLUSHED_NAME).stat().st_mtime_ns
    except OSError:
        return None
