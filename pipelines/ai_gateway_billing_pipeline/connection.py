"""The API client that a command's settings ask for."""

from ai_gateway_billing.api.client import Client
from ai_gateway_billing.api.endpoints import BUDGET
from ai_gateway_billing.api.inputs import checked_base_url, is_loopback
from ai_gateway_billing_pipeline.terminal import logs

from .settings import Settings


def client_for(settings: Settings, max_requests_per_second: float | None = None) -> Client:
    """A client for the settings' token and base URL. Raises `SettingsError`.

    What listens on this machine itself is a simulator or a proxy: Cloudflare's budget is not ours to keep there.
    """
    token = settings.token()
    logs.conceal(token)
    host = checked_base_url(settings.base_url).hostname or ""
    return Client(
        token,
        base_url=settings.base_url,
        max_requests_per_second=max_requests_per_second,
        budget=None if is_loopback(host) else BUDGET,
    )
