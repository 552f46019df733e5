"""The dlt source as people import it: settings in, resources out."""

import logging
import os
import weakref
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import partial

import dlt
from dlt.extract import DltResource

from ai_gateway_billing.api import accounts
from ai_gateway_billing.api.client import DEFAULT_BASE_URL, Client
from ai_gateway_billing.usage import windows

from .errors import BillingError, SettingsError, redact
from .extraction import Reader
from .outcome import Report
from .resources import resources

DEFAULT_START = "2025-08-01"

log = logging.getLogger(__name__)


def first_day(start: str | date, now: datetime) -> datetime:
    """The start of the history as a UTC midnight. Raises `SettingsError` for no date, or one that lies ahead."""
    try:
        day = start if isinstance(start, date) else date.fromisoformat(start)
    except ValueError:
        raise SettingsError(f"The start {redact(str(start))!r} is no date. Write it as YYYY-MM-DD.") from None
    instant = windows.midnight(day)
    if instant > now:
        raise SettingsError(f"The start {day} lies ahead: today is {now:%Y-%m-%d} in UTC. Choose an earlier day.")
    return instant


@dlt.source(name="ai_gateway_billing", section="ai_gateway_billing")
def ai_gateway_billing(  # noqa: PLR0917  # dlt calls sources with either kind of argument
    account_ids: str | list[str] | None = None,
    start: str = DEFAULT_START,
    api_token: dlt.TSecretStrValue | None = None,
    base_url: str | None = None,
    lookback_days: int | None = None,
    include_sensitive: bool = False,
    max_requests_per_second: float | None = None,
) -> Sequence[DltResource]:
    """Billing of Cloudflare AI Gateway, read incrementally and never changed.

    `account_ids`: one or several ids (a list or comma-separated), `"all"`, or None for the only account that the
    token sees. `start`: the first UTC day of the history. `lookback_days`: whole UTC days before today that are read
    again; by default 3, and 35 once in 24 hours. `include_sensitive`: keep card digits and invoice links.

    Token and base URL come from dlt's configuration or from CLOUDFLARE_API_TOKEN and CLOUDFLARE_BASE_URL. An account
    that fails is logged and left as it was; when all fail, the last error is raised. Raises `SettingsError`.
    """
    token = api_token or os.environ.get("CLOUDFLARE_API_TOKEN") or ""
    if not token:
        raise SettingsError('No API token: set CLOUDFLARE_API_TOKEN to a token with the permission "AI Gateway Read".')
    client = Client(
        token,
        base_url=base_url or os.environ.get("CLOUDFLARE_BASE_URL") or DEFAULT_BASE_URL,
        max_requests_per_second=max_requests_per_second,
    )
    now = datetime.now(UTC)
    reader = Reader(
        client,
        partial(accounts.choose, account_ids, client),
        start=first_day(start, now),
        now=now,
        lookback_days=lookback_days,
        include_sensitive=include_sensitive,
        report=Report(on_failure=_log_failure),
        strict=True,
    )
    weakref.finalize(reader, client.close)  # dlt tells a source no end
    return resources(reader)


def _log_failure(account_id: str, resource: str, error: BillingError) -> None:
    log.warning("%s of account %s was not loaded and stays as it was: %s", resource, account_id, error)
