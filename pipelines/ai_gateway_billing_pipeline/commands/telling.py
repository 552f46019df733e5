"""What commands share that tell people of findings: the addresses, and the telling, which makes no command fail."""

import logging
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ai_gateway_billing.errors import BillingError, DatabaseBusyError, SettingsError, redact
from ai_gateway_billing_pipeline.terminal import exits

if TYPE_CHECKING:
    import duckdb

    from ai_gateway_billing_pipeline.alerts.addresses import Address
    from ai_gateway_billing_pipeline.alerts.survey import Survey
    from ai_gateway_billing_pipeline.database.checks import Limits
    from ai_gateway_billing_pipeline.doctor.machine import Check
    from ai_gateway_billing_pipeline.settings import Store

log = logging.getLogger(__name__)


def addressed(notify: Sequence[str] | None, webhook: str | None = None) -> "list[Address]":
    """The addresses of `--notify`, else of the environment, and of a webhook. Raises `SettingsError`."""
    from ai_gateway_billing_pipeline import settings

    urls = settings.notify(notify)
    if not urls and not webhook:
        return []
    from ai_gateway_billing_pipeline.alerts import addresses

    return addresses.addressed(urls, webhook)


def named(database: str | None, destination: str | None) -> "Store | None":
    """The store that the options name, before a load knows all its settings; nothing for what can be no file."""
    from ai_gateway_billing_pipeline import settings

    try:
        return settings.store(database, destination)
    except SettingsError:
        return None


def after_load(addresses: "Sequence[Address]", store: "Store | None", error: BillingError | None) -> None:
    """Tell of all findings and, when the load failed, of its error. What goes wrong is a warning."""
    if not addresses or store is None or isinstance(error, DatabaseBusyError):  # busy: another load tells what there is
        return
    try:
        _after_load(addresses, store, error)
    except Exception as problem:  # noqa: BLE001 - whatever it is, the load is over and must not fail for it
        log.warning("No alerts were sent: %s", exits.as_billing_error(problem))


def _after_load(addresses: "Sequence[Address]", store: "Store", error: BillingError | None) -> None:
    from ai_gateway_billing_pipeline.alerts import survey

    now = datetime.now(UTC)
    there = _there(store, now)
    failures = [survey.failure(error)] if error else []
    there = there._replace(found=[*failures, *there.found], checks=[survey.LOAD, *there.checks])
    tell(addresses, store, there, now)


def _there(store: "Store", now: datetime) -> "Survey":
    """What the checks find; nothing where the database cannot be read, of which the load itself has told."""
    from ai_gateway_billing_pipeline.alerts import survey
    from ai_gateway_billing_pipeline.database import stores
    from ai_gateway_billing_pipeline.loading import remotes

    if store.is_file and not store.database.exists():
        return survey.NOTHING
    try:
        with stores.connect(store if store.is_file else remotes.found(store)) as connection:
            return survey.survey(connection, now, limits())
    except BillingError as error:
        log.warning("The findings could not be read: %s", error)
        return survey.NOTHING


def say_which_budgets_wait(connection: "duckdb.DuckDBPyConnection") -> None:
    """Say which budgets of the settings no load has stored as they are now: they do not count yet.

    Those that are stored alone are no news: who checks may have no settings. Raises `SettingsError`.
    """
    from ai_gateway_billing_pipeline import settings
    from ai_gateway_billing_pipeline.database import raw

    wanted = settings.budgets_of_dlt()
    counting = raw.budgets(connection) if wanted else set()
    waiting = [redact(each.name) for each in wanted if each.row() not in counting]
    if waiting:
        log.warning("New in the settings, and counted from the next load on: budget %s.", ", ".join(waiting))


def limits(stale_after: int | None = None, credit_days: int | None = None) -> "Limits":
    """From when on something is a finding. Raises `SettingsError`."""
    from ai_gateway_billing_pipeline import inputs
    from ai_gateway_billing_pipeline.database.checks import Limits

    usual = Limits()
    return Limits(
        inputs.whole_number(stale_after, "AIG_BILLING_STALE_AFTER", usual.stale_after),
        inputs.whole_number(credit_days, "AIG_BILLING_CREDIT_DAYS", usual.credit_days),
    )


def tell(
    addresses: "Sequence[Address]",
    store: "Store",
    there: "Survey",
    now: datetime,
    *,
    remind_days: int | None = None,
    wait_s: float = 0.0,
) -> None:
    """Tell everybody what is news. Raises `DatabaseBusyError`."""
    from ai_gateway_billing_pipeline import inputs
    from ai_gateway_billing_pipeline.alerts import alerting

    remind_after = timedelta(days=inputs.whole_number(remind_days, "AIG_BILLING_REMIND_DAYS", 7))
    alerting.Alerting(store, addresses, remind_after, wait_s).tell(there, now)


def examine(notify: Sequence[str] | None, *, is_test: bool) -> "Iterator[Check]":
    """Whether everybody can be told, as the doctor says it. Only a test sends something."""
    from ai_gateway_billing_pipeline.doctor.machine import Check, failed

    try:
        addresses = addressed(notify)
    except BillingError as error:
        yield failed("notify", error)
        return
    if not addresses:
        if is_test:
            yield Check("notify", "fail", "There is no address. Set AIG_BILLING_NOTIFY or --notify.", exit_code=2)
        return
    if not is_test:
        yield Check("notify", "ok", f"{len(addresses)} address(es); --test-notify sends a message to each")
    else:
        yield from (_tried(address, number) for number, address in enumerate(addresses, start=1))


def _tried(address: "Address", number: int) -> "Check":
    from ai_gateway_billing_pipeline.doctor.machine import Check

    text = f"This is a test from {os.uname().nodename}. Alerts of aig-billing will arrive here."
    if address.say("AI Gateway billing: test", text):
        return Check("notify", "ok", f"address {number} took the test message")
    return Check("notify", "fail", f"Address {number} did not take the test message. Correct it.", exit_code=1)
