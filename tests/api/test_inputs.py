"""What a client is told is checked before anything is sent; messages say how to fix it and echo nothing."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway_billing.api.inputs import checked_account_id, checked_base_url, checked_token, is_loopback
from ai_gateway_billing.errors import SettingsError
from support.constants import ACCOUNT

SECRET = "hunter2hunter2"


@pytest.mark.parametrize("token", ["abc", "v1.0-AbC_9", "cfut_0123456789abcdef", "a+b/c~d=="])
def test_a_token_is_taken_as_it_is(token: str) -> None:
    assert checked_token(token) == token


@pytest.mark.parametrize(
    ("token", "mend"),
    [
        (None, "CLOUDFLARE_API_TOKEN"),
        ("", '"AI Gateway Read"'),
        (" \n", "missing or empty"),
        (f"Bearer {SECRET}", "without|alone"),
        (f"bearer\t{SECRET}", "alone"),
        (f'"Bearer {SECRET}"', "alone"),
        (f" {SECRET}", "before or after"),
        (f"{SECRET}\n", "before or after"),
        (f"{SECRET}\u00a0", "before or after"),
        (f'"{SECRET}"', "quotes"),
        (f"“{SECRET}”", "quotes"),
        (f"{SECRET} {SECRET}", "as one word"),
        (f"{SECRET}\r\n{SECRET}", "as one word"),
        (f"{SECRET}ü", "no token has"),
        (f"{SECRET}\x00", "no token has"),
        (f"{SECRET}:{SECRET}", "no token has"),
    ],
)
def test_what_cannot_be_a_token_is_refused(token: object, mend: str) -> None:
    with pytest.raises(SettingsError, match=mend) as caught:
        checked_token(token)

    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("account_id", [ACCOUNT, ACCOUNT.upper()])
def test_an_account_id_comes_out_in_lower_case(account_id: str) -> None:
    assert checked_account_id(account_id) == ACCOUNT


@pytest.mark.parametrize(
    ("account_id", "mend"),
    [
        (None, "is not text"),
        ("", "has a length of 0"),
        (ACCOUNT[:-1], "has a length of 31"),
        (f"{ACCOUNT}\n", "has a length of 33"),
        (f"{ACCOUNT[:-1]}g", "contains other characters"),
        ("٣" * 32, "contains other characters"),
        (SECRET, "has a length of 14"),
    ],
)
def test_what_cannot_be_an_account_id_is_refused(account_id: object, mend: str) -> None:
    with pytest.raises(SettingsError, match=mend) as caught:
        checked_account_id(account_id)

    assert SECRET not in str(caught.value)
    assert "aig-billing accounts" in str(caught.value)


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("https://api.cloudflare.com/client/v4", "https://api.cloudflare.com/client/v4"),
        ("https://api.cloudflare.com/client/v4/", "https://api.cloudflare.com/client/v4"),
        ("HTTPS://gateway.example:8443", "https://gateway.example:8443"),
        ("http://localhost:8000/client/v4", "http://localhost:8000/client/v4"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://127.8.9.1", "http://127.8.9.1"),
        ("http://[::1]:8000/client/v4", "http://[::1]:8000/client/v4"),
    ],
)
def test_a_base_url_is_https_or_this_machine(url: str, taken: str) -> None:
    assert checked_base_url(url).geturl() == taken


@pytest.mark.parametrize(
    ("url", "mend"),
    [
        (None, "missing or empty"),
        ("", "missing or empty"),
        ("api.cloudflare.com/client/v4", "does not start with https://"),
        ("localhost:8000", "does not start with https://"),
        ("https:/api.cloudflare.com", "does not start with https://"),
        ("ftp://api.cloudflare.com", "does not start with https://"),
        ("//api.cloudflare.com", "does not start with https://"),
        ("http://api.cloudflare.com/client/v4", "use https"),
        ("http://0.0.0.0", "use https"),
        ("http://127.1", "use https"),
        ("http://localhost.example", "use https"),
        ("http://127.0.0.1.example", "use https"),
        ("https://", "names no host"),
        ("https://:443/x", "names no host"),
        ("https://bücher.example", "names no host"),
        (f"https://user:{SECRET}@api.cloudflare.com", "user or password"),
        (f"http://{SECRET}@127.0.0.1", "user or password"),
        (f"https://api.cloudflare.com/?token={SECRET}", "query or fragment"),
        ("https://api.cloudflare.com/?", "query or fragment"),
        (f"https://api.cloudflare.com/#{SECRET}", "query or fragment"),
        (" https://api.cloudflare.com", "blanks"),
        ("https://api.cloudflare.com\n", "blanks"),
        ("http://127.0.0.1\\@api.cloudflare.com", "backslashes"),
        ("https://api.cloudflare.com:port", "cannot be read"),
        ("https://api.cloudflare.com:99999", "cannot be read"),
        ("https://[::1", "cannot be read"),
        ("https://api.cloudflare.com/clïent", "letters that no address has"),
    ],
)
def test_any_other_base_url_is_refused(url: object, mend: str) -> None:
    with pytest.raises(SettingsError, match=mend) as caught:
        checked_base_url(url)

    assert SECRET not in str(caught.value)


@given(st.text() | st.text(alphabet="htps:/@?#[]127.0\\ a").map("http".__add__))
def test_any_text_is_taken_or_refused_as_a_setting(text: str) -> None:
    for check in (checked_token, checked_account_id, checked_base_url):
        with contextlib.suppress(SettingsError):
            check(text)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("LOCALHOST", True),
        ("127.255.0.1", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("a.b", False),
    ],
)
def test_loopback_is_told_without_a_name_server(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
