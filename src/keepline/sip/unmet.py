"""Why an offer is not met, for whoever has to find out: the Warning of a 488, and the words of the record.

RFC 3261 §20.43 (codes), §21.4.26 (a 488 should say why), §13.3.1.3. It refuses to judge an offer: `sdp.offer_answer`
has done so, and this looks for the first reason in what nothing was made of.
"""

from collections.abc import Sequence

from keepline.sip.sdp import Media, SessionDescription
from keepline.sip.uas import Refusal

PROTOCOL = "RTP/AVP"


def unmet(offer: SessionDescription, local_host: str, codecs: Sequence[str] = ("PCMU", "PCMA")) -> Refusal:
    """The 488 to an offer in which nothing fits, with its Warning."""
    code, why = _why(offer.media, local_host, codecs)
    return Refusal(488, why, (("Warning", f'{code} keepline "{why}"'),))


def _why(offered: Sequence[Media], local_host: str, codecs: Sequence[str]) -> tuple[int, str]:
    audio = [media for media in offered if media.kind == "audio" and media.port]
    plain = [media for media in audio if media.protocol == PROTOCOL]
    family = "6" if ":" in local_host else "4"
    if not audio:
        return 304, "no audio is offered, and nothing else is taken here"
    if not plain:
        return 302, f"audio by {PROTOCOL} alone is taken here"
    if not any(_has_codec(media, codecs) for media in plain):
        return 305, f"no codec in common: {' and '.join(codecs)} are offered here"
    if not any(media.host and (":" in media.host) == (family == "6") for media in plain):
        return 300, f"audio goes by IPv{family} here"
    return 301, "audio cannot be sent to the address that is offered"


def _has_codec(media: Media, codecs: Sequence[str]) -> bool:
    found = (media.codec(int(text)) for text in media.formats if text.isascii() and text.isdigit() and len(text) < 4)
    return any(codec is not None and codec[0] in codecs and codec[1] == 8_000 for codec in found)
