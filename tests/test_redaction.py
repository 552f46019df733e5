"""What opens, pays or names never passes; the words that a message is about always do."""

import re
import string
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ai_gateway_billing.errors import BillingError, RecordError, SettingsError
from ai_gateway_billing.redaction import redact, without_tokens

CLASSIC = "Xy7-kQ2m_Zp9rT4vB8nW1cD6fG3hJ5lS0aE-uI2o"  # 40 characters, made up
USER_TOKEN = "cfut_" + "Xy7kQ2mZp9rT4vB8nW1cD6fG3hJ5lS0aEuI2oPq7" + "01ab23cd"


def check_digit(digits: str) -> str:
    """The digit that makes the number one of a card, by ISO/IEC 7812."""
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(digits))]
    return str(-sum(number // 10 + number % 10 for number in doubled) % 10)


@pytest.mark.parametrize(
    "words",
    [
        "Authentication error",
        "NO_MANUAL_TOPUP",
        "2025-13-01",
        "The start '2025-13-01' is no date",
        "2026-02-30T25:00:00+00:00",
        "from 2025-01-01 to 2026-01-01",
        "20261126 103000",
        "last 2025 rows, the last 4000 rows",
        "error code: 1010",
        "code 10000, HTTP 403",
        "More than 1200 requests per 300 seconds",
        "/data/ada/billing-2025.duckdb",
        "/srv/example.com/billing.duckdb.load/dlt",
        "./data.v2/2025/11/26/billing.duckdb",
        "C:\\Data\\ada\\billing 2026.duckdb",
        "billing.duckdb.load/lock.json",
        "cloudflare-ai-gateway-billing-2025-11-26-to-2026-11-26.duckdb",
        "AnnualCloudflareBillingReportForTheBoard2026.html",
        "dlt==1.20.0",
        "duckdb-1.4.2-cp311-cp311-manylinux_2_28_x86_64.whl",
        "storage version 999, but we can only read versions between 64 and 68",
        "anthropic/claude-haiku-4-5-20251001",
        "@cf/meta/llama-3.3-70b-instruct-fp8-fast",
        "account 0123456789abcdef0123456789abcdef",
        "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
        "9c6b057a2b9d96a4067a749ee3b3b0158d390cf1",
        "start_time=1795564800000",
        "$12,345.67 of 1234567890123.45 USD",
        "0.1000000000000000055511151231257827",
        "port 8080 of 127.0.0.1:8443",
        "md:my_db sqlite:billing.db",
        "99999999999",
    ],
)
def test_the_words_of_a_message_stay(words: str) -> None:
    assert redact(words) == words


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("see https://pay.example/i/acct_1?s=ap and wait", "see *** and wait"),
        ("postgres://ada:pw@db/billing", "***"),
        ("in invoice.example.com/i/acct_1", "in ***"),
        ("www.stripe.com", "***"),
        ("https%3A%2F%2Finvoice.stripe.com", "***"),
        ("invited ada@example.com", "invited ***"),
        ("ada:secret@localhost", "***"),
        ("got 'Bearer abc'", "got '***"),
        (f"--account {CLASSIC}", "--account ***"),
        (f"'{CLASSIC}' is no number", "'***' is no number"),
        (f"token={CLASSIC}.", "token=***."),
        (f"my_{CLASSIC}", "***"),
        (f"{CLASSIC}{CLASSIC[:7]}", "***"),
        (CLASSIC[:33], "***"),
        (USER_TOKEN, "***"),
        ("cfat_0123456789abcdef", "***"),
        ("cfk_abcdefghijk", "***"),
        ("0123456789abcdef0123456789abcdef01234", "***"),
        ("v1.0-abcdef0123456789abcdef refused", "*** refused"),
        ("sk_live_abc123", "***"),
        ("pi_3Abc_secret_xyz", "***"),
        ("eyJhbGciOiJI.eyJzdWIiOiIx.SflKxw", "***"),
        ("4242424242424242", "***"),
        ("4242 4242-4242 4242 was declined", "*** was declined"),
        ("4242\u00a04242\u00a04242\u00a04242", "***"),
        ("4242.4242.4242.4242", "***"),
        ("for card 4929 7160 0000 1137 (4929716000001137)", "for card *** (***)"),
        ("3782 822463 10005", "***"),
        ("3056 930902 5904", "***"),
        ("card ending 4242", "card ending ***"),
        ("Your card ending in 4242 was declined", "Your card ending in *** was declined"),
        ('"last4": "4242"', '"last4": "***"'),
        ("last four digits 4242", "last four digits ***"),
        ("(last 1881)", "(last ***)"),
        ("VISA •••• 4242", "VISA •••• ***"),
        ("**** **** **** 4242", "**** **** **** ***"),
        ("xxxx 4242", "xxxx ***"),
        ("visa 4242", "visa ***"),
        ("cvc: 123", "cvc: ***"),
        ("two\nlines\x1b[31m", "two lines [31m"),
        ("", ""),
    ],
)
def test_what_is_sensitive_goes(text: str, safe: str) -> None:
    assert redact(text) == safe


FILLERS = st.sampled_from(["", " ", "'", '"', "=", ": ", "(", "\n", " for ", "x="])
PROSE = st.text(string.ascii_lowercase + " ,.", max_size=20)


@given(st.text("0123456789", min_size=12, max_size=18), st.sampled_from(["", " ", "-"]), FILLERS, PROSE)
def test_no_number_of_a_card_passes(start: str, gap: str, before: str, after: str) -> None:
    """However it is grouped; a Unix time in milliseconds, and a date and time, are no card."""
    card = start + check_digit(start)
    assume(not card.startswith(("1", "19", "20")))
    grouped = gap.join(re.findall("....|.+", card)) if len(card) <= 19 else card

    safe = redact(f"{before}{grouped} {after}")
    assert card not in re.sub(r"[ -]", "", safe)


@given(st.text(string.ascii_letters + string.digits + "-_", min_size=40, max_size=40), FILLERS, PROSE)
def test_no_token_passes(token: str, before: str, after: str) -> None:
    """Forty random characters contain a digit, a capital and a small letter, but for one in a thousand."""
    assume(all(any(letter in kind for letter in token) for kind in (string.digits, *map(str, SHAPES))))

    assert token not in redact(f"{before}{token} {after}")
    assert token not in without_tokens(f"{before}{token} {after}")


SHAPES = (string.ascii_lowercase, string.ascii_uppercase)


@given(
    st.dates().map(str)
    | st.datetimes().map(lambda moment: moment.isoformat())
    | st.from_regex(r"(/[a-z]{1,8}(-?[0-9]{1,4})?){1,5}\.(duckdb|csv|html)", fullmatch=True)
    | st.from_regex(r"[a-z]{1,10}(-[a-z]{1,10}){0,4}==[0-9]{1,2}(\.[0-9]{1,4}){1,3}", fullmatch=True)
    | st.from_regex(r"-?[0-9]{1,12}(\.[0-9]{1,30})?", fullmatch=True)
    | st.from_regex(r"[0-9a-f]{32}", fullmatch=True)
    | st.uuids().map(str)
)
def test_dates_paths_packages_numbers_and_ids_survive(word: str) -> None:
    assert redact(f"The value '{word}' is wrong.") == f"The value '{word}' is wrong."


def test_redact_shortens() -> None:
    assert redact("word " * 1000, limit=20) == "word word word word…"


@pytest.mark.parametrize("length", range(3950, 4020))
def test_a_secret_at_the_cut_is_not_half_told(length: int) -> None:
    """All before it is taken out, so what stands at the end of a long text comes into the message."""
    links = "https://pay.example/" + "i" * (length - 20)

    assert "4242" not in redact(f"{links} 4242424242424242")
    assert "Xy7" not in redact(f"{links} {CLASSIC}")


@given(st.text(), st.text("abcXYZ019._-", min_size=6, max_size=50), st.text())
def test_redact_drops_the_secret_wherever_it_stands(before: str, secret: str, after: str) -> None:
    """Whatever surrounds it, and also when the API writes it in capitals."""
    safe = redact(before + secret + after.upper() + secret.upper(), secret=secret)

    assert secret.lower() not in safe.lower()
    assert safe.isprintable()


def test_taking_tokens_out_keeps_the_form_of_a_text() -> None:
    assert without_tokens(f"a  b\n\t{CLASSIC}  c\n") == "a  b\n\t***  c\n"


@pytest.mark.parametrize(
    "make",
    [BillingError, SettingsError, lambda text: RecordError("r", "f", f"is {text}")],
    ids=["any", "setting", "row"],
)
def test_no_error_echoes_a_token_that_was_given_in_the_wrong_place(make: Callable[[str], BillingError]) -> None:
    assert CLASSIC not in str(make(f"{CLASSIC} is no date"))
    assert "***" in str(make(f"{CLASSIC} is no date"))
