"""Every field of every endpoint in every case: the row is refused, made without the field, or made with it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from ai_gateway_billing.errors import RecordError
from ai_gateway_billing.rows import records
from ai_gateway_billing.rows.fields import MONEY, QUANTITY, USAGE, Fate, Field
from ai_gateway_billing.rows.records import Reading
from ai_gateway_billing.simulator import REMOVED
from ai_gateway_billing_pipeline.database import checks
from support import field_cases
from support.bench import Bench
from support.constants import HOUR, NOW
from support.field_cases import CASES, ENDPOINTS, KEPT, MISSING, NO_CASE, Declared
from support.samples import account_of, fill

A = "a" * 32
CREATED = 1_790_000_000
CREDIT = {"amount": 1808, "type": "discount", "discount": "di_1", "credit_balance_transaction": "cbt_1"}
LINE = {
    "description": "openai/gpt-5.5",
    "amount": 19287,
    "currency": "usd",
    "quantity": 5,
    "period": {"start": CREATED, "end": CREATED + 60},
    "pricing": {"unit_amount_decimal": "0.000125"},
    "pretax_credit_amounts": [CREDIT],
}
AMOUNTS = {"currency": "usd", "amount_due": 1050, "amount_paid": 50, "amount_remaining": 1000}
TOPUP = {
    "amount": 1000,
    "threshold": 500,
    "disabledReason": "card",
    "error": "declined",
    "lastFailedAt": CREATED * 1000,
}
BUCKET = {"id": "m1", "aggregated_value": 5, "start_time": CREATED, "end_time": CREATED + 60}
GOOD: dict[str, dict[str, Any]] = {
    "usage_hourly": BUCKET,
    "usage_daily": BUCKET,
    "invoices": {
        **AMOUNTS,
        "id": "in_1",
        "created": CREATED,
        "status": "open",
        "attempt_count": 1,
        "attempted": True,
        "auto_advance": False,
        "created_by": "system",
        "description": "credits",
        "invoice_origin": "auto",
        "invoice_pdf": "https://pay.example/1",
    },
    "invoice_preview": {
        **AMOUNTS,
        "id": "upcoming_1",
        "status": "draft",
        "period_start": CREATED,
        "period_end": CREATED + 60,
        "invoice_lines": [LINE],
    },
    "invoice_preview__invoice_lines": LINE,
    "invoice_preview__invoice_lines__pretax_credit_amounts": CREDIT,
    "credit_balance": {
        "balance": Decimal("640.19"),
        "first_topup_success": True,
        "has_default_payment_method": True,
        "payment_method": {"brand": "visa", "last4": "4242"},
        "topup_config": TOPUP,
    },
    "topup_config": TOPUP,
    "spending_limit": {"enabled": True, "config": {"amount": 50_000, "duration": "monthly", "strategy": "fixed"}},
}
DECLARED = field_cases.declared()
ALL = [(each, case) for each in DECLARED for case in CASES if each.outcome(case) != NO_CASE]
NAMES = [f"{each.table}.{each.path} {case}" for each, case in ALL]


def sent(each: Declared, case: str) -> dict[str, Any]:
    """A good object but for this field."""
    found = deepcopy(GOOD[each.table])
    *outer, name = each.path.split(".")
    place = found
    for step in outer:
        place = place[step]
    place[name] = each.value(case)
    if place[name] is MISSING:
        del place[name]
    return found


def cells(row: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """A row by its columns, lists of child rows left out."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            found |= cells(value, f"{prefix}{name}__")
        elif not isinstance(value, list):
            found[prefix + name] = value
    return found


@pytest.mark.parametrize(("each", "case"), ALL, ids=NAMES)
def test_a_field_in_a_case_has_the_fate_that_is_declared(each: Declared, case: str) -> None:
    reading = Reading(A, NOW, include_sensitive=True)
    outcome = each.outcome(case)
    whole = cells(records.row(each.table, GOOD[each.table], Reading(A, NOW, include_sensitive=True)))

    if outcome == Fate.REFUSED.value:
        with pytest.raises(RecordError) as caught:
            records.row(each.table, sent(each, case), reading)
        assert (caught.value.resource, caught.value.field) == (each.table, each.name)
        assert reading.told == []
        return

    row = cells(records.row(each.table, sent(each, case), reading))
    told = [(problem.error.resource, problem.error.field) for problem in reading.told]
    assert told == ([(each.table, each.name)] if outcome == Fate.TOLD.value else [])
    untouched = {name: value for name, value in whole.items() if name not in each.columns}
    assert untouched.items() <= row.items(), "the rest of the row is as it would be"
    if outcome == KEPT:
        assert row[each.columns[0]] in (each.value(case), str(each.value(case)))
    else:
        assert [row.get(column) for column in each.columns] == [None] * len(each.columns)


def test_every_field_has_a_good_value_here() -> None:
    for table, good in GOOD.items():
        reading = Reading(A, NOW, include_sensitive=True)
        assert None not in cells(records.row(table, good, reading)).values()
        assert reading.told == []


def test_money_identity_and_what_the_contract_requires_of_them_are_strict() -> None:
    """Said once more by hand: a lax declaration would make the cases above lax with it."""
    strict = {(each.table, each.path) for each in DECLARED if each.what.need.unreadable is Fate.REFUSED}
    numbers = (MONEY, USAGE, QUANTITY)
    fields = [(each, each.what) for each in DECLARED]
    amounts = {(each.table, each.path) for each, what in fields if isinstance(what, Field) and what.kind in numbers}

    assert amounts <= strict
    assert {(table, name) for table in ("usage_hourly", "usage_daily") for name in BUCKET} <= strict
    assert {("invoices", "id"), ("invoices", "currency"), ("invoice_preview", "currency")} <= strict
    lax = {path for table, path in {(each.table, each.path) for each in DECLARED} - strict}
    assert lax == {
        "created", "status", "attempt_count", "attempted", "auto_advance", "created_by", "description",
        "invoice_origin", "invoice_pdf", "pricing", "pricing.unit_amount_decimal", "credit_balance_transaction",
        "discount", "first_topup_success", "topup_config.disabledReason", "topup_config.error",
        "topup_config.lastFailedAt", "disabledReason", "error", "lastFailedAt", "payment_method",
        "payment_method.brand", "payment_method.last4", "config.duration", "config.strategy",
    }  # fmt: skip


# --- times that are only informative --------------------------------------------------------------------------------

READ = datetime.fromtimestamp(CREATED, UTC)


@pytest.mark.parametrize("table", ["invoices", "topup_config", "credit_balance"])
@pytest.mark.parametrize(
    ("value", "found", "is_told"),
    [
        (CREATED, READ, False),
        (CREATED * 1000, READ, False),
        (Decimal(CREATED), READ, False),
        (Decimal("0.0"), None, False),
        (0, None, False),
        (str(CREATED), READ, True),
        (str(CREATED * 1000), READ, True),
        (READ.isoformat(), READ, True),
        (READ.strftime("%Y-%m-%dT%H:%M:%SZ"), READ, True),
        (READ.strftime("%Y-%m-%d %H:%M:%S"), READ, True),
        ("2026-09-21", datetime(2026, 9, 21, tzinfo=UTC), True),
        ("2026-09-21T02:00:00+02:00", datetime(2026, 9, 21, tzinfo=UTC), True),
        ("0", None, True),
        ("yesterday", None, True),
        ("1970-01-01", None, True),
        ("9999-12-31T23:59:59-23:59", None, True),
        ("9" * 400, None, True),
        (-1, None, True),
        (Decimal("1e400"), None, True),
        (4_000_000_000, None, True),
        (False, None, True),
    ],
)
def test_an_informative_time_is_read_or_null_and_told_when_it_is_odd(
    table: str, value: Any, found: datetime | None, is_told: bool
) -> None:
    (each,) = (each for each in DECLARED if each.table == table and each.name in {"created", "lastFailedAt"})
    item = sent(each, "null")
    place = item["topup_config"] if table == "credit_balance" else item
    place[each.name] = value
    reading = Reading(A, NOW)

    assert cells(records.row(table, item, reading))[each.columns[0]] == found
    assert bool(reading.told) is is_told


# --- through a whole load -------------------------------------------------------------------------------------------

REFUSED = [each for each in DECLARED if each.outcome("another type") == Fate.REFUSED.value]
LAX = [each for each in DECLARED if each not in REFUSED]


class Loaded(NamedTuple):
    """A database into which answers were loaded in each case, and what was said of it."""

    bench: Bench
    errors: dict[str, dict[str, str]]
    findings: list[checks.Finding]
    logged: str


def inject(bench: Bench, each: Declared, case: str, account_id: str) -> None:
    endpoint, path = ENDPOINTS[each.table]
    value = each.value(case)
    bench.world.inject(
        endpoint, ".".join(filter(None, (path, each.path))), REMOVED if value is MISSING else value, account_id
    )


def refused_in(each: Declared) -> str:
    return account_of(f"refused {each.table} {each.path}")


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    bench = Bench(tmp_path_factory.mktemp("fields"), start="2026-11-22").with_tables()
    for each in REFUSED:
        fill(bench.account(refused_in(each)))
        inject(bench, each, "another type", refused_in(each))
    for case in CASES:
        account = bench.account(account_of(case))
        fill(account)
        for each in LAX:
            # A group that is spoilt as a whole has no fields left to spoil; sensitive ones are not read by this load.
            if each.outcome(case) != NO_CASE and not each.is_sensitive and each.path != "pricing":
                inject(bench, each, case, account.id)
    fill(bench.account(account_of("no prices")))
    inject(bench, next(each for each in LAX if each.path == "pricing"), "another type", account_of("no prices"))
    records_seen: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: records_seen.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("ai_gateway_billing").addHandler(handler)
    result = bench.load()
    logging.getLogger("ai_gateway_billing").removeHandler(handler)
    assert result.exit_code == 4
    errors = {name: account.get("errors", {}) for name, account in result.as_json()["accounts"].items()}
    found = list(checks.findings(bench.published, bench.now))
    yield Loaded(bench, errors, found, "\n".join(records_seen))
    bench.close()


@pytest.mark.parametrize("each", REFUSED, ids=lambda each: f"{each.table}.{each.path}")
def test_a_row_that_cannot_do_without_a_field_is_put_aside_and_its_resource_fails(
    loaded: Loaded, each: Declared
) -> None:
    account_id, resource = refused_in(each), each.table.split("__")[0]

    assert resource in loaded.errors[account_id]
    assert loaded.bench.rows(f"select 1 from {{raw}}.{resource} where account_id = $1", account_id) == []
    query = "select distinct resource, field from {raw}.quarantine where account_id = $1"
    assert (each.table, each.name) in loaded.bench.rows(query, account_id)
    assert any(f.severity == "error" and f.account_id == account_id for f in loaded.findings if f.check == "quarantine")


@pytest.mark.parametrize("case", CASES)
def test_what_is_informative_costs_no_row_and_fails_nothing(loaded: Loaded, case: str) -> None:
    account_id = account_of(case)
    cared = [each for each in LAX if not each.is_sensitive and each.path != "pricing" and each.outcome(case) != NO_CASE]

    assert loaded.errors[account_id] == {}
    for each in cared:
        found = loaded.bench.rows(
            f"select {each.columns[0]} from {{raw}}.{each.table} where account_id = $1", account_id
        )
        assert found, each
        kept = str(each.value(case)) if each.outcome(case) == KEPT else str(None)
        assert {str(value) for (value,) in found} == {kept}, each
    told = {(each.table, each.name) for each in cared if each.outcome(case) == Fate.TOLD.value}
    query = "select distinct resource, field from {raw}.quarantine where account_id = $1"
    assert set(loaded.bench.rows(query, account_id)) == told
    severities = {f.severity for f in loaded.findings if f.account_id == account_id and f.check == "quarantine"}
    assert severities == ({"warning"} if told else set())
    assert (account_id in loaded.logged) is bool(told)


def test_lines_without_prices_are_lines(loaded: Loaded) -> None:
    query = "select pricing__unit_amount_decimal from {raw}.invoice_preview__invoice_lines where account_id = $1"

    assert set(loaded.bench.rows(query, account_of("no prices"))) == {(None,)}


def test_what_is_told_again_keeps_the_day_it_came_first_and_goes_when_the_api_is_well(tmp_path_factory: Any) -> None:
    bench = Bench(tmp_path_factory.mktemp("told"), start="2026-11-22").with_tables()
    fill(bench.account())
    bench.world.inject("credit-balance", "topup_config.error", 7)
    bench.load_well()
    first = bench.now
    bench.now += HOUR
    bench.load_well()
    assert bench.rows("select first_seen_at, last_seen_at from {raw}.quarantine") == [(first, bench.now)]

    bench.world.clear_injections()
    bench.now += HOUR
    bench.load_well()

    assert bench.rows("select * from {raw}.quarantine") == []
    bench.close()
