"""What the two sides of a call agreed on, as it stands in its facts."""

from keepline.model.frozen import frozen


@frozen
class Terms:
    """What the two sides of a session agreed on."""

    codec: str
    payload_type: int
    dtmf_payload_type: int
    """-1 where telephone-event is not spoken."""
    remote_host: str
    remote_port: int
    frame_ms: int
    rtcp_mux: bool
    direction: str
    """Ours."""
