"""The dlt source as people import it, and as the command uses it: settings in, resources out."""

import logging
import os
import weakref
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime
from typing import Annotated, Literal

import dlt
from dlt.common.configuration import NotResolved
from dlt.extract import DltResource, DltSource

from ai_gateway_billing.api import accounts
from ai_gateway_billing.api.client import Client
from ai_gateway_billing.api.endpoints import BASE_URL, PERMISSION
from ai_gateway_billing.api.inputs import checked_base_url
from ai_gateway_billing.rows import bookkeeping
from ai_gateway_billing.rows.tables import DATASET, GROUPING_OF
from ai_gateway_billing.usage import windows
from ai_gateway_billing.usage.cursors import Extent

from . import clock
from .books import books
from .errors import BillingError, SettingsError, redact
from .estimates import Wanted, estimates
from .extraction import Extraction, Runs
from .outcome import Outcomes
from .resources import resources

Grouping = Literal["hour", "day", "both"]
_GROUPINGS: dict[Grouping, tuple[windows.Grouping, ...]] = {"hour": ("hour",), "day": ("day",), "both": ("hour", "day")}

log = logging.getLogger(__name__)


class BillingSource(DltSource):
    """A dlt source in which whoever selects usage selects its coverage with it, and with anything what came of it."""

    def with_resources(self, *resource_names: str) -> DltSource:
        """A copy with just these resources selected."""
        coverage = ["usage_coverage"] if set(resource_names) & GROUPING_OF.keys() else []
        gaps = (
            ["gateway_usage_gaps"]
            if set(resource_names) & {"gateway_usage_hourly", "gateway_usage_tags_hourly"}
            else []
        )
        own = bookkeeping.FIELDS if resource_names else ()
        return super().with_resources(*dict.fromkeys([*resource_names, *coverage, *gaps, *own]))

    def clone(self, with_name: str | None = None) -> DltSource:
        """A copy, with all that is selected or changed in it."""
        return BillingSource(
            self.schema.clone(with_name=str(with_name or self.name)), self.section, [*self.resources.values()]
        )


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dlt.source(name=DATASET, section=DATASET, _impl_cls=BillingSource)
def ai_gateway_billing(  # noqa: PLR0917  # dlt calls sources with either kind of argument
    account_ids: str | list[str] | None = None,
    start: str = windows.HISTORY_STARTS,
    api_token: dlt.TSecretStrValue | None = None,
    base_url: str | None = None,
    lookback_days: int | None = None,
    include_sensitive: bool = False,
    max_requests_per_second: float | None = None,
    grouping: Grouping = "both",
    backfill: Annotated[Sequence[date], NotResolved()] = (),
    full_refresh: Annotated[bool, NotResolved()] = False,
    *,
    client: Client | None = None,
    now: Callable[[], datetime] = _utc_now,
    outcomes: Outcomes | None = None,
    trust_clock: Annotated[bool, NotResolved()] = False,
    are_listed: Annotated[bool, NotResolved()] = False,
    attribution: bool = False,
    attribution_tags: str | list[str] | None = None,
    attribution_tags_hash: bool = False,
) -> Sequence[DltResource]:
    """Billing of Cloudflare AI Gateway, read incrementally and never changed.

    `account_ids`: one or several ids (a list or comma-separated), `"all"`, or None for the only account that the
    token sees. `start`: the first UTC day of the history. `lookback_days`: whole UTC days before today that are read
    again; by default 3, and once in 24 hours the 35 before the last such time. `include_sensitive`: keep card digits
    and invoice links. `grouping`: which usage to read, by `"hour"`, `"day"` or `"both"`.

    `attribution`: also read estimates of who spent it, and the gateways, which needs the permission "Account Analytics
    Read" as well. `attribution_tags`: the keys of requests' metadata to read them by; values may be personal data, and
    with `attribution_tags_hash` only hashes of them are kept.

    For one run, and never looked for in a configuration: `backfill`, two days, reads the usage from the one to the end
    of the other and moves no cursor; `full_refresh` reads the whole history again. `client` takes the place of token,
    base URL and rate, `now` that of this machine's clock; with `outcomes`, what fails is written there and nowhere
    else. All is dated by the API's clock, unless `trust_clock`. `are_listed`: the ids are those that the API
    has just listed.

    Token and base URL come from dlt's configuration or from CLOUDFLARE_API_TOKEN and CLOUDFLARE_BASE_URL, the token
    only when something is read. An account that fails is logged and left as it was; when all fail, the last error is
    raised. Raises `SettingsError` for a setting that cannot be.
    """
    url = base_url or os.environ.get("CLOUDFLARE_BASE_URL") or BASE_URL
    checked_base_url(url)
    days = _checked(start, grouping, backfill, now())

    def begin() -> Extraction:
        with ExitStack() as ours:
            asked = client or ours.enter_context(_client(api_token, url, max_requests_per_second))
            chosen = accounts.choose(account_ids, asked)
            moment = clock.now_at(asked, now, trust_clock).moment
            run = Extraction(
                asked,
                chosen,
                Extent(first_day(start, moment), moment, lookback_days, days, full_refresh),
                _GROUPINGS[grouping],
                include_sensitive,
                outcomes or Outcomes(on_failure=_log_failure),
                strict=outcomes is None,
                names_accounts=bool(accounts.named(account_ids)) and not are_listed,
            )
            weakref.finalize(run, ours.pop_all().close)  # dlt tells a source no end
        return run

    runs = Runs(begin)
    wanted = Wanted(checked_tags(attribution_tags), attribution_tags_hash)
    return [*resources(runs, include_sensitive), *(estimates(runs, wanted) if attribution else ()), *books(runs)]


def checked_tags(names: str | Sequence[str] | None) -> tuple[str, ...]:
    """The tags, also from text with commas between them. Raises `SettingsError` for one that cannot be a key."""
    listed = [each.strip() for each in (names.split(",") if isinstance(names, str) else names or ())]
    for each in listed:
        if not each or len(each) > 100 or not each.isprintable():
            raise SettingsError(f"attribution_tags has {redact(each)!r}, which is no key of metadata. Write team,user.")
    return tuple(dict.fromkeys(listed))


def first_day(start: str | date, now: datetime | None) -> datetime:
    """The start of the history as a UTC midnight. Raises `SettingsError` for no date or one ahead of `now`."""
    try:
        day = start if isinstance(start, date) else date.fromisoformat(start)
    except ValueError:
        raise SettingsError(f"The start {redact(str(start))!r} is not a date. Write it as YYYY-MM-DD.") from None
    instant = windows.midnight(day)
    if day < windows.EARLIEST:
        raise SettingsError(
            f"The start {day} is before {windows.EARLIEST}, when there was nothing to bill. Choose a later day."
        )
    if now and instant > now:
        raise SettingsError(f"The start {day} is in the future: today is {now:%Y-%m-%d} in UTC. Choose an earlier day.")
    return instant


def _checked(start: str, grouping: str, backfill: Sequence[date], now: datetime) -> tuple[date, date] | None:
    """The days of the backfill. Raises `SettingsError` for what cannot be, before anything is asked for."""
    first_day(start, now)
    if grouping not in _GROUPINGS:
        raise SettingsError(f"The grouping is {redact(str(grouping))!r}. It can be hour, day or both.")
    if not backfill:
        return None
    first, last = backfill
    if first > last:
        raise SettingsError(f"The backfill starts on {first}, after its end on {last}. Give the earlier day first.")
    return first, last


def _client(token: str | None, base_url: str, max_requests_per_second: float | None) -> Client:
    token = token or os.environ.get("CLOUDFLARE_API_TOKEN") or ""
    if not token:
        message = f'No API token: set CLOUDFLARE_API_TOKEN to a token with the permission "{PERMISSION}".'
        raise SettingsError(message)
    return Client(token, base_url=base_url, max_requests_per_second=max_requests_per_second)


def _log_failure(account_id: str, resource: str, error: BillingError) -> None:
    log.warning("%s of account %s was not loaded and stays as it was: %s", resource, account_id, error)
