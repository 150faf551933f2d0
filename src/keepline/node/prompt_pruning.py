"""Old prompts are removed, so that what flows once said does not fill the disk.

Only where no process of a node lives: whoever plays a prompt believes it to be on disk once it was. One that is asked
for again is made again. It refuses to touch what is no prompt.
"""

import re
from contextlib import suppress
from pathlib import Path

import structlog

from keepline.model.limits import PROMPT_UNUSED_DAYS_MAX

_PROMPT = re.compile(r"[0-9a-f]{32}\.[au]law")
DAY_S = 86_400
log = structlog.get_logger("supervisor")


def prune_prompts(directory: Path, now_s: float) -> int:
    """Remove prompts that were neither made nor read for `PROMPT_UNUSED_DAYS_MAX` days; how many files went."""
    oldest_s, removed = now_s - PROMPT_UNUSED_DAYS_MAX * DAY_S, 0
    for path in directory.iterdir() if directory.is_dir() else ():
        if _PROMPT.fullmatch(path.name):
            with suppress(OSError):  # it is somebody else's then, or gone
                found = path.stat()
                if max(found.st_mtime, found.st_atime) < oldest_s:
                    path.unlink()
                    removed += 1
    if removed:
        log.info("prompts_removed", files=removed, unused_days=PROMPT_UNUSED_DAYS_MAX)
    return removed
