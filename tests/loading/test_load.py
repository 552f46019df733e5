"""Whole loads: after each, every table equals the world, whatever changed in it since the last one.

A load costs about a second however many accounts it reads, so cases that need no world of their own share one: each
is an account, changed in its own way between the loads that all of them see.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from ai_gateway_billing import extraction
from ai_gateway_billing.api.endpoints import ENDPOINTS, USAGE_HISTORY
from ai_gateway_billing.errors import AuthenticationError, BillingPermissionError, UnreachableError
from ai_gateway_billing.simulator import DEMO_TOKEN, Account, Raw, World, demo_world
from support.bench import TABLES, USAGE, Bench, Fields
from support.constants import ACCOUNT, DAY, HOUR, NOW, OTHER, TODAY
from support.samples import account_of, fill, invoice, line, preview

CHILDREN = ("invoice_preview__invoice_lines", "invoice_preview__invoice_lines__pretax_credit_amounts")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


@pytest.fixture
def account(bench: Bench) -> Account:
    account = bench.with_tables().account()
    fill(account)
    return account


# --- changes behind the cursor, one account each --------------------------------------------------------------------

Step = Callable[[Account], object]


def hour(offset: int, *values: Any, **more: Any) -> Step:
    return lambda account: account.set_hour(TODAY + offset * HOUR, *values, **more)


def show(*parts: Any, **more: Any) -> Step:
    return lambda account: account.set_preview(*parts, **more)


def alter(key: str, **fields: Any) -> Step:
    return lambda account: account.change_invoice(key, NOW, **fields)


def nothing(account: Account) -> None:
    """No change."""


PAID: Fields = {"status": "paid", "amount_paid": 1050, "amount_remaining": 0, "attempt_count": 2}
WORDS = ['it\'s "x"\\', "a\r\nb\tc\u2028d", "\x00", "E'\\x41'", "𝄞 ключ", " ", "NULL", ";--"]
HUGE = "9999999999.999999999999999999"
BALANCES = ["0", "-12.5", "50000", "1e5", "1e-18", "1.234567e-7", HUGE, "-999999999999.999999999999999999"]

CHANGES: dict[str, list[Step]] = {
    "no change": [nothing],
    "late event": [hour(-40, "0.5")],
    "grown bucket": [hour(2, "99.123456789012345678"), hour(2, "99.2")],
    "withdrawn bucket": [lambda account: account.withdraw("hour", TODAY + 2 * HOUR), hour(2, "3")],
    "withdrawn day": [lambda account: [account.set_hour(TODAY - n * HOUR) for n in range(1, 25)]],
    "withdrawn everything": [lambda account: [account.set_hour(TODAY + (10 - n) * HOUR) for n in range(30)], fill],
    "new ids": [lambda account: [account.reid(grouping, TODAY) for grouping in USAGE]] * 2,
    "another id": [hour(0, 1, 2, 3), hour(0, 1, 2), hour(0)],
    "fewer ids": [lambda account: [account.set_hour(TODAY + n * HOUR, 7, ids=["same"]) for n in range(5)]],
    "hours change places": [hour(0, "12.5"), hour(1, "10.000000009")],
    "a day of its own": [lambda account: account.set_day(TODAY - DAY, "1e3", "0.1")],
    "a zero": [hour(0, 0), hour(0)],
    "a negative": [hour(0, "-0.000000000000000001")],
    "a huge one": [lambda account: [hour(0, HUGE)(account), account.set_day(TODAY, HUGE)]],
    "more rows than an answer holds": [
        lambda account: [account.set_hour(TODAY - n * HOUR, 1, 2, n) for n in range(72)]
    ],
    "exactly ten rows": [lambda account: [account.set_hour(TODAY - n * HOUR) for n in range(1, 21)]],
    "an invoice is paid": [alter("in_1", **PAID)],
    "a draft is made final": [
        lambda account: account.put_invoice(invoice("in_d", status="draft")),
        alter("in_d", **PAID),
    ],
    "an invoice is deleted": [lambda account: account.delete_invoice("in_1")],
    "a deleted invoice returns": [
        lambda account: account.delete_invoice("in_1"),
        lambda account: account.put_invoice(invoice("in_1", status="void")),
    ],
    "an invoice without id": [
        lambda account: account.put_invoice(invoice(None, status="draft"), key="k"),
        alter("k", **PAID),
    ],
    "two without id": [
        lambda account: [account.put_invoice(invoice(None, description=words)) for words in (None, "None")],
    ],
    "more invoices than a page": [
        lambda account: [account.put_invoice(invoice(f"in_{n:04}", created=1_760_000_000 + n)) for n in range(237)],
    ],
    "preview: amount": [show(preview(18847))],
    "preview: a line's amount": [show(preview(1, line("openai/gpt-5.5", 19288, 1808, 5)))],
    "preview: a credit": [show(preview(1, line("openai/gpt-5.5", 19287, 1809, 5)))],
    "preview: fewer credits": [show(preview(1, line("openai/gpt-5.5", 19287, 1808)))],
    "preview: the same line twice": [show(preview(1, *[line("openai/gpt-5.5", 19287, 1808, 5)] * 2))],
    "preview: round thousands": [show(preview(50_000, line("openai/gpt-5.5", 1_000_000, 200_000)))],
    "preview: not found": [show(None, absent="not_found"), show(preview(7))],
    "preview: null": [show(None, absent="null"), show(preview(7))],
    "preview: no lines": [show(None, absent="empty"), show(preview(7))],
    "preview: returns": [show(preview(2)), show(preview(1))],
    "preview: goes and returns": [show(None), show(preview(1))],
    "no manual top-up": [lambda account: account.set_spending_limit(None), fill],
    "top-up without keys": [lambda account: account.set_topup_config({})],
    **{f"balance {text}": [lambda account, text=text: account.set_balance(Raw(text))] for text in BALANCES},
    **{
        f"words {words!r}": [
            show(preview(1, line(words))),
            lambda account, words=words: account.put_invoice(invoice("in_words", description=words)),
            hour(0, 1, ids=[words]),
        ]
        for words in WORDS
    },
}
LOADS = 4


class Zoo:
    """All cases in one database. `problems`: load and case -> what differed from the world then."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.problems: dict[tuple[int, str], AssertionError] = {}

    def load(self, number: int) -> None:
        self.bench.load_well()
        for name in CHANGES:
            try:
                self.bench.assert_equals_world(account_of(name))
            except AssertionError as error:
                self.problems[number, name] = error


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zoo]:
    bench = Bench(tmp_path_factory.mktemp("zoo"), start="2026-11-18")
    zoo = Zoo(bench)
    for name in CHANGES:
        fill(bench.account(account_of(name)))
    zoo.load(0)
    for number in range(1, LOADS):
        bench.now += HOUR
        for name, steps in CHANGES.items():
            if number <= len(steps):
                steps[number - 1](bench.world.accounts[account_of(name)])
        zoo.load(number)
    yield zoo
    bench.close()


@pytest.mark.parametrize("name", CHANGES)
def test_a_bucket_is_never_lost_doubled_or_kept_after_the_api_withdrew_it(zoo: Zoo, name: str) -> None:
    """And neither is an invoice, a version, a line or a credit: after every load each table equals the world."""
    for number in range(LOADS):
        if problem := zoo.problems.get((number, name)):
            raise problem


def history(zoo: Zoo, name: str, table: str, column: str) -> list[tuple[Any, bool]]:
    return [(row[column], row["is_open"]) for row in zoo.bench.versions(table, account_of(name))]


def test_unchanged_means_no_new_version(zoo: Zoo) -> None:
    for table in ("invoice_preview", "credit_balance", "topup_config", "spending_limit"):
        assert len(zoo.bench.versions(table, account_of("no change"))) == 1


def test_a_changed_answer_closes_the_old_version(zoo: Zoo) -> None:
    assert history(zoo, "preview: amount", "invoice_preview", "amount_due") == [(1, False), (18847, True)]
    assert history(zoo, "balance 50000", "credit_balance", "balance") == [(Decimal("640.19"), False), (50000, True)]


@pytest.mark.parametrize("form", ["not found", "null", "no lines"])
def test_no_upcoming_invoice_in_any_of_its_forms_ends_the_version(zoo: Zoo, form: str) -> None:
    assert history(zoo, f"preview: {form}", "invoice_preview", "amount_due") == [(1, False), (7, True)]


@pytest.mark.parametrize(("name", "amounts"), [("returns", [1, 2, 1]), ("goes and returns", [1, 1])])
def test_a_version_that_returns_is_a_version_of_its_own(zoo: Zoo, name: str, amounts: list[int]) -> None:
    versions = zoo.bench.versions("invoice_preview", account_of(f"preview: {name}"))

    assert [version["amount_due"] for version in versions] == amounts
    assert [version["is_open"] for version in versions] == [*[False] * (len(amounts) - 1), True]
    assert all(len(version["invoice_lines"]) == 2 for version in versions)
    assert all(len(version["invoice_lines"][0]["pretax_credit_amounts"]) == 2 for version in versions)


def test_no_manual_topup_yet_ends_the_spending_limit(zoo: Zoo) -> None:
    assert [is_open for _, is_open in history(zoo, "no manual top-up", "spending_limit", "enabled")] == [False, True]


def test_an_invoice_without_id_stays_one_when_its_status_changes(zoo: Zoo) -> None:
    rows = zoo.bench.invoices(account_of("an invoice without id")).values()

    assert [row["status"] for row in rows if row["has_surrogate_id"]] == ["paid"]


def test_a_draft_that_the_api_deletes_stays_marked_as_no_longer_listed(zoo: Zoo) -> None:
    rows = zoo.bench.invoices(account_of("an invoice is deleted"))

    assert rows["in_1"]["last_listed_at"] == NOW
    assert rows["in_0"]["last_listed_at"] > NOW


def test_every_table_has_the_account(zoo: Zoo) -> None:
    found = zoo.bench.rows(
        "select table_name from information_schema.columns where table_schema = 'ai_gateway_billing' "
        "and column_name = 'account_id'"
    )

    assert {name for (name,) in found} >= {*TABLES, *CHILDREN}


def test_money_and_times_have_the_promised_types(zoo: Zoo) -> None:
    found = zoo.bench.rows(
        "select distinct data_type from information_schema.columns where table_schema = 'ai_gateway_billing' "
        "and not starts_with(column_name, '_dlt') and not starts_with(table_name, '_dlt')"
    )

    assert {kind for (kind,) in found} == {
        "DECIMAL(38,18)", "TIMESTAMP WITH TIME ZONE", "VARCHAR", "BOOLEAN", "BIGINT", "DATE",
    }  # fmt: skip


def test_a_load_sends_get_requests_only(zoo: Zoo) -> None:
    assert {each.method for each in zoo.bench.simulator.requests} == {"GET"}


# --- the demo and the new ones --------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_the_demo_account_is_loaded_to_the_last_digit(tmp_path: Path) -> None:
    """Two accounts with sixteen months of usage; the second load, a day later, reads little and is exact too."""
    bench = Bench(tmp_path, demo_world(2), start="2025-08-01")
    bench.token = DEMO_TOKEN

    first = bench.load_well()
    bench.assert_equals_world()
    assert first.as_json()["rows"]["usage_hourly"] == bench.one("select count(*) from {raw}.usage_hourly")

    bench.now += DAY
    second = bench.load_well()
    bench.assert_equals_world()
    assert second.requests <= 1 + 2 * (10 + 1 + 3 + 4) + 4  # accounts; each: hours, days, pages, states; some halves


def test_a_brand_new_account_makes_every_table_and_leaves_it_empty(bench: Bench) -> None:
    bench.account()

    bench.load_well()

    for table in (*TABLES, *CHILDREN):
        rows = bench.one(f"select count(*) from {{raw}}.{table}")
        assert rows == {"credit_balance": 1, "topup_config": 1, "usage_coverage": 44}.get(table, 0), table
    bench.assert_equals_world()


def test_what_a_first_load_leaves_out_or_fails_at_a_later_one_can_load(bench: Bench) -> None:
    """Tables that dlt's own mark had made took no Arrow rows, ever."""
    fill(bench.account())
    for endpoint in set(ENDPOINTS) - {USAGE_HISTORY}:
        bench.faults.add(500, endpoint=endpoint.name)
    assert bench.load(grouping="hour").exit_code == 4
    bench.faults.clear()

    bench.load_well()

    bench.assert_equals_world()


def test_every_child_table_is_there_also_when_no_preview_has_such_rows(bench: Bench) -> None:
    without_credits = preview(1, line("openai/gpt-5.5", 19287))
    bench.account().set_preview(without_credits)

    bench.load_well()

    assert [bench.one(f"select count(*) from {{raw}}.{table}") for table in ("invoice_preview", *CHILDREN)] == [1, 1, 0]
    bench.assert_equals_world()


def test_silent_stretches_never_end_the_history(tmp_path: Path) -> None:
    """More than a year of silence between two hours of usage, answered in seconds, ten rows at a time."""
    bench = Bench(tmp_path, start="2025-08-01").with_tables()
    bench.world.row_limit = 10
    bench.world.usage_time_unit = "s"
    account = bench.account()
    fill(account)
    account.set_hour(datetime(2025, 8, 2, 5, tzinfo=NOW.tzinfo), "1.5")

    bench.load_well()

    bench.assert_equals_world()
    assert len(bench.usage("hour")) == 31


# --- accounts and endpoints that fail -------------------------------------------------------------------------------

KINDS = [403, 404, 500, "timeout", "html_200", "null_result_200", "truncated_json", "success_false_200"]
NO_PREVIEW = (404, "null_result_200")  # the preview's own way to say that there is none
ENDPOINT_FAULTS: dict[str, tuple[int | str, str]] = {
    "usage-history": (500, "usage_hourly"),
    "invoice-history": (500, "invoices"),
    "invoice-preview": ("timeout", "invoice_preview"),
    "credit-balance": ("invalid_json", "credit_balance"),
    "topup/config": (403, "topup_config"),
    "spending-limit": (404, "spending_limit"),
}


class Failing:
    """Three loads: all well, then some accounts or endpoints fail while everything changes, then all well again."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.old = bench.everything()
        self.new: dict[str, list[Any]] = {}
        self.healthy_problem: AssertionError | None = None
        self.final_problem: AssertionError | None = None
        self.report: Fields = {}

    def rows(self, which: dict[str, list[Any]], table: str, account_id: str) -> list[Any]:
        return [row for row in which[table] if account_id in row]


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Failing]:
    bench = Bench(tmp_path_factory.mktemp("failing"), start="2026-11-18").with_tables()
    for name in ["healthy", *map(str, KINDS), *ENDPOINT_FAULTS]:
        fill(bench.account(account_of(name)))
    bench.load_well()
    found = Failing(bench)
    for kind in KINDS:
        bench.faults.add(kind, account_id=account_of(str(kind)))
    for endpoint, (kind, _) in ENDPOINT_FAULTS.items():
        bench.faults.add(kind, endpoint=endpoint, account_id=account_of(endpoint))
    bench.now += HOUR
    for each in bench.world.accounts.values():
        fill(each, 5)
    result = bench.load()
    assert result.exit_code == 4
    found.report, found.new = result.as_json()["accounts"], bench.everything()
    found.healthy_problem = difference(bench, account_of("healthy"))
    bench.faults.clear()
    bench.now += HOUR
    bench.load_well()
    found.final_problem = difference(bench)
    yield found
    bench.close()


def difference(bench: Bench, *account_ids: str) -> AssertionError | None:
    try:
        bench.assert_equals_world(*account_ids)
    except AssertionError as error:
        return error
    return None


def test_one_accounts_failure_never_stops_another(failing: Failing) -> None:
    assert failing.report[account_of("healthy")]["status"] == "ok"
    if failing.healthy_problem:
        raise failing.healthy_problem


@pytest.mark.parametrize("kind", KINDS)
def test_an_account_that_fails_keeps_what_it_had(failing: Failing, kind: int | str) -> None:
    account_id = account_of(str(kind))

    assert failing.report[account_id]["status"] == ("partial" if kind in NO_PREVIEW else "failed")
    for table in failing.old:
        if table == "quarantine" or (table.startswith("invoice_preview") and kind in NO_PREVIEW):
            continue
        assert failing.rows(failing.new, table, account_id) == failing.rows(failing.old, table, account_id), table


@pytest.mark.parametrize("endpoint", ENDPOINT_FAULTS)
def test_an_endpoint_that_fails_closes_no_version_and_removes_no_row(failing: Failing, endpoint: str) -> None:
    account_id, table = account_of(endpoint), ENDPOINT_FAULTS[endpoint][1]

    assert failing.report[account_id]["status"] == "partial"
    assert failing.rows(failing.new, table, account_id) == failing.rows(failing.old, table, account_id)
    others = {"usage_daily", "invoices", *ENDPOINT_FAULTS_TABLES} - {table, "spending_limit"}
    if table == "usage_hourly":
        others -= {"usage_daily"}
    for other in others:
        assert failing.rows(failing.new, other, account_id) != failing.rows(failing.old, other, account_id), other


ENDPOINT_FAULTS_TABLES = {table for _, table in ENDPOINT_FAULTS.values()}


def test_after_every_failure_the_next_load_reads_what_is_missing(failing: Failing) -> None:
    if failing.final_problem:
        raise failing.final_problem


@pytest.mark.parametrize("kind", [401, 403, "refused", 429, 503])
def test_exits_3_and_6_leave_the_published_file_as_it_was(
    failing: Failing, kind: int | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "WORKERS", 1)  # a thread's long wait would count as time that another's answer took
    before = failing.bench.database.read_bytes()
    failing.bench.faults.add(kind)

    try:
        result = failing.bench.load([account_of("healthy"), account_of("404")])
    finally:
        failing.bench.faults.clear()

    assert result.exit_code == (3 if kind in (401, 403) else 6)
    assert result.status == "failed"
    assert failing.bench.database.read_bytes() == before


@pytest.mark.parametrize(
    ("kind", "error"), [(401, AuthenticationError), (403, BillingPermissionError), ("reset", UnreachableError)]
)
def test_a_list_of_accounts_that_cannot_be_read_leaves_the_published_file_as_it_was(
    failing: Failing, kind: int | str, error: type[Exception]
) -> None:
    before = failing.bench.database.read_bytes()
    failing.bench.faults.add(kind)

    try:
        with pytest.raises(error):
            failing.bench.load("all")
    finally:
        failing.bench.faults.clear()

    assert failing.bench.database.read_bytes() == before


@pytest.mark.thorough
def test_faults_that_pass_are_retried_and_leave_no_trace(bench: Bench, account: Account) -> None:
    for number, kind in enumerate([503, 429, "reset", "torn_body", "truncated_json", "empty_body", "html_502"]):
        bench.faults.add(kind, nth=2 * number + 1)

    bench.load_well()

    bench.assert_equals_world()


# --- windows that fail ----------------------------------------------------------------------------------------------


def spoil(bench: Bench, is_spoilt: Callable[[int, int], bool]) -> None:
    """Answer 500 to every usage request whose bounds (Unix milliseconds) are spoilt."""
    handle = bench.simulator.handle

    def strict(request: httpx.Request) -> httpx.Response:
        asked = request.url.params
        if "end_time" in asked and is_spoilt(int(asked["start_time"]), int(asked["end_time"])):
            return httpx.Response(500, text="Internal server error")
        return handle(request)

    bench.simulator.handle = strict  # type: ignore[method-assign]


def mend(bench: Bench) -> None:
    del bench.simulator.handle


def holds(moment: datetime) -> Callable[[int, int], bool]:
    return lambda start, end: start <= moment.timestamp() * 1000 < end


def test_a_failed_window_is_passed_by_no_cursor_and_read_by_the_next_load(tmp_path: Path) -> None:
    """Whether it is the first time that it is read, or everything is read anew and the old cursor lies far ahead."""
    bench = Bench(tmp_path, start="2026-08-01").with_tables()
    account = bench.account()
    early = datetime(2026, 8, 9, tzinfo=NOW.tzinfo)
    account.set_hour(early, "1.5")
    account.set_hour(TODAY, "2.5")

    for options in ({}, {"full_refresh": True}, {"start": "2026-07-01"}):
        bench.start = options.pop("start", bench.start)  # type: ignore[attr-defined]  # the one that is no option
        spoil(bench, holds(early))
        assert bench.load(**options).exit_code == 4
        assert (TODAY, "2.5") in [(start, str(value.normalize())) for start, _, _, value in bench.usage("hour")]
        mend(bench)
        account.set_hour(early, Decimal(len(bench.start + str(options))))
        bench.load_well(lookback_days=0)
        bench.assert_equals_world()


@pytest.mark.parametrize("status", [400, pytest.param(500, marks=pytest.mark.thorough)])
def test_when_a_future_end_is_refused_all_but_the_running_bucket_is_loaded(
    bench: Bench, account: Account, status: int
) -> None:
    if status == 400:
        bench.world.refuses_future_end = True
    else:
        spoil(bench, lambda _, end: end > bench.now.timestamp() * 1000)

    bench.load_well()

    for grouping in USAGE:
        assert bench.usage(grouping) == [row for row in bench.true_usage(grouping) if row[1] <= bench.now]


def test_an_invoice_that_appears_between_two_pages_is_neither_lost_nor_doubled(bench: Bench, account: Account) -> None:
    for number in range(120):
        account.put_invoice(invoice(f"in_{number:04}", created=1_760_000_000 + number))
    newest = invoice("in_fresh", created=1_795_000_000)
    bench.faults.add("mutate", endpoint="invoice-history", nth=2, action=lambda _: account.put_invoice(newest))

    bench.load_well()

    assert "in_fresh" in bench.invoices()
    bench.assert_equals_world()


# --- what a load is asked to do -------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_only_what_was_chosen_is_read(bench: Bench, account: Account) -> None:
    """And only its table changes; with usage, also what is written down of it."""
    bench.load_well()
    told = {"usage_hourly": {"usage_reported"}}
    endpoints = {"usage_hourly": "usage-history", "invoices": "invoice-history", "credit_balance": "credit-balance"}
    for only, endpoint in endpoints.items():
        old = bench.everything()
        fill(account, 7 + len(only))
        bench.simulator.requests.clear()

        bench.load_well(only=(only,))

        assert {each.endpoint for each in bench.simulator.requests} - {"accounts"} == {endpoint}
        new = bench.everything()
        assert {table for table in new if new[table] != old[table]} == {only} | told.get(only, set())
    bench.load_well(grouping="day")
    assert bench.usage("day") == bench.true_usage("day")
    bench.load_well()
    bench.assert_equals_world()


def test_an_account_added_later_gets_its_whole_history(bench: Bench, account: Account) -> None:
    """And one that is no longer chosen keeps its rows."""
    bench.load_well()
    other = bench.account(OTHER)
    fill(other)
    other.set_hour(TODAY - 20 * DAY, "7.5")

    bench.load_well([OTHER], lookback_days=0)

    bench.assert_equals_world(OTHER)
    assert bench.usage("hour", ACCOUNT) == bench.true_usage("hour", ACCOUNT)


def test_sensitive_fields_appear_only_when_asked_for(bench: Bench, account: Account) -> None:
    account.set_balance(payment_method={"brand": "visa", "last4": "4242"})
    account.put_invoice(invoice("in_0", invoice_pdf="https://pay.example/in_0"))
    bench.load_well()
    assert "invoice_pdf" not in bench.invoices()["in_0"]

    bench.sensitive = True
    bench.load_well()

    assert bench.invoices()["in_0"]["invoice_pdf"] == "https://pay.example/in_0"
    assert bench.versions("credit_balance")[-1]["payment_method__last4"] == "4242"


# --- state and database ---------------------------------------------------------------------------------------------


def test_state_lives_with_the_database(bench: Bench, account: Account, tmp_path: Path) -> None:
    """Delete the load's folder and nothing is lost; move the file and its cursors go with it; delete the file and a
    complete new history starts, although the folder is there."""
    bench.load_well()
    shutil.rmtree(bench.database.with_name("billing.duckdb.load"))
    account.set_balance(1)
    bench.load_well(lookback_days=0)
    bench.assert_equals_world()
    assert len(bench.versions("credit_balance")) == 2

    (tmp_path / "elsewhere").mkdir()
    bench.database = bench.database.rename(tmp_path / "elsewhere" / "billing.duckdb")
    assert first_day_asked(bench, partial(bench.load_well, lookback_days=1)) == TODAY - DAY
    bench.assert_equals_world()

    bench.database.unlink()
    account.withdraw("hour", TODAY - 19 * HOUR)
    assert first_day_asked(bench, partial(bench.load_well, lookback_days=1)) == datetime(2026, 11, 1, tzinfo=NOW.tzinfo)
    bench.assert_equals_world()
    assert len(bench.versions("credit_balance")) == 1


def first_day_asked(bench: Bench, load: Callable[[], object]) -> datetime:
    bench.simulator.requests.clear()
    load()
    starts = [int(e.query["start_time"]) for e in bench.simulator.requests if e.endpoint == "usage-history"]
    return datetime.fromtimestamp(min(starts) / 1000, NOW.tzinfo)


@pytest.mark.thorough
def test_two_databases_side_by_side_do_not_meet(tmp_path: Path) -> None:
    benches = [Bench(tmp_path / name, World()) for name in ("one", "two")]
    for number, bench in enumerate(benches, start=1):
        bench.database.parent.mkdir()
        fill(bench.account(), number)
        bench.load_well()
    for bench in benches:
        bench.assert_equals_world()


# --- real faults that went unnoticed --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pause_days", [pytest.param(days, marks=() if days == 80 else pytest.mark.thorough) for days in (4, 36, 80)]
)
def test_a_backfill_ahead_of_the_cursor_loses_nothing(tmp_path: Path, pause_days: int) -> None:
    """After a pause the last days are read by hand; the next load still reads all that lies before them."""
    bench = Bench(tmp_path, start="2026-08-20")
    account = bench.account()
    bench.now = NOW - pause_days * DAY
    bench.load_well()
    for days in range(pause_days):
        account.set_hour(TODAY - days * DAY + HOUR, days + 1)
    bench.now = NOW
    last = ((NOW - 2 * DAY).date(), NOW.date())

    bench.load_well(only=("usage_hourly", "usage_daily"), backfill=last)
    bench.load_well(lookback_days=0)

    bench.assert_equals_world()
    bench.close()


def test_a_day_with_a_rejected_row_is_not_complete(bench: Bench, account: Account) -> None:
    """Else `spend.daily` would say that an hour whose figure nobody could read was silent."""
    yesterday = TODAY - DAY
    at = int((yesterday + 8 * HOUR).timestamp()) * 1000
    day = int(yesterday.timestamp()) * 1000

    def spoil(rows: list[Fields]) -> list[Fields]:
        return [row | {"id": None} if row["start_time"] in (at, day) else row for row in rows]

    bench.world.inject("usage-history", "history", spoil)

    assert bench.load().exit_code == 4

    found = bench.rows("select is_complete from spend.daily where day = $1", yesterday.date())
    assert (True,) not in found
    assert yesterday.date() not in bench.coverage("hour")
    assert yesterday.date() not in bench.coverage("day")


# --- lists of the API that are not whole, or spelled otherwise -------------------------------------------------------


@pytest.mark.thorough
def test_where_the_page_is_ignored_the_first_is_loaded_and_nothing_taken_for_deleted(bench: Bench) -> None:
    account = bench.account()
    fill(account)
    for number in range(60):
        account.put_invoice(invoice(f"in_old_{number}", created=1_780_000_000 + number))
    bench.load_well()
    bench.faults.add("ignored_page")
    account.put_invoice(invoice("in_new", created=1_795_000_000))
    bench.now += HOUR

    result = bench.load()

    assert result.exit_code == 4
    assert result.outcomes.of[ACCOUNT, "invoices"].status == "partial"
    assert "the API ignores `page`" in str(result.outcomes.of[ACCOUNT, "invoices"].error)
    assert bench.rows("select count(*) from spend.invoices where not is_listed") == [(0,)]
    assert bench.rows("select count(*) from spend.invoices where invoice_id = 'in_new' and is_listed") == [(1,)]

    bench.faults.clear()
    bench.now += HOUR
    bench.load_well()
    bench.assert_equals_world()


@pytest.mark.parametrize(
    ("accounts", "count"),
    [
        ("all", 500),
        pytest.param("all", 40, marks=pytest.mark.thorough),
        pytest.param((ACCOUNT,), 40, marks=pytest.mark.thorough),
        pytest.param((ACCOUNT,), 500, marks=pytest.mark.thorough),
    ],
)
def test_a_load_that_finds_nothing_new_sends_eight_requests_whatever_the_history(
    bench: Bench, count: int, accounts: Any
) -> None:
    account = bench.with_tables().account()
    fill(account)
    for number in range(count):
        status = "open" if number % 7 else "paid"
        account.put_invoice(invoice(f"in_{number:04}", created=1_780_000_000 + number, status=status))
    bench.load_well(accounts)
    before = bench.everything()
    bench.now += HOUR

    result = bench.load_well(accounts)

    assert result.requests <= 8
    assert result.outcomes.rows["invoices"] == result.outcomes.rows["credit_balance"] == 0
    after = bench.everything()
    for table in ("invoices", "invoice_preview", "credit_balance", "topup_config", "spending_limit"):
        assert after[table] == before[table]


@pytest.mark.thorough
def test_an_account_that_the_api_spells_in_capitals_is_the_same_one(bench: Bench) -> None:
    fill(bench.account())
    bench.load_well()
    bench.faults.add(
        "alter", endpoint="accounts", change=lambda body: body.replace(ACCOUNT.encode(), ACCOUNT.upper().encode())
    )
    bench.now += HOUR

    result = bench.load("all")

    assert list(result.accounts) == [ACCOUNT]
    assert bench.rows("select distinct account_id from {raw}.usage_hourly") == [(ACCOUNT,)]
