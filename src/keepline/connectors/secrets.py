"""Secrets that an operation points to: read from the environment or a file when they are needed, and kept nowhere."""

import os
from pathlib import Path

from keepline.model.capability import SecretRef
from keepline.model.limits_capabilities import SECRET_BYTES_MAX


class SecretMissingError(Exception):
    """A secret is not where the operation says; the message names the place and never the secret."""


def secret_of(secret: SecretRef) -> str:
    """What a reference points to, read now. Raises `SecretMissingError`."""
    if secret.source == "env":
        if secret.name not in os.environ:
            raise SecretMissingError(f"the environment has no {secret.name}")
        return secret.prefix + os.environ[secret.name]
    if secret.source == "file":
        try:
            with Path(secret.name).open(encoding="utf-8") as opened:
                return secret.prefix + opened.read(SECRET_BYTES_MAX).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SecretMissingError(f"{secret.name} cannot be read: {type(error).__name__}") from None
    return secret.prefix + secret.name
