"""Where log lines go, how many there are, and what must never stand in one."""

import json
import logging
import os
import sys
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TextIO
from urllib.parse import quote

from ai_gateway_billing.errors import redact

_HTTP_LOGGERS = ("httpx", "httpcore")  # at lower levels they write whole URLs and headers
_secrets: set[str] = set()


class Level(StrEnum):
    """How much is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Format(StrEnum):
    """What a log line looks like."""

    TEXT = "text"
    JSON = "json"


def set_up(level: Level, form: Format = Format.TEXT) -> None:
    """Log to standard error. dlt sends no telemetry, and its own log stays silent unless more is asked for."""
    handler = _ToStandardError()
    lines = _Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(_JsonFormatter() if form is Format.JSON else lines)
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
    if form is Format.JSON:
        os.environ.setdefault("RUNTIME__LOG_FORMAT", "JSON")
    os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL" if quiet else level.value.upper())


def tell(text: str, level: int = logging.ERROR) -> None:
    """Say something on standard error: as it is, or as a line of the JSON log."""
    if _is_json():
        logging.getLogger(__package__).handle(
            logging.LogRecord(str(__package__), level, "", 0, text.strip(), None, None)
        )
    else:
        sys.stderr.write(without_secrets(text).rstrip("\n") + "\n")


def shows_progress() -> bool:
    """Whether standard error is a terminal with a person before it."""
    return sys.stderr.isatty() and not _is_json()


def _is_json() -> bool:
    return any(isinstance(handler.formatter, _JsonFormatter) for handler in logging.getLogger().handlers)


def is_debugging() -> bool:
    """Whether `--log-level debug` was given."""
    return logging.getLogger().isEnabledFor(logging.DEBUG)


def conceal(secret: str) -> None:
    """Never let this text into a log line or a traceback."""
    if secret:
        _secrets.update((secret, quote(secret, safe="")))


def without_secrets(text: str) -> str:
    """The text with every concealed secret taken out."""
    for secret in _secrets:
        text = text.replace(secret, "***")
    return text


def traceback_of(error: BaseException) -> str:
    """Where an error and those behind it came from. What they say is cleaned: it may quote what comes from outside."""
    told = (f"Traceback (most recent call last):\n{_frames(each)}{_words(each)}\n" for each in _chain(error))
    return "\nwhich led to\n\n".join(told)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what was behind it, the first one first."""
    behind = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if behind is not None:
        yield from _chain(behind)
    yield error


def _frames(error: BaseException) -> str:
    return "".join(traceback.format_tb(error.__traceback__))


def _words(error: BaseException) -> str:
    return f"{type(error).__qualname__}: {redact(without_secrets(str(error)), limit=1000)}"


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        record.exc_text = None  # another handler may have kept its own, uncleaned
        return without_secrets(super().format(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the base class's name
        return traceback_of(ei[1]) if ei[1] else ""


class _JsonFormatter(_Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return without_secrets(json.dumps(line, ensure_ascii=False))


class _ToStandardError(logging.StreamHandler[TextIO]):
    """Looks the stream up anew each time, because a progress display puts itself in its place."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, stream: TextIO) -> None:
        """The base class wants to keep one."""
