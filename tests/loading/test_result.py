"""What a load came to, for every combination of what its resources did: verdict, exit code, and what is said of it."""

from __future__ import annotations

from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import pytest

from ai_gateway_billing.errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    BillingError,
    BillingPermissionError,
    InvalidAnswerError,
    NotFoundError,
    PagesInconsistentError,
    RateLimitedError,
    RecordError,
    ServerError,
    UnforeseenError,
    UnreachableError,
)
from ai_gateway_billing.outcome import Outcomes, Part, Rejected
from ai_gateway_billing_pipeline.loading.result import Result, exit_code, nothing_loaded
from support.bench import Bench
from support.constants import ACCOUNT, OTHER
from support.samples import fill

REFUSED = {"refused": AuthenticationError("no"), "forbidden": BillingPermissionError("no")}
FAILED: dict[str, BillingError] = {
    "not found": NotFoundError("no"),
    "bad request": BadRequestError("no"),
    "invalid": InvalidAnswerError("no"),
    "server": ServerError("no"),
    "pages": PagesInconsistentError("no"),
    "limited": RateLimitedError("no"),
    "unreachable": UnreachableError("no"),
    "unforeseen": UnforeseenError("no"),
}
BROKEN = Rejected(RecordError("invoices", "id", "is missing"), "{}")
PARTS: dict[str, list[Part]] = {
    "loaded": [Part([], {"invoices": 3})],
    "nothing there": [Part([], skipped="nothing to preview")],
    "silent": [Part([], {"usage_hourly": 0})],
    "one item rejected": [Part([], {"invoices": 2}, [BROKEN])],
    "one window failed": [Part([], {"usage_hourly": 0}), Part(error=ServerError("no"))],
    "rejected": [Part(rejected=[BROKEN])],
    **{name: [Part(error=error)] for name, error in (REFUSED | FAILED).items()},
}
WELL = {"loaded", "nothing there", "silent"}
IN_PART = {"one item rejected", "one window failed"}


def came_to(*kinds: str) -> Outcomes:
    """The outcomes of a load whose resources did these things."""
    outcomes = Outcomes()
    for number, kind in enumerate(kinds):
        outcomes.plan(f"r{number}", {ACCOUNT: len(PARTS[kind])})
        for part in PARTS[kind]:
            outcomes.take(ACCOUNT, f"r{number}", part)
    return outcomes


def expected(kinds: set[str]) -> tuple[int, str]:
    """By the table of exit codes: 4 only where something was loaded, 3 where all was refused, else 6."""
    if kinds <= WELL:
        return 0, "ok"
    if kinds & (WELL | IN_PART):
        return 4, "partial"
    return (3 if kinds <= REFUSED.keys() else 6), "failed"


@pytest.mark.parametrize("kinds", [*combinations_with_replacement(PARTS, 2)], ids=", ".join)
def test_exit_code_and_status_follow_from_what_was_loaded(kinds: tuple[str, ...]) -> None:
    outcomes = came_to(*kinds)

    result = Result(outcomes, [ACCOUNT], 1, 1.0)
    code, status = expected(set(kinds))
    assert (exit_code(outcomes), result.exit_code, result.status) == (code, code, status)
    assert result.worth_publishing == (code in (0, 4))
    assert result.as_json()["accounts"][ACCOUNT]["status"] == status


def test_a_load_of_nothing_at_all_is_done() -> None:
    assert exit_code(Outcomes()) == 0


@pytest.mark.parametrize(
    ("kinds", "code"), [(["refused"], 3), (["refused", "forbidden"], 3), (["refused", "server"], 6)]
)
def test_what_keeps_a_load_from_beginning_is_3_or_6(kinds: list[str], code: int) -> None:
    assert nothing_loaded([(REFUSED | FAILED)[kind] for kind in kinds]) == code


def test_each_account_has_a_status_of_its_own() -> None:
    outcomes = came_to("server", "forbidden")
    outcomes.take(OTHER, "r0", Part([], {"invoices": 1}))

    accounts = Result(outcomes, [ACCOUNT, OTHER], 1, 1.0).as_json()["accounts"]

    assert {account_id: each["status"] for account_id, each in accounts.items()} == {ACCOUNT: "failed", OTHER: "ok"}


# --- whole loads ----------------------------------------------------------------------------------------------------

ANSWERS: list[tuple[Any, int]] = [
    (401, 3), (403, 3), (400, 6), (404, 6), (500, 6), (503, 6), (429, 6), ("refused", 6), ("timeout", 6),
    ("html_200", 6), ("invalid_json", 6), ("truncated_json", 6), ("success_false_200", 6), ("empty_body", 6),
]  # fmt: skip


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize(("kind", "code"), ANSWERS)
def test_when_the_accounts_cannot_be_listed_nothing_is_published(
    tmp_path: Path, base: bytes, kind: Any, code: int, is_first: bool
) -> None:
    bench = Bench(tmp_path)
    bench.account()
    if not is_first:
        bench.database.write_bytes(base)
    bench.faults.add(kind, endpoint="accounts")

    with pytest.raises(ApiError) as caught:
        bench.load("all")

    assert caught.value.exit_code == code
    assert not bench.database.exists() if is_first else bench.database.read_bytes() == base


@pytest.mark.parametrize(("kind", "code"), [(403, 3), (500, 6), ("html_200", 6), ("success_false_200", 6)])
def test_when_every_resource_fails_nothing_is_published(tmp_path: Path, kind: Any, code: int) -> None:
    bench = Bench(tmp_path)
    bench.account()
    bench.faults.add(kind)

    result = bench.load([ACCOUNT], only=("credit_balance", "invoices"))

    assert (result.exit_code, result.status) == (code, "failed")
    assert not bench.database.exists()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, clean_session: None) -> bytes:
    """The database of an undisturbed load."""
    bench = Bench(tmp_path_factory.mktemp("base")).with_tables()
    fill(bench.account())
    bench.load_well(only=("credit_balance",))
    return bench.database.read_bytes()
