"""The bytes of an answer, unpacked, and never more of them than fit into memory."""

import gzip
import io
import zlib
from collections.abc import Iterable
from typing import Final

MAX_BYTES: Final = 32 * 2**20
"""Of one answer, unpacked; a hundred times the largest that is to be expected."""


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
