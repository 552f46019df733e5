"""The process of `aig-billing`: what it leaves undone at its end, and what it does not."""

from __future__ import annotations

import pytest

import command as commands
from command import Ran

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
