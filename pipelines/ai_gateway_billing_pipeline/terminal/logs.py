"""Where log lines go, how many there are, and what must never stand in one."""

import io
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TextIO
from urllib.parse import quote

from ai_gateway_billing.redaction import redact, without_tokens

_LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_STATE: dict[str, Any] = {"is_quiet": False, "summary": None}
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


def set_up(level: Level, form: Format = Format.TEXT, *, is_quiet: bool = False) -> None:
    """Log to standard error.

    `is_quiet` leaves errors alone. As JSON, what others write there becomes lines of the same shape.
    """
    if is_quiet and level is not Level.DEBUG:
        level = Level.ERROR
    conceal(os.environ.get("CLOUDFLARE_API_TOKEN", "").strip())  # before anything can quote it
    handler = _ToStandardError(_JsonFormatter() if form is Format.JSON else _Formatter(_LINE, _TIME))
    root = logging.getLogger()
    _replace(root, handler)
    _replace(logging.getLogger("dlt"), handler)  # else it gives itself one of its own form
    root.setLevel(level.value.upper())
    _STATE.update(is_quiet=is_quiet, summary=None)
    for name in _HTTP_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    if form is Format.JSON:
        logging.captureWarnings(capture=True)
        sys.stderr = _Shaping(_unshaped())
        threading.excepthook = _log_of_thread


def tell(text: str, level: int = logging.ERROR) -> None:
    """Say something on standard error: as it is, with a time where nobody watches, or as a line of the JSON log.

    That it cannot be written stops nothing.
    """
    if level < logging.ERROR and is_quiet():
        return
    with suppress(OSError, ValueError):
        _unshaped().write(shaped(text, level))


def shaped(text: str, level: int = logging.ERROR, **more: object) -> str:
    """What `tell` writes; `more` are further names of a JSON line."""
    clean = without_secrets(text).strip("\n")
    if _is_json():
        record = logging.LogRecord(str(__package__), level, "", 0, clean.strip(), None, None)
        return _json_line(record, **more) + "\n"
    when = "" if _is_watched() else f"{datetime.now(UTC):{_TIME}} "
    return "".join(f"{when}{line}\n" for line in clean.split("\n"))


def summarize(summary: Mapping[str, object]) -> None:
    """Keep what a command came to for the last line of a JSON log."""
    _STATE["summary"] = summary


def end(code: int) -> None:
    """Write the last line of a JSON log: the exit code, and what the command came to."""
    if _is_json():
        more = {} if _STATE["summary"] is None else {"summary": _STATE["summary"]}
        with suppress(OSError, ValueError):
            _unshaped().write(shaped(f"Ended with exit code {code}.", logging.INFO, exit_code=code, **more))


def shows_progress() -> bool:
    """Whether standard error is a terminal with a person before it, who wants to know."""
    return _is_watched() and not _is_json() and not is_quiet()


def is_quiet() -> bool:
    """Whether only what went wrong is to be said."""
    return bool(_STATE["is_quiet"])


def _is_watched() -> bool:
    return sys.stderr.isatty()


def _is_json() -> bool:
    return any(isinstance(handler.formatter, _JsonFormatter) for handler in logging.getLogger().handlers)


def _replace(logger: logging.Logger, handler: logging.Handler) -> None:
    for old in [old for old in logger.handlers if isinstance(old, _ToStandardError)]:
        logger.removeHandler(old)
    logger.addHandler(handler)


def _unshaped() -> TextIO:
    return sys.stderr.stream if isinstance(sys.stderr, _Shaping) else sys.stderr


def _log_of_thread(args: threading.ExceptHookArgs) -> None:
    logging.getLogger(__package__).error("A thread failed.", exc_info=args.exc_value)


def is_debugging() -> bool:
    """Whether `--log-level debug` was given."""
    return logging.getLogger().isEnabledFor(logging.DEBUG)


def conceal(secret: str) -> None:
    """Never let this text into a log line or a traceback, unless it is so short that it is no secret."""
    if len(secret) >= 8:
        _secrets.update((secret, quote(secret.encode(errors="surrogateescape"), safe="")))


def without_secrets(text: str) -> str:
    """The text without every concealed secret, and without what looks like another token."""
    for secret in _secrets:
        text = text.replace(secret, "***")
    return without_tokens(text)


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
    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        record.exc_text = None  # another handler may have kept its own, uncleaned
        return without_secrets(super().format(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the base class's name
        return traceback_of(ei[1]) if ei[1] else ""


class _JsonFormatter(_Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        return _json_line(record, **({"traceback": self.formatException(record.exc_info)} if record.exc_info else {}))


def _json_line(record: logging.LogRecord, **more: object) -> str:
    from . import values  # noqa: PLC0415 - only for a JSON log

    line = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": record.getMessage(),
    }
    return without_secrets(values.to_json(line | more))


class _ToStandardError(logging.StreamHandler[TextIO]):
    """Looks the stream up anew each time, because a progress display puts itself in its place."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        super().setFormatter(formatter)

    def setFormatter(self, fmt: logging.Formatter | None) -> None:  # noqa: N802 - the base class's name
        """Nobody's form but ours: dlt would set its own."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the base class's name
        """A log that cannot be written stops nothing."""

    @property
    def stream(self) -> TextIO:
        return _unshaped()

    @stream.setter
    def stream(self, stream: TextIO) -> None:
        """The base class wants to keep one."""


class _Shaping(io.TextIOBase):
    """Standard error of a JSON log for all that do not know of it: what they write becomes lines of its shape."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.stream = stream
        self._begun = ""

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in filter(str.strip, lines):
            tell(line, logging.WARNING)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self.stream.flush()

    def isatty(self) -> bool:
        return self.stream.isatty()

    def fileno(self) -> int:
        return self.stream.fileno()
