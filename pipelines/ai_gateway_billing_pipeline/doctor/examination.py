"""What `aig-billing doctor` does: tries everything that a load needs, changes nothing, says how to fix the rest."""

import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ai_gateway_billing import clock
from ai_gateway_billing.api import accounts
from ai_gateway_billing.api.client import Client
from ai_gateway_billing.api.endpoints import BASE_URL, ENDPOINTS, Endpoint
from ai_gateway_billing.errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    BillingError,
    BillingPermissionError,
    NotFoundError,
    RateLimitedError,
    RecordError,
    UnreachableError,
    redact,
)
from ai_gateway_billing.outcome import Outcomes
from ai_gateway_billing.source import ai_gateway_billing, first_day
from ai_gateway_billing_pipeline import configuration
from ai_gateway_billing_pipeline.loading.result import nothing_loaded
from ai_gateway_billing_pipeline.settings import Settings, client_for
from ai_gateway_billing_pipeline.terminal import exits, values

from . import analytics
from .capacity import capacity
from .machine import Check, failed, network, storage

EXPIRES_SOON = timedelta(days=14)
HOLD_LIMIT_S = 20.0
"""A load may wait a quarter of an hour for a limited API; whoever asks for a diagnosis is waiting for it."""
_WORST_FIRST = (2, 3, 6, 5, 4, 1)
_REFUSALS = (AuthenticationError, BadRequestError, BillingPermissionError, NotFoundError)
_UNHEARD = (RateLimitedError, UnreachableError)


def run(settings: Settings, as_json: bool, more: Iterable[Check] = ()) -> int:
    """Try everything and `more`, print what was found, and return the exit code."""
    checks = [*examine(settings, lambda: datetime.now(UTC)), *more]
    if as_json:
        worst = next(state for state in ("fail", "warn", "ok") if any(check.state == state for check in checks))
        values.print_object({"status": worst, "checks": [check._asdict() for check in checks]})
    else:
        for check in checks:
            whose = f" of {check.account_id}" if check.account_id else ""
            sys.stdout.write(f"{check.state:<5}{check.name}{whose}: {check.message}\n")
    return exit_code(checks)


def exit_code(checks: Sequence[Check]) -> int:
    """0 when nothing failed. Refusals and outages count as 4 when another endpoint answered, else failures as 6."""
    answered = any(check.state != "fail" and check.account_id for check in checks)
    codes = {check.exit_code for check in checks if check.state == "fail"}
    codes = {4 if answered and code in (3, 6) else 6 if not answered and code == 4 else code for code in codes}
    return next((code for code in _WORST_FIRST if code in codes), 0)


def examine(settings: Settings, now: Callable[[], datetime]) -> Iterator[Check]:
    """Every check, in the order in which a load would stumble."""
    way = network(settings)
    yield way
    account_ids: list[str] = []
    try:
        first_day(settings.start, now())
        client = client_for(settings) if way.state == "ok" else None
    except BillingError as error:
        yield failed("settings", error)
        client = None
    if client:
        client.hold_limit_s = HOLD_LIMIT_S
        with client:
            yield from _api(client, settings, now, account_ids)
    yield from storage(settings, account_ids)


def _api(client: Client, settings: Settings, now: Callable[[], datetime], found: list[str]) -> Iterator[Check]:
    """The token, the clock, and each endpoint. The accounts are put into `found`."""
    try:
        found += accounts.choose(settings.accounts, client)
    except BillingError as error:
        if isinstance(error, ApiError):
            error.exit_code = nothing_loaded([error])  # as for a load
            _hint_at_base_url(error, settings)
        yield failed("accounts", error)
        if isinstance(error, _UNHEARD):
            return
    yield from _clock(client, now)
    token = _token(client, found, settings, now())
    yield token
    if found:
        yield capacity(len(found))
    if token.exit_code != 6 and found:
        yield from _endpoints(client, found, settings, now())


def _token(client: Client, account_ids: Sequence[str], settings: Settings, now: datetime) -> Check:
    """A user's token is known to the user form; one that belongs to an account to that account alone."""
    refusals: list[BillingError] = []
    for account_id in (None, *account_ids):
        try:
            return _judged(client.verify_token(account_id), now)
        except ApiError as error:
            _hint_at_base_url(error, settings)
            refusals.append(error)
            if isinstance(error, _UNHEARD):
                break
    unheard = next((error for error in refusals if not isinstance(error, _REFUSALS)), None)
    if unheard:
        message = failed("", unheard).message
        return Check("token", "fail", f"Cloudflare could not verify it: {message}", exit_code=6)
    message = failed("", refusals[0]).message
    return Check("token", "fail", f"Cloudflare does not know it: {message}", exit_code=3)


def _hint_at_base_url(error: ApiError, settings: Settings) -> None:
    if settings.base_url.rstrip("/") != BASE_URL:
        error.add_note("The base URL is not Cloudflare's own: check CLOUDFLARE_BASE_URL or --base-url.")


def _judged(verdict: dict[str, Any], now: datetime) -> Check:
    status, expires_on = verdict.get("status"), verdict.get("expires_on")
    if status != "active":
        message = f"It is {redact(str(status))}. Create another with the permission AI Gateway Read."
        return Check("token", "fail", message, exit_code=3)
    end = _moment(expires_on)
    if end and end - now < EXPIRES_SOON:
        return Check("token", "warn", f"It is active, but expires on {end:%Y-%m-%d}. Create a replacement before then.")
    return Check("token", "ok", "active" + (f", expires on {end:%Y-%m-%d}" if end else ""))


def _moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)) if text else None
    except ValueError:
        return None


def _clock(client: Client, now: Callable[[], datetime]) -> Iterator[Check]:
    ahead = clock.ahead_of(client, now)
    if ahead is None:
        return
    if abs(ahead) < clock.TOLD_FROM:
        yield Check("clock", "ok", "agrees with Cloudflare's clock")
    else:
        message = f"{clock.in_words(ahead)} Loads take Cloudflare's time. Synchronise this machine's clock with NTP."
        yield Check("clock", "warn", message)


def _endpoints(client: Client, account_ids: Sequence[str], settings: Settings, now: datetime) -> Iterator[Check]:
    """Reads what a load reads, today's usage alone, as a load does, so that what it would put aside is found."""
    outcomes = Outcomes()
    try:
        _read(client, account_ids, settings, now, outcomes)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other checks are of use
        yield failed("reading", exits.as_billing_error(error))
    for account_id in account_ids:
        for endpoint in ENDPOINTS:
            yield from _answer(endpoint, account_id, outcomes)
        if settings.attribution:
            yield from analytics.examine(client, account_id, settings.usage_unit, now)


def _read(client: Client, account_ids: Sequence[str], settings: Settings, now: datetime, outcomes: Outcomes) -> None:
    import dlt

    today = now.astimezone(UTC).date()
    source = ai_gateway_billing(
        list(account_ids),
        settings.start,
        None,
        settings.base_url,
        None,
        settings.include_sensitive,
        None,
        "both",
        (today, today),
        False,
        client=client,
        now=lambda: now,
        outcomes=outcomes,
        trust_clock=True,  # told already
        attribution=False,  # has checks of its own
        attribution_tags=[],
        attribution_tags_hash=False,
    )
    with configuration.only(), tempfile.TemporaryDirectory() as folder:
        destination = dlt.destinations.duckdb(f"{folder}/doctor.duckdb")
        dlt.pipeline("doctor", pipelines_dir=folder, destination=destination, dataset_name="doctor").extract(source)


def _answer(endpoint: Endpoint, account_id: str, outcomes: Outcomes) -> Iterator[Check]:
    """What came of an endpoint: its first failure, or what a load would warn of."""
    found = [outcomes.of[account_id, each] for each in endpoint.resources if (account_id, each) in outcomes.of]
    error = next((each.error for each in found if each.error), None)
    told = [
        each for each in outcomes.quarantined if each.account_id == account_id and each.resource in endpoint.resources
    ]
    if error:
        if isinstance(error, RecordError):
            error.add_note("A load would put this aside and end with 4. Report it: the API may have changed.")
        yield failed(endpoint.name, error, account_id)
    elif told:
        yield Check(endpoint.name, "warn", f"answers, but field {told[0].field} {told[0].reason}", account_id)
    elif found:
        is_empty = all(each.status == "skipped" for each in found)
        yield Check(endpoint.name, "ok", "answers, nothing there yet" if is_empty else "answers", account_id)
