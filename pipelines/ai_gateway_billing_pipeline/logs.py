"""Where log lines go, how many there are, and what must never stand in one."""

import logging
import os
import sys
from enum import StrEnum
from typing import TextIO

_HTTP_LOGGERS = ("httpx", "httpcore")  # at lower levels they write whole URLs and headers
_secrets: set[str] = set()


class Level(StrEnum):
    """How much is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def set_up(level: Level) -> None:
    """Log to standard error. dlt sends no telemetry, and its own log stays silent unless more is asked for."""
    handler = _ToStandardError()
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old, _ToStandardError)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.value.upper())
    for name in _HTTP_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    # What goes wrong in dlt ends in one sentence of ours; its own log repeats it with a traceback for each attempt.
    quiet = level in (Level.WARNING, Level.ERROR)
    os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL" if quiet else level.value.upper())


def is_debugging() -> bool:
    """Whether `--log-level debug` was given."""
    return logging.getLogger().isEnabledFor(logging.DEBUG)


def conceal(secret: str) -> None:
    """Never let this text into a log line or a traceback."""
    if secret:
        _secrets.add(secret)


def without_secrets(text: str) -> str:
    """The text with every concealed secret taken out."""
    for secret in _secrets:
        text = text.replace(secret, "***")
    return text


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))


class _ToStandardError(logging.StreamHandler[TextIO]):
    """Looks the stream up anew each time, because a progress display puts itself in its place."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, stream: TextIO) -> None:
        """The base class wants to keep one."""
