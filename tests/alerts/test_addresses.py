"""Where alerts go: each service gets its message, no redirect is followed, and nobody ever reads an address."""

from __future__ import annotations

import logging
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import pytest

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline.alerts import addresses, texts
from ai_gateway_billing_pipeline.alerts.news import Kind, News
from ai_gateway_billing_pipeline.database.checks import Finding
from support.constants import ACCOUNT
from support.receiver import receiving

pytest.importorskip("apprise")

SECRET = "3ccdd113474722377935511fc85d3dd4"
PLACE = texts.Place("web-1", "billing.duckdb", {ACCOUNT: "Acme"})
SHAPES = {"json": f"json://{{host}}/{SECRET}", "like Slack": f"mmost://{{host}}/{SECRET}"}
shapes = pytest.mark.parametrize("shape", SHAPES)


def item(severity: str = "error", kind: Kind = Kind.NEW) -> News:
    finding = Finding("1a2b3c4d", "low_credit", severity, ACCOUNT, "The credit runs out.")  # type: ignore[arg-type]
    return News(kind, finding, is_repeat=False)


def send(url: str, items: Sequence[News] = (item(),)) -> bool:
    (address,) = addresses.addressed([url], None)
    return address.send(items, PLACE, {})


@shapes
def test_a_service_gets_one_message(shape: str) -> None:
    with receiving() as receiver:
        assert send(SHAPES[shape].format(host=receiver.host))

    ((path, body),) = receiver.received
    assert path.endswith(SECRET)
    assert b"The credit runs out." in body
    assert b"AI Gateway billing: 1 error" in body


@pytest.mark.parametrize(
    ("items", "kind"), [([item("warning"), item()], "failure"), ([item(kind=Kind.OVER)], "success")]
)
def test_the_message_is_as_grave_as_the_worst_in_it(items: list[News], kind: str) -> None:
    with receiving() as receiver:
        send(f"json://{receiver.host}/", items)

    assert [each["type"] for each in receiver.json] == [kind]


@pytest.mark.parametrize(
    ("shape", "wish", "status"), [("json", "", 302), ("like Slack", "", 307), ("json", "?redirect=yes", 307)]
)
def test_a_redirect_is_not_followed(shape: str, wish: str, status: int, caplog: pytest.LogCaptureFixture) -> None:
    """What it leads to was not named by the user."""
    with receiving() as elsewhere, receiving(status, f"http://{elsewhere.host}/take") as receiver:
        taken = send(SHAPES[shape].format(host=receiver.host) + wish)

    assert (taken, elsewhere.received) == (False, [])
    assert len(receiver.received) == 1
    assert "did not take the message" in caplog.text


@pytest.mark.parametrize(("shape", "status"), [("json", 401), ("like Slack", 500)])
def test_a_service_that_refuses_is_a_warning_without_its_address(
    shape: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with receiving(status) as receiver, caplog.at_level(logging.DEBUG):
        assert not send(SHAPES[shape].format(host=receiver.host))

    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "Address 1 of --notify" in caplog.text
    assert SECRET not in caplog.text
    assert receiver.host not in caplog.text


def test_a_service_that_is_not_there_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]

    assert not send(f"json://127.0.0.1:{port}/{SECRET}")
    assert SECRET not in caplog.text


@pytest.mark.parametrize("trickle", [b"", b"x"], ids=["silence", "an answer without end"])
def test_a_service_that_never_ends_its_answer_is_left_after_the_time_limit(
    trickle: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(addresses, "TIME_LIMIT_S", 0.5)
    with talking(trickle) as port:
        assert not send(f"json://127.0.0.1:{port}/{SECRET}?rto=0.3")

    assert "did not take the message" in caplog.text


@contextmanager
def talking(trickle: bytes) -> Iterator[int]:
    """A server that takes a message and answers so for as long as anybody listens."""
    over = threading.Event()

    def answer(server: socket.socket) -> None:
        with server.accept()[0] as connection, suppress(OSError):
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n" if trickle else b"")
            while not over.wait(0.05):
                connection.sendall(trickle)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer, args=[server])
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            thread.join()


def test_a_process_that_cannot_start_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    assert not send(f"json://127.0.0.1:9/{SECRET}")
    assert "did not take the message" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize("url", [f"nonsense://{SECRET}", SECRET, f"slack://{SECRET}", f"json://{SECRET}:x:y/", "://"])
def test_an_address_that_cannot_be_one_is_refused_and_not_quoted(url: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(SettingsError, match="Address 2 of --notify") as refused:
        addresses.addressed(["json://localhost", url], None)

    assert SECRET not in str(refused.value) + caplog.text


def test_without_apprise_the_way_to_get_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)

    with pytest.raises(SettingsError, match=r"pip install '\.\[notify\]'"):
        addresses.addressed(["json://localhost"], None)


def test_an_address_is_remembered_by_what_does_not_tell_it() -> None:
    first, again, other = (addresses.addressed([f"json://localhost/{path}"], None)[0] for path in (SECRET, SECRET, "x"))

    assert first.mark == again.mark != other.mark
    assert first.mark.startswith("JSON:")
    assert SECRET not in first.mark + repr(first)


def test_a_webhook_gets_the_same_as_plain_json() -> None:
    with receiving() as receiver:
        (webhook,) = addresses.addressed([], f"http://{receiver.host}/hook")
        assert webhook.send([item()], PLACE, {})

    (told,) = receiver.json
    assert (told["status"], told["host"], told["database"]) == ("findings", "web-1", "billing.duckdb")
    assert told["findings"] == [
        {
            "event": "new",
            "id": "1a2b3c4d",
            "check": "low_credit",
            "severity": "error",
            "account_id": ACCOUNT,
            "finding": "The credit runs out.",
            "account": "Acme",
            "first_seen": None,
        }
    ]
    assert receiver.host not in repr(webhook) + webhook.mark
