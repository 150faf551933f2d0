"""One call, joined from SIP, RTP and its flow: facts in, facts and effects out. No sockets, no clock."""
