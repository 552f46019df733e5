"""Cassettes may be read by anybody: they hold nothing that opens, pays or names, and say where they are from."""

import re
from pathlib import Path

import pytest
import yaml

from ai_gateway_billing.simulator import DEMO_ACCOUNT_ID, DEMO_TOKEN
from support.recording import ACCOUNT_ID, KEPT_HEADERS, scrub_request, scrub_text

CASSETTES = Path(__file__).resolve().parents[1] / "cassettes"
FILES = sorted(CASSETTES.rglob("*.yaml"))

FORBIDDEN = {
    "an authorization header": re.compile(r"(?i)authorization|bearer"),
    "a cookie": re.compile(r"(?i)cookie"),
    "an account id": re.compile(rf"(?!{ACCOUNT_ID})(?<![0-9a-f])[0-9a-f]{{32}}(?![0-9a-f])"),
    "a link": re.compile(r"https?://(?!api\.cloudflare\.com/client/v4)"),
    "a mail address": re.compile(r"[\w.+-]+@[\w-]+\.\w+"),
    "card digits": re.compile(r'last4\\?"\s*:\s*\\?"\d'),
    "a client secret": re.compile(r'client_secret\\?"\s*:\s*\\?"(?!scrubbed)'),
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_cassette_holds_nothing_that_opens_pays_or_names(path: Path) -> None:
    text = path.read_text()

    assert [name for name, pattern in FORBIDDEN.items() if pattern.search(text)] == []
    assert DEMO_TOKEN not in text
    assert DEMO_ACCOUNT_ID not in text


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_cassette_keeps_only_headers_that_matter(path: Path) -> None:
    for exchange in yaml.safe_load(path.read_text())["interactions"]:
        assert set(exchange["response"]["headers"]) <= KEPT_HEADERS
        assert set(exchange["request"]["headers"]) <= {"accept"}


def test_every_cassette_belongs_to_a_test_and_its_origin_is_told() -> None:
    origin = (CASSETTES / "README.md").read_text()

    assert FILES
    for folder in {path.parent.name for path in FILES}:
        assert list(Path(__file__).parent.rglob(f"{folder}.py"))
        assert f"`{folder}/`" in origin


def test_scrubbing_leaves_numbers_as_they_were_sent() -> None:
    body = '{"balance": 2.50, "id": "in_1AbCdEfG", "payment_method": {"brand": "visa", "last4": "4242"}}'

    scrubbed = scrub_text(body)

    assert '"balance": 2.50' in scrubbed
    assert "4242" not in scrubbed
    assert "1AbCdEfG" not in scrubbed


def test_scrubbing_gives_the_same_id_the_same_name() -> None:
    first, second = scrub_text("in_abcd1234"), scrub_text("mtrusg_abcd1234")

    assert first == scrub_text("in_abcd1234")
    assert first.split("_")[0] == "in"
    assert second.split("_")[0] == "mtrusg"


def test_scrubbing_twice_is_scrubbing_once() -> None:
    """Else a test could not ask about an id that it got from the cassette."""
    once = scrub_text('{"id": "in_1AbCdEfG", "last4": "4242", "invoice_pdf": "https://example.com/x"}')

    assert scrub_text(once) == once


def test_a_request_is_kept_without_its_headers_and_its_account() -> None:
    class Request:
        uri = f"http://127.0.0.1:4711/client/v4/accounts/{DEMO_ACCOUNT_ID}/x"
        headers: dict[str, str] = {"authorization": f"Bearer {DEMO_TOKEN}"}  # noqa: RUF012  # a stand-in
        body = None

    kept = scrub_request(Request())

    assert kept.uri == f"https://api.cloudflare.com/client/v4/accounts/{ACCOUNT_ID}/x"
    assert kept.headers == {"accept": "application/json"}
