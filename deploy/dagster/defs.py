"""AI Gateway billing in Dagster: one asset, a partition per shard, each run one process of `aig-billing load`.

Nothing is read from Cloudflare and no token is opened when Dagster loads this file.
"""

import json
import os
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg

SHARDS_FILE = Path(os.environ.get("AIG_BILLING_SHARDS") or Path(__file__).with_name("shards.toml"))
SHARDS: dict[str, dict[str, Any]] = tomllib.loads(SHARDS_FILE.read_text())["shards"]
DESTINATION = os.environ.get("AIG_BILLING_DESTINATION") or "postgres"

PASSES_BY_ITSELF = {5: 60, 6: 300}
"""Exit codes after which the same command may do better, and the seconds to wait: another load runs, or the API was
not reachable. The other codes stay what they are until somebody changes something."""

MONTH_TO_DATE = """
    select m.currency, sum(m.amount) as amount
    from spend.monthly as m
    join ai_gateway_billing.shard_accounts as s using (account_id)
    where s.shard = '{shard}' and not m.is_final and m.month = (select max(month) from spend.monthly)
    group by m.currency
"""

shards = dg.StaticPartitionsDefinition(sorted(SHARDS))


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`aig-billing` as a process of its own. What it logs goes where Dagster keeps the output of a step."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CLOUDFLARE_API_TOKEN")}
    with subprocess.Popen(
        ["aig-billing", *words], stdout=subprocess.PIPE, text=True, env=inherited | environment
    ) as process:
        try:
            output, _ = process.communicate()
        except BaseException:
            process.terminate()  # a load that is stopped writes nothing more; the next one reads it again
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, output)


@dg.asset(
    partitions_def=shards,
    group_name="cloudflare",
    kinds={"dlt", DESTINATION},
    check_specs=[dg.AssetCheckSpec("everything_was_loaded", asset="ai_gateway_billing")],
)
def ai_gateway_billing(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
    """What Cloudflare bills for the AI Gateway of a shard's accounts: raw tables, one incremental load."""
    shard = context.partition_key
    settings = SHARDS[shard]
    accounts = settings.get("accounts", "all")
    done = run(
        *("load", "--shard", shard, "--destination", DESTINATION, "--wait", "600", "--json", "--log-format", "json"),
        CLOUDFLARE_API_TOKEN_FILE=settings["token_file"],
        CLOUDFLARE_ACCOUNT_ID=accounts if isinstance(accounts, str) else ",".join(accounts),
    )
    if done.returncode in PASSES_BY_ITSELF:
        raise dg.RetryRequested(max_retries=3, seconds_to_wait=PASSES_BY_ITSELF[done.returncode])
    if done.returncode not in (0, 4):
        raise dg.Failure(f"aig-billing load ended with {done.returncode}; its log says why.", allow_retries=False)
    yield materialized(shard, json.loads(done.stdout))


def materialized(shard: str, loaded: dict[str, Any]) -> dg.MaterializeResult:
    """Rows and requests of the load, and what the shard's accounts have spent in this month so far."""
    failed = {account: told["error"] for account, told in loaded["accounts"].items() if told["status"] != "ok"}
    return dg.MaterializeResult(
        metadata={
            "accounts": len(loaded["accounts"]),
            "dagster/row_count": sum(loaded["rows"].values()),
            "rows": loaded["rows"],
            "requests": loaded["requests"],
            **{f"{currency} this month": float(amount) for currency, amount in month_to_date(shard)},
        },
        check_results=[
            dg.AssetCheckResult(
                passed=not failed,
                check_name="everything_was_loaded",
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"failed": failed},
            )
        ],
    )


def month_to_date(shard: str) -> list[tuple[str, str]]:
    """For a chart only: Dagster draws floats, the exact amounts are in the database."""
    done = run("query", "--destination", DESTINATION, "--json", MONTH_TO_DATE.format(shard=shard))
    return [(row["currency"], row["amount"]) for row in json.loads(done.stdout)] if done.returncode == 0 else []


@dg.asset_check(asset=ai_gateway_billing, description="What `aig-billing check` finds in all shards together.")
def data_is_sound() -> dg.AssetCheckResult:
    """Gaps, sums that differ, stale data, credit that runs out: as a table beside the asset."""
    done = run("check", "--destination", DESTINATION, "--json")
    if done.returncode not in (0, 1):
        raise dg.Failure(f"aig-billing check ended with {done.returncode}; its log says why.", allow_retries=False)
    findings = [found for found in json.loads(done.stdout)["findings"] if not found["accepted"]]
    return dg.AssetCheckResult(
        passed=not findings,
        severity=dg.AssetCheckSeverity.ERROR if done.returncode else dg.AssetCheckSeverity.WARN,
        metadata={"findings": dg.MetadataValue.json(findings)},
    )


loads = dg.define_asset_job(
    "load_billing", selection=dg.AssetSelection.assets(ai_gateway_billing), partitions_def=shards
)


@dg.schedule(job=loads, cron_schedule="17 * * * *", default_status=dg.DefaultScheduleStatus.RUNNING)
def hourly(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    """One run a shard. The limit of one run a shard is in dagster.yaml."""
    for shard in shards.get_partition_keys():
        yield dg.RunRequest(run_key=f"{context.scheduled_execution_time.isoformat()} {shard}", partition_key=shard)


defs = dg.Definitions(assets=[ai_gateway_billing], asset_checks=[data_is_sound], jobs=[loads], schedules=[hourly])
