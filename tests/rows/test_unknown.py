"""The API changes: new fields become columns and are told once; what breaks the contract is put aside, never made up.

Each case is an account of one world; all of them share the loads.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from ai_gateway_billing.simulator import REMOVED, Account, Raw
from support.bench import USAGE, Bench, Fields
from support.constants import HOUR, TODAY
from support.samples import account_of, fill, preview

# --- unknown fields -------------------------------------------------------------------------------------------------

LONG = "0.123456789012345678"
LINES = "invoice_preview__invoice_lines"
NEW_FIELDS: dict[tuple[str, str], tuple[Any, str, str, Any]] = {
    # (endpoint, path): value as sent, table, column, value as stored
    ("usage-history", "history.*.model"): ("gpt-5.5", "usage_hourly", "model", "gpt-5.5"),
    ("usage-history", "history.*.tokenCount"): (Raw(LONG), "usage_daily", "token_count", Decimal(LONG)),
    ("usage-history", "history.*.withdrawn"): (True, "usage_hourly", "api_withdrawn", True),
    ("usage-history", "history.*.meta"): ({"a": [1, None]}, "usage_hourly", "meta", '{"a": [1, null]}'),
    ("invoice-history", "invoices.*.tax"): (Raw("7e3"), "invoices", "tax", Decimal(7000)),
    ("invoice-history", "invoices.*.account_id"): ("theirs", "invoices", "api_account_id", "theirs"),
    ("invoice-preview", "tax"): (Raw(LONG), "invoice_preview", "tax", Decimal(LONG)),
    ("invoice-preview", "withdrawn"): (True, "invoice_preview", "api_withdrawn", True),
    ("invoice-preview", "invoice_lines.*.proration"): (False, LINES, "proration", False),
    ("invoice-preview", "invoice_lines.*.pricing.tier"): (Raw(LONG), LINES, "pricing__tier", Decimal(LONG)),
    ("credit-balance", "topup_config.retries"): (3, "credit_balance", "topup_config__retries", Decimal(3)),
    ("credit-balance", "invoice_lines"): ([], "credit_balance", "invoice_lines", "[]"),
    ("topup/config", "created"): ("2026-11-22T10:00:00Z", "topup_config", "created", "2026-11-22T10:00:00Z"),
    ("spending-limit", "config.window"): ("rolling", "spending_limit", "config__window", "rolling"),
}  # fmt: skip
SENSITIVE_FIELDS = {
    ("invoice-history", "invoices.*.hosted_invoice_url"): "https://pay.example/i/1",
    ("invoice-preview", "invoice_lines.*.note"): "see https://pay.example/i/2",
    ("credit-balance", "card"): {"digits": "4242"},
    ("usage-history", "history.*.receipt"): ["https://pay.example/i/3"],
}
CHANGED_TYPES: dict[str, list[Any]] = {
    # what an unknown field holds, load by load
    "number, text, number": [1, "one", Raw("2.5")],
    "text, number, flag": ["one", Raw("50000.000000000000000001"), True],
    "flag, number, text": [True, Raw("1e-18"), "no"],
    "object, number, null": [{"a": 1}, 2, None],
    "null, number, object": [None, Raw("0.1"), {"a": Decimal("0.10")}],
    "text, null, number": ["one", None, Raw("50000.000000000000000001")],
    "flag, null, number": [True, None, Raw("1e-18")],
    "text, flag, text": ["one", False, "two"],
    "number, null, flag": [5, None, False],
    "number, flag, number": [5, False, Raw("0.000000000000000007")],
}


def drifting(account_id: str, bench: Bench) -> Account:
    account = bench.account(account_id)
    fill(account)
    return account


class Drift(NamedTuple):
    """A database after three loads, and what was logged in each."""

    bench: Bench
    logs: list[str]


class Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture(scope="module")
def drift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drift]:
    bench = Bench(tmp_path_factory.mktemp("drift"), start="2026-11-20").with_tables()
    for key in (*NEW_FIELDS, *SENSITIVE_FIELDS):
        drifting(account_of(str(key)), bench)
    for name in CHANGED_TYPES:
        drifting(account_of(name), bench)
    collector, logger = Collector(), logging.getLogger("ai_gateway_billing")
    logger.addHandler(collector)
    logs = []
    for number in range(3):
        bench.world.clear_injections()
        for (endpoint, path), (value, *_) in NEW_FIELDS.items():
            bench.world.inject(endpoint, path, value, account_of(str((endpoint, path))))
        for (endpoint, path), value in SENSITIVE_FIELDS.items():
            bench.world.inject(endpoint, path, value, account_of(str((endpoint, path))))
        for name, sent in CHANGED_TYPES.items():
            for endpoint, path in (
                ("usage-history", "history.*.extra"),
                ("invoice-history", "invoices.*.extra"),
                ("credit-balance", "extra"),
                ("invoice-preview", "invoice_lines.*.extra"),
            ):
                bench.world.inject(endpoint, path, sent[number], account_of(name))
        bench.load_well(accounts=list(bench.world.accounts))
        logs.append("\n".join(collector.lines))
        collector.lines.clear()
        bench.now += HOUR
    logger.removeHandler(collector)
    yield Drift(bench, logs)
    bench.close()


@pytest.mark.parametrize("key", NEW_FIELDS)
def test_an_unknown_field_becomes_a_column_with_every_digit(drift: Drift, key: tuple[str, str]) -> None:
    _, table, column, stored = NEW_FIELDS[key]

    found = drift.bench.rows(
        f"select distinct {column} from {{raw}}.{table} where account_id = $1", account_of(str(key))
    )
    assert found == [(stored,)]


@pytest.mark.parametrize("key", NEW_FIELDS)
def test_an_unknown_field_changes_nothing_else(drift: Drift, key: tuple[str, str]) -> None:
    bench, account_id = drift.bench, account_of(str(key))
    for grouping in USAGE:
        known = [row[:3] for row in bench.true_usage(grouping, account_id)]
        assert [row[:3] for row in bench.usage(grouping, account_id)] == known
    for table in ("invoice_preview", "credit_balance", "topup_config", "spending_limit"):
        (version,) = bench.versions(table, account_id)
        assert version["is_open"], table
    assert {"in_0", "in_1", "in_2"} == bench.invoices(account_id).keys()


def test_an_unknown_field_is_reported_once(drift: Drift) -> None:
    for _, table, column, _ in NEW_FIELDS.values():
        told = [log.count(f"{table}.{column}.") for log in drift.logs]
        assert told == [1, 0, 0], (table, column)
    listed = drift.bench.rows("select table_name, field from {raw}.unknown_fields")
    assert len(listed) == len(set(listed))
    assert {(table, column) for _, table, column, _ in NEW_FIELDS.values()} <= set(listed)


def test_fields_that_may_be_links_or_card_digits_stay_out(drift: Drift) -> None:
    everything = str(drift.bench.everything())

    assert "pay.example" not in everything
    assert "4242" not in everything
    assert not any("pay.example" in log for log in drift.logs)


def stored(row: Fields, name: str = "extra") -> list[Any]:
    """What the columns of one field hold, whichever of them is filled."""
    return [value for column, value in row.items() if column.split("__v_")[0] == name and value is not None]


EXTRA_TABLES = ("usage_hourly", "invoices", "credit_balance", LINES)


@pytest.mark.parametrize("name", CHANGED_TYPES)
@pytest.mark.parametrize("table", EXTRA_TABLES)
def test_an_unknown_field_that_changes_its_type_loses_nothing(drift: Drift, name: str, table: str) -> None:
    """What was sent last stands in one of the field's columns, one for each type; nothing turns into NULL or zero."""
    sent = CHANGED_TYPES[name][-1]
    order = "order by _dlt_valid_from desc" if table == "credit_balance" else ""
    if table == LINES:
        query = (
            "select l.* from {raw}.invoice_preview__invoice_lines l join {raw}.invoice_preview p "
            "on l._dlt_parent_id = p._dlt_id where p.account_id = $1 and p._dlt_valid_to is null"
        )
    else:
        query = f"select * from {{raw}}.{table} where account_id = $1 {order}"
    row = drift.bench.dicts(query, account_of(name))[0]

    (kept,) = stored(row) or [None]
    if isinstance(sent, dict):
        assert json.loads(kept) == {"a": 0.1}
    else:
        assert kept == (Decimal(sent) if isinstance(sent, Raw) else sent)
        assert isinstance(kept, bool) == isinstance(sent, bool)


# --- broken contract ------------------------------------------------------------------------------------------------

BROKEN: dict[tuple[str, str], tuple[Any, str, str]] = {
    # (endpoint, path): value as sent, resource that fails, field that is named
    ("usage-history", "history.*.aggregated_value"): ("12.5", "usage_hourly", "aggregated_value"),
    ("usage-history", "history.*.start_time"): (REMOVED, "usage_hourly", "start_time"),
    ("usage-history", "history.*.id"): (None, "usage_hourly", "id"),
    ("usage-history", "history.*.end_time"): ("2026", "usage_hourly", "end_time"),
    ("invoice-history", "invoices.*.amount_due"): (REMOVED, "invoices", "amount_due"),
    ("invoice-history", "invoices.*.amount_paid"): (None, "invoices", "amount_paid"),
    ("invoice-history", "invoices.*.id"): (7, "invoices", "id"),
    ("invoice-preview", "period_end"): (REMOVED, "invoice_preview", "period_end"),
    ("invoice-preview", "invoice_lines.*.amount"): ("1", "invoice_preview", "amount"),
    ("invoice-preview", "invoice_lines.*.pretax_credit_amounts.*.amount"): (True, "invoice_preview", "amount"),
    ("credit-balance", "balance"): ("640.19", "credit_balance", "balance"),
    ("credit-balance", "topup_config"): (REMOVED, "credit_balance", "topup_config"),
    ("topup/config", "threshold"): ("500", "topup_config", "threshold"),
    ("spending-limit", "enabled"): ("yes", "spending_limit", "enabled"),
    ("spending-limit", "config.amount"): (REMOVED, "spending_limit", "amount"),
}


class Broken(NamedTuple):
    """A database before, while and after answers broke the contract."""

    bench: Bench
    before: dict[str, list[Any]]
    during: dict[str, list[Any]]
    quarantine: list[Any]
    result: Fields
    problem: AssertionError | None


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broken]:
    bench = Bench(tmp_path_factory.mktemp("broken"), start="2026-11-20").with_tables()
    accounts = [drifting(account_of(str(key)), bench) for key in (*BROKEN, "healthy")]
    bench.load_well()
    before = bench.everything()
    for (endpoint, path), (value, *_) in BROKEN.items():
        bench.world.inject(endpoint, path, value, account_of(str((endpoint, path))))
    for account in accounts:
        fill(account, 3)
        account.put_invoice(
            {"id": "in_good", "currency": "usd", "amount_due": 1, "amount_paid": 1, "amount_remaining": 0}
        )
        account.set_balance(Decimal("3.5"), payment_method={"last4": "4242"})
    bench.now += HOUR
    result = bench.load()
    assert result.exit_code == 4
    during = bench.everything()
    quarantine = bench.rows("select * from {raw}.quarantine")
    bench.world.clear_injections()
    bench.now += HOUR
    bench.load_well()
    try:
        bench.assert_equals_world()
        problem = None
    except AssertionError as error:
        problem = error
    yield Broken(bench, before, during, quarantine, result.as_json(), problem)
    bench.close()


@pytest.mark.parametrize("key", BROKEN)
def test_what_breaks_the_contract_lands_in_quarantine_with_the_reason(broken: Broken, key: tuple[str, str]) -> None:
    _, resource, field = BROKEN[key]
    account_id = account_of(str(key))

    found = [row for row in broken.quarantine if row[0] == account_id]
    assert found
    assert {row[2] for row in found} == {field}
    assert all(row[1].startswith(resource.removesuffix("_hourly")) for row in found)
    assert all(json.loads(row[4]) and row[3] for row in found)
    assert resource in broken.result["accounts"][account_id]["errors"]


@pytest.mark.parametrize("key", BROKEN)
def test_a_broken_field_is_never_turned_into_null_or_zero(broken: Broken, key: tuple[str, str]) -> None:
    """The rows that were known stay as they were."""
    resource, account_id = BROKEN[key][1], account_of(str(key))
    tables = list(USAGE.values()) if resource == "usage_hourly" else [resource]
    if resource == "invoice_preview":
        tables += [LINES, f"{LINES}__pretax_credit_amounts"]
    for table in tables:
        before = [row for row in broken.before[table] if account_id in row]
        assert [row for row in broken.during[table] if account_id in row] == before, table


@pytest.mark.parametrize("key", BROKEN)
def test_the_rest_is_loaded(broken: Broken, key: tuple[str, str]) -> None:
    resource, account_id = BROKEN[key][1], account_of(str(key))
    others = {"usage_hourly", "usage_daily", "invoices", "invoice_preview", "credit_balance", "topup_config"} - {
        resource
    }
    for table in others - ({"usage_daily"} if resource == "usage_hourly" else set()):
        before = [row for row in broken.before[table] if account_id in row]
        assert [row for row in broken.during[table] if account_id in row] != before, table


def test_quarantine_holds_no_link_and_no_card(broken: Broken) -> None:
    text = str(broken.quarantine)

    assert "4242" not in text
    assert "http" not in text


def test_once_the_api_is_well_again_everything_is_loaded_and_quarantine_is_empty(broken: Broken) -> None:
    if broken.problem:
        raise broken.problem
    assert broken.bench.rows("select * from {raw}.quarantine") == []


def test_one_broken_row_does_not_keep_the_others_out(tmp_path_factory: pytest.TempPathFactory) -> None:
    """One hour and one invoice among many: the others are loaded, the hour keeps what it had and is not passed."""
    bench = Bench(tmp_path_factory.mktemp("one"), start="2026-11-20").with_tables()
    account = drifting(account_of("one"), bench)
    bench.load_well()
    old = {row[:2]: row for row in bench.usage("hour", account.id)}
    fill(account, 5)
    account.put_invoice({"id": "in_bad", "currency": "usd", "amount_due": 1, "amount_paid": 1, "amount_remaining": 0})
    spoilt = TODAY + 3 * HOUR

    def spoil(rows: list[Fields], is_bad: Callable[[Fields], bool], **changes: Any) -> list[Fields]:
        return [row | changes if is_bad(row) else row for row in rows]

    at = int(spoilt.timestamp()) * 1000
    bench.world.inject("usage-history", "history", lambda rows: spoil(rows, lambda r: r["start_time"] == at, id=7))
    bench.world.inject(
        "invoice-history", "invoices", lambda rows: spoil(rows, lambda r: r["id"] == "in_bad", currency=5)
    )

    assert bench.load().exit_code == 4

    bench.world.clear_injections()
    expected = [old[row[:2]] if row[0] == spoilt else row for row in bench.true_usage("hour", account.id)]
    assert bench.usage("hour", account.id) == expected
    assert "in_bad" not in bench.invoices(account.id)
    assert bench.invoices(account.id)["in_1"]["amount_due"] == 5250
    bench.now += HOUR * 24 * 40
    bench.load_well(lookback_days=0)
    bench.assert_equals_world()
    bench.close()


@pytest.mark.parametrize(
    "path",
    [
        *(pytest.param(path, marks=pytest.mark.thorough) for path in ("fresh", "invoice_lines.*.fresh")),
        "invoice_lines.*.pretax_credit_amounts.*.fresh",
    ],
)
def test_an_unknown_field_may_be_there_from_the_first_answer_on(tmp_path_factory: Any, path: str) -> None:
    """dlt once forgot the hints of all known columns over those of the unknown one."""
    bench = Bench(tmp_path_factory.mktemp("first"), start="2026-11-20")
    account = drifting(account_of("first"), bench)
    bench.world.inject("invoice-preview", path, 7)

    bench.load_well(only=("invoice_preview",))

    bench.world.clear_injections()
    (version,) = bench.versions("invoice_preview", account.id)
    line = version["invoice_lines"][0]
    credit = line["pretax_credit_amounts"][0]
    assert [part.pop("fresh", None) for part in (version, line, credit)].count(7) == 1
    assert (line["amount"], credit["amount"], credit["discount"]) == (19287, 1808, None)
    bench.close()


def test_a_preview_without_its_required_list_of_lines_is_no_empty_preview(tmp_path_factory: Any) -> None:
    bench = Bench(tmp_path_factory.mktemp("lines"), start="2026-11-20").with_tables()
    account = drifting(account_of("lines"), bench)
    bench.load_well()
    account.set_preview({name: value for name, value in preview().items() if name != "invoice_lines"})

    assert bench.load().exit_code == 4

    assert [row["is_open"] for row in bench.versions("invoice_preview", account.id)] == [True]
    bench.close()
