"""What the command says and which exit code it ends with, whatever happens."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import typer

from ai_gateway_billing.api import client
from ai_gateway_billing.simulator import Simulator
from ai_gateway_billing_pipeline import cli, settings
from ai_gateway_billing_pipeline.loading.workspace import Workspace
from support.bench import put_tables
from support.command import RECENT, aig, run_python, serving, start_aig
from support.constants import ACCOUNT, OTHER, TOKEN

DATABASE = Path("billing.duckdb")
SIMULATOR = "ai_gateway_billing.simulator"
HEAVY = {"dlt", "duckdb", "httpx", "numpy", "pandas", "pyarrow", "requests", "rich.console", "sqlglot", SIMULATOR}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """One account, which the settings name no further."""
    with serving(monkeypatch, ACCOUNT) as simulator:
        yield simulator


def count(table: str) -> int:
    with duckdb.connect(str(DATABASE), read_only=True) as database:
        row = database.execute(f"select count(*) from ai_gateway_billing.{table}").fetchone()
    assert row is not None
    return int(row[0])


# --- help ------------------------------------------------------------------------------------------------------------


def test_no_help_imports_anything_heavy() -> None:
    """It has to answer at once."""
    commands = sorted(typer.main.get_command(cli.app).commands)
    code = f"""
import sys
from ai_gateway_billing_pipeline.cli import main
for words in {[[], *([command] for command in commands)]}:
    try:
        main([*words, "--help"])
    except SystemExit as end:
        assert not end.code, words
    assert not {HEAVY} & set(sys.modules), words
"""

    result = run_python(code)

    assert result.code == 0, result.err
    assert all(f"Usage: aig-billing {command} " in result.out for command in commands)


def test_the_help_names_every_command_as_its_own_help_does() -> None:
    """It is written without a look at the commands' options."""
    whole = typer.main.get_command(cli.app)
    context = whole.make_context("aig-billing", ["account"], resilient_parsing=True)

    assert aig("--help").out.strip() == context.get_help().strip()


def test_a_shell_completes_the_options_of_every_command(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"_AIG_BILLING_COMPLETE": "complete_bash", "COMP_CWORD": "2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COMP_WORDS", "aig-billing load --lookb")

    assert "--lookback" in aig().out


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


def test_nobodys_budget_is_kept_on_loopback_and_cloudflares_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    budgets = []
    monkeypatch.setattr(client, "Client", lambda *given, budget, **named: budgets.append(budget))
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", TOKEN)
    settings.client_for(settings.resolve(base_url="http://127.0.0.1:1"))
    settings.client_for(settings.resolve())

    assert budgets == [None, (1200, 300.0)]


def test_a_backfill_reads_its_days_and_nothing_else(api: Simulator) -> None:
    put_tables(Path.cwd())
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
        process.send_signal(number)
        _, err = process.communicate(timeout=15)  # the answer would take longer

    assert second.code == 5
    assert f"process {process.pid}" in second.err
    assert process.returncode == code
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


@pytest.mark.parametrize(
    "command",
    [
        ["load", "--json"],
        pytest.param(
            ["backfill", "--json", "--from", f"{RECENT:%Y-%m-%d}", "--to", f"{RECENT:%Y-%m-%d}"],
            marks=pytest.mark.thorough,
        ),
    ],
)
def test_a_load_on_a_schedule_imports_nothing_that_draws_and_no_simulator(api: Simulator, command: list[str]) -> None:
    result = run_python(f"""
import sys
from ai_gateway_billing_pipeline.__main__ import main
sys.argv[1:] = {command}
try:
    main()
finally:
    print("imported:", {{"rich.console", "{SIMULATOR}"}} & set(sys.modules), file=sys.stderr)
""")

    assert result.code == 0, result.err
    assert "imported: set()" in result.err


def test_reading_needs_no_dlt(api: Simulator) -> None:
    put_tables(Path.cwd())
    aig("load")

    result = run_python("""
import sys
from ai_gateway_billing_pipeline.cli import main
for arguments in (["status"], ["check"], ["query", "select 1"]):
    try:
        main(arguments)
    except SystemExit as end:
        assert not end.code
print({"dlt", "httpx", "pandas", "pyarrow", "sqlglot"} & set(sys.modules))
""")

    assert result.out.splitlines()[-1] == "set()", result.err
