"""The bytes of an answer: unpacked, never more of them than fit into memory, and read as JSON with exact numbers."""

import gzip
import io
import json
import re
import zlib
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final, NoReturn

MAX_BYTES: Final = 32 * 2**20
"""Of one answer, unpacked; a hundred times the largest that is to be expected."""

_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_DEPTH: Final = 64  # ten times what is documented; far below what recursive code behind this can take
_TOO_DEEP: Final = f"JSON nested more than {_DEPTH} levels deep"


class TooLargeError(Exception):
    """The answer is larger than `MAX_BYTES`."""

    def __init__(self) -> None:
        super().__init__(f"it is larger than {MAX_BYTES >> 20} MiB")


def whole(chunks: Iterable[bytes], encoding: str = "") -> bytes:
    """The body that arrives in chunks, unpacked when `content-encoding` says gzip, which may have several members.

    Raises `TooLargeError`, and `ValueError` for what cannot be unpacked.
    """
    packed = bytearray()
    for chunk in chunks:
        packed += chunk
        if len(packed) > MAX_BYTES:
            raise TooLargeError
    names = [name for name in (each.strip().lower() for each in encoding.split(",")) if name not in ("", "identity")]
    if not names or not packed:
        return bytes(packed)
    if names not in (["gzip"], ["x-gzip"]):
        raise ValueError("packed in a way that was not asked for")
    return _unpacked(packed)


def _unpacked(packed: bytearray) -> bytes:
    try:
        body = gzip.GzipFile(fileobj=io.BytesIO(packed)).read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error):
        raise ValueError("its compression is damaged") from None
    if len(body) > MAX_BYTES:
        raise TooLargeError
    return body


def parse(body: bytes) -> Any:
    """JSON with exact numbers, at most 64 levels deep.

    Raises `ValueError` also for NaN, Infinity and halves of surrogate pairs. Its text is fit for a message.
    """
    try:
        document = json.loads(body, parse_float=Decimal, parse_constant=_no_number)
        if _SURROGATE.search(body):  # may be half a letter, which nothing behind could store
            json.dumps(document, ensure_ascii=False, default=str).encode()
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    except (ValueError, ArithmeticError):
        raise ValueError("not valid JSON, or cut short") from None
    if _may_be_deep(body) and _is_deep(document):
        raise ValueError(_TOO_DEEP)
    return document


def _may_be_deep(body: bytes) -> bool:
    """A quick bound of the depth: what opens, but not where a neighbour has just closed."""
    return sum(map(body.count, (b"{", b"["))) - sum(map(body.count, (b"},{", b"}, {"))) > _DEPTH


def _is_deep(document: Any) -> bool:
    level = [document] if isinstance(document, (dict, list)) else []
    for _ in range(_DEPTH + 1):
        members = (each.values() if isinstance(each, dict) else each for each in level)
        level = [inner for each in members for inner in each if isinstance(inner, (dict, list))]
    return bool(level)


def _no_number(_: str) -> NoReturn:
    raise ValueError("not a number")
