"""AI Gateway billing in Airflow: one mapped task per shard, each a process of `aig-billing load`, then one check.

Nothing is read from Cloudflare and no token is opened when Airflow parses this file.
"""

import os
import subprocess
import tomllib
from datetime import timedelta
from pathlib import Path

import pendulum
from airflow.sdk import dag, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException

SHARDS_FILE = Path(os.environ.get("AIG_BILLING_SHARDS") or Path(__file__).with_name("shards.toml"))
DESTINATION = os.environ.get("AIG_BILLING_DESTINATION") or "postgres"

PASSES_BY_ITSELF = {5: "another load of this shard is running", 6: "the API was not reachable"}


def aig_billing(*words: str, **environment: str) -> None:
    """Run the command; what it logs is in the task's log. Only what passes by itself is tried again."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CLOUDFLARE_API_TOKEN")}
    code = subprocess.run(["aig-billing", *words], env=inherited | environment, check=False).returncode
    if code in PASSES_BY_ITSELF:
        raise RuntimeError(PASSES_BY_ITSELF[code])
    if code:
        raise AirflowFailException(f"aig-billing {words[0]} ended with {code}; the log above says why")


@dag(
    schedule="17 * * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
)
def ai_gateway_billing() -> None:
    """Every hour: all shards at once, and a check of what they loaded."""

    @task
    def names() -> list[str]:
        return sorted(tomllib.loads(SHARDS_FILE.read_text())["shards"])

    @task(map_index_template="{{ shard }}")
    def load(name: str) -> None:
        get_current_context()["shard"] = name
        shard = tomllib.loads(SHARDS_FILE.read_text())["shards"][name]
        accounts = shard.get("accounts", "all")
        aig_billing(
            *("load", "--shard", name, "--destination", DESTINATION, "--wait", "600", "--log-format", "json"),
            CLOUDFLARE_API_TOKEN_FILE=shard["token_file"],
            CLOUDFLARE_ACCOUNT_ID=accounts if isinstance(accounts, str) else ",".join(accounts),
        )

    @task(trigger_rule="all_done", retries=0)
    def check() -> None:
        aig_billing("check", "--destination", DESTINATION)

    @task(retries=0)
    def every_shard_is_loaded() -> None:
        """Airflow goes by the last tasks of a run: without this one, the check would hide that a load failed."""

    load.expand(name=names()) >> [check(), every_shard_is_loaded()]


ai_gateway_billing()
