"""Ends a load at once on SIGINT and SIGTERM. What is published is never half-written, so nothing needs tidying up."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SHOW_CURSOR = "\x1b[?25h"


@contextmanager
def at_once(sentence: str) -> Iterator[None]:
    """While this lasts, a signal prints the sentence and ends the process with 128 + its number.

    dlt catches both signals while it writes, waits for its workers, and would end with another code. So a thread
    listens on the descriptor that the interpreter writes to whatever handler is in force, also while the main thread
    is deep in a database call. A signal that the parent process had ignored (nohup) stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ending = {number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN}
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    threading.Thread(target=_listen, args=(reader, ending, sentence), daemon=True, name="signals").start()
    wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    handlers = {number: signal.signal(number, lambda *_: None) for number in ending}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup)
        os.close(writer)


def _listen(reader: int, ending: set[signal.Signals], sentence: str) -> None:
    while numbers := os.read(reader, 64):
        for number in numbers:
            if number in ending:
                _end(number, sentence)
    os.close(reader)


def _end(number: int, sentence: str) -> None:
    """Without unwinding: worker threads may be waiting for an answer or for their turn."""
    cursor = _SHOW_CURSOR if sys.__stderr__ and sys.__stderr__.isatty() else ""
    try:
        os.write(2, f"{cursor}\n{sentence}\n".encode())
    finally:
        os._exit(128 + number)
