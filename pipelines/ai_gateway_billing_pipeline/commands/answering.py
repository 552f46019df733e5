"""The commands that answer without SQL, such as `aig-billing today`, and what is said where no command is named."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ai_gateway_billing.errors import SettingsError

from . import options

if TYPE_CHECKING:
    from ai_gateway_billing_pipeline.database.scope import Asked
    from ai_gateway_billing_pipeline.settings import Store

Csv = Annotated[bool, typer.Option("--csv", help="Print CSV.")]
First = Annotated[str | None, typer.Option("--from", metavar="DATE", help="First UTC day.  [default: the first]")]
Last = Annotated[
    str | None, typer.Option("--to", metavar="DATE", help="Last UTC day, included.  [default: the newest]")
]
Named = Annotated[
    list[str] | None,
    typer.Option("--account", metavar="ACCOUNT", help="Account ID, name or alias; repeatable.  [default: all]"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Of which accounts, and how it is printed."""

    account: Named = None
    as_csv: Csv = False
    as_json: options.Json = False

    def show(self, name: str, store: "Store", asked: "Asked") -> None:
        """Print the answer. Raises `SettingsError`."""
        if self.as_csv and self.as_json:
            raise SettingsError("Use either --csv or --json, not both.")
        from ai_gateway_billing_pipeline.answers import printing, questions
        from ai_gateway_billing_pipeline.database import scope, stores

        with stores.connect(store) as connection:
            answer = questions.QUESTIONS[name](connection, scope.scope(connection, asked))
        printing.show(answer, "csv" if self.as_csv else "json" if self.as_json else "table", datetime.now(UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class Latest(Asking):
    """A question about how things stand."""

    def answer(self, name: str, store: "Store") -> None:
        """Print the answer. Raises `SettingsError`."""
        from ai_gateway_billing_pipeline.database.scope import Asked

        self.show(name, store, Asked(self.account or (), now=datetime.now(UTC)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Periods(Asking):
    """A question about days, months or invoices."""

    newest: Annotated[
        int | None, typer.Option("--last", metavar="N", min=1, max=100_000, help="Only the last N of them.")
    ] = None
    first: First = None
    last: Last = None

    def answer(self, name: str, store: "Store", default: int) -> None:
        """Print the answer, of the newest `default` of them where nobody said. Raises `SettingsError`."""
        from ai_gateway_billing_pipeline.database.scope import Asked

        if self.newest and self.first:
            raise SettingsError("Use either --last or --from, not both.")
        first, last = options.days(self.first, self.last)
        self.show(name, store, Asked(self.account or (), first, last, self.newest or (None if first else default)))


latest = options.in_place_of("asked", Latest)
periods = options.in_place_of("asked", Periods)


@options.logged
@options.reading
@latest
def today(*, asked: Latest, store: "Store") -> None:
    """Show what was spent today. Beside yesterday by the same hour, the month so far, and the credit that is left."""
    asked.answer("today", store)


@options.logged
@options.reading
@periods
def daily(*, asked: Periods, store: "Store") -> None:
    """Show spend per UTC day. By default the last 14 days."""
    asked.answer("daily", store, 14)


@options.logged
@options.reading
@periods
def monthly(*, asked: Periods, store: "Store") -> None:
    """Show spend per UTC month. By default the last 12 months."""
    asked.answer("monthly", store, 12)


@options.logged
@options.reading
@periods
def models(*, asked: Periods, store: "Store") -> None:
    """Show spend by model. By default in the running month, as invoice previews tell it."""
    asked.answer("models", store, 1)


@options.logged
@options.reading
@periods
def gateways(*, asked: Periods, store: "Store") -> None:
    """Show who spent it, by estimate. By default the bill of the last 30 days by gateway."""
    asked.answer("gateways", store, 30)


@options.logged
@options.reading
@latest
def runway(*, asked: Latest, store: "Store") -> None:
    """Show how long the credit lasts. And the next top-up, and what the month will cost."""
    asked.answer("runway", store)


@options.logged
@options.reading
@periods
def invoices(*, asked: Periods, store: "Store") -> None:
    """Show the newest invoices. By default 20: their kind, status, amounts and age."""
    asked.answer("invoices", store, 20)


def summary(database: str | None, destination: str | None) -> bool:
    """Print how things stand on one screen; False, and nothing, where there is no database and none was named."""
    store = options.store(database=database, destination=destination)
    if database is None and store.is_file and not store.database.exists():
        return False
    from ai_gateway_billing_pipeline.answers import summary
    from ai_gateway_billing_pipeline.database import stores

    with stores.connect(store) as connection:
        found = summary.ask(connection)
    summary.show(found, str(store), datetime.now(UTC))
    return True
