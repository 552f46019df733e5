"""The one place where an error becomes a sentence on standard error and an exit code."""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

import typer

from ai_gateway_billing.errors import BillingError, redact

from . import logs

INTERRUPTED = 130
PIPE_CLOSED = 141
_USAGE = 1_000


def run(command: Callable[[], object]) -> int:
    """Run a command and return its exit code. Only with `--log-level debug` a traceback is printed."""
    code = _run(command)
    logs.end(code)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            lead_nowhere(stream)
    return code


def _run(command: Callable[[], object]) -> int:
    try:
        code = command()
        sys.stdout.flush()
    except SystemExit as ended:
        return PIPE_CLOSED if ended.code == 1 else ended.code if isinstance(ended.code, int) else 0  # 1: typer's for it
    except BrokenPipeError:  # whoever read our output has had enough
        return PIPE_CLOSED
    except (KeyboardInterrupt, typer.Abort):
        logs.tell("Stopped.")
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - whatever it is, a user shall not meet a traceback
        return report(error)
    return code if isinstance(code, int) else 0


@contextmanager
def unheard() -> Iterator[None]:
    """What is printed here may get lost: the work is done, and its exit code says more than that nobody listened."""
    try:
        yield
        sys.stdout.flush()
    except (OSError, SystemExit) as error:  # rich makes the one into the other
        lead_nowhere(sys.stdout)
        reason = getattr(error, "strerror", None) or "its reader closed it"
        logs.tell(f"Standard output cannot be written ({reason}); the load is not affected.", logging.WARNING)


def lead_nowhere(stream: TextIO) -> None:
    """Let the interpreter's last flush succeed on a stream that cannot be written."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        stream.flush()


def report(error: Exception) -> int:
    """Tell what went wrong, and return the exit code for it."""
    if logs.is_debugging():
        logs.tell(logs.traceback_of(error))
    usage = getattr(error, "format_message", None)
    if usage is not None:
        words = redact(usage().rstrip("."), limit=_USAGE)  # a misplaced word may be an address that opens a door
        logs.tell(f"Error: {words}. See --help.")
        return 2
    if isinstance(error, BillingError):
        logs.tell("\n".join([f"Error: {error}", *getattr(error, "__notes__", [])]))
        return error.exit_code
    logs.tell(f"Error: {as_billing_error(error)}")
    return 1


def as_billing_error(error: Exception) -> BillingError:
    """The error itself, or for one that nobody foresaw a sentence on it, fit for a message."""
    if isinstance(error, BillingError):
        return error
    if isinstance(error, OSError) and error.strerror:
        where = f" ({error.filename})" if error.filename else ""
        return BillingError(f"{error.strerror}{where}.")
    told = redact(logs.without_secrets(str(error)))
    advice = "Run again with --log-level debug for the traceback."
    return BillingError(f"Unexpected error: {told}. {advice}" if told else f"Unexpected error. {advice}")
