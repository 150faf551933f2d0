"""A small DNS server on loopback, for tests: it says what it was given, counts what it was asked, or says nothing."""

import socket
import threading
from collections import Counter

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

Records = dict[tuple[str, str], list[str]]
"""(name with its last dot, type) -> the records, as a zone file has them."""


class DnsServer:
    """As a context manager it serves from a thread of its own."""

    def __init__(self, records: Records, ttl_s: int = 60) -> None:
        self.records = records
        self.ttl_s = ttl_s
        self.is_silent = False
        self.asked: Counter[tuple[str, str]] = Counter()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "DnsServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.sendto(b"", self._socket.getsockname())  # the last datagram
        self._thread.join(30)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            data, source = self._socket.recvfrom(4096)
            if not data:
                return
            answer = self._answer(dns.message.from_wire(data))
            if not self.is_silent:
                self._socket.sendto(answer.to_wire(), source)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        [question] = query.question
        name, kind = question.name.to_text().lower(), question.rdtype.name
        self.asked[name, kind] += 1
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        told = self.records.get((name, kind), [])
        if told:
            answer.answer.append(dns.rrset.from_text_list(question.name, self.ttl_s, "IN", kind, told))
        elif not any(known == name for known, _ in self.records):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer
