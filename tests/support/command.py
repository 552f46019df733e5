"""Runs `aig-billing` as users do: within this process, or as one of its own, against an API on loopback."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer

from ai_gateway_billing.simulator import Simulator, World
from ai_gateway_billing_pipeline import cli
from support.bench import put_tables
from support.constants import ACCOUNT, TOKEN
from support.once import made_once

TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ", re.MULTILINE)
RECENT = datetime.now(UTC) - timedelta(days=5)


@dataclass
class Ran:
    """What a command left: exit code, standard output, standard error, the latter also without its times."""

    code: int
    out: str
    timed_err: str

    @property
    def err(self) -> str:
        return TIME.sub("", self.timed_err)

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def ending(act: Callable[[], object]) -> Ran:
    """Run something that ends the process, up to there."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
        act()
    return Ran(int(end.value.code or 0), out.getvalue(), err.getvalue())


def aig(*arguments: str) -> Ran:
    """Run the command within this process."""
    return ending(lambda: cli.main(arguments))


def refusal(*arguments: str) -> str:
    """The exit code and the one sentence of a command that gives nothing else."""
    ran = aig(*arguments)
    assert ran.out == ""
    assert ran.err.count("\n") == 1
    assert "Unexpected" not in ran.err
    return f"{ran.code} {ran.err}"


def start_aig(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    """Start the command as a process of its own."""
    command = [sys.executable, "-m", "ai_gateway_billing_pipeline", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def run_python(code: str) -> Ran:
    """Run a few lines of Python in a process of their own."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def reading_commands() -> list[str]:
    """Every command that reads where `load` wrote, and writes nothing there."""

    def walk(name: str, command: Any) -> Iterator[str]:
        if {"--database", "--destination"} <= {option for each in command.params for option in each.opts}:
            yield name
        for child, inner in getattr(command, "commands", {}).items():
            yield from walk(f"{name} {child}".strip(), inner)

    return sorted(
        set(walk("", typer.main.get_command(cli.app))) - {"account forget", "backfill", "doctor", "load", "publish"}
    )


@contextmanager
def serving(monkeypatch: pytest.MonkeyPatch, *accounts: str, **options: Any) -> Iterator[Simulator]:
    """An API with these accounts, few days old, that the environment's settings point to."""
    world = World()
    for account_id in accounts:
        world.add_generated_account(account_id, start=RECENT)
    world.add_token(TOKEN)
    simulator = Simulator(world, **options)
    with simulator.serve() as url:
        monkeypatch.setenv("CLOUDFLARE_BASE_URL", url)
        monkeypatch.setenv("CLOUDFLARE_API_TOKEN", TOKEN)
        monkeypatch.setenv("AIG_BILLING_START", f"{RECENT:%Y-%m-%d}")
        yield simulator


def load_into(database: Path) -> Path:
    """Load the account that is served into this file, `billing.duckdb` in an empty folder. Returns the same."""
    put_tables(database.parent)
    assert aig("load", "--database", str(database)).code == 0
    return database


def loaded_demo() -> Path:
    """What `load --demo` leaves, loaded once for all tests of a run."""

    def load(folder: Path) -> Path:
        database = folder / "billing.duckdb"
        result = aig("load", "--demo", "--database", str(database))
        assert result.code == 0, result.err
        return database

    return made_once("loaded demo", load)


@contextmanager
def without_findings(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """An API whose account has so much credit that nothing is found."""
    with serving(monkeypatch, ACCOUNT) as simulator:
        simulator.world.accounts[ACCOUNT].set_balance(10_000_000)
        yield simulator
