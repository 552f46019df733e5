"""`aig-billing check`: each promise is broken on purpose in a copy of a loaded database, and is found broken."""

import json
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import duckdb
import httpx
import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from ai_gateway_billing.api.client import Client
from ai_gateway_billing.simulator import DEMO_ACCOUNT_ID, DEMO_TOKEN, Simulator, demo_world
from ai_gateway_billing_pipeline import cli, settings
from ai_gateway_billing_pipeline.database import checks, read, views
from ai_gateway_billing_pipeline.loading import load
from support.constants import NOW

RAW = "ai_gateway_billing"


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo account since September, loaded once."""
    path = tmp_path_factory.mktemp("checks") / "billing.duckdb"
    simulator = Simulator(demo_world(), lambda: NOW)
    with Client(DEMO_TOKEN, transport=httpx.MockTransport(simulator.handle), budget=None) as client:
        environ = {"CLOUDFLARE_ACCOUNT_ID": DEMO_ACCOUNT_ID, "AIG_BILLING_START": "2026-09-01"}
        resolved = settings.resolve(database=str(path), environ=environ)
        assert load.load(resolved, load.Options(), client, lambda: NOW).exit_code == 0
    return path


@pytest.fixture
def database(loaded: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return Path(shutil.copy(loaded, tmp_path / "billing.duckdb"))


def found(
    database: Path, *names: str, now: datetime = NOW, limits: checks.Limits | None = None
) -> list[checks.Finding]:
    """What is found by these checks; by all when none is named, which takes four times as long."""
    with read.connect(database) as connection, pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "CHECKS", names or checks.CHECKS)
        return list(checks.findings(connection, now, limits))


def change(database: Path, *statements: str) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.execute("set timezone = 'UTC'")
        for statement in statements:
            connection.execute(statement)


def test_a_sound_database_has_no_errors(database: Path) -> None:
    assert [finding for finding in found(database) if finding.severity == "error"] == []


BROKEN = {
    "coverage_gaps": f"delete from {RAW}.usage_coverage where day = '2026-10-04'",
    "hour_and_day_sums": f"update {RAW}.usage_hourly set aggregated_value = aggregated_value + 0.000000001 "
    "where bucket_start = '2026-10-02 10:00:00+00'",
    "duplicates": f"insert into {RAW}.usage_daily select * from {RAW}.usage_daily "
    "where bucket_start = '2026-10-03 00:00:00+00'",
    "misplaced_buckets": f"update {RAW}.usage_hourly set start_time = start_time + interval 7 minute "
    "where bucket_start = '2026-10-02 10:00:00+00'",
    "wrong_times": f"update {RAW}.credit_balance set _dlt_valid_to = _dlt_valid_from - interval 1 hour",
    "quarantine": f"insert into {RAW}.quarantine "
    "(account_id, resource, field, reason, payload, first_seen_at, last_seen_at) values "
    f"('{DEMO_ACCOUNT_ID}', 'invoices', 'amount_due', 'contains text instead of a number', '{{}}', now(), now())",
    "unit_errors": "create or replace table spend.usage_unit as select 'dollars' as unit",
    "invoice_sums": f"update {RAW}.invoices set amount_paid = amount_paid + 1 "
    f"where id = (select max(id) from {RAW}.invoices)",
    "stale_data": f"update {RAW}.load_status set last_success_at = '2026-11-20 22:00:00+00' "
    "where resource = 'invoices'",
    "low_credit": f"update {RAW}.credit_balance set balance = 2000, topup_config__amount = null; "
    f"delete from {RAW}.topup_config",
    "automatic_topup": f"update {RAW}.topup_config set error = 'Your card was declined.'",
}
NEWS = f"insert into {RAW}.unknown_fields select 'invoices', unnest(['tax', 'vat']), 'text', '{NOW}'"


@pytest.fixture(scope="module")
def broken(loaded: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[checks.Finding]]:
    """What is found where this promise is broken, looked for once."""

    @cache
    def found_where(name: str) -> list[checks.Finding]:
        copy = Path(shutil.copy(loaded, tmp_path_factory.mktemp(name) / "billing.duckdb"))
        change(copy, BROKEN.get(name, NEWS))
        return found(copy)

    return found_where


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_promise_is_an_error_of_its_check(broken: Callable[[str], list[checks.Finding]], name: str) -> None:
    errors = [finding for finding in broken(name) if finding.severity == "error"]

    assert name in {finding.check for finding in errors}
    assert all(finding.account_id == DEMO_ACCOUNT_ID for finding in errors)
    assert all(finding.finding.endswith((".", "?")) for finding in errors)


def test_a_finding_names_the_view_that_people_can_query(database: Path) -> None:
    change(database, BROKEN["unit_errors"])

    (finding,) = found(database, "unit_errors")
    assert "See spend.reconciliation;" in finding.finding


buckets = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.sampled_from("xyz")), max_size=9)


@hypothesis.settings(max_examples=hypothesis.settings().max_examples // 2)
@given(hourly=buckets, daily=buckets)
def test_duplicates_are_counted_by_account_and_table(
    hourly: list[tuple[str, int, str]], daily: list[tuple[str, int, str]]
) -> None:
    """A bucket is an account, a start and an id: told are those that are there twice, and ids of several starts."""
    expected: dict[tuple[str, str, str], int] = Counter()
    with duckdb.connect() as connection:
        connection.execute(f"create schema {RAW}")
        for table, rows in (("usage_hourly", hourly), ("usage_daily", daily)):
            connection.execute(f"create table {RAW}.{table} (account_id varchar, start_time timestamptz, id varchar)")
            for account, hour, name in rows:
                start = NOW + timedelta(hours=hour)
                connection.execute(f"insert into {RAW}.{table} values ($1, $2, $3)", [account, start, name])
            expected.update((account, table, "buckets") for (account, *_), count in Counter(rows).items() if count > 1)
            ids = Counter((account, name) for account, _, name in set(rows))
            expected.update((account, table, "ids") for (account, _), count in ids.items() if count > 1)

        told = connection.execute(checks.statement_of("duplicates")).fetchall()

    said = {(account, *matter.split()): int(finding.split()[2]) for _, account, finding, matter, _ in told}
    assert said == expected


def test_a_bucket_that_lies_ahead_is_an_error(database: Path) -> None:
    early = datetime(2026, 11, 20, tzinfo=UTC)

    assert {finding.severity for finding in found(database, "misplaced_buckets", now=early)} == {"error"}


def test_an_invoice_open_for_long_is_a_warning(database: Path) -> None:
    change(
        database,
        f"update {RAW}.invoices set status = 'open', created = '2026-09-01 00:00:00+00' "
        f"where id = (select max(id) from {RAW}.invoices)",
    )

    assert {finding.severity for finding in found(database, "open_invoices")} == {"warning"}


def test_two_currencies_are_a_warning(database: Path) -> None:
    change(database, f"update {RAW}.invoices set currency = 'eur' where id = (select max(id) from {RAW}.invoices)")

    (warning,) = found(database, "mixed_currencies")
    assert warning.severity == "warning"
    assert "EUR, USD" in warning.finding


def test_case_alone_makes_no_second_currency(database: Path) -> None:
    change(database, f"update {RAW}.invoices set currency = 'UsD' where id = (select max(id) from {RAW}.invoices)")

    assert found(database, "mixed_currencies") == []


def test_a_schedule_has_stopped_only_after_the_given_hours_and_is_told_once(database: Path) -> None:
    late = NOW + timedelta(hours=30)

    assert not found(database, "stopped_schedule", "stale_data", now=late, limits=checks.Limits(stale_after=36))
    (stopped,) = found(database, "stopped_schedule", "stale_data", now=late, limits=checks.Limits(stale_after=24))
    assert (stopped.check, stopped.severity) == ("stopped_schedule", "error")
    assert "since 2026-11-22 10:30 UTC" in stopped.finding


def test_a_day_that_one_source_has_not_read_is_not_compared(database: Path) -> None:
    change(
        database,
        f"delete from {RAW}.usage_coverage where day = '2026-10-02' and \"grouping\" = 'day'",
        f"delete from {RAW}.usage_daily where bucket_start = '2026-10-02 00:00:00+00'",
    )

    assert found(database, "hour_and_day_sums") == []


def test_the_command_ends_with_1_on_errors_and_prints_them_as_json(database: Path) -> None:
    change(database, BROKEN["quarantine"])

    result = CliRunner().invoke(cli.app, ["check", "--json", "--stale-after", "1000000", "--database", str(database)])

    told = json.loads(result.stdout)
    assert result.exit_code == 1
    assert told["status"] == "findings"
    assert "quarantine" in {finding["check"] for finding in told["findings"]}


def test_the_command_ends_with_0_when_there_are_only_warnings(database: Path) -> None:
    result = CliRunner().invoke(cli.app, ["check", "--stale-after", "1000000", "--database", str(database)])

    assert result.exit_code == 0
    assert f"{len(checks.CHECKS)} checks" in result.stdout


@pytest.mark.parametrize("name", checks.CHECKS)
def test_every_check_says_what_it_promises(name: str) -> None:
    assert checks.statement_of(name).partition("\n")[0].removeprefix("-- ").endswith(".")


def test_hours_of_estimates_that_were_lost_are_a_warning(database: Path) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            f"create table {RAW}.gateway_usage_gaps as select '{DEMO_ACCOUNT_ID}' as account_id, "
            "'gateway_usage_hourly' as resource, timestamptz '2026-10-01 05:00:00+00' as gap_start, "
            "timestamptz '2026-10-02 00:00:00+00' as gap_end, timestamptz '2026-11-20 00:00:00+00' as noticed_at"
        )

    (finding,) = found(database, "lost_estimates")
    assert finding.severity == "warning"
    assert "between 2026-10-01 05:00 and 2026-10-02 00:00 (UTC)" in finding.finding


ATTRIBUTED = (
    f"insert into {RAW}.load_status (account_id, resource, status, last_attempt_at, last_success_at) "
    f"select account_id, 'gateway_usage_hourly', 'ok', last_attempt_at, last_success_at "
    f"from {RAW}.load_status where resource = 'usage_daily'"
)


def test_a_bill_without_any_estimate_is_a_warning_where_attribution_is_on(database: Path) -> None:
    assert found(database, "missing_estimates") == []
    change(database, ATTRIBUTED)

    (finding,) = found(database, "missing_estimates")
    assert finding.severity == "warning"
    assert "may lack the permission" in finding.finding


@pytest.mark.parametrize(("cents", "is_told"), [(99, False), (100, True)])
def test_a_bill_of_less_than_a_dollar_needs_no_estimate(database: Path, cents: int, is_told: bool) -> None:
    last = f"select max(bucket_start) from {RAW}.usage_hourly where bucket_start < '2026-11-21 00:00:00+00'"
    change(
        database,
        ATTRIBUTED,
        f"update {RAW}.usage_daily set aggregated_value = 0",
        f"update {RAW}.usage_hourly set aggregated_value = if(bucket_start = ({last}), {cents}, 0)",
    )

    told = [each.finding for each in found(database, "missing_estimates")]
    assert ["although 1.00 USD was billed" in each for each in told] == [True] * is_told


def test_attribution_that_was_switched_off_is_neither_stale_nor_failed(database: Path) -> None:
    change(
        database,
        f"insert into {RAW}.load_status (account_id, resource, status, error, last_attempt_at, last_success_at) values "
        f"('{DEMO_ACCOUNT_ID}', 'gateways', 'failed', 'refused', '2026-10-02 00:00:00+00', '2026-10-01 00:00:00+00')",
    )
    assert found(database, "stale_data", "failed_load") == []
    change(
        database, f"update {RAW}.load_status set last_attempt_at = (select max(last_attempt_at) from {RAW}.load_status)"
    )

    assert {finding.check for finding in found(database, "stale_data", "failed_load")} == {
        "stale_data",
        "failed_load",
    }


# --- the same matter stays the same finding -------------------------------------------------------------------------


def low(database: Path, cents: int) -> checks.Finding:
    change(database, f"update {RAW}.credit_balance set balance = {cents}")
    (finding,) = found(database, "low_credit")
    return finding


def test_credit_that_runs_out_is_one_matter_that_gets_worse(database: Path) -> None:
    change(database, BROKEN["low_credit"])

    days, hours, over = low(database, 5000), low(database, 500), low(database, -1)

    assert len({days.id, hours.id, over.id}) == 1
    assert set(days.reached) < set(hours.reached) < set(over.reached)
    assert "50.00 USD lasts about" in days.finding
    assert "no automatic top-up is set up" in days.finding
    assert "is used up" in over.finding


@pytest.mark.parametrize("days", [7, *(pytest.param(days, marks=pytest.mark.thorough) for days in (0, 400))])
def test_credit_has_to_last_as_many_days_as_asked(database: Path, days: int) -> None:
    change(database, BROKEN["low_credit"], f"update {RAW}.credit_balance set balance = 20000")
    left = duckdb.connect(str(database), read_only=True).execute("select days_left from spend.runway").fetchone()

    told = found(database, "low_credit", limits=checks.Limits(credit_days=days))

    assert left is not None
    assert bool(told) is (left[0] < days)


def test_credit_that_a_working_top_up_renews_may_be_low(database: Path) -> None:
    change(database, f"update {RAW}.credit_balance set balance = 500")

    assert found(database, "low_credit", "automatic_topup") == []


def test_an_account_that_never_bought_credit_nor_used_any_lacks_none(database: Path) -> None:
    change(
        database,
        BROKEN["low_credit"],
        f"update {RAW}.credit_balance set balance = 0",
        f"update {RAW}.usage_daily set aggregated_value = 0",
        f"update {RAW}.usage_hourly set aggregated_value = 0",
    )

    assert found(database, "low_credit") == []


def test_a_top_up_that_fails_is_told_with_the_reason_of_the_api_and_without_card_digits(database: Path) -> None:
    change(database, f"update {RAW}.topup_config set error = 'Your card ending in 4242 was declined.'")

    (finding,) = found(database, "automatic_topup")
    assert "is failing: Your card ending in *** was declined" in finding.finding
    assert "4242" not in finding.finding


@pytest.mark.parametrize(
    ("breakage", "state"),
    [
        (f"update {RAW}.topup_config set disabled_reason = 'too many failures'", "disabled"),
        (f"update {RAW}.credit_balance set has_default_payment_method = false", "no card"),
    ],
)
def test_a_top_up_that_cannot_work_is_an_error(database: Path, breakage: str, state: str) -> None:
    change(database, breakage)

    (finding,) = found(database, "automatic_topup")
    assert finding.severity == "error"
    assert state in finding.reached


def test_new_fields_are_a_note_that_goes_after_two_weeks(database: Path) -> None:
    change(database, NEWS)

    (note,) = found(database, "new_fields")
    assert (note.severity, note.account_id) == ("info", "")
    assert "invoices.tax, invoices.vat" in note.finding
    assert found(database, "new_fields", now=NOW + timedelta(days=15)) == []


def test_a_note_is_no_error(database: Path) -> None:
    change(database, NEWS)

    ran = CliRunner().invoke(cli.app, ["check", "--stale-after", "1000000", "--database", str(database)])

    assert ran.exit_code == 0


SAME = {
    "quarantine": (
        BROKEN["quarantine"],
        f"insert into {RAW}.quarantine by name from {RAW}.quarantine select * replace ('more' as payload)",
    ),
    "invoice_sums": (
        BROKEN["invoice_sums"],
        f"update {RAW}.invoices set amount_paid = amount_paid + 1 where id = (select max(id) from {RAW}.invoices)",
    ),
    "hour_and_day_sums": (BROKEN["hour_and_day_sums"], BROKEN["hour_and_day_sums"]),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == "quarantine" else pytest.mark.thorough) for name in SAME]
)
def test_other_numbers_in_the_same_matter_are_no_other_finding(database: Path, name: str) -> None:
    told = []
    for statement in SAME[name]:
        change(database, statement)
        told += found(database, name)

    first, second = told
    assert (first.id, first.reached) == (second.id, second.reached)
    assert first.finding != second.finding


def test_ten_times_as_many_are_worse(database: Path) -> None:
    change(database, BROKEN["quarantine"])
    (few,) = found(database, "quarantine")
    change(
        database,
        f"insert into {RAW}.quarantine by name from {RAW}.quarantine, range(9) as numbers(n) "
        "select quarantine.* replace (n::varchar as payload)",
    )

    (many,) = found(database, "quarantine")
    assert many.id == few.id
    assert set(many.reached) > set(few.reached)


@pytest.mark.parametrize("name", [*BROKEN, "new_fields"])
def test_no_two_findings_share_an_id(broken: Callable[[str], list[checks.Finding]], name: str) -> None:
    ids = [finding.id for finding in broken(name)]

    assert len(ids) == len(set(ids))


# --- budgets and unusual days ----------------------------------------------------------------------------------------


def budget(
    database: Path, times_spent: str, *, period: str = "month", thresholds: str = "50,80,100"
) -> list[checks.Finding]:
    """What is found with a budget of so many times what the running month has cost."""
    change(
        database,
        f"delete from {RAW}.budgets",
        f"insert into {RAW}.budgets (name, amount, currency, period, thresholds) "
        f"select 'team', {times_spent} * month_to_date, 'USD', '{period}', '{thresholds}' from spend.runway",
    )
    return [each for each in found(database, "budgets") if '"team"' in each.finding]


def test_each_threshold_of_a_budget_makes_the_same_finding_worse(database: Path) -> None:
    assert budget(database, "4") == []
    ((half,), (most,), (over,)) = (budget(database, times) for times in ("1.9", "1.1", "0.9"))

    assert len({half.id, most.id, over.id}) == 1
    assert [each.severity for each in (half, most, over)] == ["warning", "warning", "error"]
    assert set(half.reached) < set(most.reached) < set(over.reached)
    assert {"50", "80", "100", "forecast"} <= set(over.reached)
    assert "USD (111 %) are spent in the month from 2026-11-01" in over.finding


def test_a_threshold_is_reached_at_its_very_amount_and_not_before(database: Path) -> None:
    (half,) = budget(database, "2")

    assert half.reached == ("warning", "50")
    assert budget(database, "2.01") == []


def test_a_budget_that_will_be_exceeded_is_a_warning_before_it_is(database: Path) -> None:
    (finding,) = budget(database, "1.1", thresholds="100")

    assert (finding.severity, finding.reached) == ("warning", ("warning", "forecast"))
    assert "are to be expected by its end" in finding.finding


def test_a_period_of_last_week_is_told_when_it_cost_too_much_and_forgotten_then(database: Path) -> None:
    """Late events may bring that."""
    days = budget(database, "0.0001", period="day")

    assert {each.severity for each in days if "are to be expected" not in each.finding} == {"warning"}
    assert len(days) == len({each.id for each in days}) == 8
    later = [each for each in found(database, "budgets", now=NOW + timedelta(days=30)) if '"team"' in each.finding]
    assert later == []


def test_a_budget_that_counts_no_account_is_told(database: Path) -> None:
    change(
        database,
        f"insert into {RAW}.budgets (name, amount, currency, period, thresholds, accounts) "
        "values ('team', 10, 'USD', 'month', '100', 'nobody')",
    )

    (finding,) = found(database, "idle_budgets")
    assert 'Budget "team" counts nothing' in finding.finding


def spike(database: Path, times: int) -> None:
    """Thursday cost so many times as much."""
    for table in ("usage_hourly", "usage_daily"):
        change(
            database,
            f"update {RAW}.{table} set aggregated_value = {times} * aggregated_value "
            "where (bucket_start at time zone 'UTC')::date = '2026-11-19'",
        )


def test_a_day_that_cost_unusually_much_is_a_warning_for_a_week(database: Path) -> None:
    assert found(database, "anomalies") == []
    spike(database, 10)

    (finding,) = found(database, "anomalies")
    assert (finding.severity, finding.account_id) == ("warning", DEMO_ACCOUNT_ID)
    assert "2026-11-19 cost" in finding.finding
    assert "usual for such a Thursday" in finding.finding
    assert found(database, "anomalies", now=NOW + timedelta(days=5)) == []


def test_a_spike_that_grows_by_late_events_stays_one_finding(database: Path) -> None:
    spike(database, 10)
    (first,) = found(database, "anomalies")
    spike(database, 2)

    (second,) = found(database, "anomalies")
    assert (second.id, second.reached) == (first.id, first.reached)
    assert second.finding != first.finding


def test_every_check_runs_where_no_load_has_made_a_table() -> None:
    with duckdb.connect() as connection:
        connection.execute("create schema ai_gateway_billing")
        views.apply(connection, "cents")

        assert list(checks.findings(connection, datetime(2026, 11, 22, tzinfo=UTC))) == []
