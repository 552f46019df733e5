"""The process of `aig-billing`: what it leaves undone at its end, and what it does not."""

from __future__ import annotations

import subprocess
import sys

import pytest

from support import command as commands
from support.command import Ran

AS_A_PROCESS = """
import atexit, sys
from ai_gateway_billing_pipeline import __main__, cli

class Lasting:
    def __del__(self):
        print("taken apart")

lasting = Lasting()
lasting.itself = lasting

def command():
    atexit.register(print, "tidied up")
    sys.stdout.write("printed\\n")
    {ends}

cli.main = command
__main__.main()
"""


def run(ends: str) -> Ran:
    return commands.run_python(AS_A_PROCESS.format(ends=ends))


@pytest.mark.parametrize("code", [0, 2, 130])
def test_all_that_was_printed_and_the_exit_code_arrive(code: int) -> None:
    ran = run(f"sys.exit({code})")

    assert (ran.code, ran.err) == (code, "")
    assert ran.out == "printed\ntidied up\n"


def test_a_crash_of_our_own_still_ends_as_python_ends_it() -> None:
    ran = run("raise ZeroDivisionError")

    assert ran.code == 1
    assert "ZeroDivisionError" in ran.err
    assert "tidied up" in ran.out


@pytest.mark.parametrize(("closed", "number"), [("<&-", 0), (">&-", 1), ("2>&-", 2), ("<&- >&- 2>&-", 2)])
def test_no_file_gets_the_number_of_a_closed_stream(closed: str, number: int) -> None:
    """A database that did would take in what is printed."""
    leads_nowhere = f"import os; sys.exit(40 + os.path.samestat(os.fstat({number}), os.stat(os.devnull)))"
    code = AS_A_PROCESS.format(ends=leads_nowhere)

    ran = subprocess.run(["/bin/sh", "-c", f'exec "$0" -c "$1" {closed}', sys.executable, code], check=False)

    assert ran.returncode == 41


def test_a_command_needs_no_open_stream() -> None:
    command = [sys.executable, "-m", "ai_gateway_billing_pipeline", "--version"]

    assert subprocess.run(["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command], check=False).returncode == 0


def test_arrow_does_without_the_stores_that_no_load_writes_to() -> None:
    leaves_out = "import pyarrow.parquet, pyarrow.fs; sys.exit(40 + ('S3FileSystem' in vars(pyarrow.fs)))"

    assert run(leaves_out).code == 40
