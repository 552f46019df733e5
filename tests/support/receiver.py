"""A server on loopback that people could have been told by: it keeps what it was sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any


@dataclass
class Receiver:
    """Answers with `status`, and `location` where it leads elsewhere. `received`: path and body of each request."""

    port: int = 0
    status: int = 200
    location: str = ""
    received: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def json(self) -> list[Any]:
        """The bodies."""
        return [json.loads(body) for _, body in self.received]

    @property
    def messages(self) -> list[str]:
        """The texts, of what Apprise sends as JSON."""
        return [each["message"] for each in self.json]

    @property
    def titles(self) -> list[str]:
        return [each["title"] for each in self.json]


@contextmanager
def receiving(status: int = 200, location: str = "") -> Iterator[Receiver]:
    """A receiver, as long as this lasts."""
    receiver = Receiver(status=status, location=location)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            receiver.received.append((self.path, body))
            self.send_response(receiver.status)
            if receiver.location:
                self.send_header("location", receiver.location)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def do_GET(self) -> None:
            """What a redirect makes of a message."""
            self.do_POST()

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    receiver.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
