"""Where alerts go: services that Apprise knows, and a plain webhook. Nobody ever sees an address, which opens a door.

Apprise logs addresses and quotes them in errors. So nothing at all is logged while it is at work, and what it says is
no part of any message.
"""

import hashlib
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline.loading import notify
from ai_gateway_billing_pipeline.terminal import logs

from . import texts
from .news import Kind, News

TIME_LIMIT_S = 20.0
_EXTRA = "--notify needs Apprise. Run: pip install 'cloudflare-ai-gateway-billing[notify]'"
_TALKERS = ("apprise", "requests", "requests_oauthlib", "urllib3")

log = logging.getLogger(__name__)


class Address(Protocol):
    """Somebody who is told."""

    @property
    def mark(self) -> str:
        """What it is remembered by, from which it cannot be guessed."""

    def send(self, items: Sequence[News], place: texts.Place, since: Mapping[str, datetime]) -> bool:
        """Tell it, and return whether it took the message. What goes wrong is a warning."""

    def say(self, title: str, body: str) -> bool:
        """The same with any message."""


def addressed(urls: Sequence[str], webhook: str | None) -> list[Address]:
    """The addresses of `--notify` and `--notify-url`. Raises `SettingsError`, which does not quote them."""
    plain: list[Address] = [Webhook(notify.checked_url(webhook))] if webhook else []
    return [*plain, *(_of_apprise(url, number) for number, url in enumerate(urls, start=1))]


def _of_apprise(url: str, number: int) -> "Service":
    logs.conceal(url)
    try:
        import apprise  # noqa: PLC0415  # an extra, and slow
    except ImportError:
        raise SettingsError(_EXTRA) from None
    with _silence():
        asset = apprise.AppriseAsset(http_redirects=False, service_timeout=TIME_LIMIT_S)
        service = apprise.Apprise.instantiate(url, asset=asset)
    if service is None:
        raise SettingsError(
            f"Address {number} of --notify is none that Apprise can use. It is not shown, because it may hold secrets. "
            "See https://appriseit.com/services/ for how to write it."
        )
    service.redirects = False  # whatever the address asks for
    return Service(url, number, service)


@contextmanager
def _silence() -> Iterator[None]:
    for name in _TALKERS:  # also of threads that go on after the time limit
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


@dataclass(frozen=True, slots=True)
class Service:
    """One address of `--notify`."""

    url: str
    number: int
    service: Any

    def __repr__(self) -> str:
        return f"Service({self.number})"

    @property
    def mark(self) -> str:
        """The service's name, and a digest that takes long to calculate."""
        return _mark(str(self.service.service_name), self.url)

    def send(self, items: Sequence[News], place: texts.Place, since: Mapping[str, datetime]) -> bool:
        """One message."""
        import apprise  # noqa: PLC0415

        limit = min(texts.BODY_BYTES, self.service.body_maxlen)
        return self.say(texts.title(items), texts.body(items, place, since, limit), _kind(items, apprise.NotifyType))

    def say(self, title: str, body: str, kind: Any = "info") -> bool:
        """Any message."""
        import apprise  # noqa: PLC0415

        clean = logs.without_secrets(body)
        try:
            with _silence():
                sender = apprise.Apprise()
                sender.add(self.service)
                answer = sender.notify(
                    clean, title, notify_type=kind, body_format=apprise.NotifyFormat.TEXT, timeout=TIME_LIMIT_S
                )
            taken = bool(answer)
        except Exception:  # noqa: BLE001  # its words may quote the address, and nothing may fail for it
            taken = False
        if not taken:
            log.warning("Address %d of --notify (%s) did not take the message.", self.number, self.service.service_name)
        return taken


def _kind(items: Sequence[News], kinds: Any) -> Any:
    there = {item.finding.severity for item in items if item.kind is not Kind.OVER}
    if not there:
        return kinds.SUCCESS
    return kinds.FAILURE if "error" in there else kinds.WARNING if "warning" in there else kinds.INFO


@dataclass(frozen=True, slots=True)
class Webhook:
    """The address of `--notify-url`."""

    url: str

    def __repr__(self) -> str:
        return "Webhook()"

    @property
    def mark(self) -> str:
        """The word for it, and a digest."""
        return _mark("webhook", self.url)

    def send(self, items: Sequence[News], place: texts.Place, since: Mapping[str, datetime]) -> bool:
        """One JSON object."""
        return notify.post(self.url, texts.as_json(items, place, since))

    def say(self, title: str, body: str) -> bool:
        """Any message."""
        return notify.post(self.url, {"status": "test", "title": title, "message": body})


def _mark(service: str, url: str) -> str:
    digest = hashlib.scrypt(url.encode(), salt=b"aig-billing alerts", n=2**14, r=8, p=1, dklen=6)
    return f"{service}:{digest.hex()}"
