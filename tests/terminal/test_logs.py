"""Standard error has a time in each line, or one shape for all lines, and stops nothing when it cannot be written."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ai_gateway_billing_pipeline.terminal import logs
from support.command import Ran, aig, run_python, serving
from support.constants import ACCOUNT

KEYS = {"time", "level", "logger", "message"}
OTHERS = """
import logging, sys, threading, warnings
from ai_gateway_billing_pipeline.terminal import exits, logs

def command():
    logs.set_up(logs.Level.INFO, logs.Format.JSON)
    logging.getLogger("ours").warning("ours")
    logging.getLogger("dlt").error("dlt's", exc_info=ValueError("with a traceback"))
    warnings.warn("a warning")
    print("printed", file=sys.stderr)
    sys.stderr.write("half "); sys.stderr.write("and half\\n")
    thread = threading.Thread(target=lambda: 1 / 0); thread.start(); thread.join()
    logs.tell("told\\nin two lines")
    raise RuntimeError("the end")

sys.exit(exits.run(command))
"""


def records(ran: Ran) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ran.timed_err.splitlines()]


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ai_gateway_billing_pipeline", *arguments]
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.run(command, text=True, check=False, timeout=120, **given)


def test_every_line_has_the_same_shape_whoever_wrote_it() -> None:
    ran = run_python(OTHERS)

    found = records(ran)
    words = " ".join(f"{line['message']} {line.get('traceback', '')}" for line in found)
    assert ran.code == 1
    assert all(line.keys() >= KEYS and line.keys() <= KEYS | {"traceback", "exit_code", "summary"} for line in found)
    for each in (
        "ours",
        "dlt's",
        "with a traceback",
        "a warning",
        "printed",
        "half and half",
        "ZeroDivisionError",
        "told",
    ):
        assert each in words


def test_a_dlt_that_sets_up_its_own_log_keeps_the_shape() -> None:
    ran = run_python("""
import os
from ai_gateway_billing_pipeline.terminal import logs
logs.set_up(logs.Level.INFO, logs.Format.JSON)
os.environ["RUNTIME__LOG_LEVEL"] = "INFO"
import dlt
from dlt.common import logger
pipeline = dlt.pipeline("p", pipelines_dir=".", destination="duckdb")
logger.info("from dlt")
""")

    assert "from dlt" in [line["message"] for line in records(ran)]


def test_a_json_log_ends_with_one_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(monkeypatch, ACCOUNT):
        ran = run("load", "--log-format", "json", "--json")

    lines = [json.loads(line) for line in ran.stderr.splitlines()]
    assert ran.returncode == 0
    assert lines[-1]["exit_code"] == 0
    assert lines[-1]["summary"] == json.loads(ran.stdout)
    assert [line for line in lines if "exit_code" in line] == lines[-1:]
    assert ran.stdout.count("\n") == 1


def test_a_text_log_has_a_time_in_every_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    with serving(monkeypatch, ACCOUNT):
        ran = run("load", "--log-level", "info")

    lines = ran.stderr.splitlines()
    assert lines
    assert [line for line in lines if not re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ", line)] == []


def test_a_quiet_load_says_nothing_unless_something_went_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(monkeypatch, ACCOUNT) as simulator:
        well = run("load", "--quiet")
        simulator.faults.add(403, endpoint="credit-balance")
        badly = run("load", "--quiet")

    assert (well.returncode, well.stdout, well.stderr) == (0, "", "")
    assert badly.returncode == 4
    assert "credit_balance" in badly.stderr
    assert badly.stdout == ""


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("stream", "options"), [("stdout", []), ("stdout", ["--json"]), ("stderr", ["--log-format", "json"])]
)
def test_a_load_is_not_stopped_by_what_it_cannot_write(
    stream: str, options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(monkeypatch, ACCOUNT), Path("/dev/full").open("w") as full:
        ran = run("load", *options, **{stream: full})

    assert ran.returncode == 0
    assert Path("billing.duckdb").exists()


def test_nor_by_a_reader_that_left(monkeypatch: pytest.MonkeyPatch) -> None:
    command = f'{{ "{sys.executable}" -m ai_gateway_billing_pipeline load; echo $? >code; }} 2>&1 | true'
    with serving(monkeypatch, ACCOUNT):
        subprocess.run(["/bin/sh", "-c", command], check=False, timeout=120)

    assert Path("code").read_text() == "0\n"
    assert Path("billing.duckdb").exists()


@pytest.mark.parametrize("turn", [1, 2])
def test_no_test_is_as_quiet_as_the_one_before(turn: int) -> None:
    assert (logging.getLogger().level, logs.is_quiet()) == (logging.WARNING, False)

    aig("status", "--quiet", "--log-format", "json")

    assert (logging.getLogger().level, logs.is_quiet()) == (logging.ERROR, True)
