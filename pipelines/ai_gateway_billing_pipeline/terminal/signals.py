"""Ends a load at once on SIGINT and SIGTERM. What is published is never half-written, so nothing needs tidying up."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from . import logs

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SHOW_CURSOR = "\x1b[?25h"


@contextmanager
def at_once(sentence: str) -> Iterator[None]:
    """While this lasts, a signal prints the sentence and ends the process with 128 + its number.

    dlt would catch both while it writes, wait for its workers and end with another code: configuration.py tells it not
    to. A signal that the parent process had ignored (nohup) stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _: FrameType | None) -> None:
        end_process(number, sentence)

    ending = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    handlers = {number: signal.signal(number, end) for number in ending}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def end_process(number: int, sentence: str) -> None:
    """Without unwinding: worker threads may be waiting for an answer or for their turn."""
    code = 128 + number
    cursor = f"{_SHOW_CURSOR}\n" if sys.__stderr__ and sys.__stderr__.isatty() else ""
    with suppress(OSError):
        os.write(2, (cursor + logs.shaped(sentence, exit_code=code)).encode())
    os._exit(code)
