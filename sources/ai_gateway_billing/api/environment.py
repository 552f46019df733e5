"""How this machine reaches the API: the proxy and the certificates that its environment names, checked beforehand.

Read here and not by httpx, which ends in a traceback for values that other programs accept, knows no CIDR range in
NO_PROXY, and does not look at the variables in which companies name their own certificates to other programs.
No value is quoted: the address of a proxy may contain a password.
"""

import ipaddress
import os
import re
import ssl
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from ai_gateway_billing.errors import SettingsError

from .inputs import is_loopback

_CERTIFICATES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_OF_OPENSSL: Final = ("SSLKEYLOGFILE", "OPENSSL_CONF", "OPENSSL_MODULES")
_HASHED: Final = re.compile(r"[0-9a-f]{8}\.\d+")
_HOW_TO_WRITE: Final = "Write it like http://proxy.example:3128, or remove it."


@dataclass(frozen=True)
class Route:
    """The way to the API: arguments for httpx, and the variables that decided them ("" for none)."""

    verify: ssl.SSLContext | bool
    proxy: str | None = None
    proxy_variable: str = ""
    certificates_variable: str = ""

    def words(self) -> str:
        """The way in words, without values."""
        proxy = f"through the proxy in {self.proxy_variable}" if self.proxy else "no proxy"
        certificates = f"certificates from {self.certificates_variable}" if self.certificates_variable else ""
        return ", ".join(filter(None, (proxy, certificates)))

    def advice(self, problem: str) -> str:
        """What to look at when no connection came about; `problem` is what the connection said."""
        if "CERTIFICATE_VERIFY_FAILED" in problem:
            return self._certificate_advice()
        proxy = f"the proxy in {self.proxy_variable}, " if self.proxy else ""
        return f"Check the network, {proxy}the base URL and this machine's firewall."

    def _certificate_advice(self) -> str:
        if self.certificates_variable:
            return f"Its certificate is not signed by any in {self.certificates_variable}: add the missing one there."
        return (
            "Its certificate is not one that is known here. If your company inspects traffic, "
            "set SSL_CERT_FILE to a file with its certificates (PEM)."
        )


def route(base_url: SplitResult) -> Route:
    """The way to `base_url`. Raises `SettingsError`, which names the variable that cannot be right."""
    host = base_url.hostname or ""
    proxy, proxy_variable = ("", "") if is_loopback(host) else _proxy(base_url.scheme, host)
    if base_url.scheme == "http" and not proxy:
        return Route(verify=False)  # reading all certificates takes longer than many a request
    context, certificates_variable = _certificates()
    return Route(context, proxy or None, proxy_variable, certificates_variable)


def _proxy(scheme: str, host: str) -> tuple[str, str]:
    """The proxy for a host and the variable that names it; none on this machine's own say or by NO_PROXY."""
    proxies = getproxies()
    kind = scheme if proxies.get(scheme) else "all"
    address = proxies.get(kind, "").strip()
    if not address or proxy_bypass(host) or _in_a_range(host, proxies.get("no", "")):
        return "", ""
    named = (f"{kind}_proxy", f"{kind}_PROXY".upper())
    variable = next((name for name in named if os.environ.get(name)), "the system's settings")
    address = address if "://" in address else f"http://{address}"
    problem = _proxy_problem(address)
    if problem:
        raise SettingsError(f"The proxy in {variable} {problem}")
    return address, variable


def _proxy_problem(address: str) -> str:
    try:
        url = urlsplit(address)
        port_is_wrong = url.port == 0
        host = httpx.URL(address).host
    except (ValueError, UnicodeError, httpx.InvalidURL):
        return f"is no address that can be read. {_HOW_TO_WRITE}"
    if url.scheme.startswith("socks"):
        return _socks_problem(url.scheme)
    if url.scheme not in ("http", "https"):
        return f"does not begin with http:// or https://. {_HOW_TO_WRITE}"
    if not host or port_is_wrong:
        return f"names no host and port. {_HOW_TO_WRITE}"
    return ""


def _socks_problem(scheme: str) -> str:
    if scheme not in ("socks5", "socks5h"):
        return f"is of a kind that is not supported. {_HOW_TO_WRITE}"
    if find_spec("socksio") is None:
        return "is a SOCKS proxy: install the Python package socksio as well, or name an HTTP proxy."
    return ""


def _in_a_range(host: str, no_proxy: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in map(_network, no_proxy.split(",")) if network)


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text.strip().strip("[]"), strict=False)
    except ValueError:
        return None


def _certificates() -> tuple[ssl.SSLContext, str]:
    """Whom to trust: the first of the variables that is set, else what comes with httpx."""
    variable = next((name for name in _CERTIFICATES if os.environ.get(name)), "")
    path = os.environ.get(variable, "")
    problem = _certificates_problem(variable, path) if variable else ""
    if problem:
        raise SettingsError(f"{variable} {problem}")
    try:
        if not variable:
            return httpx.create_ssl_context(trust_env=False), ""
        if variable == "SSL_CERT_DIR" or Path(path).is_dir():
            return ssl.create_default_context(capath=path), variable
        return ssl.create_default_context(cafile=path), variable
    except OSError as error:  # also what OpenSSL says
        raise SettingsError(_unusable(variable, path, error)) from None


def _certificates_problem(variable: str, path: str) -> str:
    folders = [Path(part) for part in path.split(os.pathsep)] if variable == "SSL_CERT_DIR" else [Path(path)]
    try:
        if not any(folder.exists() for folder in folders):
            return "names what does not exist. Set it to the file with your certificates (PEM), or remove it."
        if variable == "SSL_CERT_FILE" and folders[0].is_dir():
            return "names a folder. Set it to a file with certificates (PEM), or use SSL_CERT_DIR."
        if variable == "SSL_CERT_DIR" and not any(folder.is_dir() for folder in folders):
            return "names no folder. Use SSL_CERT_FILE for a file."
        if folders[0].is_dir() and not any(
            _HASHED.fullmatch(each.name) for folder in folders for each in folder.iterdir()
        ):
            return "names a folder without certificates by their hash. Run `openssl rehash` on it, or name a file."
    except (OSError, ValueError) as error:
        return f"names what cannot be read ({getattr(error, 'strerror', None) or error})."
    return ""


def _unusable(variable: str, path: str, error: OSError) -> str:
    if variable and not os.access(path, os.R_OK):
        return f"{variable} names a file that this user may not read. Let this user read it, or remove the variable."
    if variable and isinstance(error, ssl.SSLError):
        return f"{variable} names a file without certificates in PEM form. Convert it to PEM, or remove the variable."
    blamed = [name for name in _OF_OPENSSL if os.environ.get(name)]
    return (
        f"Encrypted connections cannot be set up ({error.strerror or 'no reason given'}). "
        f"Check {' and '.join(blamed) if blamed else 'the Python installation'}."
    )
