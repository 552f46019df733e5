"""How long to wait between attempts, and what a log line says of a failed one."""

from __future__ import annotations

from itertools import pairwise

import pytest

from ai_gateway_billing import errors
from ai_gateway_billing.api.retries import backoff_s, log_words
from support.constants import ACCOUNT


def test_waits_double_up_to_a_cap() -> None:
    waits = [backoff_s(attempt, first=0.5, cap=20) for attempt in range(1, 10)]

    assert waits[0] == 0.5
    assert waits[-1] == 20
    assert all(later == min(20, 2 * earlier) for earlier, later in pairwise(waits))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            errors.ServerError("x", status=503, path="credit-balance", account_id=ACCOUNT),
            f"of account {ACCOUNT}: HTTP 503",
        ),
        (errors.ServerError("x", status=502, path="accounts"), "accounts: HTTP 502"),
    ],
)
def test_a_failed_attempt_is_named_by_endpoint_account_and_status(error: errors.ApiError, words: str) -> None:
    assert words in log_words(error)
