"""`aig-billing check`: each promise is broken on purpose in a copy of a loaded database, and is found broken."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import httpx
import pytest
from typer.testing import CliRunner

from ai_gateway_billing.api.client import Client
from ai_gateway_billing.simulator import DEMO_ACCOUNT_ID, DEMO_TOKEN, Simulator, demo_world
from ai_gateway_billing_pipeline import cli, settings
from ai_gateway_billing_pipeline.database import checks, read
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


def found(database: Path, now: datetime = NOW) -> list[checks.Finding]:
    with read.connect(database) as connection:
        return list(checks.findings(connection, now))


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
    "quarantine": f"insert into {RAW}.quarantine values "
    f"('{DEMO_ACCOUNT_ID}', 'invoices', 'amount_due', 'contains text instead of a number', '{{}}', now(), now())",
    "unit_errors": "create or replace table spend.usage_unit as select 'dollars' as unit",
    "invoice_sums": f"update {RAW}.invoices set amount_paid = amount_paid + 1 "
    f"where id = (select max(id) from {RAW}.invoices)",
    "stale_data": f"update {RAW}.load_status set last_success_at = '2026-11-20 22:00:00+00' "
    "where resource = 'invoices'",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_promise_is_an_error_of_its_check(database: Path, name: str) -> None:
    change(database, BROKEN[name])

    errors = [finding for finding in found(database) if finding.severity == "error"]
    assert name in {finding.check for finding in errors}
    assert all(finding.account_id == DEMO_ACCOUNT_ID for finding in errors)
    assert all(finding.finding.endswith((".", "?")) for finding in errors)


def test_a_bucket_that_lies_ahead_is_an_error(database: Path) -> None:
    early = datetime(2026, 11, 20, tzinfo=UTC)

    assert "misplaced_buckets" in {finding.check for finding in found(database, now=early)}


def test_an_invoice_open_for_long_is_a_warning(database: Path) -> None:
    change(
        database,
        f"update {RAW}.invoices set status = 'open', created = '2026-09-01 00:00:00+00' "
        f"where id = (select max(id) from {RAW}.invoices)",
    )

    assert ("open_invoices", "warning") in {(finding.check, finding.severity) for finding in found(database)}


def test_two_currencies_are_a_warning(database: Path) -> None:
    change(database, f"update {RAW}.invoices set currency = 'eur' where id = (select max(id) from {RAW}.invoices)")

    warning = next(finding for finding in found(database) if finding.check == "mixed_currencies")
    assert warning.severity == "warning"
    assert "EUR, USD" in warning.finding


def test_case_alone_makes_no_second_currency(database: Path) -> None:
    change(database, f"update {RAW}.invoices set currency = 'UsD' where id = (select max(id) from {RAW}.invoices)")

    assert "mixed_currencies" not in {finding.check for finding in found(database)}


def test_data_is_stale_only_after_the_given_hours(database: Path) -> None:
    with read.connect(database) as connection:
        late = NOW + timedelta(hours=30)
        assert not [f for f in checks.findings(connection, late, 36) if f.check == "stale_data"]
        assert [f for f in checks.findings(connection, late, 24) if f.check == "stale_data"]


def test_a_day_that_one_source_has_not_read_is_not_compared(database: Path) -> None:
    change(
        database,
        f"delete from {RAW}.usage_coverage where day = '2026-10-02' and \"grouping\" = 'day'",
        f"delete from {RAW}.usage_daily where bucket_start = '2026-10-02 00:00:00+00'",
    )

    assert "hour_and_day_sums" not in {finding.check for finding in found(database)}


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
    assert checks.promise_of(name).endswith(".")
