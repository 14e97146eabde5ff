"""An HTTP server of a test, in a process of its own: a folder, and its JPEG pictures as one multipart stream.

    python tests/doubles/http_server.py FOLDER FPS

Listens on a free port of 127.0.0.1 and prints it. ``/mjpeg`` sends the pictures of the folder in the order of
their names, over and over, FPS a second, as cameras do; every other path is a file of the folder.
"""

from __future__ import annotations

import functools
import sys
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(SimpleHTTPRequestHandler):
    """Serves one request."""

    def __init__(self, *arguments: object, fps: float, directory: str) -> None:
        self._fps = fps
        super().__init__(*arguments, directory=directory)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """A file, or the stream."""
        if self.path != "/mjpeg":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        pictures = [path.read_bytes() for path in sorted(Path(self.directory).glob("*.jpg"))]
        due = time.monotonic()
        while True:
            for picture in pictures:
                header = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                self.wfile.write(header.encode() + picture + b"\r\n")
                due += 1 / self._fps
                time.sleep(max(0.0, due - time.monotonic()))

    def log_message(self, *_: object) -> None:
        """Says nothing."""


if __name__ == "__main__":
    handler = functools.partial(Handler, fps=float(sys.argv[2]), directory=sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    print(server.server_address[1], flush=True)  # noqa: T201 - what a test waits for
    server.serve_forever()
