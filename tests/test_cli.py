"""What the command says and which exit code it ends with, whatever happens."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import duckdb
import pytest
import typer

from ai_gateway_billing.api import client
from ai_gateway_billing.api.client import Client
from ai_gateway_billing.rows.tables import RESOURCES
from ai_gateway_billing.simulator import DEMO_ACCOUNT_ID, Simulator
from ai_gateway_billing_pipeline import cli, settings
from ai_gateway_billing_pipeline.loading import load
from ai_gateway_billing_pipeline.loading.workspace import Workspace
from support.command import RECENT, aig, run_python, serving, start_aig
from support.constants import ACCOUNT, OTHER, TOKEN

DATABASE = Path("billing.duckdb")
HEAVY = "{'dlt', 'duckdb', 'httpx', 'pandas', 'pyarrow', 'rich.console', 'sqlglot'}"
NO_WAITING = partial(Client, sleep=lambda _: None)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """One account, which the settings name no further."""
    with serving(monkeypatch, ACCOUNT) as simulator:
        yield simulator


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """Two accounts, both chosen."""
    monkeypatch.setenv("CLOUDFLARE_ACCOUNT_ID", f"{ACCOUNT},{OTHER}")
    with serving(monkeypatch, ACCOUNT, OTHER) as simulator:
        yield simulator


def count(table: str) -> int:
    with duckdb.connect(str(DATABASE), read_only=True) as database:
        row = database.execute(f"select count(*) from ai_gateway_billing.{table}").fetchone()
    assert row is not None
    return int(row[0])


# --- help ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["", *sorted(typer.main.get_command(cli.app).commands)])
def test_help_imports_nothing_heavy(command: str) -> None:
    """It has to answer at once."""
    code = f"""
import sys
from ai_gateway_billing_pipeline.cli import main
try:
    main({[command, "--help"] if command else ["--help"]})
finally:
    print("imported:", {HEAVY} & set(sys.modules))
"""

    result = run_python(code)

    assert result.code == 0, result.err
    assert "Usage: aig-billing" in result.out
    assert "imported: set()" in result.out


def test_without_a_command_it_shows_what_there_is() -> None:
    result = aig()

    assert result.code == 0
    assert "backfill" in result.out


def test_version() -> None:
    result = aig("--version")

    assert result.code == 0
    assert result.out.startswith("aig-billing ")


# --- bad options and settings: 2 -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["load", "--nope"], "No such option: --nope"),
        (["nope"], "No such command 'nope'"),
        (["load", "--lookback", "-1"], "--lookback"),
        (["load", "--lookback", "few"], "--lookback"),
        (["load", "--wait", "-1"], "--wait"),
        (["load", "--max-requests-per-second", "0"], "--max-requests-per-second"),
        (["load", "--grouping", "week"], "--grouping"),
        (["load", "--only", "usage"], "no such resource. Choose from usage_hourly, usage_daily"),
        (["load", "--log-level", "loud"], "--log-level"),
        (["load", "--start", "yesterday"], "'yesterday' is not a date"),
        (["load", "--account", "nonsense"], "32 characters"),
        (["load", "--base-url", "ftp://127.0.0.1"], "The base URL"),
        (["load", "--base-url", "http://example.com"], "plain http"),
        (["backfill", "--from", "2026-01-01"], "Missing option '--to'"),
        (["backfill", "--from", "2026-01-02", "--to", "2026-01-01"], "is after --to"),
        (["backfill", "--from", "2999-01-01", "--to", "2999-01-02"], "is in the future"),
        (["backfill", "--from", "soon", "--to", "2026-01-01"], "--from soon is not a date"),
        (["query"], "Missing argument 'SQL'"),
        (["query", "--csv", "--json", "select 1"], "Use either --csv or --json"),
    ],
)
def test_a_bad_option_is_refused_in_one_sentence(api: Simulator, arguments: list[str], words: str) -> None:
    result = aig(*arguments)

    assert result.code == 2
    assert words in result.err
    assert result.err.startswith("Error: ")
    assert result.err.count("\n") == 1
    assert api.requests == []
    assert not DATABASE.exists()


def test_a_start_in_the_future_is_refused_by_cloudflares_clock(api: Simulator) -> None:
    result = aig("load", "--start", "2999-01-01")

    assert result.code == 2
    assert "2999-01-01 is in the future" in result.err
    assert not DATABASE.exists()


def test_no_token_names_the_variable_and_the_permission() -> None:
    result = aig("load", "--json")

    assert result.code == 2
    assert "CLOUDFLARE_API_TOKEN" in result.err
    assert '"AI Gateway Read"' in result.err
    assert result.json["status"] == "failed"
    assert "CLOUDFLARE_API_TOKEN" in result.json["error"]
    assert result.json["requests"] == 0


def test_a_pasted_bearer_is_refused_without_repeating_the_token(
    api: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", f"Bearer {TOKEN}")

    result = aig("load")

    assert result.code == 2
    assert TOKEN not in result.err


def test_several_accounts_and_no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(monkeypatch, ACCOUNT, OTHER):
        result = aig("load")

    assert result.code == 2
    assert ACCOUNT in result.err
    assert "--account" in result.err


# --- loads -----------------------------------------------------------------------------------------------------------


def test_a_load_shows_each_resource_and_where_its_rows_are(api: Simulator) -> None:
    result = aig("load")

    assert result.code == 0, result.err
    assert f"Account {ACCOUNT}" in result.out
    assert all(name in result.out for name in RESOURCES if name != "usage_coverage")
    assert "Published to billing.duckdb" in result.out
    assert f"{len(api.requests)} requests" in result.out
    assert f"{ACCOUNT} invoices: done" in result.err


def test_a_load_as_json_prints_one_object(two: Simulator) -> None:
    result = aig("load", "--json")

    assert result.code == 0, result.err
    assert result.json["status"] == "ok"
    assert set(result.json["accounts"]) == {ACCOUNT, OTHER}
    assert result.json["accounts"][ACCOUNT] == {"status": "ok", "error": None, "errors": {}, "skipped": {}}
    assert result.json["rows"]["usage_hourly"] == count("usage_hourly")
    assert result.json["requests"] == len(two.requests)
    assert result.json["seconds"] > 0


def test_several_accounts_are_counted_per_resource(two: Simulator) -> None:
    result = aig("load", "--account", ACCOUNT, "--account", OTHER)

    assert result.code == 0, result.err
    assert "2 accounts" in result.out


def test_options_reach_the_load(api: Simulator) -> None:
    result = aig("load", "--only", "usage_hourly", "--grouping", "hour", "--lookback", "0", "--wait", "1")

    asked = {request.endpoint for request in api.requests}
    assert result.code == 0, result.err
    assert asked == {"accounts", "usage-history"}
    assert {r.query["value_grouping_window"] for r in api.requests if r.endpoint == "usage-history"} == {"hour"}


def test_the_rate_reaches_the_client(api: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    rates = []
    monkeypatch.setattr(
        client,
        "Client",
        lambda *given, **named: rates.append(named["max_requests_per_second"]) or Client(*given, **named),
    )

    aig("load", "--only", "credit_balance", "--max-requests-per-second", "50")

    assert rates == [50]


def test_nobodys_budget_is_kept_on_loopback_and_cloudflares_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    budgets = []
    monkeypatch.setattr(client, "Client", lambda *given, budget, **named: budgets.append(budget))
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", TOKEN)
    settings.client_for(settings.resolve(base_url="http://127.0.0.1:1"))
    settings.client_for(settings.resolve())

    assert budgets == [None, (1200, 300.0)]


def test_a_backfill_reads_its_days_and_nothing_else(api: Simulator) -> None:
    aig("load")
    api.requests.clear()
    day = f"{RECENT:%Y-%m-%d}"

    result = aig("backfill", "--from", day, "--to", day)

    asked = [request for request in api.requests if request.endpoint != "accounts"]
    spans = {int(r.query["end_time"]) - int(r.query["start_time"]) for r in asked}
    assert result.code == 0, result.err
    assert len(asked) == 2
    assert spans == {86_400_000}


def test_another_destination_has_its_rows_and_no_published_file(
    api: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(tmp_path / "elsewhere.duckdb"))

    result = aig("load", "--destination", "dlt.destinations.duckdb", "--only", "credit_balance")

    assert result.code == 0, result.err
    assert "dlt.destinations.duckdb was not tested here." in result.err
    assert "Loaded into dlt.destinations.duckdb." in result.out
    assert (tmp_path / "elsewhere.duckdb").exists()
    assert not DATABASE.exists()


@pytest.mark.parametrize("destination", ["nowhere", "filesystem"])
def test_a_destination_that_cannot_be_used_is_a_bad_setting(api: Simulator, destination: str) -> None:
    result = aig("load", "--destination", destination, "--only", "credit_balance")

    assert result.code == 2
    assert re.fullmatch(f"Error: .* destination {destination}.* Use duckdb, .*", result.err.splitlines()[-1])


# --- what the API refuses or fails at --------------------------------------------------------------------------------


def test_a_wrong_token_ends_with_3_and_publishes_nothing(api: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = "a-wrong-token-0123456789-0123456789"
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", wrong)

    result = aig("load", "--account", ACCOUNT)

    assert result.code == 3
    assert "Check the API token" in result.err
    assert wrong not in result.err + result.out
    assert not DATABASE.exists()


def test_a_token_that_may_not_list_accounts_is_told_to_name_one(
    api: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.faults.add(403, endpoint="accounts")

    result = aig("load")

    assert result.code == 3
    assert "--account" in result.err.splitlines()[-1]


def test_one_of_two_accounts_forbidden_ends_with_4_and_loads_the_other(two: Simulator) -> None:
    two.world.tokens[TOKEN].reads.discard(OTHER)

    result = aig("load", "--json")

    assert result.code == 4
    assert result.json["status"] == "partial"
    assert result.json["accounts"][ACCOUNT]["status"] == "ok"
    assert result.json["accounts"][OTHER]["status"] == "failed"
    assert "permission" in result.json["accounts"][OTHER]["error"]
    assert result.err.count(f"Failed for {OTHER}") == 1
    assert count("usage_hourly") > 0


def test_a_server_that_is_down_ends_with_6(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(monkeypatch, ACCOUNT):
        pass
    monkeypatch.setattr(client, "Client", NO_WAITING)

    result = aig("load", "--json")

    assert result.code == 6
    assert result.json["status"] == "failed"
    assert result.json["requests"] > 1
    assert not DATABASE.exists()


def test_a_load_in_which_nothing_could_be_read_keeps_the_published_file(
    api: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    aig("load")
    before = DATABASE.stat()
    monkeypatch.setattr(client, "Client", NO_WAITING)
    api.faults.add("refused")

    result = aig("load", "--account", ACCOUNT)

    assert result.code == 6
    assert "The database is unchanged" in result.out
    assert DATABASE.stat().st_mtime_ns == before.st_mtime_ns


# --- what nobody foresaw ---------------------------------------------------------------------------------------------


def break_load(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(load, "load", broken)


def test_an_unforeseen_error_is_one_line_without_secrets(api: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    break_load(monkeypatch, RuntimeError(f"boom {TOKEN} at https://api.cloudflare.com/x?y"))

    result = aig("load", "--json")

    assert result.code == 1
    assert result.err.startswith("Error: Unexpected error: boom *** at ***.")
    assert "--log-level debug" in result.err
    assert result.err.count("\n") == 1
    assert result.json["status"] == "failed"


def test_debugging_shows_the_traceback_without_the_token(api: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    break_load(monkeypatch, RuntimeError(f"boom {TOKEN}"))

    result = aig("load", "--log-level", "debug")

    assert result.code == 1
    assert "Traceback" in result.err
    assert TOKEN not in result.err


def test_the_systems_own_refusal_is_told_in_its_words(api: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    break_load(monkeypatch, PermissionError(13, "Permission denied", "/somewhere"))

    result = aig("load")

    assert result.code == 1
    assert result.err == "Error: Permission denied (/somewhere).\n"


def test_ctrl_c_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    break_load(monkeypatch, KeyboardInterrupt())  # type: ignore[arg-type]
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", TOKEN)

    result = aig("load", "--account", ACCOUNT)

    assert result.code == 130


# --- processes -------------------------------------------------------------------------------------------------------


def wait_for_requests(simulator: Simulator) -> None:
    deadline = time.monotonic() + 30
    while not any(request.endpoint == "usage-history" for request in simulator.requests):
        assert time.monotonic() < deadline, "the load never asked for anything"
        time.sleep(0.02)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_second_load_is_refused_and_a_signal_ends_the_first_at_once(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int
) -> None:
    with serving(monkeypatch, ACCOUNT) as simulator:
        simulator.faults.add("slow", endpoint="usage-history", delay_s=20.0)
        process = start_aig("load")
        wait_for_requests(simulator)
        second = aig("load")
        began = time.monotonic()
        process.send_signal(number)
        _, err = process.communicate(timeout=10)
        seconds = time.monotonic() - began

    assert second.code == 5
    assert f"process {process.pid}" in second.err
    assert process.returncode == code
    assert seconds < 1
    assert (
        err.splitlines()[-1].partition("Z ")[2]
        == "Stopped. The database still contains the last complete load. Run again."
    )
    assert not DATABASE.exists()
    with Workspace(Path("billing.duckdb")).locked(0):
        pass


def test_waiting_for_the_lock_ends_with_5_too(api: Simulator) -> None:
    Path("billing.duckdb.load").mkdir()
    with Workspace(Path("billing.duckdb")).locked(0):
        began = time.monotonic()
        result = aig("load", "--wait", "0.5")

    assert result.code == 5
    assert time.monotonic() - began >= 0.5


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    duckdb.connect(str(DATABASE)).close()
    sql = "select * from range(1000000)"
    writer = [sys.executable, "-m", "ai_gateway_billing_pipeline", "query", "--csv", sql]

    with subprocess.Popen(writer, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()

    assert err == b""
    assert process.returncode == 141


def test_reading_needs_no_dlt(api: Simulator) -> None:
    aig("load")

    result = run_python("""
import sys
from ai_gateway_billing_pipeline.cli import main
for arguments in (["status"], ["query", "select 1"]):
    try:
        main(arguments)
    except SystemExit as end:
        assert not end.code
print({"dlt", "httpx", "pandas", "pyarrow", "sqlglot"} & set(sys.modules))
""")

    assert result.out.splitlines()[-1] == "set()", result.err


# --- the demo --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's account, loaded once, in a folder of its own."""
    database = tmp_path_factory.mktemp("demo") / "billing.duckdb"
    result = aig("load", "--demo", "--database", str(database))
    assert result.code == 0, result.err
    return database


def test_the_demo_needs_no_settings_and_heeds_none(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLOUDFLARE_API_TOKEN", "CLOUDFLARE_ACCOUNT_ID", "CLOUDFLARE_BASE_URL", "AIG_BILLING_START"):
        monkeypatch.setenv(name, "nonsense")

    result = aig("load", "--demo", "--database", str(demo), "--json")

    assert result.code == 0, result.err
    assert list(result.json["accounts"]) == [DEMO_ACCOUNT_ID]


def test_the_demo_takes_no_account_of_yours() -> None:
    result = aig("load", "--demo", "--account", ACCOUNT)

    assert result.code == 2
    assert "Remove --account" in result.err


def test_a_real_account_does_not_get_into_the_demos_database(demo: Path, api: Simulator) -> None:
    before = demo.read_bytes()

    result = aig("load", "--database", str(demo))

    assert result.code == 2
    assert "the demo's simulated account" in result.err
    assert demo.read_bytes() == before
