"""RTP machines: packets and statistics (RFC 3550), telephone events (RFC 4733). Bytes and numbers in, the same out."""
