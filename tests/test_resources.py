"""The dlt source as dlt users meet it: selectable, limitable, configurable, on more than one destination."""

from __future__ import annotations

import inspect
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dlt
import duckdb
import httpx
import pyarrow.parquet
import pytest
from dlt.extract import DltSource
from dlt.extract.exceptions import ResourceExtractionError
from dlt.pipeline.exceptions import PipelineStepFailed

from ai_gateway_billing import ai_gateway_billing, turns
from ai_gateway_billing.api.client import Client
from ai_gateway_billing.errors import BillingPermissionError
from ai_gateway_billing.outcome import Outcomes
from ai_gateway_billing.rows import arrow, bookkeeping
from ai_gateway_billing.rows.tables import RESOURCES, TABLES
from ai_gateway_billing.simulator import Account, Simulator
from ai_gateway_billing.usage.windows import epoch_ms
from support.bench import USAGE, Bench
from support.constants import ACCOUNT, DAY, HOUR, NOW, OTHER, TOKEN
from support.pipelines import pipeline


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Bench, str]]:
    """Two accounts behind loopback HTTP, at the real time, and the base URL. Nobody may change this world."""
    bench = Bench(tmp_path_factory.mktemp("simulated"), now=datetime.now(UTC).replace(microsecond=0))
    bench.start = f"{bench.now - timedelta(days=6):%Y-%m-%d}"
    for account_id in (ACCOUNT, OTHER):
        account = bench.account(account_id)
        for hours in range(40):
            account.set_hour(
                bench.now.replace(minute=0, second=0) - hours * HOUR, Decimal("1.000000000000000001") * hours
            )
        account.set_balance(Decimal("640.19"))
        account.put_invoice({"id": "in_1", "currency": "usd", **dict.fromkeys(AMOUNTS, 50_000)})
    with bench.simulator.serve() as url:
        yield bench, url


AMOUNTS = ("amount_due", "amount_paid", "amount_remaining")


def source(simulated: tuple[Bench, str], accounts: Any = ACCOUNT, **settings: Any) -> DltSource:
    bench, url = simulated
    return ai_gateway_billing(accounts, start=bench.start, api_token=TOKEN, base_url=url, **settings)


def loaded_into(bench: Bench, folder: Path) -> Bench:
    """The same world, compared with the database that a pipeline of a test has filled."""
    found = Bench(folder, bench.world, now=bench.now, start=bench.start)
    found.database = folder / "billing.duckdb"
    return found


def endpoints(simulator: Simulator) -> set[str | None]:
    return {each.endpoint for each in simulator.requests}


def test_it_runs_as_a_plain_dlt_source(simulated: tuple[Bench, str], tmp_path: Path) -> None:
    """Twice in a row: the second run reads less and leaves the same tables."""
    bench, _ = simulated
    requests = []
    for _ in range(2):
        before = len(bench.simulator.requests)
        pipeline(tmp_path).run(source(simulated, [ACCOUNT, OTHER]))
        requests.append(len(bench.simulator.requests) - before)

    found = loaded_into(bench, tmp_path)
    for account_id in (ACCOUNT, OTHER):
        for grouping in USAGE:
            assert found.usage(grouping, account_id) == found.true_usage(grouping, account_id)
        assert found.invoices(account_id)["in_1"]["amount_due"] == 50_000
        assert [row["balance"] for row in found.versions("credit_balance", account_id)] == [Decimal("640.19")]
    found.close()
    assert requests[1] <= requests[0]


def test_its_names_and_dispositions_are_pinned(simulated: tuple[Bench, str]) -> None:
    """Another source or resource name would lose every cursor; another key would double rows."""
    found = source(simulated)

    assert (found.name, found.section) == ("ai_gateway_billing", "ai_gateway_billing")
    assert tuple(found.resources) == (*RESOURCES, *bookkeeping.FIELDS)
    tables = {name: each.compute_table_schema() for name, each in found.resources.items()}
    assert {name: table["write_disposition"] for name, table in tables.items()} == dict.fromkeys(tables, "merge")
    keys = {
        name: [column for column, hint in table["columns"].items() if hint.get("merge_key") or hint.get("primary_key")]
        for name, table in tables.items()
    }
    assert {name: key for name, key in keys.items() if key} == {
        "usage_hourly": ["account_id", "bucket_start"],
        "usage_daily": ["account_id", "bucket_start"],
        "usage_coverage": ["account_id", "grouping", "day"],
        "invoices": ["account_id", "id"],
        "load_status": ["account_id", "resource"],
        "quarantine": ["account_id", "resource", "field", "reason", "payload"],
        "unknown_fields": ["table_name", "field"],
    }
    versioned = {name for name, table in tables.items() if table.get("x-merge-strategy") == "scd2"}
    assert versioned == {"invoice_preview", "credit_balance", "topup_config", "spending_limit"}


def test_every_setting_has_a_default() -> None:
    assert all(each.default is not each.empty for each in inspect.signature(ai_gateway_billing).parameters.values())


def test_every_column_is_hinted_and_described(simulated: tuple[Bench, str], tmp_path: Path) -> None:
    run = pipeline(tmp_path)
    run.extract(source(simulated, attribution=True))

    for table, columns in TABLES.items():
        found = run.default_schema.tables[table]["columns"]
        for name, hint in columns.items():
            assert {key: found[name].get(key) for key in ("data_type", "precision", "scale", "nullable")} == {
                key: hint.get(key) for key in ("data_type", "precision", "scale", "nullable")
            }
            assert found[name].get("description"), f"{table}.{name}"


@pytest.mark.parametrize(
    ("chosen", "asked"),
    [
        (["credit_balance"], {"credit-balance"}),
        (["invoices", "topup_config"], {"invoice-history", "topup/config"}),
        (["usage_daily"], {"usage-history"}),
        (["usage_coverage"], set()),
        (["usage_coverage", "usage_hourly"], {"usage-history"}),
    ],
)
def test_only_selected_resources_ask_the_api(simulated: tuple[Bench, str], chosen: list[str], asked: set[str]) -> None:
    bench, _ = simulated
    bench.simulator.requests.clear()

    list(source(simulated).with_resources(*chosen))

    assert endpoints(bench.simulator) - {"accounts"} == asked  # any answer tells the time, and one is always asked for


def test_a_limit_gives_a_sample_and_ends(simulated: tuple[Bench, str], tmp_path: Path) -> None:
    run = pipeline(tmp_path)

    run.run(source(simulated).add_limit(1))

    with duckdb.connect(str(tmp_path / "billing.duckdb")) as connection:
        counts = {
            table: connection.execute(f"select count(*) from ai_gateway_billing.{table}").fetchall()[0][0]
            for table in ("usage_hourly", "invoices", "credit_balance")
        }
    assert all(counts.values()), counts


@pytest.mark.parametrize("mode", ["fifo", "round_robin"])
def test_it_ends_in_whatever_order_dlt_takes_its_resources(
    simulated: tuple[Bench, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """Coverage waits for usage; it must not wait for ever."""
    monkeypatch.setenv("EXTRACT__NEXT_ITEM_MODE", mode)
    run = pipeline(tmp_path)

    run.extract(source(simulated).with_resources("usage_coverage", "usage_daily", "usage_hourly"))

    counts = run.last_trace.last_extract_info.metrics[run.last_trace.last_extract_info.loads_ids[0]][0]
    assert counts["resource_metrics"]["usage_coverage"].items_count == 2 * 7


def test_coverage_of_a_long_history_is_handed_over_part_by_part(
    simulated: tuple[Bench, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would all be kept until the last answer has come."""
    monkeypatch.setattr(arrow, "BATCH_ROWS", 3)

    found = list(source(simulated).with_resources("usage_coverage", "usage_daily", "usage_hourly"))

    parts = [each for each in found if "read_until" in each.column_names]
    days = {(row["grouping"], row["day"]) for part in parts for row in part.to_pylist()}
    assert len(parts) > 1
    assert sum(part.num_rows for part in parts) == len(days) == 2 * 7


def test_hints_can_be_changed(simulated: tuple[Bench, str], tmp_path: Path) -> None:
    changed = source(simulated).with_resources("usage_daily", "invoices")
    changed.usage_daily.apply_hints(table_name="daily_usage", columns={"id": {"data_type": "text", "description": "x"}})
    changed.invoices.apply_hints(write_disposition="append")
    run = pipeline(tmp_path)
    run.run(changed)
    again = source(simulated).with_resources("invoices")
    again.invoices.apply_hints(write_disposition="append")
    run.run(again)

    with duckdb.connect(str(tmp_path / "billing.duckdb")) as connection:
        (invoices,) = connection.execute("select count(*) from ai_gateway_billing.invoices").fetchall()
        (days,) = connection.execute("select count(*) from ai_gateway_billing.daily_usage").fetchall()
    assert invoices == (2,)
    assert days[0] >= 2


def test_a_refresh_reads_the_whole_history_again(simulated: tuple[Bench, str], tmp_path: Path) -> None:
    bench, _ = simulated
    pipeline(tmp_path).run(source(simulated, lookback_days=0))
    bench.simulator.requests.clear()

    pipeline(tmp_path).run(source(simulated, lookback_days=0), refresh="drop_sources")

    starts = [int(each.query["start_time"]) for each in bench.simulator.requests if each.endpoint == "usage-history"]
    assert datetime.fromtimestamp(min(starts) / 1000, UTC).date().isoformat() == bench.start
    found = loaded_into(bench, tmp_path)
    assert found.usage("hour") == found.true_usage("hour")
    found.close()


def test_the_dataset_can_be_read_by_dlts_own_means(simulated: tuple[Bench, str], tmp_path: Path) -> None:
    run = pipeline(tmp_path)
    run.run(source(simulated).with_resources("credit_balance"))

    assert run.dataset().credit_balance.select("balance").fetchall() == [(Decimal("640.19"),)]


# --- settings -------------------------------------------------------------------------------------------------------


def test_settings_come_from_dlts_configuration(
    simulated: tuple[Bench, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, url = simulated
    (Path.cwd() / ".dlt").mkdir()
    (Path.cwd() / ".dlt/secrets.toml").write_text(f'[sources.ai_gateway_billing]\napi_token = "{TOKEN}"\n')
    monkeypatch.setenv("SOURCES__AI_GATEWAY_BILLING__BASE_URL", url)
    monkeypatch.setenv("SOURCES__AI_GATEWAY_BILLING__ACCOUNT_IDS", OTHER)
    monkeypatch.setenv("SOURCES__AI_GATEWAY_BILLING__START", bench.start)
    from dlt.common.configuration.container import Container
    from dlt.common.configuration.specs import PluggableRunContext

    Container()[PluggableRunContext].reload()
    bench.simulator.requests.clear()

    list(ai_gateway_billing().with_resources("credit_balance"))

    assert {each.account_id for each in bench.simulator.requests} - {None} == {OTHER}


def test_settings_come_from_the_environment(simulated: tuple[Bench, str], monkeypatch: pytest.MonkeyPatch) -> None:
    bench, url = simulated
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", TOKEN)
    monkeypatch.setenv("CLOUDFLARE_BASE_URL", url)

    assert list(ai_gateway_billing("all", start=bench.start).with_resources("credit_balance"))


@pytest.mark.parametrize("accounts", ["short", ["x" * 32], f"{ACCOUNT},nonsense"])
def test_an_impossible_account_is_refused_before_a_request(simulated: tuple[Bench, str], accounts: Any) -> None:
    bench, _ = simulated
    bench.simulator.requests.clear()

    with pytest.raises(ResourceExtractionError, match="account id"):
        list(source(simulated, accounts).with_resources("credit_balance"))

    assert bench.simulator.requests == []


def test_several_accounts_and_no_choice_are_refused(simulated: tuple[Bench, str]) -> None:
    with pytest.raises(ResourceExtractionError, match="all"):
        list(source(simulated, None).with_resources("credit_balance"))


def test_the_token_shows_nowhere(simulated: tuple[Bench, str], tmp_path: Path) -> None:
    found = source(simulated)
    run = pipeline(tmp_path)
    run.extract(found.with_resources("credit_balance"))

    assert TOKEN not in repr(found) + str(found) + repr(run.last_trace)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]


# --- failures -------------------------------------------------------------------------------------------------------


@pytest.fixture
def failing(simulated: tuple[Bench, str]) -> Iterator[tuple[Bench, str]]:
    """The simulated world with one account forbidden."""
    simulated[0].faults.add(403, account_id=OTHER)
    yield simulated
    simulated[0].faults.clear()


def test_an_account_that_fails_is_logged_and_the_others_are_loaded(
    failing: tuple[Bench, str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "ai_gateway_billing"):
        rows = list(source(failing, [ACCOUNT, OTHER]).with_resources("credit_balance", "usage_daily"))

    assert rows
    told = [record.getMessage() for record in caplog.records if OTHER in record.getMessage()]
    assert any("credit_balance" in message for message in told)
    assert any("usage_daily" in message for message in told)
    assert TOKEN not in caplog.text


@pytest.mark.parametrize("resource", ["credit_balance", "invoices", "usage_hourly"])
def test_when_every_account_fails_the_error_is_raised(
    failing: tuple[Bench, str], tmp_path: Path, resource: str
) -> None:
    with pytest.raises(PipelineStepFailed) as caught:
        pipeline(tmp_path).run(source(failing, OTHER).with_resources(resource))

    chain = []
    error: BaseException | None = caught.value
    while error:
        chain.append(error)
        error = error.__cause__ or error.__context__
    assert any(isinstance(each, BillingPermissionError) for each in chain)


# --- what one run may ask for, as the command does -------------------------------------------------------------------


def asked(bench: Bench) -> set[tuple[str, str]]:
    """Grouping and UTC day of the start of each usage request."""
    days = [(each.query["value_grouping_window"], int(each.query["start_time"])) for each in usage_requests(bench)]
    return {(grouping, datetime.fromtimestamp(start / 1000, UTC).date().isoformat()) for grouping, start in days}


def usage_requests(bench: Bench) -> list[Any]:
    return [each for each in bench.simulator.requests if each.endpoint == "usage-history"]


@pytest.mark.parametrize(("grouping", "groupings"), [("hour", {"hour"}), ("day", {"day"}), ("both", {"hour", "day"})])
def test_one_grouping_alone_can_be_read(simulated: tuple[Bench, str], grouping: Any, groupings: set[str]) -> None:
    bench, _ = simulated
    bench.simulator.requests.clear()

    list(source(simulated, grouping=grouping).with_resources("usage_hourly", "usage_daily"))

    assert {each for each, _ in asked(bench)} == groupings


def test_a_backfill_reads_its_days_and_moves_no_cursor(simulated: tuple[Bench, str], tmp_path: Path) -> None:
    bench, _ = simulated
    run = pipeline(tmp_path)
    run.run(source(simulated, lookback_days=0))
    cursors = run.state["sources"]["ai_gateway_billing"]["resources"]["usage_daily"]["cursors"]
    before = str(cursors)
    day = (bench.now - timedelta(days=4)).date()
    bench.simulator.requests.clear()

    run.run(source(simulated, backfill=(day, day)).with_resources("usage_daily"))

    assert asked(bench) == {("day", day.isoformat())}
    assert str(run.state["sources"]["ai_gateway_billing"]["resources"]["usage_daily"]["cursors"]) == before


def test_a_full_refresh_reads_everything_and_keeps_what_is_there(simulated: tuple[Bench, str], tmp_path: Path) -> None:
    bench, _ = simulated
    run = pipeline(tmp_path)
    run.run(source(simulated).with_resources("usage_daily"))
    bench.simulator.requests.clear()

    run.run(source(simulated, lookback_days=0, full_refresh=True).with_resources("usage_daily"))

    assert asked(bench) == {("day", bench.start)}
    found = loaded_into(bench, tmp_path)
    assert found.usage("day") == found.true_usage("day")
    found.close()


@pytest.mark.parametrize(
    "name",
    [
        "BACKFILL",
        *(pytest.param(n, marks=pytest.mark.thorough) for n in ("FULL_REFRESH", "NOW", "CLIENT", "OUTCOMES")),
    ],
)
def test_what_one_run_may_ask_for_is_never_found_in_an_environment(
    simulated: tuple[Bench, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    bench, _ = simulated
    run = pipeline(tmp_path)
    run.run(source(simulated).with_resources("usage_daily"))
    for variable in (name, f"SOURCES__AI_GATEWAY_BILLING__{name}"):
        monkeypatch.setenv(variable, "true")
    bench.simulator.requests.clear()

    run.run(source(simulated, lookback_days=0).with_resources("usage_daily"))

    assert {day for _, day in asked(bench)} == {f"{bench.now:%Y-%m-%d}"}


def test_a_source_that_is_kept_reads_anew_each_time(simulated: tuple[Bench, str], tmp_path: Path) -> None:
    """In a process that goes on for long, each run has the time and the accounts of its own moment."""
    bench, _ = simulated
    moments = iter(bench.now + hours * HOUR for hours in (0, 0, 1, 2))
    kept = source(simulated, now=lambda: next(moments)).with_resources("credit_balance", "usage_daily")
    run = pipeline(tmp_path)

    for _ in range(2):
        run.run(kept)

    with duckdb.connect(str(tmp_path / "billing.duckdb")) as connection:
        read_at = connection.execute("select max(epoch(read_at)) from ai_gateway_billing.usage_coverage").fetchall()
    assert read_at == [((bench.now + 0 * HOUR).timestamp(),)]
    assert next(moments) == bench.now + 2 * HOUR


# --- markers --------------------------------------------------------------------------------------------------------

UPSERT = {"disposition": "merge", "strategy": "upsert"}
INSERT_ONLY = {"disposition": "merge", "strategy": "insert-only"}
PLAIN_SCD2 = {"disposition": "merge", "strategy": "scd2"}
DISPOSITIONS: list[tuple[Any, tuple[str, ...]]] = [
    *((plain, (*USAGE.values(), "invoice_preview")) for plain in ("merge", "append", "replace")),
    *((strategy, tuple(USAGE.values())) for strategy in (UPSERT, INSERT_ONLY)),
    (PLAIN_SCD2, ("invoice_preview",)),
]
QUICK = [(*each, "source") for each in (DISPOSITIONS[0], DISPOSITIONS[3])]
WAYS = [(*each, "source") for each in DISPOSITIONS] + [(*each, "run") for each in DISPOSITIONS[1:3]]


def no_markers(folder: Path) -> dict[str, int]:
    """How many rows each table has, none of which marks what is gone."""
    counts = {}
    with duckdb.connect(str(folder / "billing.duckdb")) as connection:
        tables = connection.execute(
            "select table_name from information_schema.columns where column_name = 'withdrawn' and "
            "table_schema = 'ai_gateway_billing'"
        ).fetchall()
        for (table,) in tables:
            rows = connection.execute(f"select withdrawn from ai_gateway_billing.{table}").fetchall()
            assert {withdrawn for (withdrawn,) in rows} <= {None}, table
            counts[table] = len(rows)
    return counts


@pytest.mark.parametrize(
    ("disposition", "names", "at"),
    [pytest.param(*way, marks=() if way in QUICK else pytest.mark.thorough) for way in WAYS],
    ids=str,
)
def test_markers_never_become_rows_whatever_the_disposition(
    simulated: tuple[Bench, str], tmp_path: Path, disposition: Any, names: tuple[str, ...], at: str
) -> None:
    """Neither those of silent hours nor those of a preview that is not there."""
    bench, _ = simulated
    run = pipeline(tmp_path)
    for _ in range(2):
        found = source(simulated, full_refresh=True).with_resources(*names)
        for name in names:
            if disposition in (UPSERT, INSERT_ONLY):
                found.resources[name].apply_hints(primary_key=["account_id", "start_time", "id"])
            if at == "source":
                found.resources[name].apply_hints(write_disposition=disposition)
        run.run(found, write_disposition=disposition if at == "run" else None)

    counts = no_markers(tmp_path)
    usage = (2 if disposition == "append" else 1) * len(bench.true_usage("hour"))
    expected = {"usage_hourly": usage, "invoice_preview": 0}
    assert {name: counts[name] for name in expected if name in names} == {
        name: count for name, count in expected.items() if name in names
    }


def test_the_rows_of_a_source_are_rows_of_the_api_alone(simulated: tuple[Bench, str]) -> None:
    """Whoever looks at them without any destination gets no marker either."""
    bench, _ = simulated

    (table,) = [each for each in source(simulated).with_resources("usage_hourly") if "withdrawn" in each.column_names]

    assert table.num_rows == len(bench.true_usage("hour"))


# --- other destinations ---------------------------------------------------------------------------------------------


def test_it_loads_into_parquet_files(simulated: tuple[Bench, str], tmp_path: Path) -> None:
    """A destination without merge appends: exact rows, each load's beside the others'."""
    bench, _ = simulated
    run = pipeline(tmp_path, dlt.destinations.filesystem(bucket_url=(tmp_path / "lake").as_uri()))

    run.run(source(simulated), loader_file_format="parquet")

    files = list((tmp_path / "lake/ai_gateway_billing/usage_hourly").glob("*.parquet"))
    rows = [row for file in files for row in pyarrow.parquet.read_table(file).to_pylist()]
    found = sorted((row["start_time"], row["end_time"], row["id"], row["aggregated_value"]) for row in rows)
    assert found == bench.true_usage("hour")
    previews = (tmp_path / "lake/ai_gateway_billing/invoice_preview").glob("*.parquet")
    assert sum(pyarrow.parquet.read_table(file).num_rows for file in previews) == 0
    (balance,) = (tmp_path / "lake/ai_gateway_billing/credit_balance").glob("*.parquet")
    assert pyarrow.parquet.read_table(balance)["balance"].to_pylist() == [Decimal("640.19")]


# --- empty ----------------------------------------------------------------------------------------------------------


def test_an_empty_account_makes_every_table_and_child_table(tmp_path: Path) -> None:
    bench = Bench(tmp_path, now=datetime.now(UTC))
    account: Account = bench.account()
    with bench.simulator.serve() as url:
        pipeline(tmp_path).run(ai_gateway_billing(account.id, api_token=TOKEN, base_url=url, attribution=True))

    with duckdb.connect(str(tmp_path / "billing.duckdb")) as connection:
        for table, columns in TABLES.items():
            query = f"select * from ai_gateway_billing.{table}"
            names = {column[0] for column in connection.execute(query).description}
            assert set(columns) <= names, table
            count = len(connection.execute(query).fetchall())
            assert count == 0 or table in ("credit_balance", "topup_config", "usage_coverage"), table


def test_the_schema_names_no_unit_that_is_not_known() -> None:
    text = TABLES["usage_hourly"]["aggregated_value"]["description"]

    assert "undocumented" in text


# --- deep passes of many accounts -----------------------------------------------------------------------------------


def test_many_accounts_are_read_deep_one_after_the_other_over_the_loads_of_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With three for many, and one at once. One that fails stays due."""
    monkeypatch.setattr(turns, "AT_ONCE", 1)
    bench, running = Bench(tmp_path), pipeline(tmp_path)
    ids = [f"{number:032x}" for number in range(3)]
    for each in ids:
        bench.account(each)

    def read_deep(hours: int) -> set[str | None]:
        bench.now = NOW + hours * HOUR
        bench.simulator.requests.clear()
        with bench.client() as client:
            everything = ai_gateway_billing(
                ids, "2026-10-15", client=client, now=lambda: bench.now, outcomes=Outcomes(), trust_clock=True
            )
            running.extract(everything.with_resources("usage_hourly"))
        horizon = epoch_ms(bench.now - 30 * DAY)
        asked = [each for each in bench.simulator.requests if each.endpoint == "usage-history"]
        return {each.account_id for each in asked if int(each.query["start_time"]) < horizon}

    assert read_deep(0) == {*ids}
    assert read_deep(23) == set()
    bench.faults.add(500)
    assert len(read_deep(24)) == 1
    bench.faults.clear()
    found = [read_deep(hours) for hours in (25, 26, 27, 28)]
    assert [len(each) for each in found] == [1, 1, 1, 0]
    assert set().union(*found) == {*ids}
    assert read_deep(24 + 28) == {*ids}, "a daily load reads all of them"


def test_resources_do_not_wait_for_each_others_answers(simulated: tuple[Bench, str]) -> None:
    """No endpoint answers before every other one was asked."""
    bench, _ = simulated
    asked: set[str | None] = set()
    all_asked = threading.Condition()

    def handle(request: httpx.Request) -> httpx.Response:
        answer = bench.simulator.handle(request)
        with all_asked:
            asked.update(endpoints(bench.simulator))
            all_asked.notify_all()
            if request.url.path.endswith("/accounts") or all_asked.wait_for(lambda: len(asked) >= 6, timeout=20):
                return answer
        raise httpx.ReadTimeout("the others were not asked")

    bench.simulator.requests.clear()
    outcomes = Outcomes()
    with Client(TOKEN, transport=httpx.MockTransport(handle), budget=None) as client:
        found = ai_gateway_billing([ACCOUNT], start=bench.start, client=client, outcomes=outcomes)
        list(found)

    assert outcomes.failures() == {}
