"""What a calls process knows and writes nowhere, its trunks' passwords; and the key of nonces, which its like share.

Passwords are read when a version of the operation is loaded, so a new one counts from the next start or switch-over.
"""

import os
from pathlib import Path

import structlog

from keepline.connectors.secrets import SecretMissingError, secret_of
from keepline.model.capability import SecretRef
from keepline.model.operation import Operation

KEY_BYTES = 32
log = structlog.get_logger("calls")


def read_passwords(operation: Operation) -> dict[SecretRef, str]:
    """The passwords of an operation's trunks. One that is not there is left out, with a word in the log: calls by
    other ways go on.
    """
    found: dict[SecretRef, str] = {}
    for trunk in operation.trunks:
        wanted = [(f"trunks.{trunk.name}.users.{user.name}", user.password) for user in trunk.users]
        if trunk.outbound is not None and trunk.outbound.password is not None:
            wanted.append((f"trunks.{trunk.name}.outbound", trunk.outbound.password))
        for setting, place in wanted:
            try:
                password = secret_of(place)
            except SecretMissingError as error:
                log.error("password_missing", setting=setting, what=str(error))
                continue
            if password:
                found[place] = password
            else:
                log.error("password_missing", setting=setting, what=f"{place.name} is empty")
    return found


def nonce_key(path: Path) -> bytes:
    """The key of the node's nonces, made by the first process that asks. Of this process alone where the disk fails."""
    try:
        made = path.with_name(f"{path.name}.{os.getpid()}.new")
        if not path.exists():
            descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                os.write(descriptor, os.urandom(KEY_BYTES))
            finally:
                os.close(descriptor)
            try:
                os.link(made, path)  # whole or not at all, and never in the place of another's
            except FileExistsError:
                pass
            finally:
                made.unlink()
        key = path.read_bytes()
        if len(key) != KEY_BYTES:
            raise OSError(f"{path} has {len(key)} bytes and not {KEY_BYTES}; remove it, and it is made anew")
    except OSError as error:
        log.error("nonce_key_failed", what=str(error), meaning="after a switch-over users are asked once more")
        return os.urandom(KEY_BYTES)
    return key
