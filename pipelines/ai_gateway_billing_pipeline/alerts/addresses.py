"""Where alerts go: services that Apprise knows, and a plain webhook. Nobody ever sees an address, which opens a door.

Apprise logs addresses and quotes them in errors. So it sends in a process of its own whose words nobody hears, and
nothing at all is logged while it looks at an address here.
"""

import hashlib
import json
import logging
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline.loading import notify
from ai_gateway_billing_pipeline.terminal import logs

from . import sending, texts
from .news import Kind, News

TIME_LIMIT_S = 20.0
_EXTRA = (
    "--notify needs the extra `notify`, which a plain install leaves out. In the folder of this project, run: "
    "pip install '.[notify]'"
)
_STARTS_S = 30.0
"""How long the process may take beside the sending: it imports much."""

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
        with _silence():
            service = sending.service_of(url, TIME_LIMIT_S)
    except ImportError:
        raise SettingsError(_EXTRA) from None
    if service is None:
        raise SettingsError(
            f"Address {number} of --notify is none that Apprise can use. It is not shown, because it may hold secrets. "
            "See https://appriseit.com/services/ for how to write it."
        )
    return Service(url, number, str(service.service_name), int(service.body_maxlen))


@contextmanager
def _silence() -> Iterator[None]:
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
    name: str
    longest: int

    def __repr__(self) -> str:
        return f"Service({self.number})"

    @property
    def mark(self) -> str:
        """The service's name, and a digest that takes long to calculate."""
        return _mark(self.name, self.url)

    def send(self, items: Sequence[News], place: texts.Place, since: Mapping[str, datetime]) -> bool:
        """One message."""
        limit = min(texts.BODY_BYTES, self.longest)
        return self.say(texts.title(items), texts.body(items, place, since, limit), _kind(items))

    def say(self, title: str, body: str, kind: str = "info") -> bool:
        """Any message."""
        given = {"url": self.url, "title": title, "body": logs.without_secrets(body), "kind": kind}
        taken = _sent(json.dumps(given | {"time_limit_s": TIME_LIMIT_S}))
        if not taken:
            log.warning("Address %d of --notify (%s) did not take the message.", self.number, self.name)
        return taken


def _sent(message: str) -> bool:
    """Whether a process took it and ended well. The address is on its standard input, where no list of processes is."""
    command = [sys.executable, "-P", "-m", sending.__name__]
    try:
        done = subprocess.run(  # noqa: S603  # ourselves
            command,
            input=message,
            text=True,
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TIME_LIMIT_S + _STARTS_S,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def _kind(items: Sequence[News]) -> str:
    """What Apprise calls it."""
    there = {item.finding.severity for item in items if item.kind is not Kind.OVER}
    if not there:
        return "success"
    return "failure" if "error" in there else "warning" if "warning" in there else "info"


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
