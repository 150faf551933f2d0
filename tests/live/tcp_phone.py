"""A caller over one TCP connection, as plain as can be: what it says, and what it hears, message by message."""

import socket

from keepline.sip.message import Request, Response, make_response, parse_message
from keepline.sip.stream import Framed, KeepAlive, next_frame

WITHIN_S = 30.0
SDP = (
    "v=0\r\no=- 1 1 IN IP{version} {host}\r\ns=-\r\nc=IN IP{version} {host}\r\nt=0 0\r\n"
    "m=audio 9 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
)


class TcpPhone:
    """One connection to a node, and one dialog over it at a time."""

    def __init__(self, node: str, source: str = "") -> None:
        """`node` is HOST:PORT; `source` an address to come from."""
        host, _, port = node.rpartition(":")
        self._take(
            node,
            socket.create_connection(
                (host.strip("[]"), int(port)), WITHIN_S, source_address=(source, 0) if source else None
            ),
        )

    @classmethod
    def over(cls, sock: socket.socket) -> "TcpPhone":
        """The far end of a connection that a node made."""
        made = cls.__new__(cls)
        made._take("", sock)
        return made

    def _take(self, node: str, sock: socket.socket) -> None:
        self.node = node
        self.sock = sock
        self.address = sock.getsockname()[:2]
        self._unread = b""
        self._calls = 0
        self._to = ""
        self._cseq = 1
        self._bye: Request | None = None

    def __enter__(self) -> "TcpPhone":
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def words(self) -> str:
        """Its own address as a URI has it."""
        host, port = self.address
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def request(self, method: str, user: str, *more: str, body: str = "", branch: str = "") -> bytes:
        """A request of its present call."""
        call = f"{self._calls}-{self.address[1]}"
        via = f"SIP/2.0/TCP {self.words()};branch=z9hG4bK{call}{branch or method}{self._cseq}"
        lines = [
            f"{method} sip:{user}@{self.node} SIP/2.0", f"Via: {via}", "Max-Forwards: 70",
            f"From: <sip:tcp@{self.words()}>;tag={call}", f"To: {self._to or f'<sip:{user}@{self.node}>'}",
            f"Call-ID: {call}", f"CSeq: {self._cseq} {method}", f"Contact: <sip:tcp@{self.words()};transport=tcp>",
            *more, f"Content-Length: {len(body)}",
        ]  # fmt: skip
        return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()

    def invite(self, user: str) -> bytes:
        """The INVITE of a new call."""
        self._calls += 1
        self._to, self._cseq = "", 1
        host = self.address[0]
        sdp = SDP.format(host=host, version=6 if ":" in host else 4)
        return self.request("INVITE", user, "Content-Type: application/sdp", body=sdp)

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def call(self, user: str) -> Response:
        """Call, and acknowledge; the 200."""
        self.send(self.invite(user))
        answer = self.final()
        assert answer.status == 200, answer
        self.acknowledge(user, answer)
        return answer

    def acknowledge(self, user: str, answer: Response) -> None:
        self._to = answer.headers.get("To") or ""
        self.send(self.request("ACK", user))

    def hang_up(self, user: str) -> Response:
        self._cseq += 1
        self.send(self.request("BYE", user))
        return self.final()

    def final(self) -> Response:
        """The next final response; a BYE that came before, again from who took over meanwhile, has its 200 again."""
        while True:
            heard = self.hear()
            if isinstance(heard, Request) and self._bye is not None and heard.cseq == self._bye.cseq:
                self.send(make_response(heard, 200).encode())
                continue
            assert isinstance(heard, Response), heard
            if heard.status >= 200:
                return heard

    def bye(self) -> Request:
        """The node's BYE, which is answered; copies of a 200 that came before it are passed over."""
        while not isinstance(heard := self.hear(), Request):
            assert heard.status == 200, heard
        assert heard.method == "BYE", heard
        self.send(make_response(heard, 200).encode())
        self._bye = heard
        return heard

    def hear(self) -> Request | Response:
        """The next message; EOFError at the end of the connection."""
        while True:
            frame = next_frame(self._unread)
            if isinstance(frame, Framed | KeepAlive):
                self._unread = self._unread[frame.end :]
                if isinstance(frame, Framed):
                    return parse_message(frame.data)
                continue
            piece = self.sock.recv(65_536)
            if not piece:
                raise EOFError("the node closed the connection")
            self._unread += piece
