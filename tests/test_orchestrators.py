"""The files in deploy/ for Dagster and Airflow, run by Dagster and Airflow against a simulated API and a real Postgres.

Each orchestrator has an environment of its own: `make build/dagster/.orchestrator build/airflow/.orchestrator`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ai_gateway_billing.simulator import DEMO_TOKEN, Simulator, World, demo_world
from support.constants import ROOT
from support.postgres import Database, until

pytestmark = pytest.mark.slow

DEPLOY = ROOT / "deploy"
SHARDS = {"america": f"{DEMO_TOKEN}-2", "europe": DEMO_TOKEN}

LOAD_WITH_CODES = """
import json, os, sys
sys.path.insert(0, os.getcwd())
import dagster as dg
import defs
defs.PASSES_BY_ITSELF = dict.fromkeys(defs.PASSES_BY_ITSELF, 0)
for code in sys.argv[1:]:
    os.environ["CODE"] = code
    done = dg.materialize([defs.ai_gateway_billing], partition_key="europe", raise_on_error=False)
    print(json.dumps([done.success, [each.passed for each in done.get_asset_check_evaluations()]]))
"""
"""A stand-in for the command ends with each of these codes in turn; nobody waits between the tries."""


def orchestrator(name: str) -> Path:
    """The folder of its programs."""
    found = ROOT / "build" / name / "bin"
    if not (found / name).exists():
        pytest.skip(f"make build/{name}/.orchestrator installs it")
    return found


@dataclass(frozen=True)
class Orchestrated:
    """A copy of one example in a folder of its own, with two tokens in files, as its README has it."""

    folder: Path
    programs: Path
    environment: dict[str, str]

    def start(self, *words: str, log: str = "log") -> subprocess.Popen[bytes]:
        """One of its commands, in a process group of its own."""
        with (self.folder / log).open("ab") as output:
            return subprocess.Popen(
                [self.programs / words[0], *words[1:]],
                cwd=self.folder,
                env=self.environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def run(self, *words: str, log: str = "log") -> str:
        """Wait for it to end well; what it printed."""
        with self.start(*words, log=log) as process:
            code = process.wait()
        said = (self.folder / log).read_text()
        assert code == 0, said[-5000:]
        return said


def set_up(folder: Path, example: str, *, base_url: str = "http://127.0.0.1:9", **more: str) -> Orchestrated:
    folder.mkdir()
    for path in (DEPLOY / example).iterdir():
        if path.is_file():
            (folder / path.name).write_text(path.read_text())
    lines = []
    for shard, token in SHARDS.items():
        (folder / f"{shard}.token").write_text(token)
        lines.append(f"[shards.{shard}]\ntoken_file = {json.dumps(str(folder / f'{shard}.token'))}\n")
    (folder / "shards.toml").write_text("\n".join(lines))
    programs = orchestrator(example)
    path = [str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]
    environment = os.environ | {"PATH": ":".join(path), "CLOUDFLARE_BASE_URL": base_url, "PYTHONWARNINGS": "ignore"}
    return Orchestrated(folder, programs, environment | more)


def stand_in(folder: Path) -> dict[str, str]:
    """A command in place of `aig-billing` that notes its calls, and a load of it ends with the code in CODE."""
    (folder / "bin").mkdir()
    loaded = json.dumps({"accounts": {"a": {"status": "failed", "error": "no"}}, "rows": {}, "requests": 1})
    command = folder / "bin" / "aig-billing"
    answer = f"case $1 in load) echo $CODE >>'{folder}/loads'; echo '{loaded}'; exit $CODE ;; *) echo '[]' ;; esac"
    command.write_text(f"#!/bin/sh\n{answer}\n")
    command.chmod(0o755)
    return {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}


def loads(folder: Path) -> list[str]:
    """The codes with which loads ended."""
    return (folder / "loads").read_text().split()


@pytest.fixture
def world() -> World:
    return demo_world(50, tokens=2, start=datetime.now(UTC) - timedelta(days=5))


@pytest.fixture
def simulator(world: World) -> Iterator[str]:
    with Simulator(world).serve() as base_url:
        yield base_url


def loaded_days(postgres: Database) -> dict[str, list[object]]:
    """Closed days by account, in the database."""
    rows = postgres.rows(
        "select account_id, start_time, aggregated_value from ai_gateway_billing.usage_daily"
        " where end_time <= date_trunc('day', now() at time zone 'UTC') at time zone 'UTC' order by 1, 2"
    )
    found: dict[str, list[object]] = {}
    for account_id, start, value in rows:
        found.setdefault(account_id, []).append((start, value))
    return found


def days(world: World, account_id: str, now: datetime) -> list[object]:
    """Closed days of an account, as the API says at a moment."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    rows = [
        (datetime.fromtimestamp(int(row["start_time"]) / 1000, UTC), row["aggregated_value"])
        for row in world.truth_usage(account_id, "day", now)
    ]
    return sorted((start, value) for start, value in rows if start < today)


def as_the_api_said(world: World, account_id: str, found: list[object], since: datetime) -> bool:
    """Are these the days that were closed when somebody read them, at some moment since then?

    Late usage arrives at full hours, and a run may see one pass, or midnight.
    """
    hour = since.replace(minute=0, second=0, microsecond=0)
    passed = int((datetime.now(UTC) - hour) / timedelta(hours=1))
    moments = [since, *(hour + timedelta(hours=n) for n in range(1, passed + 1))]
    closed = [days(world, account_id, moment) for moment in moments]
    return any(found[: len(each)] == each for each in closed)


# --- Dagster ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def dagster(tmp_path: Path, postgres: Database, simulator: str) -> Orchestrated:
    folder = tmp_path / "dagster"
    found = set_up(folder, "dagster", base_url=simulator, DAGSTER_HOME=str(folder))
    found.run("dagster", "instance", "migrate")  # two processes at once cannot make Dagster's own database
    return found


def is_loading(postgres: Database, shard: str) -> bool:
    """Does a load hold the lock of this shard?"""
    return bool(postgres.rows("select 1 from pg_stat_activity where application_name like %s", f"%{shard}%"))


def materialize(shard: str) -> tuple[str, ...]:
    return ("dagster", "asset", "materialize", "-f", "defs.py", "--select", "ai_gateway_billing", "--partition", shard)


def test_dagster_reads_the_definitions_without_a_token_or_a_network(tmp_path: Path) -> None:
    found = set_up(tmp_path / "here", "dagster", DAGSTER_HOME=str(tmp_path / "here"))
    for shard in SHARDS:
        (found.folder / f"{shard}.token").unlink()

    said = found.run("dagster", "definitions", "validate", "-f", "defs.py")

    assert "All code locations passed validation" in said


def test_two_shards_at_once_one_killed_and_run_again_load_every_account(
    dagster: Orchestrated, postgres: Database, world: World
) -> None:
    began = datetime.now(UTC)
    killed = dagster.start(*materialize("america"), log="america")
    other = dagster.start(*materialize("europe"), log="europe")
    until(lambda: is_loading(postgres, "america"), seconds=120)
    until(lambda: is_loading(postgres, "europe"), seconds=120)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert other.wait() == 0, (dagster.folder / "europe").read_text()[-5000:]

    dagster.run(*materialize("america"), log="again")

    found = loaded_days(postgres)
    assert set(found) == set(world.accounts)
    assert [each for each in found if not as_the_api_said(world, each, found[each], began)] == []


def test_dagster_tries_again_only_what_passes_by_itself(tmp_path: Path) -> None:
    found = set_up(tmp_path / "here", "dagster", DAGSTER_HOME=str(tmp_path / "here"), **stand_in(tmp_path))

    said = found.run("python", "-c", LOAD_WITH_CODES, *"0123456", log="said")

    ended = [json.loads(line) for line in said.splitlines() if line.startswith("[")]
    assert [success for success, _ in ended] == [code in "04" for code in "0123456"]
    assert [checks for _, checks in ended] == [[False] if code in "04" else [] for code in "0123456"]
    assert "".join(loads(tmp_path)) == "01234" + 4 * "5" + 4 * "6"


# --- Airflow ---------------------------------------------------------------------------------------------------------


def airflow(folder: Path, **more: str) -> Orchestrated:
    settings = {"CORE__LOAD_EXAMPLES": "False", "CORE__DAGS_FOLDER": str(folder), "LOGGING__LOGGING_LEVEL": "WARNING"}
    settings |= {"HOME": str(folder.parent / "airflow-home")}
    environment = {f"AIRFLOW__{name}" if "__" in name else f"AIRFLOW_{name}": value for name, value in settings.items()}
    found = set_up(folder, "airflow", **environment, **more)
    found.run("airflow", "db", "migrate")
    found.run("airflow", "dags", "reserialize")
    return found


def test_airflow_loads_every_shard_in_a_mapped_task_and_then_checks(
    tmp_path: Path, postgres: Database, simulator: str, world: World
) -> None:
    found = airflow(tmp_path / "dags", base_url=simulator)

    found.run("airflow", "dags", "test", "ai_gateway_billing")

    assert set(loaded_days(postgres)) == set(world.accounts)


def test_airflow_fails_when_somebody_has_to_mend_something(tmp_path: Path) -> None:
    found = airflow(tmp_path / "dags", **stand_in(tmp_path), CODE="3")

    with found.start("airflow", "dags", "test", "ai_gateway_billing") as process:
        code = process.wait()

    assert code != 0
    assert loads(tmp_path) == ["3"] * len(SHARDS)
