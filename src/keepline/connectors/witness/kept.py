"""Reads what a witness kept: a file of notes, what a URL answers, a mailbox (mbox, Maildir, a directory of mails)."""

import mailbox
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

import httpx2

from keepline.connectors.witness.interface import WitnessFailed
from keepline.model.limits import WITNESS_BYTES_MAX, WITNESS_S_MAX
from keepline.proof.notes import KeptNote, notes_in

_HEADER: Final = re.compile(rb"[A-Za-z][A-Za-z0-9-]*:")


def kept_by(source: str, token: str = "") -> list[KeptNote]:
    """The notes that a file, a URL or a mailbox holds; `token` is sent to a URL. Raises `WitnessFailed`."""
    if source.startswith(("http://", "https://")):
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "kept")
            path.write_bytes(_fetched(source, token))
            found = list(_notes_at(path, source))
    else:
        try:
            found = list(_notes_at(Path(source), source))
        except (OSError, mailbox.Error) as error:
            raise WitnessFailed(f"{source} cannot be read: {error}") from None
    if not found:
        raise WitnessFailed(f"{source} holds no checkpoint; a witness is a file, a URL or a mailbox that has some")
    return found


def _fetched(url: str, token: str) -> bytes:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    got = bytearray()
    try:
        with (
            httpx2.Client(timeout=WITNESS_S_MAX, headers=headers) as client,
            client.stream("GET", url, follow_redirects=True) as answer,
        ):
            if not answer.is_success:
                raise WitnessFailed(f"{url} answered {answer.status_code} {answer.reason_phrase}")
            for piece in answer.iter_bytes():
                got += piece
                _check_size(len(got), url)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise WitnessFailed(f"{url}: {type(error).__name__}: {error}") from None
    return bytes(got)


def _notes_at(path: Path, source: str) -> Iterator[KeptNote]:
    if path.is_dir():
        if (path / "cur").is_dir():
            yield from _notes_of_mails(mailbox.Maildir(path, create=False), source)
        else:
            single = (message_from_bytes(each.read_bytes()) for each in sorted(path.glob("*.eml")))
            yield from _notes_of_mails(single, source)
        return
    _check_size(path.stat().st_size, source)
    content = path.read_bytes()
    if content.startswith(b"From "):
        with closing(mailbox.mbox(path, create=False)) as mails:
            yield from _notes_of_mails(mails, source)
    elif _HEADER.match(content):
        yield from _notes_of_mails([message_from_bytes(content)], source)
    else:
        yield from notes_in(content.decode("utf-8", "replace"), source)


def _notes_of_mails(mails: Iterable[Message], source: str) -> Iterator[KeptNote]:
    for each in mails:
        mail = message_from_bytes(each.as_bytes(), policy=policy.default)
        try:
            at_s = parsedate_to_datetime(str(mail["Date"])).timestamp()
        except (TypeError, ValueError):
            at_s = None
        for part in mail.walk():
            if isinstance(part, EmailMessage) and part.get_content_type() == "text/plain":
                yield from notes_in(str(part.get_content()), source, at_s)


def _check_size(size: int, source: str) -> None:
    if size > WITNESS_BYTES_MAX:
        raise WitnessFailed(f"{source} has more than {WITNESS_BYTES_MAX} bytes: that is no witness of a journal")
