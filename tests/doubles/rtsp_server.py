"""An RTSP server of a test, in a process of its own: serves a clip over and over to one client after another.

    python tests/doubles/rtsp_server.py FFMPEG CLIP [STATUS | silent | audio]

Listens on a free port of 127.0.0.1 and prints it. FFmpeg sends the clip as RTP to a socket here, and each
packet is passed on as the client asked in SETUP: interleaved over TCP, or over UDP.

STATUS    (``401 Unauthorized``) the answer to DESCRIBE, or to SETUP if it is ``461 Unsupported Transport``
silent    accepts, and never answers
audio     the session has no video
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import subprocess
import sys
from typing import Final

_RTP_BYTES_MAX: Final = 65536
_AUDIO: Final = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\na=control:track0\r\n"
)


class Session:
    """One client's session."""

    def __init__(self, client: socket.socket, rtp: socket.socket, sdp: str, mode: str) -> None:
        self._client = client
        self._rtp = rtp
        self._sdp = sdp
        self._mode = mode
        self._udp: tuple[str, int] | None = None
        self._playing = False
        self._received = b""

    def serve(self) -> None:
        """Answers and sends until the client closes."""
        with self._client:
            while True:
                ready, _, _ = select.select([self._client, self._rtp], [], [])
                if self._rtp in ready:
                    self._send(self._rtp.recv(_RTP_BYTES_MAX))
                if self._client in ready and not self._receive():
                    return

    def _send(self, packet: bytes) -> None:
        if self._playing and self._udp is not None:
            self._rtp.sendto(packet, self._udp)
        elif self._playing:
            self._client.sendall(b"$\0" + len(packet).to_bytes(2, "big") + packet)

    def _receive(self) -> bool:
        """Answers what has come. False at the end."""
        content = self._client.recv(_RTP_BYTES_MAX)
        self._received += content
        while True:
            if self._received[:1] == b"$":  # a report of the client's, interleaved
                size = 4 + int.from_bytes(self._received[2:4], "big")
                self._received = self._received[size:]
                continue
            request, end, rest = self._received.partition(b"\r\n\r\n")
            if not end:
                return bool(content)
            self._received = rest
            if self._mode != "silent":
                self._answer(request.decode())

    def _answer(self, request: str) -> None:
        method = request.split(" ", 1)[0]
        sequence = re.search(r"(?i)cseq: *(\d+)", request)
        status, headers, body = "200 OK", "", ""
        if method == "OPTIONS":
            headers = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
        elif method == "DESCRIBE" and self._mode[:1].isdigit() and not self._mode.startswith("461"):
            status, headers = self._mode, 'WWW-Authenticate: Basic realm="test"\r\n'
        elif method == "DESCRIBE":
            body = _AUDIO if self._mode == "audio" else self._sdp
            headers = "Content-Type: application/sdp\r\n"
        elif method == "SETUP" and self._mode.startswith("461"):
            status = self._mode
        elif method == "SETUP":
            headers = self._set_up(request)
        self._playing = self._playing or method == "PLAY"
        header = f"RTSP/1.0 {status}\r\nCSeq: {sequence[1] if sequence else 0}\r\n{headers}Session: 1\r\n"
        self._client.sendall(f"{header}Content-Length: {len(body)}\r\n\r\n{body}".encode())

    def _set_up(self, request: str) -> str:
        ports = re.search(r"client_port=(\d+)-(\d+)", request)
        if ports is None:
            return "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
        self._udp = ("127.0.0.1", int(ports[1]))
        mine = self._rtp.getsockname()[1]
        return f"Transport: RTP/AVP;unicast;{ports[0]};server_port={mine}-{mine + 1}\r\n"


def serve(ffmpeg: str, clip: str, mode: str) -> None:
    """Serves until it is killed."""
    rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    rtp.bind(("127.0.0.1", 0))
    copied = ["-re", "-stream_loop", "-1", "-i", clip, "-map", "0:v", "-c", "copy"]
    address = f"rtp://127.0.0.1:{rtp.getsockname()[1]}?pkt_size=1200"
    command = [ffmpeg, "-v", "error", *copied, "-f", "rtp", "-sdp_file", "pipe:1", address]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as sender:
        assert sender.stdout is not None
        lines = iter(sender.stdout.readline, "")
        sdp = ""
        for line in lines:
            sdp += line.rstrip() + "\r\n"
            if line.startswith("a=fmtp"):
                break
        sdp = re.sub(r"m=video \d+", "m=video 0", sdp.removeprefix("SDP:\r\n")) + "a=control:track0\r\n"
        listener = socket.create_server(("127.0.0.1", 0))
        print(listener.getsockname()[1], flush=True)  # noqa: T201 - what a test waits for
        while True:
            client, _ = listener.accept()
            with contextlib.suppress(OSError):  # it has gone
                Session(client, rtp, sdp, mode).serve()


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], " ".join(sys.argv[3:]))
