"""Which rows of a view are taken: bounds of days, months that overlap them, accounts, and always the same order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import duckdb
import pytest

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline.database.scope import ALL, Days
from ai_gateway_billing_pipeline.exporting.selection import ROWS, Field, select


def taken(
    connection: duckdb.DuckDBPyConnection, rows: str, days: Days = ALL, ids: Sequence[str] | None = None
) -> list[tuple[Any, ...]]:
    """What is taken of a view with these rows, which are SQL."""
    connection.execute(f"create or replace view spend.some as {rows}")
    selection = select(connection, "some", days, ids)
    found = connection.execute(f"from {ROWS}").fetchall()
    assert len(found) == selection.rows
    return found


FIRST, LAST = date(2026, 11, 10), date(2026, 11, 11)


@pytest.mark.parametrize(
    ("days", "first", "until"),
    [
        (Days(), datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)),
        (Days(FIRST, LAST), datetime(2026, 11, 10, tzinfo=UTC), datetime(2026, 11, 12, tzinfo=UTC)),
        (Days(None, date.max), datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)),
    ],
)
def test_the_last_day_is_included(days: Days, first: datetime, until: datetime) -> None:
    assert days.bounds == {"first": first, "until": until}


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (Days(), "all days"),
        (Days(FIRST), "from 2026-11-10"),
        (Days(None, LAST), "to 2026-11-11"),
        (Days(FIRST, LAST), "from 2026-11-10 to 2026-11-11"),
    ],
)
def test_days_are_told_as_they_were_asked_for(days: Days, words: str) -> None:
    assert str(days) == words


MOMENTS = "('2026-11-09 23:59:59Z'), ('2026-11-10'), ('2026-11-11 23:59:59Z'), ('2026-11-12')"


@pytest.mark.parametrize("kind", ["timestamptz", "date"])
@pytest.mark.parametrize("name", ["day", "hour", "starts_at", "created_at"])
def test_rows_belong_to_the_days_in_which_they_begin(
    connection: duckdb.DuckDBPyConnection, name: str, kind: str
) -> None:
    rows = f"select {name}::{kind} as {name} from (values {MOMENTS}) as t({name})"

    found = taken(connection, rows, Days(FIRST, LAST))

    assert [f"{moment:%d}" for (moment,) in found] == ["10", "11"]


@pytest.mark.parametrize("name", ["month", "billing_month"])
@pytest.mark.parametrize(
    ("days", "months"),
    [
        (Days(FIRST, LAST), [11]),
        (Days(date(2026, 11, 30)), [11, 12]),
        (Days(date(2026, 12, 1)), [12]),
        (Days(None, date(2026, 11, 1)), [10, 11]),
        (Days(None, date(2026, 10, 31)), [10]),
    ],
)
def test_a_month_counts_where_any_day_of_it_does(
    connection: duckdb.DuckDBPyConnection, name: str, days: Days, months: list[int]
) -> None:
    rows = f"select make_date(2026, n::integer, 1) as {name} from range(10, 13) as t(n)"

    assert [month.month for (month,) in taken(connection, rows, days)] == months


def test_of_several_times_the_period_decides(connection: duckdb.DuckDBPyConnection) -> None:
    rows = "select date '2026-11-10' as day, timestamptz '2027-01-01' as observed_at"

    assert len(taken(connection, rows, Days(FIRST, LAST))) == 1


@pytest.mark.parametrize("name", ["account_id", '"BillingAccountId"'])
@pytest.mark.parametrize(("ids", "count"), [(None, 2), (["a"], 1), (["b", "a", "c"], 2), ([], 0)])
def test_accounts_are_chosen_by_id(
    connection: duckdb.DuckDBPyConnection, name: str, ids: list[str] | None, count: int
) -> None:
    assert len(taken(connection, f"select unnest(['a', 'b']) as {name}", ids=ids)) == count


def test_rows_are_in_the_order_of_their_columns(connection: duckdb.DuckDBPyConnection) -> None:
    rows = "select * from (values (2, 'a'), (1, 'b'), (1, 'a'), (null, 'c')) as t(n, s)"

    assert taken(connection, rows) == [(1, "a"), (1, "b"), (2, "a"), (None, "c")]


@pytest.mark.parametrize("view", ["some", "spend.some", " SPEND.Some "])
def test_a_view_is_found_as_people_write_it(connection: duckdb.DuckDBPyConnection, view: str) -> None:
    connection.execute("create view spend.some as select 1 as one, ['x'] as list, {'a': 1} as pair")

    selection = select(connection, view)

    assert selection.view == "some"
    assert [(field.name, field.is_nested) for field in selection.fields] == [
        ("one", False),
        ("list", True),
        ("pair", True),
    ]


def test_a_name_is_quoted_whatever_is_in_it() -> None:
    assert Field('a "b"', "VARCHAR").quoted == '"a ""b"""'


@pytest.mark.parametrize(
    ("view", "days", "ids", "words"),
    [
        ("none", Days(), None, "There is no view none in schema spend. Choose one of: some."),
        ("some", Days(FIRST), None, "spend.some has no time to choose by. Leave out --from and --to."),
        ("some", Days(), ["a"], "spend.some has no accounts to choose by. Leave out --account."),
    ],
)
def test_what_cannot_be_chosen_is_refused(
    connection: duckdb.DuckDBPyConnection, view: str, days: Days, ids: list[str] | None, words: str
) -> None:
    connection.execute("create view spend.some as select 1 as one")
    with pytest.raises(SettingsError) as caught:
        select(connection, view, days, ids)

    assert str(caught.value) == words


def test_without_any_view_a_load_is_asked_for(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(SettingsError, match="Run `aig-billing load` first"):
        select(connection, "daily")
