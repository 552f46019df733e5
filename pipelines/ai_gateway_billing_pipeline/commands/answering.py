"""What the commands that answer without SQL have in common: their options, and the way to an answer."""

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


latest = options.in_place_of("asked", Latest)
periods = options.in_place_of("asked", Periods)
