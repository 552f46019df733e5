"""The bytes of an answer are unpacked as they were packed, never grow beyond the memory, and are read exactly."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway_billing.api import bodies

chunks = st.lists(st.binary(max_size=50), max_size=5)


@given(chunks, st.sampled_from(["", "identity", " Identity ,"]))
def test_a_plain_body_is_its_chunks(parts: list[bytes], encoding: str) -> None:
    assert bodies.whole(parts, encoding) == b"".join(parts)


@given(chunks, st.sampled_from(["gzip", "x-gzip", "GZIP"]))
def test_each_member_of_a_packed_body_is_unpacked(parts: list[bytes], encoding: str) -> None:
    assert bodies.whole([gzip.compress(part) for part in parts], encoding) == b"".join(parts)


@pytest.mark.parametrize(
    ("packed", "encoding", "problem"),
    [
        (b"x", "br", "not asked for"),
        (b"x", "gzip, gzip", "not asked for"),
        (b"x", "gzip", "damaged"),
        (gzip.compress(b"whole", mtime=0)[:-9], "gzip", "damaged"),
    ],
)
def test_what_cannot_be_unpacked_is_refused(packed: bytes, encoding: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        bodies.whole([packed], encoding)


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_a_body_beyond_the_bound_is_refused(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MAX_BYTES", 1000)
    sent = {size: gzip.compress(b"x" * size) if encoding else b"x" * size for size in (1000, 1001)}

    assert len(bodies.whole([sent[1000]], encoding)) == 1000
    with pytest.raises(bodies.TooLargeError):
        bodies.whole([sent[1001]], encoding)


def test_whole_surrogate_pairs_are_letters() -> None:
    assert bodies.parse(b'"\\ud83d\\ude00"') == "\U0001f600"
