"""The process of `aig-billing`, which `python -m ai_gateway_billing_pipeline` is too: how it begins and ends.

A command lives for a second or two in which nearly all that it makes is needed to the end. So garbage is collected
rarely, and the interpreter is not taken apart at the end, which takes a fifth of the time of a small load.
"""

import atexit
import gc
import io
import os
import sys
from contextlib import suppress


def main() -> None:
    """Run the command that was given, and end the process with its exit code."""
    gc.set_threshold(300_000, 20, 20)  # what a load imports are 160,000 objects
    codes: list[int] = []
    atexit.register(_end, codes)  # before anything else is, so that it is called after all others
    _open_streams()
    _leave_out()
    from .cli import main as command  # noqa: PLC0415

    try:
        command()
    except SystemExit as ended:
        if isinstance(ended.code, int):
            codes.append(ended.code)
        raise


def _leave_out() -> None:
    """What libraries import for uses that a command has not: httpx's own command, and Arrow's ways to other stores."""
    for name in ("httpx._main", "pyarrow._azurefs", "pyarrow._gcsfs", "pyarrow._hdfs", "pyarrow._s3fs"):
        sys.modules[name] = None  # type: ignore[assignment]  # as if it were not installed


def _open_streams() -> None:
    """Lead a closed standard stream nowhere: the database would get its number, and what is printed would go there."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
    for stream in (sys.stdout, sys.stderr):  # where it is not UTF-8, what it lacks is written as an escape
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _end(codes: list[int]) -> None:
    if codes:
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(codes[0])


if __name__ == "__main__":
    main()
