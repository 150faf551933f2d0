"""A witness that is a URL: the note is the body of a POST, with an idempotency key. Any 2xx means that it is kept."""

from typing import Final

import httpx2

from keepline.connectors.secrets import SecretMissingError, secret_of
from keepline.connectors.witness.interface import Delivery, WitnessFailed
from keepline.model.limits import WITNESS_S_MAX
from keepline.model.witness import HttpWitness

WORDS_CHARS_MAX: Final = 200


def post_note(place: HttpWitness, delivery: Delivery) -> str:
    """Raises `WitnessFailed`; redirections are not followed, since a witness is one place."""
    headers = {"Content-Type": "text/plain; charset=utf-8", "Idempotency-Key": f'"{delivery.key}"'}
    try:
        if place.token is not None:
            headers["Authorization"] = f"Bearer {secret_of(place.token)}"
        with httpx2.Client(timeout=WITNESS_S_MAX) as client:
            answer = client.post(place.url, content=delivery.checkpoint.note.encode(), headers=headers)
    except SecretMissingError as error:
        raise WitnessFailed(f"its token is missing: {error}") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        raise WitnessFailed(f"{place.url}: {type(error).__name__}: {error}"[:WORDS_CHARS_MAX]) from None
    if not answer.is_success:
        raise WitnessFailed(f"{place.url} answered {answer.status_code} {answer.reason_phrase}"[:WORDS_CHARS_MAX])
    return ""
