"""Purchases of credit and bills for usage are told apart, whatever the amounts of the latter mean."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ai_gateway_billing.simulator import DEMO_TOKEN, World
from ai_gateway_billing_pipeline.database import checks
from support.bench import Bench
from support.constants import ACCOUNT
from support.samples import account_of
from support.simulated import loaded_at

MOMENTS = [
    datetime(2026, 10, 29, 10, 30, tzinfo=UTC),
    datetime(2026, 10, 31, 23, 30, tzinfo=UTC),
    datetime(2026, 11, 1, 6, 30, tzinfo=UTC),
    datetime(2026, 11, 2, 6, 30, tzinfo=UTC),
]
WORLDS = {
    f"{meaning} {covered}": f"{number:032x}"
    for number, (meaning, covered) in enumerate(
        ((m, c) for m in ("zero", "uncovered", "full") for c in ("topped up", "run out")), start=1
    )
}
SHARED = [pytest.param(account_id, name, id=name) for name, account_id in WORLDS.items()]
CENT = Decimal("0.01")
AMOUNTS = ("amount_due", "amount_paid", "amount_remaining")


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One account for each meaning of a usage invoice's amounts, and for credit that lasts and that does not."""
    world = World()
    for name, account_id in WORLDS.items():
        meaning, covered = name.split(" ", 1)
        tops_up, start = covered == "topped up", datetime(2026, 9, 15, tzinfo=UTC)
        world.add_generated_account(
            account_id, seed="same", size=300, start=start, usage_invoices=meaning, tops_up=tops_up
        )
    world.add_token(DEMO_TOKEN)
    bench = loaded_at(MOMENTS, tmp_path_factory.mktemp("worlds"), world, "2026-09-01")
    yield bench
    bench.close()


def spent(bench: Bench, account_id: str, since: datetime, until: datetime) -> Decimal:
    """What the account used between two moments, in dollars: what was known of it at the second less at the first."""
    account = bench.world.accounts[account_id]
    known = [sum(each.value for each in account.buckets("hour", moment)) for moment in (since, until)]
    return (known[1] - known[0]) * CENT


@pytest.mark.parametrize(("account_id", "name"), SHARED)
def test_credit_used_is_what_was_used(worlds: Bench, account_id: str, name: str) -> None:
    """No usage invoice looks like credit that was bought and used within the hour."""
    query = "select valid_from, drawdown from spend.balance where account_id = $1 and change is not null order by 1"
    found = worlds.rows(query, account_id)
    before = [MOMENTS[0], *(moment for moment, _ in found)]

    assert len(found) == len(MOMENTS) - 1
    for since, (until, drawdown) in zip(before, found, strict=False):
        slack = Decimal("0.15") if name == "full run out" else Decimal("0.0001")  # half an hour of debt is not seen
        assert abs(drawdown - spent(worlds, account_id, since, until)) <= slack, until


@pytest.mark.parametrize(("account_id", "name"), SHARED)
def test_billed_is_the_money_that_the_card_paid(worlds: Bench, account_id: str, name: str) -> None:
    invoices = [each for each in worlds.true_invoices(account_id) if each["status"] in ("paid", "open")]
    asked = sum(each["amount_due"] for each in invoices if each["invoice_origin"] != "monthly") * CENT
    debt = -min(worlds.world.accounts[account_id].balance(datetime(2026, 11, 1, tzinfo=UTC))["balance"], 0) * CENT
    billed = worlds.one("select sum(BilledCost) from spend.focus where BillingAccountId = $1", account_id)

    assert (debt > 3) == name.endswith("run out")
    if name in ("uncovered run out", "full run out"):
        asked += debt
    assert abs(billed - asked) <= Decimal("0.15"), name


@pytest.fixture(scope="module")
def october(worlds: Bench) -> dict[str, tuple[Any, ...]]:
    """What is said of that month, by account: the view takes as long for one as for all."""
    query = "select account_id, verdict, reason, invoices_paid from spend.reconciliation where month = '2026-10-01'"
    rows = worlds.rows(query)
    assert len(rows) == len(WORLDS)
    return {account_id: told for account_id, *told in rows}


@pytest.mark.parametrize(("account_id", "name"), SHARED)
def test_months_agree_and_nothing_is_found(
    worlds: Bench, october: dict[str, tuple[Any, ...]], account_id: str, name: str
) -> None:
    verdict, reason, paid = october[account_id]
    bought = [each for each in worlds.true_invoices(account_id) if each["invoice_origin"] != "monthly"]
    that_month = [
        each for each in bought if MOMENTS[0].replace(day=1) <= each["created"] < MOMENTS[2].replace(day=1, hour=0)
    ]

    assert verdict == "agrees", reason
    assert paid == sum(each["amount_paid"] for each in that_month) * CENT, name


def test_kinds_are_those_of_the_lists(worlds: Bench) -> None:
    origins = {"auto": "purchase_auto", "manual": "purchase_manual", "monthly": "usage"}
    found = worlds.rows("select invoice_origin, kind, count(*) from {raw}.invoices group by all")

    assert {("manual", "purchase_manual"), ("monthly", "usage")} <= {(origin, kind) for origin, kind, _ in found}
    assert all(kind == origins[origin] for origin, kind, _ in found)


# --- requests -------------------------------------------------------------------------------------------------------


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """One account with an invoice of each kind, of which only the lists tell."""
    bench = Bench(tmp_path).with_tables()
    account = bench.account()
    for kind in ("auto", "manual", "usage"):
        account.put_invoice(invoice(f"in_{kind}"), listed_as=kind)
    yield bench
    bench.close()


def invoice(name: str, cents: int = 1050, **fields: Any) -> dict[str, Any]:
    paid = {"amount_due": cents, "amount_paid": cents, "amount_remaining": 0}
    return {"id": name, "created": 1_793_500_000, "status": "paid", "currency": "usd", **paid, **fields}


def types_asked(bench: Bench) -> list[str]:
    """The types of the lists asked for since the last time."""
    asked = [each.query["type"] for each in bench.simulator.requests if each.endpoint == "invoice-history"]
    bench.simulator.requests.clear()
    return asked


def kinds(bench: Bench) -> dict[str, str]:
    return {row["id"]: row["kind"] for row in bench.invoices().values()}


TOLD = {"in_auto": "purchase_auto", "in_manual": "purchase_manual", "in_usage": "usage"}


def test_the_lists_by_type_are_read_only_when_an_invoice_came_or_changed(bench: Bench) -> None:
    bench.load_well()
    assert types_asked(bench) == ["all", "auto", "manual"]
    assert kinds(bench) == TOLD

    bench.now += timedelta(hours=1)
    bench.load_well()
    assert types_asked(bench) == ["all"]
    assert kinds(bench) == TOLD

    bench.world.accounts[ACCOUNT].put_invoice(invoice("in_new"), listed_as="auto")
    bench.load_well()
    assert types_asked(bench) == ["all", "auto", "manual"]
    assert kinds(bench) == TOLD | {"in_new": "purchase_auto"}

    bench.world.accounts[ACCOUNT].delete_invoice("in_usage")
    bench.load_well()
    bench.load_well()
    assert types_asked(bench) == ["all", "auto", "manual", "all"]
    assert kinds(bench) == TOLD | {"in_new": "purchase_auto"}, "one that is listed no more keeps its kind"


def test_nothing_is_concluded_where_the_api_ignores_the_type(bench: Bench) -> None:
    bench.faults.add("ignored_type")
    bench.load_well()

    assert set(kinds(bench).values()) == {"unknown"}
    assert bench.rows("select distinct is_purchase from spend.invoices") == [(True,)]
    bench.load_well()
    assert types_asked(bench) == ["all", "auto", "manual", "all"]


def test_an_api_that_knows_no_type_is_no_failure(bench: Bench) -> None:
    bench.faults.add(400, endpoint="invoice-history", nth=[2, 3])
    bench.load_well()

    assert set(kinds(bench).values()) == {"unknown"}


@pytest.mark.parametrize(
    ("kind", "nth"),
    [
        (500, 3),
        pytest.param(500, 2, marks=pytest.mark.thorough),
        *(pytest.param(k, n, marks=pytest.mark.thorough) for k in ("truncated_json", "html_200") for n in (2, 3)),
    ],
)
def test_a_list_that_cannot_be_read_changes_no_kind(bench: Bench, kind: Any, nth: int) -> None:
    """Half of the truth would make purchases of bills: the next load reads all of it again."""
    bench.load_well()
    bench.world.accounts[ACCOUNT].put_invoice(invoice("in_new"), listed_as="auto")
    bench.faults.add(kind, endpoint="invoice-history", nth=list(range(nth, 40)))
    assert bench.load().exit_code == 4
    assert kinds(bench) == TOLD

    bench.faults.clear()
    bench.load_well()
    assert kinds(bench) == TOLD | {"in_new": "purchase_auto"}


def test_an_account_without_invoices_asks_for_no_kinds(tmp_path: Path) -> None:
    bench = Bench(tmp_path).with_tables()
    bench.account()
    bench.load_well()

    assert types_asked(bench) == ["all"]
    bench.close()


@pytest.mark.thorough
def test_a_database_of_an_older_version_learns_kinds_by_the_next_load(bench: Bench) -> None:
    """Also when the next load reads something else, the views stand."""
    bench.load_well()
    bench.close()
    shutil.rmtree(bench.database.with_name("billing.duckdb.load"))
    with duckdb.connect(str(bench.database)) as connection:
        connection.execute("drop schema spend cascade")
        connection.execute("alter table ai_gateway_billing.invoices drop column kind")
        connection.execute("delete from ai_gateway_billing._dlt_version")
        connection.execute("delete from ai_gateway_billing._dlt_pipeline_state")
    bench.load_well(only=("credit_balance",))
    assert bench.rows("select distinct kind, is_purchase from spend.invoices") == [("unknown", True)]

    bench.world.accounts[ACCOUNT].put_invoice(invoice("in_new"), listed_as="auto")
    bench.load_well()

    assert kinds(bench) == TOLD | {"in_new": "purchase_auto"}


# --- unknown kinds --------------------------------------------------------------------------------------------------


LIKE_USAGE = {
    # when the invoice was created, and its cents: whether it is like a bill of October, which cost 7200 cents
    ("2026-11-01T00:03", 7200): True,
    ("2026-11-05T23:59", 7000): True,
    ("2026-11-01T00:03", 7900): True,
    ("2026-11-06T00:00", 7200): False,
    ("2026-11-01T00:03", 5250): False,
    ("2026-11-01T00:03", 9000): False,
    ("2026-12-01T00:03", 7200): False,
}


@pytest.fixture(scope="module")
def unknown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """An account for each of them, with an invoice of which nobody knows the kind."""
    bench = Bench(tmp_path_factory.mktemp("unknown"), now=datetime(2026, 12, 2, 12, tzinfo=UTC), start="2026-10-01")
    bench.with_tables()
    for created, cents in LIKE_USAGE:
        account = bench.account(account_of(f"{created} {cents}"))
        account.set_hour(datetime(2026, 10, 7, 9, tzinfo=UTC), 7200)
        account.set_balance(Decimal(1000))
        moment = datetime.fromisoformat(created).replace(tzinfo=UTC)
        account.put_invoice(invoice(f"in_{created}", cents, created=int(moment.timestamp())))
    bench.faults.add("ignored_type")
    bench.load_well()
    yield bench
    bench.close()


@pytest.fixture(scope="module")
def findings(unknown: Bench) -> list[checks.Finding]:
    """What is found of all of them."""
    return [each for each in checks.findings(unknown.published, unknown.now) if each.check == "unknown_invoices"]


@pytest.mark.parametrize(("created", "cents"), LIKE_USAGE)
def test_an_unknown_invoice_that_is_like_the_month_before_is_told_and_buys_nothing(
    unknown: Bench, findings: list[checks.Finding], created: str, cents: int
) -> None:
    account_id, is_like_usage = account_of(f"{created} {cents}"), LIKE_USAGE[created, cents]

    bought = unknown.rows("select kind, is_purchase from spend.invoices where account_id = $1", account_id)

    told = [each for each in findings if each.account_id == account_id]
    assert bought == [("unknown", not is_like_usage)]
    assert [each.severity for each in told] == ["warning"] * is_like_usage
    assert all(f"in_{created}" in each.finding for each in told)
