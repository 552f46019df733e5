"""Proxies and certificates as the environment names them: the right way, or a sentence that names the variable."""

import os
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock
from urllib.parse import urlsplit

import certifi
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ai_gateway_billing.api import environment
from ai_gateway_billing.api.client import Client
from ai_gateway_billing.api.environment import Route, route
from ai_gateway_billing.errors import SettingsError, UnreachableError
from ai_gateway_billing.operations.sending import Sender
from support.constants import TOKEN

API = urlsplit("https://api.cloudflare.com/client/v4")
NEAR = urlsplit("http://127.0.0.1:8000")
PROXY = "http://ada:pa55word@proxy.example:3128"

PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture(autouse=True)
def empty_environment() -> Iterator[None]:
    clean = {name: text for name, text in os.environ.items() if not name.upper().endswith("_PROXY")}
    clean = {name: text for name, text in clean.items() if name not in CERTIFICATES}
    with mock.patch.dict(os.environ, clean, clear=True):
        yield


def setting(**variables: str) -> "mock._patch_dict":
    return mock.patch.dict(os.environ, variables)


@pytest.mark.parametrize("variable", PROXIES)
def test_the_proxy_of_the_environment_is_used(variable: str) -> None:
    with setting(**{variable: PROXY}):
        way = route(API)

    assert (way.proxy, way.proxy_variable) == (PROXY, variable)
    assert way.words() == f"through the proxy in {variable}"


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:8000", "https://localhost/v4", "https://[::1]:8443"])
def test_no_proxy_is_asked_for_this_machine_itself(base_url: str) -> None:
    with setting(HTTPS_PROXY=PROXY, HTTP_PROXY=PROXY, ALL_PROXY="socks4://x"):
        assert route(urlsplit(base_url)).proxy is None


def test_another_schemes_proxy_does_no_harm() -> None:
    with setting(HTTPS_PROXY=PROXY, ALL_PROXY="socks://127.0.0.1:1", HTTP_PROXY="nonsense://", FTP_PROXY="::"):
        assert route(API).proxy == PROXY


@pytest.mark.parametrize(
    ("host", "no_proxy", "is_asked"),
    [
        ("api.cloudflare.com", "fd00::/8", True),
        ("api.cloudflare.com", "fd00::/8,[fe80::]/10,::1,10.0.0.0/8, ,/,[", True),
        ("api.cloudflare.com", "cloudflare.com", False),
        ("api.cloudflare.com", ".cloudflare.com", False),
        ("api.cloudflare.com", "fd00::/8,api.cloudflare.com", False),
        ("api.cloudflare.com", "*", False),
        ("10.1.2.3", "10.0.0.0/8", False),
        ("10.1.2.3", "fd00::/8", True),
        ("[fd00::7]", "fd00::/8", False),
        ("[fd00::7]", "10.0.0.0/8", True),
    ],
)
def test_no_proxy_is_understood_in_all_its_forms(host: str, no_proxy: str, is_asked: bool) -> None:
    with setting(HTTPS_PROXY=PROXY, NO_PROXY=no_proxy):
        way = route(urlsplit(f"https://{host}"))

    assert (way.proxy == PROXY) is is_asked


@pytest.mark.parametrize("variable", PROXIES)
@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("socks5://127.0.0.1:1080", "is a SOCKS proxy: install the Python package socksio"),
        ("socks5h://127.0.0.1:1080", "is a SOCKS proxy: install the Python package socksio"),
        ("socks4://127.0.0.1:1080", "is of a kind that is not supported"),
        ("socks://127.0.0.1:1080", "is of a kind that is not supported"),
        ("ftp://proxy.example:3128", "does not begin with http:// or https://"),
        ("htps://proxy.example:3128", "does not begin with http:// or https://"),
        ("http://", "names no host and port"),
        ("http://proxy.example:0", "names no host and port"),
        ("http://proxy.example:99999", "is no address that can be read"),
        ("http://proxy.example:port", "is no address that can be read"),
        ("http://[fd00::", "is no address that can be read"),
        ("http://a\tb", "is no address that can be read"),
    ],
)
def test_a_proxy_that_cannot_be_one_is_a_setting(
    monkeypatch: pytest.MonkeyPatch, variable: str, address: str, problem: str
) -> None:
    monkeypatch.setattr(environment, "find_spec", lambda name: None)
    with setting(**{variable: address}), pytest.raises(SettingsError) as caught:
        Client(TOKEN)

    assert str(caught.value).startswith(f"The proxy in {variable} {problem}")
    assert "127.0.0.1" not in str(caught.value)


@pytest.mark.parametrize("address", ["proxy.example:3128", "proxy.example", " http://proxy.example:3128 "])
def test_a_proxy_may_be_named_shortly(address: str) -> None:
    with setting(HTTPS_PROXY=address), Client(TOKEN), Sender(TOKEN):
        assert "proxy.example" in str(route(API).proxy)


@pytest.mark.parametrize("variable", CERTIFICATES)
def test_certificates_of_a_company_are_used(variable: str, tmp_path: Path) -> None:
    bundle = tmp_path / "company.pem"
    bundle.write_text(first_certificate())
    (tmp_path / "0a1b2c3d.0").write_text(first_certificate())
    with setting(**{variable: str(tmp_path if variable == "SSL_CERT_DIR" else bundle)}):
        way = route(API)

    assert way.certificates_variable == variable
    assert isinstance(way.verify, ssl.SSLContext)
    assert way.verify.verify_mode == ssl.CERT_REQUIRED
    assert way.verify.check_hostname
    assert len(way.verify.get_ca_certs()) == (0 if variable == "SSL_CERT_DIR" else 1)  # folders are read when needed


def first_certificate() -> str:
    end = "-----END CERTIFICATE-----\n"
    text = Path(certifi.where()).read_text(encoding="utf-8").partition(end)[0] + end
    return text[text.index("-----BEGIN") :]


@pytest.mark.parametrize("variable", CERTIFICATES)
@pytest.mark.parametrize(
    "make",
    [
        lambda folder: folder / "missing.pem",
        lambda folder: write(folder / "empty.pem", b""),
        lambda folder: write(folder / "words.pem", b"no certificate"),
        lambda folder: write(folder / "binary.der", bytes(range(256))),
        lambda folder: write(folder / "torn.pem", first_certificate()[:200].encode()),
        lambda folder: write(folder / "of_nothing" / "readme.txt", b"").parent,
        lambda folder: write(folder / "a_file", b"") / "below.pem",
        lambda folder: folder / ("a" * 300),
    ],
    ids=["missing", "empty", "words", "binary", "torn", "folder", "below a file", "long name"],
)
def test_certificates_that_cannot_be_read_are_a_setting(variable: str, make: object, tmp_path: Path) -> None:
    path = make(tmp_path)  # type: ignore[operator]

    with setting(**{variable: str(path)}), pytest.raises(SettingsError) as caught:
        Client(TOKEN)
    assert str(caught.value).startswith(f"{variable} names ")
    with setting(**{variable: str(path)}), pytest.raises(SettingsError, match=variable):
        Sender(TOKEN)


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_certificates_that_only_others_may_read_are_told(tmp_path: Path) -> None:
    path = write(tmp_path / "company.pem", first_certificate().encode())
    path.chmod(0)

    with setting(SSL_CERT_FILE=str(path)), pytest.raises(SettingsError, match="SSL_CERT_FILE names a file that this"):
        route(API)


def test_a_log_of_keys_that_cannot_be_written_is_a_setting(tmp_path: Path) -> None:
    with (
        setting(SSLKEYLOGFILE=str(tmp_path / "no" / "keys.log")),
        pytest.raises(SettingsError, match="Check SSLKEYLOGFILE"),
    ):
        route(API)


def test_nothing_is_read_for_plain_http_to_this_machine() -> None:
    with setting(SSL_CERT_FILE="/does/not/exist"):
        assert route(NEAR) == Route(verify=False)


@pytest.mark.parametrize(
    ("way", "problem", "words"),
    [
        (Route(verify=True), "[SSL: CERTIFICATE_VERIFY_FAILED]", "set SSL_CERT_FILE to a file with its certificates"),
        (
            Route(verify=True, certificates_variable="REQUESTS_CA_BUNDLE"),
            "CERTIFICATE_VERIFY_FAILED",
            "REQUESTS_CA_BUNDLE",
        ),
        (Route(verify=True, proxy="http://x", proxy_variable="ALL_PROXY"), "refused", "the proxy in ALL_PROXY"),
        (Route(verify=True), "refused", "Check the network, the base URL"),
    ],
)
def test_the_advice_names_what_decided(way: Route, problem: str, words: str) -> None:
    assert words in way.advice(problem)


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", f"http://{'a' * 70}.invalid:1"])
def test_a_proxy_that_is_not_there_is_named(address: str) -> None:
    with (
        setting(HTTPS_PROXY=address),
        Client(TOKEN, sleep=lambda _: None) as client,
        pytest.raises(UnreachableError, match="the proxy in HTTPS_PROXY") as caught,
    ):
        client.accounts()

    assert caught.value.exit_code == 6


def test_a_certificate_that_nobody_signed_is_asked_for_once() -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")

    client = Client(TOKEN, transport=httpx.MockTransport(refuse), sleep=lambda _: None)

    with pytest.raises(UnreachableError, match="set SSL_CERT_FILE"):
        client.accounts()
    assert client.requests == 1


TEXTS = (
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
    | st.from_regex(r"(http|https|socks5|ftp)://[a-z.:@\[\]/0-9]{0,20}", fullmatch=True)
    | st.sampled_from(["::", "fd00::/8", "*", "/", ".", "~", "http://[", sys.executable])
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from([*PROXIES, "NO_PROXY", "HTTP_PROXY", *CERTIFICATES]), TEXTS, max_size=3))
def test_any_environment_gives_a_client_or_a_setting_to_mend(variables: dict[str, str]) -> None:
    with setting(**variables):
        problem = problem_of_a_client()

    assert not problem or any(name in problem for name in variables)


def problem_of_a_client() -> str:
    try:
        Client(TOKEN).close()
    except SettingsError as error:
        return str(error)
    return ""
