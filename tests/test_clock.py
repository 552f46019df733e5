"""Which moment a load is dated by: the API's, unless both clocks agree or this machine's is trusted."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from ai_gateway_billing import clock
from support.constants import NOW

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def api(ahead: timedelta | None) -> Any:
    """A client of an API whose clock is behind this machine's by so much; None where it tells no time."""
    return SimpleNamespace(api_time=lambda: None if ahead is None else NOW - ahead)


@pytest.mark.parametrize(
    ("ahead", "moment", "is_sure", "is_told"),
    [
        (None, NOW, False, False),
        (0 * SECOND, NOW, True, False),
        (5 * SECOND, NOW, True, False),
        (-5 * SECOND, NOW, True, False),
        (6 * SECOND, NOW - 6 * SECOND, True, False),
        (-6 * SECOND, NOW + 6 * SECOND, True, False),
        (3 * MINUTE - SECOND, NOW - 3 * MINUTE + SECOND, True, False),
        (3 * MINUTE, NOW - 3 * MINUTE, False, True),
        (-3 * MINUTE, NOW + 3 * MINUTE, False, True),
    ],
)
def test_the_api_is_right_where_the_clocks_differ(
    ahead: timedelta | None, moment: Any, is_sure: bool, is_told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    assert clock.now_at(api(ahead), lambda: NOW) == (moment, is_sure)
    assert bool(caplog.messages) is is_told


def test_a_trusted_clock_is_taken_and_told(caplog: pytest.LogCaptureFixture) -> None:
    assert clock.now_at(api(60 * MINUTE), lambda: NOW, trusts_here=True) == (NOW, False)
    assert "because of --trust-clock" in caplog.text


def test_how_far_ahead_is_unknown_where_the_api_tells_no_time() -> None:
    assert clock.ahead_of(api(None), lambda: NOW) is None
    assert clock.ahead_of(api(-MINUTE), lambda: NOW) == -MINUTE


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (3 * MINUTE, "3 minutes ahead of"),
        (-119 * MINUTE, "119 minutes behind"),
        (120 * MINUTE, "2 hours ahead of"),
        (timedelta(hours=-47), "47 hours behind"),
        (timedelta(days=60), "60 days ahead of"),
    ],
)
def test_a_difference_is_told_in_its_largest_unit(ahead: timedelta, words: str) -> None:
    assert clock.in_words(ahead) == f"This machine's clock is {words} Cloudflare's."
