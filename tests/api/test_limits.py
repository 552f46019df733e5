"""The pace: our own budget, announced limits, and silence that the API asks for. No test really waits."""

import threading
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway_billing.api.limits import HoldTooLongError, Limit, Pace, asked_wait_s, http_date, limits
from support.clock import CLOCK_START_S, Clock
from support.constants import NOW


def pace_of(
    clock: Clock,
    *,
    budget: tuple[int, float] | None = None,
    burst: tuple[int, float] | None = None,
    per_second: float | None = None,
) -> Pace:
    return Pace(sleep=clock.sleep, clock=clock.monotonic, budget=budget, burst=burst, max_per_second=per_second)


def starts(pace: Pace, clock: Clock, count: int) -> list[float]:
    moments = []
    for _ in range(count):
        pace.wait(900)
        moments.append(clock.monotonic() - CLOCK_START_S)
    return moments


def test_without_limits_nothing_waits(clock: Clock) -> None:
    starts(pace_of(clock), clock, 5000)

    assert clock.sleeps == []


def test_the_budget_is_kept_in_every_window(clock: Clock) -> None:
    """With a margin of a twentieth: 19 of 20 here, 1,140 of Cloudflare's 1,200."""
    moments = starts(pace_of(clock, budget=(20, 10)), clock, 100)

    assert moments[18] == 0
    assert moments[19] == 10
    assert all(later - earlier >= 10 for earlier, later in zip(moments, moments[19:], strict=False))


@given(
    st.tuples(st.integers(2, 30), st.integers(5, 20)),
    st.tuples(st.integers(2, 30), st.just(1)),
    st.lists(st.floats(0, 3) | st.just(0.0), max_size=80),
)
def test_both_windows_are_kept_wherever_they_begin(
    budget: tuple[int, float], burst: tuple[int, float], idle: list[float]
) -> None:
    """And each request goes out as soon as both let it."""
    clock = Clock()
    pace = pace_of(clock, budget=budget, burst=burst)
    moments: list[float] = []
    for seconds in idle:
        clock.sleep(seconds)
        asked = clock.monotonic()
        pace.wait(0)
        most = [(max(1, int(requests * 0.95)), length) for requests, length in (budget, burst)]
        free = [moments[-count] + length for count, length in most if len(moments) >= count]
        moments.append(clock.monotonic())
        assert moments[-1] == pytest.approx(max(asked, *free, 0.0))


def test_a_budget_of_one_still_lets_requests_out(clock: Clock) -> None:
    assert starts(pace_of(clock, budget=(1, 10)), clock, 3) == [0, 10, 20]


def test_waiting_for_the_own_budget_is_not_the_apis_doing(clock: Clock) -> None:
    pace = pace_of(clock, budget=(1, 5000))

    pace.wait(0)
    pace.wait(0)
    assert clock.sleeps == [5000]


def test_requests_per_second_are_spread(clock: Clock) -> None:
    assert starts(pace_of(clock, per_second=4), clock, 4) == [0, 0.25, 0.5, 0.75]


def test_a_hold_binds_the_next_request(clock: Clock) -> None:
    pace = pace_of(clock)
    pace.hold(120)

    pace.wait(900)
    pace.wait(900)
    assert clock.sleeps == [120]


def test_a_shorter_hold_does_not_lift_a_longer_one(clock: Clock) -> None:
    pace = pace_of(clock)
    pace.hold(120)
    pace.hold(1)

    pace.wait(900)
    assert clock.sleeps == [120]


def test_a_hold_beyond_the_limit_is_refused_without_waiting(clock: Clock) -> None:
    pace = pace_of(clock)
    pace.hold(901)

    with pytest.raises(HoldTooLongError) as caught:
        pace.wait(900)
    assert caught.value.seconds == 901
    assert clock.sleeps == []


def test_a_hold_that_grows_while_a_thread_sleeps_binds_it_too(clock: Clock) -> None:
    """One thread sleeps, another's answer closes the gate for longer."""

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if len(clock.sleeps) == 1:
            pace.hold(50)

    pace = Pace(sleep=sleep, clock=clock.monotonic, budget=None)
    pace.hold(10)

    pace.wait(900)
    assert clock.sleeps == [10, 50]


def test_all_waits_of_a_request_count_towards_the_limit(clock: Clock) -> None:
    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        pace.hold(400)

    pace = Pace(sleep=sleep, clock=clock.monotonic, budget=None)
    pace.hold(400)

    with pytest.raises(HoldTooLongError):
        pace.wait(900)
    assert clock.sleeps == [400, 400]


def test_a_sleep_that_does_not_move_the_clock_ends_all_the_same() -> None:
    slept: list[float] = []
    pace = Pace(sleep=slept.append, clock=lambda: 0.0, budget=(2, 10))
    pace.hold(7)

    for _ in range(3):
        pace.wait(900)
    assert slept == [7, 17, 27]


def test_threads_share_the_budget() -> None:
    """A sleeping thread must not hold the lock: all eight finish."""
    slept: list[float] = []
    pace = Pace(sleep=slept.append, clock=lambda: 0.0, budget=(100, 300), max_per_second=None)
    threads = [threading.Thread(target=lambda: [pace.wait(900) for _ in range(50)]) for _ in range(8)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)

    assert len(slept) == 400 - 95
    assert sorted(slept) == [300.0 * (1 + index // 95) for index in range(305)]


def test_an_exhausted_limit_is_waited_out(clock: Clock) -> None:
    pace = pace_of(clock)
    pace.observe({"ratelimit": '"default";r=0;t=30'})

    pace.wait(900)
    assert clock.sleeps == [30]


def test_a_low_limit_is_spread_over_the_time_to_its_reset(clock: Clock) -> None:
    pace = pace_of(clock)
    pace.wait(900)
    pace.observe({"ratelimit": '"default";r=10;t=30'})

    assert starts(pace, clock, 12) == [3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 30, 30]


@pytest.mark.parametrize(
    ("headers", "interval"),
    [
        ({"ratelimit": '"default";r=50;t=30'}, 0),
        ({"ratelimit": '"default";r=100;t=30', "ratelimit-policy": '"default";q=1200;w=300'}, 0.3),
        ({"ratelimit": '"default";r=150;t=30', "ratelimit-policy": '"default";q=1200;w=300'}, 0),
        ({"ratelimit": '"a";r=900;t=9, "b";r=5;t=10', "ratelimit-policy": '"b";q=50;w=10'}, 2),
        ({"ratelimit": "gibberish"}, 0),
        ({"ratelimit": ""}, 0),
        ({}, 0),
    ],
)
def test_how_low_is_low_depends_on_the_quota(clock: Clock, headers: dict[str, str], interval: float) -> None:
    pace = pace_of(clock)
    pace.wait(900)
    pace.observe(headers)

    assert starts(pace, clock, 2) == pytest.approx([interval, 2 * interval])


@pytest.mark.parametrize(
    ("announced", "policy", "expected"),
    [
        ('"default";r=50;t=30', "", [Limit(50, 30)]),
        ('"burst";r=1;t=2,"day" ; r = 3 ; t = 4', '"day";q=9;w=5', [Limit(1, 2), Limit(3, 4, 9)]),
        ('"odd, name;r=7";t=30;r=2', "", [Limit(2, 30)]),
        ("r=5", "", [Limit(5, 0)]),
        ('"default";t=30', "", []),
        ('"default";r=-1;t=x', "", []),
        ('"default"', "q=", []),
        ("", "", []),
    ],
)
def test_announced_limits_are_read_tolerantly(announced: str, policy: str, expected: list[Limit]) -> None:
    assert list(limits(announced, policy)) == expected


@given(st.text(alphabet='"default;r=t0123456789,. -q\\\n\u0663') | st.text(), st.text(alphabet='"a;q=w0,') | st.text())
def test_any_announcement_can_be_read(announced: str, policy: str) -> None:
    clock = Clock()
    pace = pace_of(clock)
    pace.observe({"ratelimit": announced, "ratelimit-policy": policy})

    for limit in limits(announced, policy):
        assert limit.remaining >= 0
        assert limit.reset_s >= 0


HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "ratelimit": st.builds(
            '"{}";r={};t={}'.format,
            st.sampled_from(["default", "a b", ""]),
            st.integers(0, 10**400),
            st.integers(0, 10**400),
        )
        | st.text(alphabet='"default;r=t0123456789,. -q'),
        "ratelimit-policy": st.builds('"default";q={};w={}'.format, st.integers(0, 10**400), st.integers(0, 10**9))
        | st.text(),
        "retry-after": st.integers(-(10**400), 10**400).map(str)
        | st.floats().map(str)
        | st.lists(st.integers(0, 10**10).map(str)).map(", ".join)
        | st.datetimes().map(lambda moment: moment.strftime("%a, %d %b %Y %H:%M:%S GMT"))
        | st.text(),
        "date": st.just("Sun, 22 Nov 2026 10:30:00 GMT") | st.text(),
    },
)


@given(st.lists(HEADERS, min_size=1, max_size=20), st.sampled_from([0.0, 20.0, 900.0]))
def test_whatever_answers_announce_all_waits_together_stay_within_the_limit(
    answers: list[dict[str, str]], limit_s: float
) -> None:
    """Too long a wait is refused without waiting; nothing crashes, and no single sleep is endless."""
    clock = Clock()
    pace = pace_of(clock)
    refused = 0
    for headers in answers * 2:
        try:
            pace.wait(limit_s)
        except HoldTooLongError as error:
            refused += 1
            assert error.seconds <= 1e9  # noqa: PT017 - about each refusal, of which there may be none
        pace.observe(headers)
        pace.hold(asked_wait_s(headers, lambda: NOW) or 0.0)

    assert sum(clock.sleeps) <= limit_s
    assert refused <= 2 * len(answers)


@pytest.mark.parametrize("left", [1, 2, 19])
def test_a_limit_that_is_nearly_used_up_for_long_is_used_up_at_once(clock: Clock, left: int) -> None:
    """To spread what is left over a day is not asked for; when it is used up, the API says so."""
    pace = pace_of(clock)
    for _ in range(100):
        pace.wait(900)
        pace.observe({"ratelimit": f'"default";r={left};t=86400'})

    assert sum(clock.sleeps) <= 900


def test_a_limit_that_stays_low_slows_down_no_longer_than_the_limit(clock: Clock) -> None:
    pace = pace_of(clock)
    for _ in range(1000):
        pace.wait(900)
        pace.observe({"ratelimit": '"default";r=1;t=30'})

    assert sum(clock.sleeps) == 900


def test_the_time_for_waiting_counts_anew_after_five_minutes_without(clock: Clock) -> None:
    pace = pace_of(clock)
    for _ in range(3):
        pace.hold(600)
        pace.wait(900)
        clock.sleep(301)

    assert clock.sleeps == [600, 301] * 3


def test_a_wait_is_told_once_for_all_threads(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    pace = Pace(sleep=lambda _: None, clock=lambda: 0.0, budget=None)
    pace.hold(120)
    for _ in range(8):
        pace.wait(900)

    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "No request for 120 s: Cloudflare limits this token.")
    ]


def test_a_wait_for_the_own_budget_is_told_too(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    starts(pace_of(clock, budget=(20, 300)), clock, 20)

    assert caplog.messages == ["No request for 300 s: as many as this token may send."]


def test_short_waits_are_not_told(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    starts(pace_of(clock, per_second=1), clock, 20)

    assert caplog.messages == []


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30),
        (" 300 ", 300),
        ("0", 0),
        ("1.5", 1.5),
        ("Sun, 22 Nov 2026 10:30:42 GMT", 42),
        ("Sunday, 22-Nov-26 10:30:42 GMT", 42),
        ("Sun, 22 Nov 2026 10:00:00 GMT", 0),
        ("Sun, 22 Nov 2026 10:30:42 -0000", 42),
        ("0.0", 0),
        ("3600.", 3600),
        ("3600, 10", 3600),
        ("10,3600 , 5", 3600),
        ("soon, 30", 30),
        ('"30"', 30),
        ("30s", 30),
        ("120; reason=limit", 120),
        ("1795564800", 1e9),
        ("1e9", 1e9),
        ("1E+3", 1000),
        ("9" * 400, 1e9),
        ("Sun, 22 Nov 2026 10:30:42 GMT, Sun, 22 Nov 2026 10:31:42 GMT", 102),
        ("5, Sun, 22 Nov 2026 10:30:42 GMT", 42),
        ("Sun, 22 Nov 9999 10:30:42 GMT", 1e9),
        ("-5", None),
        ("soon", None),
        ("inf", None),
        ("nan", None),
        ("", None),
        ("٣", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    assert asked_wait_s({"retry-after": text}, lambda: NOW) == seconds


def test_no_retry_after_asks_for_nothing() -> None:
    assert asked_wait_s({}, lambda: NOW) is None


def test_a_date_is_compared_with_the_apis_own_clock() -> None:
    """A local clock that is an hour ahead would cut the wait to nothing."""
    headers = {"retry-after": "Sun, 22 Nov 2026 10:31:00 GMT", "date": "Sun, 22 Nov 2026 10:30:00 GMT"}

    assert asked_wait_s(headers, lambda: NOW + timedelta(hours=1)) == 60


@given(st.text() | st.dates().map(str))
def test_any_date_text_can_be_read_or_is_none(text: str) -> None:
    moment = http_date(text)

    assert moment is None or moment.utcoffset() == timedelta(0)
