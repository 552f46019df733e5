"""Sends one message by Apprise, as a process of its own that can be ended: standard input says what and where to.

Whatever a service does, such as an answer that never ends, keeps nobody waiting, and what Apprise says of an address on
its outputs is thrown away.
"""

import json
import os
import sys
from typing import Any


def service_of(url: str, time_limit_s: float) -> Any:
    """The service that Apprise finds for an address, which follows no redirect; None for what is no address."""
    import apprise  # noqa: PLC0415  # an extra, and slow

    asset = apprise.AppriseAsset(http_redirects=False, service_timeout=time_limit_s, app_id="aig-billing")
    service = apprise.Apprise.instantiate(url, asset=asset)
    if service is not None:
        service.redirects = False  # whatever the address asks for
    return service


def send(url: str, title: str, body: str, kind: str, time_limit_s: float) -> bool:
    """Whether the service took the message."""
    import apprise  # noqa: PLC0415

    sender = apprise.Apprise()
    sender.add(service_of(url, time_limit_s))
    return bool(sender.notify(body, title, notify_type=kind, body_format=apprise.NotifyFormat.TEXT))


if __name__ == "__main__":
    taken = send(**json.load(sys.stdin))
    os._exit(0 if taken else 1)  # a thread that still listens to the service would not let the process end
