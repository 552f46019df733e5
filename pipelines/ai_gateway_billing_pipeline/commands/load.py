"""Runs a load for the command line: the real API or the demo's, progress, signals, and the telling of how it went."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from dlt.common.configuration.exceptions import ConfigurationException
from dlt.common.destination.exceptions import UnknownDestinationModule
from dlt.common.exceptions import MissingDependencyException

from ai_gateway_billing.api import accounts
from ai_gateway_billing.api.client import Client
from ai_gateway_billing.errors import SettingsError, redact
from ai_gateway_billing.simulator import DEMO_ACCOUNT_ID, DEMO_START, DEMO_TOKEN, Simulator, demo_world
from ai_gateway_billing_pipeline import connection
from ai_gateway_billing_pipeline.loading import load, notify
from ai_gateway_billing_pipeline.loading.load import Options
from ai_gateway_billing_pipeline.loading.result import failed
from ai_gateway_billing_pipeline.settings import Settings, resolve
from ai_gateway_billing_pipeline.terminal import exits, output, progress

from . import summary

_UNUSABLE = (ConfigurationException, MissingDependencyException, UnknownDestinationModule)


class Attempt:
    """One load as a command sees it. `as_json`: one object on standard output instead of a table.

    `notify_url`: a webhook that is told of a load that failed or stayed partial.
    """

    def __init__(
        self, *, as_json: bool, max_requests_per_second: float | None = None, notify_url: str | None = None
    ) -> None:
        self._as_json = as_json
        self._notify_url = notify.checked_url(notify_url) if notify_url else None
        self._max_requests_per_second = max_requests_per_second
        self._client: Client | None = None
        self._began = time.monotonic()

    @contextmanager
    def told(self) -> Iterator[None]:
        """Print the JSON object also when the load ends before it has begun."""
        try:
            yield
        except Exception as error:
            requests = self._client.requests if self._client else 0
            summed_up = failed(exits.as_billing_error(error), requests, time.monotonic() - self._began)
            if self._as_json:
                output.print_object(summed_up)
            self._notify(summed_up)
            raise

    def _notify(self, summed_up: Mapping[str, object]) -> None:
        if self._notify_url:
            notify.post(self._notify_url, summed_up)

    def run(self, settings: Settings, options: Options) -> int:
        """Load, tell how it went, and return the exit code. Raises what `load.load` raises."""
        accounts.named(settings.accounts)  # a bad id is refused before anything else happens
        self._client = client = connection.client_for(settings, self._max_requests_per_second)
        with client, progress.shown() as listener:
            try:
                result = load.load(settings, options, client, datetime.now(UTC), listener)
            except _UNUSABLE as error:
                message = f"The destination {settings.destination} cannot be used: {redact(str(error), limit=400)}"
                raise SettingsError(message) from error
        if self._as_json:
            output.print_object(result.as_json())
        else:
            summary.show(result, settings.destination, settings.database)
        summary.tell_failures(result)
        if result.exit_code:
            self._notify(result.as_json())
        return result.exit_code


@contextmanager
def demo(
    *,
    account: Sequence[str] | None,
    base_url: str | None,
    start: str | None,
    database: str | None,
    destination: str | None,
) -> Iterator[Settings]:
    """Settings for a simulated account that is served on loopback as long as this lasts."""
    if account or base_url:
        raise SettingsError("--demo brings an account and an address of its own: leave out --account and --base-url.")
    with Simulator(demo_world()).serve() as url:
        settings = resolve(
            account=[DEMO_ACCOUNT_ID],
            base_url=url,
            start=start or f"{DEMO_START:%Y-%m-%d}",
            database=database,
            destination=destination,
        )
        yield replace(settings, api_token=DEMO_TOKEN)
