"""Sends a signed checkpoint to somebody outside the node: to a file, by HTTP, by mail. One call, one checkpoint.

Sending again does no harm: the file holds it twice at worst, the POST has an idempotency key, the mail one Message-ID.
When, and how often, is `keepline.proof.witnessing`'s to say.
"""

from keepline.connectors.witness.file import append_note
from keepline.connectors.witness.http import post_note
from keepline.connectors.witness.interface import Delivery, WitnessFailed
from keepline.connectors.witness.mail import mail_note
from keepline.model.witness import FileWitness, HttpWitness, WitnessPlace

__all__ = ["WitnessFailed", "deliver"]


def deliver(place: WitnessPlace, delivery: Delivery) -> str:
    """Returns a remark, empty where there is none. Raises `WitnessFailed`, whose text never holds a secret."""
    if isinstance(place, FileWitness):
        return append_note(place, delivery)
    if isinstance(place, HttpWitness):
        return post_note(place, delivery)
    return mail_note(place, delivery)
