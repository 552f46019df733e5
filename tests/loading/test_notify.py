"""A webhook hears of loads that went wrong, once, and neither it nor its absence changes how the load ends."""

import json
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing.simulator import DEMO_ACCOUNT_ID, DEMO_TOKEN, Simulator, demo_world
from ai_gateway_billing_pipeline import cli
from ai_gateway_billing_pipeline.loading import notify
from ai_gateway_billing_pipeline.terminal import exits, logs

FAILED = {"status": "failed", "error": "no", "accounts": {}, "rows": {}, "requests": 1, "seconds": 0.1}


@contextmanager
def webhook(status: int = 204) -> Iterator[tuple[str, list[bytes]]]:
    """A real server on loopback that keeps what it was sent."""
    received: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    "url",
    ["http://example.com/x", "ftp://localhost/x", "example.com/x", "https://", "", "https://[::1", "https://a:b/"],
)
def test_an_address_that_could_be_overheard_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="https"):
        notify.checked_url(url)


@pytest.mark.parametrize("url", ["https://example.com/x?y=z", "http://localhost:8000/x", "http://127.0.0.1/"])
def test_https_and_this_machine_are_good_addresses(url: str) -> None:
    assert notify.checked_url(url) == url


def test_the_summary_is_posted_as_json() -> None:
    with webhook() as (url, received):
        notify.post(url, FAILED)

    assert [json.loads(body) for body in received] == [FAILED]


def test_a_concealed_secret_is_taken_out_of_what_is_posted() -> None:
    logs.conceal("a-token-in-a-message")
    with webhook() as (url, received):
        notify.post(url, FAILED | {"error": "refused a-token-in-a-message"})

    assert b"a-token-in-a-message" not in received[0]


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (httpx.ConnectError("refused"), "(no connection: refused)"),
        (httpx.ReadError(""), "(the connection broke)"),
        (OSError("no route to https://example.com/very-secret"), "(the connection failed: no route to ***)"),
    ],
)
def test_an_unreachable_webhook_is_a_warning_in_words_and_no_failure(
    failure: Exception, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise failure

    with caplog.at_level(logging.WARNING):
        notify.post("https://example.com/very-secret", FAILED, httpx.MockTransport(answer))

    assert words in caplog.text
    assert "very-secret" not in caplog.text


def test_a_webhook_that_never_answers_is_left_after_the_time_limit(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(notify, "TIME_LIMIT_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent, caplog.at_level(logging.WARNING):
        notify.post(f"http://127.0.0.1:{silent.getsockname()[1]}/hook", FAILED)

    assert "did not answer within 0.05 s" in caplog.text


def test_a_webhook_that_refuses_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with webhook(status=500) as (url, _), caplog.at_level(logging.WARNING):
        notify.post(url, FAILED)

    assert "HTTP 500" in caplog.text


def test_a_redirect_is_not_followed(caplog: pytest.LogCaptureFixture) -> None:
    """What it leads to has not been checked, and was not named by the user."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(307, headers={"location": "https://elsewhere.example/take"})

    with caplog.at_level(logging.WARNING):
        notify.post("https://example.com/hook", FAILED, httpx.MockTransport(answer))

    assert asked == ["https://example.com/hook"]
    assert "HTTP 307" in caplog.text


def _load(tmp_path: Path, token: str, hook: str, *more: str) -> int:
    simulator = Simulator(demo_world())
    with simulator.serve() as base_url, pytest.MonkeyPatch.context() as environment:
        environment.setenv("CLOUDFLARE_API_TOKEN", token)
        arguments = ["load", "--base-url", base_url, "--account", DEMO_ACCOUNT_ID, "--start", "2026-11-01"]
        given = [*arguments, "--database", str(tmp_path / "b.duckdb"), "--notify-url", hook, *more]
        return exits.run(lambda: cli.app(args=given, standalone_mode=False))


def test_a_failed_load_is_told_and_still_ends_with_its_own_code(tmp_path: Path) -> None:
    with webhook() as (url, received):
        code = _load(tmp_path, "a-token-that-nobody-knows", url)

    told = json.loads(received[0])
    assert code == 3
    assert told["status"] == "failed"
    assert b"a-token-that-nobody-knows" not in received[0]
    assert len(received) == 1


def test_a_load_that_went_well_is_not_told(tmp_path: Path) -> None:
    with webhook() as (url, received):
        code = _load(tmp_path, DEMO_TOKEN, url)

    assert code == 0
    assert received == []


def test_a_webhook_that_is_not_there_changes_no_exit_code(tmp_path: Path) -> None:
    assert _load(tmp_path, "a-token-that-nobody-knows", "http://127.0.0.1:9/hook") == 3


def test_json_logs_are_one_object_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with webhook() as (url, _):
        code = _load(tmp_path, "a-token-that-nobody-knows", url, "--log-format", "json", "--log-level", "info")

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert code == 3
    assert {"level", "message"} <= set().union(*lines)
    assert any("Cloudflare refused" in str(line.get("message", "")) for line in lines)


def test_a_bad_webhook_address_is_refused_before_anything_is_sent() -> None:
    result = CliRunner().invoke(cli.app, ["load", "--demo", "--notify-url", "http://example.com/"])

    assert isinstance(result.exception, SettingsError)
