"""Whatever goes wrong between us and the API, at any endpoint, once, always or now and then: the right retry, the
right end, the right exit code, and everything else loaded.

A load costs a second however many accounts it reads. So each case is an account with a fault of its own, and all of
them are loaded together, which shows as well that none of them harms another.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from ai_gateway_billing import errors, extraction
from ai_gateway_billing.api.client import Client
from ai_gateway_billing.api.endpoints import ENDPOINTS
from ai_gateway_billing.outcome import Part
from ai_gateway_billing.simulator import Account
from ai_gateway_billing.usage.cursors import Extent
from ai_gateway_billing.usage.reading import WindowReader
from ai_gateway_billing.usage.windows import plan
from support import processes
from support.bench import Bench, Row
from support.clock import Clock
from support.constants import ACCOUNT, DAY, HOUR, NOW, OTHER, TODAY, TOKEN

Kind = str | int

RESOURCES = {endpoint.name: endpoint.resources for endpoint in ENDPOINTS}
ALL = {resource for resources in RESOURCES.values() for resource in resources}

PASSING: dict[Kind, type[errors.ApiError]] = {
    408: errors.BadRequestError,
    500: errors.ServerError,
    502: errors.ServerError,
    503: errors.ServerError,
    504: errors.ServerError,
    520: errors.ServerError,
    525: errors.ServerError,
    "html_502": errors.ServerError,
    "html_200": errors.ForeignAnswerError,
    302: errors.ForeignAnswerError,
    "empty_body": errors.ForeignAnswerError,
    "invalid_json": errors.InvalidAnswerError,
    "truncated_json": errors.InvalidAnswerError,
    "wrong_content_type": errors.ForeignAnswerError,
    "success_false_200": errors.InvalidAnswerError,
    "null_result_200": errors.InvalidAnswerError,
}
"""Faults that another attempt may mend, and what each is called once no attempt has."""

LASTING: dict[Kind, type[errors.ApiError]] = {
    400: errors.BadRequestError,
    401: errors.AuthenticationError,
    402: errors.BadRequestError,
    403: errors.BillingPermissionError,
    404: errors.NotFoundError,
    410: errors.BadRequestError,
    422: errors.BadRequestError,
}
"""Refusals: asked once and not again."""

UNHEARD: tuple[Kind, ...] = ("reset", "torn_body", "timeout", "refused")
"""No answer, or half of one. What was seen so of one request makes the others of the token give up earlier."""

STATES = {("invoice-preview", 404), ("invoice-preview", "null_result_200")}
"""That there is nothing to preview, which is no failure."""


@dataclass
class Case:
    """An account, the endpoint at which its fault strikes (None: anywhere), and the fault."""

    account_id: str
    endpoint: str | None
    kind: Kind
    options: dict[str, Any] = field(default_factory=dict)


class Bed(Bench):
    """A bench with one account per case, and one without any fault."""

    def __init__(self, folder: Path, *cases: tuple[str | None, Kind], **options: Any) -> None:
        super().__init__(folder, start="2026-10-25")
        self.cases = [Case(f"{n:032x}", endpoint, kind, options) for n, (endpoint, kind) in enumerate(cases, 1)]
        self.sound = "f" * 32
        self.clock = Clock()
        for account_id in (*(case.account_id for case in self.cases), self.sound):
            fill(self.account(account_id))

    def strike(self) -> None:
        """Switch the faults on."""
        for case in self.cases:
            self.faults.add(case.kind, endpoint=case.endpoint, account_id=case.account_id, **case.options)

    def client(self) -> Client:
        transport = httpx.MockTransport(self.simulator.handle)
        # The threads' waits come one after another on this clock, so no request may run into its time limit by them.
        return Client(self.token, transport=transport, sleep=self.clock.sleep, clock=lambda: 0.0, budget=None)

    def asked(self, account_id: str, endpoint: str) -> int:
        return sum((r.account_id, r.endpoint) == (account_id, endpoint) for r in self.simulator.requests)


def fill(account: Account) -> None:
    """A bit of everything."""
    for days in range(25):
        account.set_hour(TODAY - days * DAY, Decimal("1.25") * (days + 1))
    account.set_balance(Decimal("640.19"))
    account.set_topup_config({"amount": 5000, "threshold": 500})
    account.set_spending_limit({"enabled": False, "config": {"amount": None, "duration": None, "strategy": None}})
    line = {"description": "openai/gpt", "amount": 5, "currency": "usd", "quantity": 1}
    line |= {"period": {"start": 1_790_000_000, "end": 1_790_003_600}, "pricing": {"unit_amount_decimal": None}}
    amounts = dict.fromkeys(("amount_due", "amount_paid", "amount_remaining"), 5)
    period = {"period_start": 1_790_000_000, "period_end": 1_792_000_000}
    account.set_preview(
        {"id": "up", "status": "draft", "currency": "usd", **amounts, **period, "invoice_lines": [line]}
    )
    account.put_invoice({"id": "in_1", "created": 1_790_000_000, "status": "paid", "currency": "usd", **amounts})


def failures(bed: Bed, result: Any) -> dict[str, dict[str, errors.BillingError]]:
    """Account -> resource -> error."""
    found: dict[str, dict[str, errors.BillingError]] = {}
    for (account_id, resource), error in result.outcomes.failures().items():
        found.setdefault(account_id, {})[resource] = error
    return found


# --- once, and now and then ------------------------------------------------------------------------------------------


def test_a_fault_at_the_first_request_of_every_endpoint_is_not_noticed(tmp_path: Path) -> None:
    bed = Bed(tmp_path, *((None, kind) for kind in PASSING)).with_tables()
    for case, endpoint in product(bed.cases, RESOURCES):
        if (endpoint, case.kind) not in STATES:
            bed.faults.add(case.kind, endpoint=endpoint, account_id=case.account_id, nth=1)

    bed.load_well()

    bed.assert_equals_world()
    sound = bed.asked(bed.sound, "usage-history")
    assert {bed.asked(case.account_id, "usage-history") for case in bed.cases} == {sound + 1}
    assert {bed.asked(case.account_id, "credit-balance") for case in bed.cases} == {2}


@pytest.mark.thorough
def test_one_request_in_five_failing_is_not_noticed(tmp_path: Path) -> None:
    kinds = [*PASSING, "reset", "torn_body"]
    bed = Bed(tmp_path, *((None, kind) for kind in kinds if (kind != "null_result_200")), every=5).with_tables()
    bed.strike()

    bed.load_well()

    bed.assert_equals_world()


@pytest.mark.parametrize(
    "seed",
    [pytest.param(1, marks=pytest.mark.thorough), *(pytest.param(n, marks=pytest.mark.slow) for n in range(2, 12))],
)
def test_a_fault_of_any_kind_by_chance_is_not_noticed(tmp_path: Path, seed: int) -> None:
    bed = Bed(tmp_path, (None, 503), (None, 503), (None, 503)).with_tables()
    bed.simulator.faults.random.seed(seed)
    for kind in [*(set(PASSING) - {"null_result_200"}), "reset", 429]:
        bed.faults.add(kind, probability=0.2 / len(PASSING))

    bed.load_well()

    bed.assert_equals_world()
    assert sum(rule.fired for rule in bed.faults.rules) > 3


@pytest.mark.thorough
def test_an_answer_with_errors_beside_its_success_is_one(tmp_path: Path) -> None:
    bed = Bed(tmp_path, (None, "filled_errors")).with_tables()
    bed.strike()

    bed.load_well()

    bed.assert_equals_world()


# --- always ----------------------------------------------------------------------------------------------------------

EVERYWHERE = list(product(RESOURCES, (*PASSING, *LASTING)))


def assert_only_the_struck_failed(bed: Bed, result: Any) -> None:
    found = failures(bed, result)
    for case in bed.cases:
        assert case.endpoint
        expected = {*RESOURCES[case.endpoint]} if (case.endpoint, case.kind) not in STATES else set()
        errors_of = found.pop(case.account_id, {})
        assert errors_of.keys() == expected, (case, errors_of)
        for error in errors_of.values():
            assert type(error) is (PASSING | LASTING)[case.kind], (case, error)
            assert isinstance(error, errors.ApiError)
            assert (error.account_id, error.path) == (case.account_id, f"ai-gateway/billing/{case.endpoint}")
        outcomes = {r for (a, r), outcome in result.outcomes.of.items() if a == case.account_id}
        assert outcomes == ALL
    assert found == {}
    assert result.exit_code == 4
    assert result.status == "partial"


class Struck(NamedTuple):
    """All faults everywhere in the second load of a bed: what it was before, and what came of it."""

    bed: Bed
    before: dict[str, list[Row]]
    result: Any


@pytest.fixture(scope="module")
def struck(tmp_path_factory: pytest.TempPathFactory, clean_session: None) -> Iterator[Struck]:
    bed = Bed(tmp_path_factory.mktemp("struck"), *EVERYWHERE).with_tables()
    bed.load_well()
    before = bed.everything()
    bed.simulator.requests.clear()
    bed.strike()
    bed.now += HOUR
    yield Struck(bed, before, bed.load())
    bed.close()


def test_a_fault_that_stays_fails_its_resource_alone(struck: Struck) -> None:
    bed, before, result = struck

    assert_only_the_struck_failed(bed, result)
    bed.assert_equals_world(bed.sound)
    after = bed.everything()
    for table in ("credit_balance", "topup_config", "spending_limit", "invoice_preview", "usage_hourly", "usage_daily"):
        gone = {row[:2] for row in before[table]} - {row[:2] for row in after[table]}
        assert not gone, f"{table} lost rows by a failure"
    assert len(bed.rows("select * from {raw}.credit_balance where _dlt_valid_to is not null")) == 0
    closed = bed.rows("select account_id from {raw}.invoice_preview where _dlt_valid_to is not null order by 1")
    assert closed == [(case.account_id,) for case in bed.cases if (case.endpoint, case.kind) in STATES]


def test_a_fault_that_stays_is_asked_six_times_and_a_refusal_once(struck: Struck) -> None:
    cases = [case for case in struck.bed.cases if case.endpoint == "credit-balance"]

    assert len(cases) == len(PASSING) + len(LASTING)
    for case in cases:
        assert struck.bed.asked(case.account_id, "credit-balance") == (6 if case.kind in PASSING else 1), case.kind


def test_a_repeating_500_on_usage_history_ends(tmp_path: Path) -> None:
    """A year has 130 windows. Three failed ones are enough to leave the rest to the next load."""
    bed = Bed(tmp_path, ("usage-history", 500)).with_tables()
    bed.start = "2025-08-01"
    bed.strike()

    result = bed.load(bed.cases[0].account_id)

    assert {*failures(bed, result)[bed.cases[0].account_id]} == {"usage_hourly", "usage_daily"}
    per_grouping = (3 + extraction.WORKERS) * 6
    assert bed.asked(bed.cases[0].account_id, "usage-history") <= 2 * per_grouping
    assert result.exit_code == 4


def test_after_the_fault_the_next_load_makes_up_for_all_of_it(tmp_path: Path) -> None:
    bed = Bed(
        tmp_path, *((endpoint, kind) for endpoint, kind in EVERYWHERE if kind in (500, "html_200", 403))
    ).with_tables()
    bed.strike()
    assert bed.load().exit_code == 4
    bed.faults.clear()
    bed.now += HOUR

    bed.load_well()

    bed.assert_equals_world()


# --- no answer at all ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, clean_session: None) -> Bed:
    """A loaded database, for loads that must not change it."""
    bed = Bed(tmp_path_factory.mktemp("loaded")).with_tables()
    bed.load_well()
    return bed


def fail(bed: Bed, kind: Kind, **options: Any) -> Any:
    """A load in which every request fails, and the proof that the published file is the one before."""
    before = bed.database.read_bytes()
    bed.faults.clear()
    bed.faults.add(kind, **options)

    result = bed.load([bed.sound])

    assert bed.database.read_bytes() == before
    assert result.status == "failed"
    return result


@pytest.mark.parametrize("kind", [UNHEARD[0], *(pytest.param(kind, marks=pytest.mark.slow) for kind in UNHEARD[1:])])
def test_one_account_unheard_leaves_the_other_loaded(tmp_path: Path, kind: str) -> None:
    bed = Bed(tmp_path, ("credit-balance", kind)).with_tables()
    bed.strike()

    result = bed.load()

    assert {*failures(bed, result)} == {bed.cases[0].account_id}
    assert {*failures(bed, result)[bed.cases[0].account_id]} == {"credit_balance"}
    assert result.exit_code == 4
    bed.assert_equals_world(bed.sound)


@pytest.mark.parametrize(
    "kind",
    [
        UNHEARD[0],
        "html_200",
        *(pytest.param(kind, marks=pytest.mark.thorough) for kind in (*UNHEARD[1:], 500, 503, "html_502", 302)),
    ],
)
def test_an_api_that_is_not_there_ends_with_6_and_changes_nothing(loaded: Bed, kind: Kind) -> None:
    assert fail(loaded, kind).exit_code == 6


@pytest.mark.slow
@processes.LOOPBACK
def test_nobody_listening_ends_with_6_within_a_minute(tmp_path: Path) -> None:
    """By the real clock and the command itself: at a port where nobody is, every account and resource is given up."""
    with processes.served(tmp_path) as place:
        pass
    began = time.monotonic()

    ending = place.run("--account", ACCOUNT, "--account", OTHER, "--json")

    assert ending.code == 6, ending
    assert time.monotonic() - began < 60
    assert "127.0.0.1 did not answer" in ending.err
    assert not place.database.exists()


@pytest.mark.parametrize("kind", ["refused", 503])
def test_no_list_of_accounts_ends_with_6(tmp_path: Path, kind: Kind) -> None:
    bed = Bed(tmp_path)
    bed.faults.add(kind, endpoint="accounts")

    with pytest.raises(errors.BillingError) as caught:
        bed.load("all")

    assert caught.value.exit_code == 6
    assert not bed.database.exists()


@pytest.mark.parametrize(("kind", "code"), [(401, 3), (403, 3), (404, 6), ("html_200", 6)])
def test_a_refused_list_of_accounts_ends_with_3_and_an_unusable_one_with_6(
    tmp_path: Path, kind: Kind, code: int
) -> None:
    bed = Bed(tmp_path)
    bed.faults.add(kind, endpoint="accounts")

    with pytest.raises(errors.BillingError) as caught:
        bed.load("all")

    assert caught.value.exit_code == code


@pytest.mark.parametrize("kind", [401, 403])
def test_a_token_refused_everywhere_ends_with_3_and_changes_nothing(loaded: Bed, kind: int) -> None:
    assert fail(loaded, kind).exit_code == 3


def test_everything_unusable_is_a_failure_and_no_partial_one(tmp_path: Path) -> None:
    """Nothing was loaded: not 4, whose words are that the rest is, and no file is made."""
    bed = Bed(tmp_path)
    bed.faults.add("success_false_200")

    result = bed.load([bed.sound])

    assert result.exit_code == 6
    assert result.status == "failed"
    assert not bed.database.exists()


# --- limits ----------------------------------------------------------------------------------------------------------


class Watched(Bench):
    """A bench with one request at a time and a clock that passes only by waiting, so that every wait is seen."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, start="2026-11-01")
        self.clock = Clock()
        self.log: list[tuple[float, int, float]] = []
        for account_id in (ACCOUNT, OTHER):
            fill(self.account(account_id))

    def client(self) -> Client:
        def answer(request: httpx.Request) -> httpx.Response:
            response = self.simulator.handle(request)
            self.log.append((self.clock.passed, response.status_code, self.asked_s(response)))
            return response

        transport = httpx.MockTransport(answer)
        clock = self.clock
        return Client(
            self.token,
            transport=transport,
            sleep=clock.sleep,
            clock=clock.monotonic,
            now=clock.now,
            budget=None,
        )

    @staticmethod
    def asked_s(response: httpx.Response) -> float:
        text = response.headers.get("retry-after", "0")
        return float(text) if text.isdigit() else 40.0

    def assert_never_undercut(self) -> None:
        limited = [(at, asked) for at, _, asked in self.log if asked]
        assert limited, "nothing was limited, so nothing is shown"
        for at, asked in limited:
            early = [later for later, _, _ in self.log if at < later < at + asked - 1e-6]
            assert not early, f"asked at {at} to wait {asked} s; requests at {early}"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, clean_session: None) -> bytes:
    """The database of an undisturbed load."""
    bench = Watched(tmp_path_factory.mktemp("base"))
    bench.load_well()
    return bench.database.read_bytes()


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    monkeypatch.setattr(extraction, "WORKERS", 1)
    return Watched(tmp_path).with_tables()


@pytest.mark.parametrize(
    "limit",
    [
        {"nth": [2, 3, 9], "retry_after": 7},
        pytest.param({"nth": 4, "retry_after": timedelta(seconds=40)}, marks=pytest.mark.thorough),
        *(
            pytest.param(limit, marks=pytest.mark.slow)
            for limit in (
                {"nth": 3, "retry_after": 300},
                {"every": 5, "retry_after": 2},
                {"endpoint": "usage-history", "every": 3, "retry_after": 11},
                {"endpoint": "spending-limit", "times": 5, "retry_after": 100},
            )
        ),
    ],
    ids=str,
)
def test_retry_after_is_never_undercut_and_everything_is_loaded(watched: Watched, limit: dict[str, Any]) -> None:
    watched.faults.add(429, **limit)

    watched.load_well()

    watched.assert_never_undercut()
    watched.assert_equals_world()


@pytest.mark.thorough
def test_a_503_that_asks_for_a_wait_gets_it(watched: Watched) -> None:
    watched.faults.add(503, nth=3, retry_after=123)

    watched.load_well()

    watched.assert_never_undercut()


def test_a_limit_without_retry_after_is_waited_out(watched: Watched) -> None:
    watched.faults.add("plain_429", nth=[3, 4, 5])

    watched.load_well()

    assert watched.clock.passed >= 2 + 4 + 8
    watched.assert_equals_world()


@pytest.mark.parametrize(
    "retry_after", [None, 901, *(pytest.param(seconds, marks=pytest.mark.thorough) for seconds in (0, 30, 86_400))]
)
def test_a_limit_that_stays_ends_with_6_and_changes_nothing(
    watched: Watched, base: bytes, retry_after: int | None
) -> None:
    watched.database.write_bytes(base)
    watched.faults.add(429, retry_after=retry_after)

    result = watched.load([ACCOUNT, OTHER])

    assert result.exit_code == 6
    assert all(type(error) is errors.RateLimitedError for error in result.outcomes.failures().values())
    assert watched.database.read_bytes() == base
    assert watched.clock.passed < 1800
    if retry_after:
        watched.assert_never_undercut()


def test_a_limit_on_one_account_leaves_the_other_loaded(watched: Watched) -> None:
    watched.faults.add(429, account_id=OTHER, endpoint="credit-balance", retry_after=5)

    result = watched.load()

    assert {*result.outcomes.failures()} == {(OTHER, "credit_balance")}
    assert result.exit_code == 4
    watched.assert_equals_world(ACCOUNT)
    watched.assert_never_undercut()


def test_all_threads_obey_one_retry_after(tmp_path: Path) -> None:
    """The second passes only once all of them wait for it at once; one that asked on would break the barrier."""
    bench = Bench(tmp_path)
    fill(bench.account())
    bench.faults.add(429, nth=12, retry_after=1)
    clock = Clock()
    all_wait = threading.Barrier(extraction.WORKERS, action=lambda: clock.sleep(1.0), timeout=10)
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        if seconds:
            waits.append(seconds)
            all_wait.wait()

    transport = httpx.MockTransport(bench.simulator.handle)
    with Client(TOKEN, transport=transport, sleep=sleep, clock=clock.monotonic, budget=None) as client:
        reader = WindowReader(client, NOW)
        jobs = [partial(reader.read, ACCOUNT, window) for window in plan("hour", TODAY - 200 * DAY, TODAY)]
        run = extraction.Extraction(client, [ACCOUNT], Extent(TODAY, NOW))
        found = [read for _, read in run.each("usage_hourly", {ACCOUNT: jobs}, lambda _, read: Part(read))]

    assert waits == [1.0] * extraction.WORKERS
    assert sum(read.rows for read in found) == 24
