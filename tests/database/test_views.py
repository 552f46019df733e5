"""Every view of `spend`: by example, by what must hold for any data, and as a schema that outlives loads and copies.

An example is a folder `views/<view>/<case>/`: raw tables as CSV, `expect.csv` with the columns that matter and, in its
comments, why each number is right, and `query.sql` where it is not the whole view that is asked for.
"""

from __future__ import annotations

import csv
import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_gateway_billing.rows.tables import TABLES
from ai_gateway_billing_pipeline.database import checks, rules, storage, views
from support.amounts import amount_columns, in_dollars
from support.many import many
from support.raw_tables import Row, database, fill

CASES = Path(__file__).parent / "views"
ZONES = ["Asia/Kolkata", *(pytest.param(zone, marks=pytest.mark.thorough) for zone in ("UTC", "America/Los_Angeles"))]
VIEWS = [name for name in views.VIEWS if name not in views.MACROS]

Rows = list[tuple[Any, ...]]


# --- examples ------------------------------------------------------------------------------------------------------


def cases() -> list[Path]:
    """All folders that hold an expectation."""
    return sorted(path.parent for path in CASES.glob("*/*/expect.csv"))


def table(path: Path) -> list[dict[str, str | None]]:
    """A CSV file without its comments; an empty field is NULL."""
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")]
    return [{name: value or None for name, value in row.items()} for row in csv.DictReader(lines)]


def unit(case: Path) -> str:
    """The setting that a case runs with."""
    return "dollars" if "# unit: dollars\n" in (case / "expect.csv").read_text("utf-8") else "cents"


def expected(connection: duckdb.DuckDBPyConnection, types: list[str], rows: list[dict[str, str | None]]) -> Rows:
    """The expected rows in the types of these columns."""
    casts = ", ".join(f"${n}::{kind}" for n, kind in enumerate(types, start=1))
    return [connection.execute(f"select {casts}", list(row.values())).fetchall()[0] for row in rows]


def in_order(rows: Rows) -> Rows:
    return sorted(rows, key=lambda row: [(value is not None, str(value)) for value in row])


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.parent.name}-{case.name}")
def test_example_comes_out_as_explained_in_every_time_zone(case: Path, zone: str, tmp_path: Path) -> None:
    view, rows = case.parent.name, table(case / "expect.csv")
    inputs = {path.stem: table(path) for path in case.glob("*.csv") if path.stem != "expect"}
    asked = (case / "query.sql").read_text("utf-8") if (case / "query.sql").exists() else f"from spend.{view}"

    with database(tmp_path, usage_unit=unit(case), **inputs) as connection:
        connection.execute(f"set timezone = '{zone}'")
        cursor = connection.execute(f"select {', '.join(rows[0])} from ({asked})")
        types, found = [str(column[1]) for column in cursor.description], cursor.fetchall()

        assert in_order(found) == in_order(expected(connection, types, rows))


def test_every_view_has_an_example_that_explains_itself() -> None:
    shown = {case.parent.name for case in cases()}

    assert shown == set(views.VIEWS) - {"currencies", "focus"}, "focus and currencies have tests of their own"
    for case in cases():
        assert (case / "expect.csv").read_text("utf-8").startswith("#"), case


# --- the schema ----------------------------------------------------------------------------------------------------


def test_every_view_is_there_and_empty_on_a_new_account(tmp_path: Path) -> None:
    with database(tmp_path) as connection:
        counts = {name: connection.execute(f"select count(*) from spend.{name}").fetchall() for name in VIEWS}
        days = connection.execute("from spend.daily_in('UTC')").fetchall()

    assert [name for name, count in counts.items() if count != [(0,)]] == ["currencies"]
    assert days == []


def test_raw_tables_that_no_load_has_made_count_as_empty_until_one_does() -> None:
    """`load --only usage_hourly` makes two tables; no view is missing then, and none of them stands in dlt's way."""
    with duckdb.connect() as connection:
        views.apply(connection, "cents")
        assert connection.execute("from spend.hourly").fetchall() == []
        assert connection.execute("from spend.runway").fetchall() == []

        connection.execute(
            "create table ai_gateway_billing.usage_hourly as select 'a' as account_id, "
            "timestamptz '2026-11-01 00:00:00+00' as bucket_start, 250::decimal(38, 18) as aggregated_value"
        )
        assert connection.execute("select amount from spend.hourly").fetchall() == []
        views.apply(connection, "cents")

        assert connection.execute("select amount from spend.monthly").fetchall() == [(Decimal("2.5"),)]
        made = "select table_name from duckdb_tables() where schema_name = 'ai_gateway_billing'"
        assert {name for (name,) in connection.execute(made).fetchall()} & TABLES.keys() == {"usage_hourly"}


def test_applying_again_changes_nothing(tmp_path: Path) -> None:
    stored = (
        "select table_name, column_name, data_type, comment from duckdb_columns() where schema_name = 'spend' "
        "union all select view_name, null, null, comment from duckdb_views() where schema_name = 'spend' order by all"
    )
    with database(tmp_path) as connection:
        before = connection.execute(stored).fetchall()
        connection.execute("update spend.usage_unit set unit = 'dollars'")
        views.apply(connection, "cents")

        assert connection.execute(stored).fetchall() == before
        assert connection.execute("from spend.usage_unit").fetchall() == [("cents",)], "the setting wins"


@pytest.mark.parametrize(
    "meddle",
    [
        "create or replace view spend.monthly as select 1 as one",
        "drop macro table spend.daily_in",
        *(
            pytest.param(statement, marks=pytest.mark.thorough)
            for statement in (
                "drop view spend.monthly",
                "comment on view spend.monthly is 'mine'",
                "create or replace macro spend.daily_in(zone) as table select zone",
                "drop schema spend cascade",
            )
        ),
    ],
)
def test_what_somebody_dropped_or_replaced_by_hand_is_made_again(tmp_path: Path, meddle: str) -> None:
    stored = (
        "select view_name, sql, comment from duckdb_views() where schema_name = 'spend' "
        "union all select function_name, macro_definition, comment from duckdb_functions() where schema_name = 'spend' "
        "order by all"
    )
    with database(tmp_path) as connection:
        views.apply(connection, "cents")
        before = connection.execute(stored).fetchall()
        connection.execute(meddle)

        views.apply(connection, "cents")

        assert connection.execute(stored).fetchall() == before


def test_views_of_a_file_that_was_opened_again_are_left_alone(tmp_path: Path) -> None:
    """DuckDB writes them otherwise then: making them anew would take longer than the load."""
    file = tmp_path / "old.duckdb"
    storage.create(file)
    with duckdb.connect(str(file)) as connection:
        views.apply(connection, "cents")
    made = "select view_name, view_oid from duckdb_views() where schema_name = 'spend' order by all"
    with duckdb.connect(str(file)) as connection:
        before = connection.execute(made).fetchall()

        views.apply(connection, "cents")

        assert connection.execute(made).fetchall() == before


def test_every_view_comes_after_those_that_it_reads() -> None:
    for place, name in enumerate(views.VIEWS):
        statement = re.sub(r"--.*", "", views.definition(name).statement)
        read = set(re.findall(r"\bspend\.(\w+)", statement)) & set(views.VIEWS) - {name}

        assert read <= set(views.VIEWS[:place]), name


def test_file_may_be_renamed_copied_and_attached(tmp_path: Path) -> None:
    """The name of the file is the name of DuckDB's catalog, so no view may hold it."""
    database(tmp_path).close()
    (tmp_path / "billing.duckdb").rename(tmp_path / "a copy.duckdb")

    with duckdb.connect(str(tmp_path / "a copy.duckdb"), read_only=True) as connection:
        for name in VIEWS:
            connection.execute(f"from spend.{name}").fetchall()
        connection.execute("from spend.daily_in('Europe/Berlin')").fetchall()
    with duckdb.connect() as connection:
        connection.execute(f"attach '{tmp_path / 'a copy.duckdb'}' as elsewhere (read_only)")
        for name in VIEWS:
            connection.execute(f"from elsewhere.spend.{name}").fetchall()
        connection.execute("use elsewhere")
        connection.execute("from spend.daily_in('Europe/Berlin')").fetchall()


def test_unit_is_one_row_that_every_view_reads(tmp_path: Path) -> None:
    """Correcting it needs neither a reload nor new views."""
    usage = [{"account_id": "a", "bucket_start": "2026-11-01 00:00:00+00", "aggregated_value": 250}]
    with database(tmp_path, usage_hourly=usage) as connection:
        connection.execute("update spend.usage_unit set unit = 'dollars'")

        for name in ("hourly", "daily", "monthly", "daily_sources"):
            assert connection.execute(f"select amount from spend.{name}").fetchall() == [(Decimal(250),)]


def test_no_number_of_any_view_is_binary(tmp_path: Path) -> None:
    query = "select table_name, column_name, data_type from duckdb_columns() where schema_name = 'spend'"
    with database(tmp_path) as connection:
        columns = connection.execute(query).fetchall()

    assert not [column for column in columns if re.search("DOUBLE|FLOAT|REAL|HUGEINT", column[2])]


def test_amounts_of_all_views_have_one_type(tmp_path: Path) -> None:
    with database(tmp_path) as connection:
        kinds = {
            (name, column): kind for name in views.VIEWS for column, kind in amount_columns(connection, name).items()
        }

    assert len(kinds) > 40
    assert {place: kind for place, kind in kinds.items() if kind != "DECIMAL(38,10)"} == {}


@pytest.mark.parametrize("name", views.VIEWS)
def test_file_opens_with_its_contract_and_describes_every_column_in_order(name: str, tmp_path: Path) -> None:
    view = views.definition(name)
    text = Path(views.__file__).with_name("sql").joinpath(f"{name}.sql").read_text("utf-8")
    asked = f"spend.{name}('UTC')" if name in views.MACROS else f"spend.{name}"

    assert text.startswith((f"-- spend.{name}: one row per ", f"-- spend.{name}(zone): one row per "))
    assert re.search(r"\bsum", view.contract, re.IGNORECASE), "what may be summed?"
    with database(tmp_path) as connection:
        columns = [column[0] for column in connection.execute(f"from {asked}").description]
    assert list(view.columns) == columns


def test_contracts_and_columns_are_comments_in_the_database(tmp_path: Path) -> None:
    with database(tmp_path) as connection:
        contracts = dict(
            connection.execute(
                "select view_name, comment from duckdb_views() where schema_name = 'spend' "
                "union all select table_name, comment from duckdb_tables() where schema_name = 'spend' "
                "union all select function_name, comment from duckdb_functions() where schema_name = 'spend'"
            ).fetchall()
        )
        silent = connection.execute(
            "select table_name, column_name from duckdb_columns() where schema_name = 'spend' and comment is null"
        ).fetchall()

    meant = {macro.partition("(")[0]: meaning for macro, (_, meaning) in rules.RULES.items()}
    assert contracts == {name: views.definition(name).contract for name in views.VIEWS} | meant | {
        "usage_unit": views.USAGE_UNIT
    }
    assert silent == []


def test_no_view_depends_on_the_moment_or_zone_of_whoever_asks() -> None:
    for name in views.VIEWS:
        statement = re.sub(r"--.*", "", views.definition(name).statement).lower()

        assert not re.search(r"\b(now|today|current_date|current_timestamp|get_current_timestamp)\b", statement), name
        assert "date_trunc('month', period_start)" not in statement


def test_minor_units_follow_iso_4217(tmp_path: Path) -> None:
    with database(tmp_path) as connection:
        found = dict(connection.execute("select currency, exponent from spend.currencies").fetchall())
        wrong = connection.execute(
            "select currency from spend.currencies where major_per_minor <> round(pow(0.1, exponent), 4)::decimal(5, 4)"
        ).fetchall()

    assert len(found) > 150
    assert all(re.fullmatch("[A-Z]{3}", code) for code in found)
    named = {"USD": 2, "EUR": 2, "JPY": 0, "KRW": 0, "ISK": 0, "KWD": 3, "TND": 3, "CLF": 4, "UYW": 4, "HUF": 2}
    assert {code: found[code] for code in named} == named
    assert wrong == []


@pytest.mark.skipif(duckdb.__version__ < "2", reason="works out a part of a plan as often as it is there")
def test_the_days_are_added_up_once_however_often_a_view_reads_them(tmp_path: Path) -> None:
    """Twice more their coverage is read for accounts, with their columns and without any. Some tables are missing."""
    with duckdb.connect(str(many(tmp_path, 300))) as connection:
        for missing in ("account_names", "gateway_usage_hourly", "topup_config"):
            connection.execute(f"drop table ai_gateway_billing.{missing}")
        views.apply(connection, "cents")
        for name in ("budget", "changes", "comparisons", "focus", "reconciliation", "runway"):
            plan = connection.execute(f"explain from spend.{name}").fetchall()[0][1]

            assert len(re.findall(r"\busage_coverage\b", plan)) == 3, name


NAMED = [
    *[(words, words, words.split("/")[0]) for words in (
        "perplexity/sonar", "xai/grok", "openai/gpt-5.5", "anthropic/claude-haiku-4-5", "google/gemini", "a/b/c", "A/B",
        "deepseek.v3/chat", "openai/gpt-5:batch", "groq/llama@latest",
    )],
    ("  perplexity/sonar ", "perplexity/sonar", "perplexity"),
    ("@cf/meta/llama", "@cf/meta/llama", "workers-ai"),
    ("anthropic claude-haiku-4-5 Input Tokens", "anthropic/claude-haiku-4-5", "anthropic"),
    ("anthropic claude-haiku-4-5 Output Tokens", "anthropic/claude-haiku-4-5", "anthropic"),
    ("perplexity sonar Input Tokens", "perplexity/sonar", "perplexity"),
    ("xai grok output tokens", "xai/grok", "xai"),
    ("openai gpt-5.5 Cached Input Tokens", "openai/gpt-5.5", "openai"),
    ("openai gpt-5.5 Cache Read Input Tokens", "openai/gpt-5.5", "openai"),
    ("workers-ai @cf/meta/llama-3.3-70b Input Tokens", "@cf/meta/llama-3.3-70b", "workers-ai"),
    ("openrouter meta/llama Output Tokens", "openrouter/meta/llama", "openrouter"),
    ("1,204 × openai/gpt-5.5 (at $0.10 / 1M input/output tokens)", "openai/gpt-5.5", "openai"),
    *[(words, words, None) for words in (
        "Workers AI prepaid", "sonar", "Usage in/out of hours 24/7", "Input Tokens", "AI Gateway Input Tokens", "24/7",
        "1/2", "/sonar", "perplexity/", "and/or maybe", "$1/2", "anthropic claude-haiku-4-5",
    )],
    ("", "(no description)", None),
    (None, "(no description)", None),
]  # fmt: skip


def test_descriptions_name_provider_and_model_in_both_forms_and_else_stay(tmp_path: Path) -> None:
    with database(tmp_path) as connection:
        found = {}
        for words, *_ in NAMED:
            fill(
                connection,
                invoice_preview=[{"account_id": "a", "period_start": FIRST, "_dlt_valid_from": FIRST, "_dlt_id": "v"}],
                invoice_preview__invoice_lines=[
                    {"description": words, "amount": 1, "currency": "usd", "quantity": 1, "_dlt_parent_id": "v"}
                ],
            )
            found[words] = connection.execute("select model, provider from spend.by_model").fetchall()

    assert found == {words: [(model, provider)] for words, model, provider in NAMED}


def test_a_model_adds_up_over_the_change_of_form(tmp_path: Path) -> None:
    months = {"old": "2026-08-01", "new": "2026-09-01"}
    previews = [
        {
            "account_id": "a",
            "period_start": f"{day} 00:00:00+00",
            "_dlt_valid_from": f"{day} 10:00:00+00",
            "_dlt_id": name,
        }
        for name, day in months.items()
    ]
    lines = [
        ("old", "perplexity sonar Input Tokens", 30), ("old", "perplexity sonar Output Tokens", 70),
        ("new", "perplexity/sonar", 50),
    ]  # fmt: skip
    rows = [
        {"description": words, "amount": cents, "currency": "usd", "quantity": 1, "_dlt_parent_id": name}
        for name, words, cents in lines
    ]
    with database(tmp_path, invoice_preview=previews, invoice_preview__invoice_lines=rows) as connection:
        query = (
            "select model, provider, billing_month::varchar, lines, gross from spend.by_model order by billing_month"
        )
        found = connection.execute(query).fetchall()

    assert found == [
        ("perplexity/sonar", "perplexity", "2026-08-01", 2, 1),
        ("perplexity/sonar", "perplexity", "2026-09-01", 1, Decimal("0.5")),
    ]


# --- what holds for any data ---------------------------------------------------------------------------------------

FIRST = datetime(2026, 10, 30, tzinfo=UTC)
HOURS = 4 * 24

amounts = st.decimals(min_value=-1_000, max_value=10**9, places=18)
buckets = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, HOURS - 1), amounts), max_size=25)
day_buckets = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3), amounts), max_size=6)
coverages = st.dictionaries(
    st.tuples(st.sampled_from("ab"), st.sampled_from(["hour", "day"]), st.integers(0, 3)),
    st.tuples(st.integers(0, 24), st.integers(0, 60 * 24)),
    max_size=12,
)
zones = st.sampled_from(
    ["UTC", "Asia/Kolkata", "America/Los_Angeles", "Europe/Berlin", "Pacific/Kiritimati", "America/St_Johns"]
)


def usage_rows(found: list[tuple[str, int, Decimal]], step: timedelta) -> list[Row]:
    return [
        {"account_id": account, "bucket_start": FIRST + n * step, "id": str(place), "aggregated_value": value}
        for place, (account, n, value) in enumerate(found)
    ]


def coverage_rows(found: dict[tuple[str, str, int], tuple[int, int]]) -> list[Row]:
    return [
        {
            "account_id": account,
            "grouping": grouping,
            "day": (FIRST + timedelta(days=day)).date(),
            "read_until": FIRST + timedelta(days=day, hours=hours if grouping == "hour" else hours // 24 * 24),
            "read_at": FIRST + timedelta(days=day, hours=25 + later),
        }
        for (account, grouping, day), (hours, later) in found.items()
    ]


def only(account: str, rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["account_id"] == account]


@pytest.fixture
def empty(tmp_path: Path) -> Any:
    with database(tmp_path) as connection:
        yield connection


def everything(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Rows]]:
    """Every view's rows by account, each view worked out once."""
    names = [name for name in VIEWS if name not in ("currencies", "focus")]
    asked = views.once(connection, [f"from spend.{name} where account_id = $1" for name in names])
    return {
        account: {
            name: in_order(connection.execute(query, [account]).fetchall())
            for name, query in zip(names, asked, strict=True)
        }
        for account in "ab"
    }


@settings(max_examples=settings().max_examples // 5)
@given(hours=buckets, days=day_buckets, covered=coverages, zone=zones)
def test_hours_days_months_and_local_days_sum_to_the_same(
    empty: duckdb.DuckDBPyConnection,
    hours: list[tuple[str, int, Decimal]],
    days: list[tuple[str, int, Decimal]],
    covered: dict[tuple[str, str, int], tuple[int, int]],
    zone: str,
) -> None:
    """Per account: hours are the buckets, days are hours where they are taken from hours, and nothing is lost after."""
    fill(
        empty,
        usage_hourly=usage_rows(hours, timedelta(hours=1)),
        usage_daily=usage_rows(days, timedelta(days=1)),
        usage_coverage=coverage_rows(covered),
    )

    by_hour = "(select hourly.* from spend.hourly join spend.daily using (account_id, day) where source = 'hour')"
    by_day = "(from spend.daily where source = 'hour')"
    sources = ["spend.daily", "spend.monthly", f"spend.daily_in('{zone}')", "spend.hourly", by_hour, by_day]
    asked = [f"select account_id, sum(amount) from {source} group by account_id" for source in sources]
    doubled = "select account_id, day from spend.daily group by all having count(*) > 1"

    *found, twice = [empty.execute(query).fetchall() for query in views.once(empty, [*asked, doubled])]

    days_sum, months_sum, local_sum, hours_sum, of_hours, of_days = map(dict, found)
    assert days_sum == months_sum == local_sum
    for account, total in hours_sum.items():
        assert total == sum((in_dollars(value) for key, _, value in hours if key == account), Decimal(0))
    assert of_hours == of_days
    assert twice == []


@pytest.mark.thorough
@settings(max_examples=4)
@given(hours=buckets, days=day_buckets, covered=coverages, balances=st.lists(amounts, min_size=2, max_size=4))
def test_two_accounts_never_mix(
    empty: duckdb.DuckDBPyConnection,
    hours: list[tuple[str, int, Decimal]],
    days: list[tuple[str, int, Decimal]],
    covered: dict[tuple[str, str, int], tuple[int, int]],
    balances: list[Decimal],
) -> None:
    """What every view says of an account is the same when the other one does not exist."""
    usage = {
        "usage_hourly": usage_rows(hours, timedelta(hours=1)),
        "usage_daily": usage_rows(days, timedelta(days=1)),
        "usage_coverage": coverage_rows(covered),
    }
    fill(empty, **(usage | money(balances)))
    together = everything(empty)
    for account in "ab":
        fill(empty, **{name: only(account, rows) for name, rows in (usage | money(balances)).items()})

        assert everything(empty)[account] == together[account]


def money(balances: list[Decimal]) -> dict[str, list[Row]]:
    """Versions of balance and preview, and invoices, of both accounts at the same moments; b has other amounts."""
    found: dict[str, list[Row]] = {name: [] for name in TABLES if not name.startswith("usage_")}
    for account, factor in (("a", 1), ("b", 3)):
        for n, value in enumerate(balances):
            seen = FIRST + timedelta(hours=20 * n)
            version = {"account_id": account, "_dlt_valid_from": seen, "_dlt_id": f"{account}{n}"}
            amount = int(value) * factor
            due = {"amount_due": amount, "amount_paid": amount, "amount_remaining": 0}
            period = {"period_start": FIRST.replace(day=1), "period_end": FIRST + timedelta(days=2)}
            found["credit_balance"].append({**version, "balance": amount, "has_default_payment_method": True})
            found["invoice_preview"].append({**version, **due, **period, "currency": "usd", "status": "draft"})
            line = {"account_id": account, "description": "openai/gpt-5", "amount": amount, "currency": "usd"}
            ids = {"_dlt_parent_id": f"{account}{n}", "_dlt_id": f"line {account}{n}"}
            found["invoice_preview__invoice_lines"].append({**line, **ids, "quantity": 1})
            listed = {"created": seen - timedelta(hours=1), "status": "paid", "currency": "usd", "last_listed_at": seen}
            found["invoices"].append({"account_id": account, "id": f"in_{n}", **due, **listed})
    return found


def test_views_that_are_worked_out_once_say_the_same(tmp_path: Path) -> None:
    with duckdb.connect(str(many(tmp_path, 3))) as connection:
        asked = [f"from spend.{name}" for name in VIEWS]
        statements = views.once(connection, asked)

        assert not any(read_by(connection, statement) for statement in statements)
        for view, statement in zip(asked, statements, strict=True):
            assert in_order(connection.execute(statement).fetchall()) == in_order(connection.execute(view).fetchall())


def test_nothing_is_worked_out_that_is_not_asked_for(tmp_path: Path) -> None:
    """A table is made of what is read in several places, such as the accounts, and of nothing else."""
    with database(tmp_path) as connection:
        (once,) = views.once(connection, ["-- not spend.runway\nselect spend.* from spend.monthly as spend"])
        made = temporary(connection)
        views.once(connection, ["from spend.monthly", "from spend.monthly"])

        assert connection.execute(once).fetchall() == []
        assert {"monthly"} <= temporary(connection)
    assert {"accounts"} <= made
    assert not {"hourly", "monthly", "runway"} & made


def temporary(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """The tables that the connection has for itself."""
    return {name for (name,) in connection.execute("select table_name from duckdb_tables() where temporary").fetchall()}


def test_words_that_name_a_view_stay_as_they_are(tmp_path: Path) -> None:
    with database(tmp_path) as connection:
        (statement,) = views.once(connection, ["select 'See spend.monthly.' as words from spend.monthly"])

    assert "'See spend.monthly.'" in statement


def test_every_view_that_a_statement_reads_is_found(tmp_path: Path) -> None:
    """By words, as DuckDB finds them by syntax: a view that was missed would be made too early, and planned anew."""
    asked = [checks.statement_of(name) for name in checks.CHECKS]
    with database(tmp_path) as connection:
        missed = [read_by(connection, statement) for statement in views.once(connection, asked)]
        below = {name: views.below([name])[0] for name in VIEWS}
        read = {name: read_by(connection, body(views.definition(name).statement)) for name in VIEWS}

    assert missed == [set()] * len(asked)
    assert [name for name in VIEWS if read[name] - below[name]] == []
    assert read["monthly"] == {"daily"}


def body(statement: str) -> str:
    return re.split(r"^create or replace view .+ as$", statement, maxsplit=1, flags=re.MULTILINE)[1].rstrip("; \n")


def read_by(connection: duckdb.DuckDBPyConnection, statement: str) -> set[str]:
    """The views of `spend` in a statement, by DuckDB's parser."""
    ((parsed,),) = connection.execute("select json_serialize_sql($1::varchar)", [statement]).fetchall()
    assert not json.loads(parsed)["error"], parsed
    found = set(re.findall(r'"schema_name":"spend","table_name":"(\w+)"', parsed))
    return found & set(views.VIEWS)


def test_macros_of_another_version_are_an_error(tmp_path: Path) -> None:
    with database(tmp_path) as connection:
        connection.execute("drop macro spend.major")

        with pytest.raises(duckdb.CatalogException, match="major"):
            views.once(connection, ["from spend.runway"])
