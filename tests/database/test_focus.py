"""`spend.focus`: a FOCUS 1.3 Cost and Usage table whose sums are those of the raw tables.

The columns, their types, nullability and allowed values are written down here from the specification, and not read
from the view. `make focus-validate` asks the official validator besides.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.amounts import in_dollars
from support.command import aig
from support.constants import ACCOUNT, OTHER
from support.raw_tables import Row, at, covered, database, fill, invoice, machine_in, preview, used


class Column(NamedTuple):
    """What the specification asks of a column. No `values`: any."""

    kind: str
    nullable: bool = False
    values: frozenset[Any] = frozenset()


TEXT, NUMBER, INSTANT = "VARCHAR", "DECIMAL(38,10)", "TIMESTAMP WITH TIME ZONE"
CATEGORIES = frozenset({"Usage", "Purchase", "Tax", "Credit", "Adjustment"})
SERVICE_CATEGORIES = frozenset(
    {
        "AI and Machine Learning", "Analytics", "Business Applications", "Compute", "Databases", "Developer Tools",
        "Multicloud", "Identity", "Integration", "Internet of Things", "Management and Governance", "Media",
        "Migration", "Mobile", "Networking", "Security", "Storage", "Web", "Other",
    }
)  # fmt: skip
MANDATORY = {
    "BilledCost": Column(NUMBER),
    "BillingAccountId": Column(TEXT),
    "BillingAccountName": Column(TEXT, nullable=True),
    "BillingCurrency": Column(TEXT),
    "BillingPeriodEnd": Column(INSTANT),
    "BillingPeriodStart": Column(INSTANT),
    "ChargeCategory": Column(TEXT, values=CATEGORIES),
    "ChargeClass": Column(TEXT, nullable=True, values=frozenset({"Correction"})),
    "ChargeDescription": Column(TEXT, nullable=True),
    "ChargePeriodEnd": Column(INSTANT),
    "ChargePeriodStart": Column(INSTANT),
    "ContractedCost": Column(NUMBER),
    "EffectiveCost": Column(NUMBER),
    "HostProviderName": Column(TEXT),
    "InvoiceIssuerName": Column(TEXT),
    "ListCost": Column(NUMBER),
    "PricingQuantity": Column(NUMBER, nullable=True),
    "PricingUnit": Column(TEXT, nullable=True),
    "ProviderName": Column(TEXT),
    "PublisherName": Column(TEXT),
    "ServiceCategory": Column(TEXT, values=SERVICE_CATEGORIES),
    "ServiceName": Column(TEXT),
    "ServiceProviderName": Column(TEXT),
}
RECOMMENDED = {
    "ChargeFrequency": Column(TEXT, values=frozenset({"One-Time", "Recurring", "Usage-Based"})),
    "InvoiceId": Column(TEXT, nullable=True),
    "ServiceSubcategory": Column(TEXT, values=frozenset({"Generative AI"})),
}
CONDITIONAL = {"SubAccountId": Column(TEXT), "SubAccountName": Column(TEXT)}
STANDARD = MANDATORY | RECOMMENDED | CONDITIONAL


def charges(connection: duckdb.DuckDBPyConnection) -> list[Row]:
    """Rows of the view in a fixed order."""
    order = "ChargePeriodStart, ChargeCategory, BillingAccountId, InvoiceId"
    cursor = connection.execute(f"from spend.focus order by {order}")
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def sums(connection: duckdb.DuckDBPyConnection) -> tuple[Decimal, Decimal]:
    """Billed and effective cost of everything."""
    query = "select coalesce(sum(BilledCost), 0), coalesce(sum(EffectiveCost), 0) from spend.focus"
    ((billed, effective),) = connection.execute(query).fetchall()
    return billed, effective


@pytest.fixture
def example(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Two accounts, every status, both usage tables, previews, a currency without decimals."""
    with database(
        tmp_path,
        usage_daily=[used("2026-10-31", "250.5"), used("2026-11-01", "100"), used("2026-11-01", "7", OTHER)],
        usage_hourly=[used("2026-11-01", "60", hour=3), used("2026-11-01", "40", hour=4)],
        usage_coverage=[covered("2026-11-01", "hour"), covered("2026-11-01", "day"), covered("2026-10-31", "day")],
        invoice_preview=[preview("2026-11-01", "2026-12-01", "2026-11-02", "jpy", OTHER)],
        invoices=[
            *(invoice("2026-11-01T23:59:59", status) for status in ("paid", "open", "draft", "void", "uncollectible")),
            invoice("2026-11-02", None, "300"),
            invoice(None, "paid", "300"),
            invoice("2026-11-01", "paid", "0"),
            invoice("2026-11-03", "paid", "500", account_id=OTHER, currency="JPY"),
        ],
    ) as connection:
        yield connection


# --- the standard ----------------------------------------------------------------------------------------------------


def assert_conforms(connection: duckdb.DuckDBPyConnection) -> None:
    """Every rule of FOCUS 1.3 that hangs on the rows alone."""
    rows = charges(connection)
    for row in rows:
        for name, column in STANDARD.items():
            value = row[name]
            assert column.nullable or value is not None, (name, row)
            assert value is None or not column.values or value in column.values, (name, row)
            assert not isinstance(value, str) or value.strip(), (name, row)
        assert row["ChargePeriodStart"] < row["ChargePeriodEnd"]
        assert row["BillingPeriodStart"] <= row["ChargePeriodStart"] < row["BillingPeriodEnd"]
        assert row["BillingCurrency"].isupper()
        assert len(row["BillingCurrency"]) == 3
        assert (row["PricingQuantity"] is None) == (row["PricingUnit"] is None)
        if row["ChargeCategory"] == "Purchase":
            assert row["ChargeFrequency"] != "Usage-Based"
            assert row["EffectiveCost"] == 0
            assert row["InvoiceId"]
        if row["ChargeCategory"] in ("Usage", "Purchase"):
            assert row["PricingQuantity"] is not None
        if row["ChargeCategory"] == "Usage":
            assert row["BilledCost"] == 0


def test_the_23_mandatory_columns_of_1_3_are_there_with_their_types(example: duckdb.DuckDBPyConnection) -> None:
    described = example.execute("describe spend.focus").fetchall()
    types = {name: kind for name, kind, *_ in described}

    assert len(MANDATORY) == 23
    assert {name: types.get(name) for name in STANDARD} == {name: column.kind for name, column in STANDARD.items()}


def test_other_columns_come_last_and_are_marked_as_ours(example: duckdb.DuckDBPyConnection) -> None:
    names = [name for name, *_ in example.execute("describe spend.focus").fetchall()]
    own = names[len(STANDARD) :]

    assert set(names[: len(STANDARD)]) == STANDARD.keys()
    assert own
    assert all(name.startswith("x_") and name[2].isupper() for name in own)


def test_every_column_is_explained_in_the_database(example: duckdb.DuckDBPyConnection) -> None:
    query = "select column_name from duckdb_columns() where table_name = 'focus' and comment is null"

    assert example.execute(query).fetchall() == []


def test_the_example_conforms(example: duckdb.DuckDBPyConnection) -> None:
    assert {row["ChargeCategory"] for row in charges(example)} == {"Usage", "Purchase"}
    assert_conforms(example)


def test_a_brand_new_account_has_no_charges(tmp_path: Path) -> None:
    with database(tmp_path) as connection:
        assert charges(connection) == []


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/Los_Angeles"])
def test_the_time_zone_of_the_reader_changes_nothing(example: duckdb.DuckDBPyConnection, zone: str) -> None:
    expected = charges(example)
    example.execute(f"set timezone = '{zone}'")

    with machine_in(zone):
        assert charges(example) == expected


# --- usage -----------------------------------------------------------------------------------------------------------


def test_usage_costs_when_it_is_used_and_is_not_billed_again(tmp_path: Path) -> None:
    with database(tmp_path, usage_daily=[used("2026-11-01", "123.456789012345")]) as connection:
        (row,) = charges(connection)

    assert row["ChargeCategory"] == "Usage"
    assert row["EffectiveCost"] == Decimal("1.2345678901")  # cents, to ten places of a dollar
    assert row["BilledCost"] == 0
    assert row["ListCost"] == row["ContractedCost"] == row["PricingQuantity"] == row["EffectiveCost"]
    assert (row["InvoiceId"], row["PricingUnit"], row["ChargeFrequency"]) == (None, "USD", "Usage-Based")
    assert (row["ChargePeriodStart"], row["ChargePeriodEnd"]) == (at("2026-11-01"), at("2026-11-02"))


def test_hours_and_days_tell_the_same_money_and_are_not_added(tmp_path: Path) -> None:
    with database(
        tmp_path,
        usage_daily=[used("2026-11-01", "100")],
        usage_hourly=[used("2026-11-01", "60", hour=3), used("2026-11-01", "40", hour=23)],
        usage_coverage=[covered("2026-11-01", "hour"), covered("2026-11-01", "day")],
    ) as connection:
        (row,) = charges(connection)

    assert row["EffectiveCost"] == 1
    assert row["x_UsageSource"] == "hour"


def test_a_day_without_spend_has_no_row(tmp_path: Path) -> None:
    coverage = [covered(day, "day") for day in ("2026-11-01", "2026-11-02")]
    with database(tmp_path, usage_daily=[used("2026-11-02", "0")], usage_coverage=coverage) as connection:
        assert connection.execute("select count(*) from spend.daily").fetchall() == [(2,)]
        assert charges(connection) == []


@pytest.mark.parametrize(("unit", "cost"), [("cents", "2.5"), ("dollars", "250")])
def test_the_assumed_unit_of_usage_decides_and_is_shown(tmp_path: Path, unit: str, cost: str) -> None:
    """The API does not document it: a reader of the file has to see what was assumed."""
    with database(tmp_path, usage_unit=unit, usage_daily=[used("2026-11-01", "250")]) as connection:
        (row,) = charges(connection)

    assert row["EffectiveCost"] == Decimal(cost)
    assert row["x_UsageUnitAssumption"] == unit


def test_usage_without_a_known_currency_says_that_dollars_are_a_guess(tmp_path: Path) -> None:
    with database(tmp_path, usage_daily=[used("2026-11-01", "250")]) as connection:
        (row,) = charges(connection)

    assert (row["BillingCurrency"], row["x_CurrencyIsAssumed"]) == ("USD", True)


def test_usage_that_late_events_may_still_change_is_not_final(tmp_path: Path) -> None:
    with database(
        tmp_path,
        usage_daily=[used("2026-11-01", "1"), used("2026-11-02", "1")],
        usage_coverage=[
            covered("2026-11-01", "day", read_at="2026-12-30"),
            covered("2026-11-02", "day", read_at="2026-11-30"),
        ],
    ) as connection:
        final = [row["x_IsFinal"] for row in charges(connection)]

    assert final == [True, False]


# --- purchases -------------------------------------------------------------------------------------------------------


def test_a_top_up_is_billed_and_costs_nothing_by_itself(tmp_path: Path) -> None:
    with database(tmp_path, invoices=[invoice("2026-11-05T14:00", due="5250")]) as connection:
        (row,) = charges(connection)

    assert row["ChargeCategory"] == "Purchase"
    assert row["BilledCost"] == Decimal("52.5")  # the fee of 5 % is in it
    assert row["EffectiveCost"] == 0
    assert row["ListCost"] == row["ContractedCost"] == row["PricingQuantity"] == row["BilledCost"]
    assert (row["InvoiceId"], row["ChargeFrequency"]) == ("in_2026-11-05T14:00_paid_5250", "One-Time")
    assert row["ChargeDescription"] == "AI Gateway credits"
    assert (row["ChargePeriodStart"], row["ChargePeriodEnd"]) == (at("2026-11-05"), at("2026-11-06"))


@pytest.mark.parametrize(
    ("status", "due", "paid", "billed"),
    [
        ("paid", "1050", "1050", "10.50"),
        ("open", "1050", "0", "10.50"),  # issued, so it asks for money
        ("OPEN", "1050", "50", "10.50"),
        ("draft", "1050", "0", None),  # not issued yet
        ("void", "1050", "0", None),  # taken back
        ("uncollectible", "1050", "0", None),  # given up
        ("uncollectible", "1050", "50", "0.50"),
        ("something new", "1050", "0", None),
        ("something new", "1050", "1050", "10.50"),
        (None, "1050", "1050", "10.50"),
        ("paid", "0", "0", None),  # a statement that credit covered
        ("paid", "-200", "-200", "-2.00"),  # a refund
    ],
)
def test_billed_is_what_an_invoice_asked_for(
    tmp_path: Path, status: str | None, due: str, paid: str, billed: str | None
) -> None:
    remaining = Decimal(due) - Decimal(paid)
    row = invoice("2026-11-05", status, due, amount_paid=Decimal(paid), amount_remaining=remaining)
    with database(tmp_path, invoices=[row]) as connection:
        found = [row["BilledCost"] for row in charges(connection)]

    assert found == ([] if billed is None else [Decimal(billed)])


def test_an_open_invoice_that_the_api_dropped_asks_for_nothing_any_more(tmp_path: Path) -> None:
    dropped = invoice("2026-11-05", "open", last_listed_at=at("2026-11-06"))
    with database(tmp_path, invoices=[dropped, invoice("2026-11-05", "open", "99")]) as connection:
        assert sums(connection) == (Decimal("0.99"), 0)


def test_an_open_invoice_is_not_final(tmp_path: Path) -> None:
    with database(tmp_path, invoices=[invoice("2026-11-05", "open"), invoice("2026-11-06", "paid")]) as connection:
        assert [row["x_IsFinal"] for row in charges(connection)] == [False, True]


def test_an_invoice_without_a_date_belongs_to_no_period(tmp_path: Path) -> None:
    with database(tmp_path, invoices=[invoice(None)]) as connection:
        assert charges(connection) == []


def test_an_invoice_without_words_is_described_all_the_same(tmp_path: Path) -> None:
    with database(tmp_path, invoices=[invoice("2026-11-05", description=None)]) as connection:
        (row,) = charges(connection)

    assert row["ChargeDescription"] == "AI Gateway invoice"


@pytest.mark.parametrize(
    ("created", "day"), [("2026-10-31T23:59:59", "2026-10-31"), ("2026-11-01", "2026-11-01")], ids=["last", "first"]
)
def test_an_invoice_at_midnight_belongs_to_the_day_that_begins(tmp_path: Path, created: str, day: str) -> None:
    with database(tmp_path, invoices=[invoice(created)]) as connection:
        (row,) = charges(connection)

    assert row["ChargePeriodStart"] == at(day)
    assert row["BillingPeriodStart"] == at(day).replace(day=1)


@pytest.mark.parametrize(("currency", "billed"), [("usd", "12.34"), ("JPY", "1234"), ("kwd", "1.234")])
def test_minor_units_follow_the_currency(tmp_path: Path, currency: str, billed: str) -> None:
    with database(tmp_path, invoices=[invoice("2026-11-05", due="1234", currency=currency)]) as connection:
        (row,) = charges(connection)

    assert (row["BilledCost"], row["BillingCurrency"]) == (Decimal(billed), currency.upper())


@pytest.mark.parametrize(
    ("asked", "debt", "billed"),
    [
        ("0", "-1000", None),
        ("1000", "-1000", "10"),  # what credit did not cover
        ("1000", "100", "10"),
        ("5000", "100", None),  # the whole month, which credit paid for
        ("5000", "-1000", "10"),
    ],
)
def test_a_usage_invoice_bills_what_credit_did_not_cover_and_costs_nothing_again(
    tmp_path: Path, asked: str, debt: str, billed: str | None
) -> None:
    with database(
        tmp_path,
        usage_daily=[used("2026-10-15", "5000")],
        credit_balance=[{"account_id": ACCOUNT, "balance": Decimal(debt), "_dlt_valid_from": at("2026-10-31")}],
        invoices=[
            invoice("2026-11-01", due=asked, kind="usage"),
            invoice("2026-11-01", due="105", kind="purchase_auto"),
        ],
    ) as connection:
        assert_conforms(connection)
        rows = charges(connection)
        total = sums(connection)

    found = [row for row in rows if row["ChargeCategory"] == "Adjustment"]
    assert total == (Decimal("1.05") + Decimal(billed or 0), 50)
    assert [row["BilledCost"] for row in found] == ([Decimal(billed)] if billed else [])
    for row in found:
        assert (row["EffectiveCost"], row["InvoiceId"] is None) == (0, False)
        assert (row["ChargePeriodStart"], row["ChargePeriodEnd"]) == (at("2026-10-01"), at("2026-11-01"))
        assert row["BillingPeriodStart"] == at("2026-10-01")


# --- periods ---------------------------------------------------------------------------------------------------------


def period(rows: list[Row], day: str) -> tuple[Any, Any, Any]:
    (row,) = [row for row in rows if row["ChargePeriodStart"] == at(day)]
    return row["BillingPeriodStart"], row["BillingPeriodEnd"], row["x_BillingPeriodSource"]


def test_the_billing_period_is_that_of_a_preview_or_else_the_calendar_month(tmp_path: Path) -> None:
    days = ["2026-09-30", "2026-10-11", "2026-10-12", "2026-11-11", "2026-11-12"]
    previews = [
        preview("2026-10-12", "2026-11-10", "2026-10-13"),
        preview("2026-10-12", "2026-11-12", "2026-10-14"),  # the newer version of the same period counts
    ]
    with database(tmp_path, usage_daily=[used(day, "1") for day in days], invoice_preview=previews) as connection:
        rows = charges(connection)

    own = (at("2026-10-12"), at("2026-11-12"), "invoice preview")
    assert period(rows, "2026-09-30") == (at("2026-09-01"), at("2026-10-01"), "calendar month")
    assert period(rows, "2026-10-11") == (at("2026-10-01"), at("2026-11-01"), "calendar month")
    assert period(rows, "2026-10-12") == own
    assert period(rows, "2026-11-11") == own
    assert period(rows, "2026-11-12") == (at("2026-11-01"), at("2026-12-01"), "calendar month")


def test_many_versions_of_a_preview_double_no_charge(tmp_path: Path) -> None:
    previews = [preview("2026-11-01", "2026-12-01", f"2026-11-{day:02}") for day in range(2, 20)]
    with database(tmp_path, usage_daily=[used("2026-11-05", "1")], invoice_preview=previews) as connection:
        assert len(charges(connection)) == 1


# --- sums ------------------------------------------------------------------------------------------------------------


def test_accounts_do_not_mix(example: duckdb.DuckDBPyConnection) -> None:
    query = (
        "select BillingAccountId, BillingCurrency, sum(BilledCost), sum(EffectiveCost) from spend.focus group by all"
    )
    found = {row[:2]: row[2:] for row in example.execute(query).fetchall()}

    assert found == {
        (ACCOUNT, "USD"): (Decimal("21.00"), Decimal("3.505")),  # a paid and an open invoice of 10.50
        (OTHER, "JPY"): (Decimal(500), Decimal(7)),
    }


cents = st.decimals(min_value=0, max_value=10**9, places=18, allow_nan=False)


@pytest.fixture(scope="module")
def reused(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """One database for many examples, each of which replaces all of its rows."""
    with database(tmp_path_factory.mktemp("reused")) as connection:
        yield connection


@settings(max_examples=settings().max_examples // 5)
@given(
    usage=st.dictionaries(st.integers(0, 90), cents, max_size=12),
    bills=st.lists(
        st.tuples(st.integers(0, 90), st.sampled_from(["paid", "open", "draft", "void"]), cents), max_size=8
    ),
)
def test_sums_are_those_of_the_raw_amounts_in_dollars(
    reused: duckdb.DuckDBPyConnection, usage: dict[int, Decimal], bills: list[tuple[int, str, Decimal]]
) -> None:
    def day(number: int) -> str:
        return (at("2026-08-01") + timedelta(days=number)).strftime("%Y-%m-%d")

    fill(
        reused,
        usage_daily=[used(day(n), str(value)) for n, value in usage.items()],
        invoices=[invoice(day(n), status, str(due), id=str(key)) for key, (n, status, due) in enumerate(bills)],
    )
    billed, effective = sums(reused)

    assert_conforms(reused)
    assert effective == sum(map(in_dollars, usage.values()))
    assert billed == sum(in_dollars(due) for _, status, due in bills if status in ("paid", "open"))


@pytest.mark.slow
def test_the_demo_conforms_and_sums_to_its_raw_tables() -> None:
    assert aig("load", "--demo").code == 0
    with duckdb.connect("demo.duckdb", read_only=True) as connection:
        used = "select sum(spend.amount(aggregated_value * 0.01)) from ai_gateway_billing.usage_hourly"
        usage = connection.execute(used).fetchall()
        due = "select sum(amount_due) from ai_gateway_billing.invoices where status in ('paid', 'open')"
        ((billed,),) = connection.execute(due).fetchall()

        assert_conforms(connection)
        assert sums(connection) == (billed / 100, usage[0][0])
        assert {row["ChargeCategory"] for row in charges(connection)} == {"Usage", "Purchase"}


def test_usage_is_split_by_gateway_only_where_the_parts_add_up(tmp_path: Path) -> None:
    """Days with an estimate are shared out to the last digit; a day without one stays whole, and names no gateway."""
    estimates = [
        {"account_id": ACCOUNT, "hour": at(f"2026-11-01T0{hour}:00"), "gateway": name, "provider": "openai",
         "model": "gpt-5", "wholesale": True, "requests": 1, "cost_usd_estimate": Decimal(1)}
        for hour, name in enumerate("abc")
    ]  # fmt: skip
    usage = [used("2026-11-01", "100"), used("2026-11-02", "7")]
    with database(tmp_path, usage_daily=usage, gateway_usage_hourly=estimates) as connection:
        found = connection.execute(
            "select ChargePeriodStart::date, x_GatewayName, x_GatewayIsEstimate, EffectiveCost from spend.focus "
            "order by all"
        ).fetchall()

        assert_conforms(connection)
    first, second = date(2026, 11, 1), date(2026, 11, 2)
    assert found == [
        (first, "a", True, Decimal("0.3333333334")),
        (first, "b", True, Decimal("0.3333333333")),
        (first, "c", True, Decimal("0.3333333333")),
        (second, None, False, Decimal("0.07")),
    ]
