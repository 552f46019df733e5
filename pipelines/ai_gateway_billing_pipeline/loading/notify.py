"""Tells a webhook of a load that failed or stayed partial. It never makes a load fail, and knows no secret to tell.

What is posted is the JSON object of `load --json`, whose messages hold no token, card digits or links.
"""

import logging
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx

from ai_gateway_billing.api.http import what_broke
from ai_gateway_billing.api.inputs import is_loopback
from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline.terminal import logs, values

TIME_LIMIT_S = 10.0

log = logging.getLogger(__name__)


def checked_url(url: str) -> str:
    """The address as it is. Raises `SettingsError` unless it is https, or http on this machine itself."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    if host and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))):
        logs.conceal(url)  # whoever holds a webhook's address can post to it
        return url
    raise SettingsError("--notify-url needs an https:// address, or http:// on this machine (localhost).")


def post(url: str, summary: Mapping[str, object], transport: httpx.BaseTransport | None = None) -> bool:
    """Post the summary once, and return whether it was taken. What goes wrong is a warning.

    Connecting and answering may take `TIME_LIMIT_S` each.
    """
    body = logs.without_secrets(values.to_json(summary))
    headers = {"content-type": "application/json"}
    try:
        with (
            httpx.Client(timeout=TIME_LIMIT_S, transport=transport, follow_redirects=False) as client,
            client.stream("POST", url, content=body, headers=headers) as answer,
        ):
            if not answer.is_success:
                log.warning("The webhook of --notify-url answered HTTP %d.", answer.status_code)
            return answer.is_success
    except httpx.TimeoutException:
        log.warning("The webhook of --notify-url did not answer within %g s.", TIME_LIMIT_S)
    except Exception as error:  # noqa: BLE001 - whatever it is, the load is over and must not fail for it
        log.warning("The webhook of --notify-url could not be reached (%s).", what_broke(error, url))
    return False
