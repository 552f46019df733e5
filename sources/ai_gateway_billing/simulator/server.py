"""The simulator on a loopback socket: real HTTP/1.1, connections kept alive, and connections truly broken."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from .answers import Answer, Call
from .api import BASE_PATH

HOST = "127.0.0.1"


class Answering(Protocol):
    """Whatever turns a call into an answer."""

    def answer(self, call: Call) -> Answer:
        """The answer to a call whose path still begins with the base path."""


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], simulator: Answering) -> None:
        self.simulator = simulator
        self.ending = threading.Event()
        self._open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no event here."""

    def end(self) -> None:
        """Stop accepting, release held answers, hang up on idle connections."""
        self.ending.set()
        self.shutdown()
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        sent = self.rfile.read(length)
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        headers = {name.lower(): text for name, text in self.headers.items()}
        self._send(self.server.simulator.answer(Call(self.command, parts.path, query, headers, body=sent)))

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_GET  # noqa: N815 - http.server looks for these names

    def _send(self, answer: Answer) -> None:
        if answer.delay_s:
            self.server.ending.wait(answer.delay_s)
        if answer.breakage == "timeout":
            self.server.ending.wait()
        if answer.breakage in ("refused", "reset", "timeout"):
            return self._hang_up(abruptly=answer.breakage == "reset")
        self.send_response_only(answer.status)
        for name, text in answer.headers.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        body = b"" if self.command == "HEAD" else answer.body
        if answer.breakage == "torn_body":
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            return self._hang_up(abruptly=False)
        self.wfile.write(body)
        return None

    def _hang_up(self, *, abruptly: bool) -> None:
        """End the connection; abruptly is with a reset instead of a goodbye."""
        self.close_connection = True
        if abruptly:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.rfile.close()
            self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Print nothing: the simulator keeps its own record of requests."""


@contextmanager
def serving(simulator: Answering, port: int = 0) -> Iterator[str]:
    """Serve on loopback while the context lasts; yields the base URL. Port 0 takes a free one."""
    server = _Server((HOST, port), simulator)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="simulator", daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_address[1]}{BASE_PATH}"
    finally:
        server.end()
        thread.join()
