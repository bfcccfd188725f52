"""SIP text: the few messages that the benchmark's own phones speak, written and read without any code of the server."""

from __future__ import annotations

from dataclasses import dataclass

Address = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A message: its start line, its header lines in order, its body."""

    start: str
    lines: tuple[tuple[str, str], ...]
    body: str

    @property
    def status(self) -> int:
        """The status of a response, 0 of a request."""
        return int(self.start[8:11]) if self.start.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        """The method, from CSeq: of responses too."""
        return self.header("cseq").rpartition(" ")[2]

    def header(self, name: str) -> str:
        """The first header of this lower-case name, empty if there is none."""
        return next((value for key, value in self.lines if key == name), "")

    def contact_uri(self) -> str:
        return self.header("contact").partition("<")[2].partition(">")[0]


def read(packet: bytes) -> Received:
    """Read a message with long header names, each on one line."""
    head, _, body = packet.decode("utf-8", "replace").partition("\r\n\r\n")
    start, *rest = head.split("\r\n")
    lines = tuple((key.strip().lower(), value.strip()) for key, _, value in (line.partition(":") for line in rest))
    return Received(start=start, lines=lines, body=body)


def request(
    method: str, uri: str, own: Address, *, branch: str, from_: str, to: str, call_id: str, cseq: int, body: str = ""
) -> bytes:
    """A request with a Contact at `own`."""
    host, port = own
    return (
        f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch={branch}\r\nMax-Forwards: 70\r\n"
        f"From: {from_}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n"
        f"Contact: <sip:load@{host}:{port}>\r\n{_body(body)}"
    ).encode()


def response(message: Received, status: str, own: Address, tag: str, body: str = "") -> bytes:
    """A response to a request; `tag` becomes that of To where it has none."""
    parts = [f"SIP/2.0 {status}"]
    for key, value in message.lines:
        if key in ("via", "record-route", "from", "call-id", "cseq"):
            parts.append(f"{_NAMES[key]}: {value}")
        elif key == "to":
            parts.append(f"To: {value}" if ";tag=" in value else f"To: {value};tag={tag}")
    parts.append(f"Contact: <sip:load@{own[0]}:{own[1]}>")
    return ("\r\n".join(parts) + "\r\n" + _body(body)).encode()


_FORMATS = {"pcmu": (0, "PCMU/8000"), "pcma": (8, "PCMA/8000"), "opus": (111, "opus/48000/2")}


def sdp(host: str, port: int, codec: str = "pcmu") -> str:
    """One codec and telephone events at an address."""
    number, name = _FORMATS[codec]
    return (
        f"v=0\r\no=load 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP {number} 101\r\na=rtpmap:{number} {name}\r\n"
        "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n"
    )


def media_address(body: str) -> Address:
    """Where a session description asks for its audio. Raises ValueError where it asks for none."""
    host, port = "", 0
    for line in body.splitlines():
        if line.startswith("c="):
            host = line.rpartition(" ")[2]
        elif line.startswith("m=audio "):
            port = int(line.split(" ")[1])
    if not host or not port:
        raise ValueError(f"no audio address in {body!r}")
    return host, port


_NAMES = {"via": "Via", "record-route": "Record-Route", "from": "From", "call-id": "Call-ID", "cseq": "CSeq"}


def _body(body: str) -> str:
    kind = "Content-Type: application/sdp\r\n" if body else ""
    return f"{kind}Content-Length: {len(body)}\r\n\r\n{body}"
