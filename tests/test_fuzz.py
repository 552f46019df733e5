"""Answers mutated in every way: each either loads exactly or ends in one of our errors, and nothing else.

What an answer must load to is worked out here from a table of fields and types, apart from the code that is tested.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from random import Random
from typing import Any, NamedTuple

import httpx
import pytest

from ai_gateway_billing.api import endpoints
from ai_gateway_billing.api.client import Client
from ai_gateway_billing.errors import ApiError, RecordError
from ai_gateway_billing.rows import arrow, records, unknown
from ai_gateway_billing.rows.records import Reading
from ai_gateway_billing.rows.tables import TABLES
from ai_gateway_billing.rows.versions import hinted
from ai_gateway_billing.simulator import DEMO_ACCOUNT_ID, World, demo_world
from ai_gateway_billing.simulator.exact import encode
from ai_gateway_billing.usage import buckets
from ai_gateway_billing.usage.windows import Window, epoch_ms
from support.bench import SNAPSHOTS, Bench
from support.constants import ACCOUNT, HOUR, NOW, TODAY, TOKEN

WINDOW = Window("hour", TODAY, TODAY + 12 * HOUR)
READING = Reading(ACCOUNT, NOW)

# --- the contract, once more ----------------------------------------------------------------------------------------


class Field(NamedTuple):
    """What a field may hold. `kind`: number, whole, text, flag, time, price, or a dict (object) or list of fields."""

    kind: Any
    required: bool = True
    nullable: bool = False
    informs: bool = False


def optional(kind: Any) -> Field:
    return Field(kind, required=False, nullable=True)


def informative(kind: Any) -> Field:
    """Whatever it holds, it costs no row."""
    return Field(kind, required=False, nullable=True, informs=True)


NUMBER, TEXT, FLAG, TIME, CODE = Field("number"), Field("text"), Field("flag"), Field("time"), Field("code")
AMOUNTS = {"amount_due": NUMBER, "amount_paid": NUMBER, "amount_remaining": NUMBER, "currency": CODE}
TOPUP = {
    **{name: optional("number") for name in ("amount", "threshold")},
    **{name: informative("text") for name in ("disabledReason", "error")},
    "lastFailedAt": informative("maybe time"),
}
BUCKET = {"id": TEXT, "aggregated_value": Field("usage"), "start_time": TIME, "end_time": TIME}
INVOICE = {
    **AMOUNTS,
    "id": optional("text"),
    **{name: informative("text") for name in ("status", "created_by", "description", "invoice_origin")},
    **{name: informative("flag") for name in ("attempted", "auto_advance")},
    "created": informative("maybe time"),
    "attempt_count": informative("whole"),
}
CREDIT = {
    "amount": NUMBER,
    "type": TEXT,
    "credit_balance_transaction": informative("text"),
    "discount": informative("text"),
}
LINE = {
    "amount": NUMBER,
    "currency": CODE,
    "quantity": Field("quantity"),
    "description": informative("text"),
    "period": Field({"start": TIME, "end": TIME}),
    "pricing": informative({"unit_amount_decimal": informative("price")}),
    "pretax_credit_amounts": optional([CREDIT]),
}
PREVIEW = {
    **AMOUNTS,
    "id": TEXT,
    "status": TEXT,
    "period_start": TIME,
    "period_end": TIME,
    "invoice_lines": Field([LINE]),
}
BALANCE = {
    "balance": NUMBER,
    "has_default_payment_method": FLAG,
    "first_topup_success": informative("flag"),
    "topup_config": Field(TOPUP),
}
LIMIT = {
    "enabled": FLAG,
    "config": Field(
        {
            "amount": Field("number", nullable=True),
            "duration": informative("text"),
            "strategy": informative("text"),
        }
    ),
}
NEVER_READ = {"invoice_pdf", "payment_method"}


class BrokenError(Exception):
    """The value is not what the contract says."""


def value_of(field: Field, value: Any) -> Any:
    """What a field's value has to become. Raises `BrokenError`."""
    try:
        return strict_value_of(field, value)
    except BrokenError:
        if field.informs:
            return None
        raise


def strict_value_of(field: Field, value: Any) -> Any:
    if value is None:
        if field.nullable:
            return None
        raise BrokenError
    if isinstance(field.kind, dict):
        return object_of(field.kind, value)
    if isinstance(field.kind, list):
        if type(value) is not list:
            raise BrokenError
        return [object_of(field.kind[0], item) for item in value]
    return SCALARS[field.kind](value)


def object_of(fields: dict[str, Field], value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise BrokenError
    if any(field.required and name not in value for name, field in fields.items()):
        raise BrokenError
    return {name: value_of(field, value.get(name)) for name, field in fields.items()}


def of_type(*types: type) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if type(value) not in types:
            raise BrokenError
        return value

    return check


def number(value: Any, digits: int = 12) -> Decimal:
    of_type(int, Decimal)(value)
    if abs(Decimal(value).adjusted()) > 10_000:  # far outside; and the arithmetic below would not end
        if value and Decimal(value).adjusted() > 0:
            raise BrokenError
        return Decimal(0)
    wide = Context(prec=20_000, rounding=ROUND_HALF_EVEN)
    exact = wide.create_decimal(value)
    rounded = exact.quantize(Decimal("1e-18"), context=wide)
    if abs(int(rounded.scaleb(18, wide))) >= 10 ** (18 + digits):
        raise BrokenError
    return rounded


def usage(value: Any) -> Decimal:
    return number(value, 10)


def quantity(value: Any) -> Decimal:
    return number(value, 16)


def whole(value: Any) -> int:
    exact = number(value, 20)
    if exact != int(exact) or abs(int(exact)) >= 2**63:
        raise BrokenError
    return int(exact)


def time(value: Any) -> datetime:
    exact = number(value, 20)
    microseconds = int(exact * 10**6) if abs(exact) < 10**11 else int(exact * 1000)
    if not 1_577_836_800_000_000 <= microseconds <= (NOW + timedelta(days=731)).timestamp() * 10**6:
        raise BrokenError
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


def maybe_time(value: Any) -> datetime | None:
    """0 is never; text may tell a time in digits or as a date."""
    if type(value) is not str:
        return time(value) if type(value) not in {int, Decimal} or number(value, 20) else None
    if re.fullmatch("[0-9.]+", value):
        return time(Decimal(value)) if value.count(".") < 2 else None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return found if datetime(2020, 1, 1, tzinfo=UTC) <= found <= NOW + timedelta(days=731) else None


def text(value: Any) -> str:
    """Without NUL, which Postgres cannot store."""
    of_type(str)(value)
    return str(value).replace("\0", "")


def code(value: Any) -> str:
    if not text(value).strip():
        raise BrokenError
    return text(value)


def price(value: Any) -> str:
    of_type(int, Decimal, str)(value)
    return text(str(value))


SCALARS: dict[str, Callable[[Any], Any]] = {
    "number": number,
    "quantity": quantity,
    "usage": usage,
    "whole": whole,
    "text": text,
    "flag": of_type(bool),
    "code": code,
    "time": time,
    "maybe time": maybe_time,
    "price": price,
}


def same(found: dict[str, Any], fields: dict[str, Field], item: dict[str, Any]) -> None:
    """The row holds each field of the contract exactly, and every unknown field once."""
    expected = object_of(fields, item)
    rest = {name: value for name, value in found.items() if name != "account_id"}
    for name, field in fields.items():
        value = rest.pop({"disabledReason": "disabled_reason", "lastFailedAt": "last_failed_at"}.get(name, name))
        if isinstance(field.kind, dict) and expected[name] is not None:
            same(value, field.kind, item[name])
        elif isinstance(field.kind, list):
            assert len(value) == len(expected[name] or [])
            for row, part in zip(value, item.get(name) or [], strict=True):
                assert row["account_id"] == ACCOUNT
                same(row, field.kind[0], part)
        else:
            assert value == expected[name], name
            assert type(value) is type(expected[name]), name
    more = {
        name: value
        for name, value in item.items()
        if name not in fields and name not in NEVER_READ and value is not None and not unknown.is_sensitive(name, value)
    }
    assert sorted(map(repr, map(kept, more.values()))) == sorted(map(repr, rest.values()))


def kept(value: Any) -> Any:
    """What an unknown field of this value becomes."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return text(value)
    try:
        return records.values.decimal(value)
    except ValueError:
        return unknown.as_json(value)


# --- good answers to begin with -------------------------------------------------------------------------------------


class Endpoint(NamedTuple):
    """How to ask an endpoint, what a good `result` looks like, and how to check what came of any."""

    ask: Callable[[Client], Any]
    good: list[Any]
    check: Callable[[Any, Any], str]


def check_usage(answer: Any, result: Any) -> str:
    history = result["history"]
    found = buckets.buckets(answer.history, WINDOW, READING)
    good: dict[Any, Any] = {}
    ids: dict[Any, str] = {}
    unsure: set[datetime | None] = set()
    for item in history:
        try:
            row = bucket(item)
        except BrokenError:
            unsure.add(bucket_of(item))
            continue
        if row["start_time"] == WINDOW.end:
            continue
        key = (row["start_time"], row["end_time"], row["id"])
        is_same = ids.setdefault(key, item["id"]) == item["id"]
        if good.setdefault(key, row["aggregated_value"]) != row["aggregated_value"] or not is_same:
            unsure.add(bucket_of(item))
    expected = {key: value for key, value in good.items() if hour(key[0]) not in unsure}
    rows = next(buckets.tables([found])).to_pylist()
    kept_rows = [row for row in rows if not row["withdrawn"]]
    assert {(r["start_time"], r["end_time"], r["id"]): r["aggregated_value"] for r in kept_rows} == expected
    assert len(kept_rows) == len(expected) == found.rows
    silent = {start for start in WINDOW.starts() if start not in unsure} - {hour(key[0]) for key in expected}
    cleared = {row["bucket_start"] for row in rows if row["withdrawn"]}
    assert cleared == (set() if None in unsure else silent)
    assert bool(found.rejected) == bool(unsure)
    for payload, _ in found.rejected:
        unknown.as_json(unknown.redacted(payload))
    return "rejected" if unsure else "loaded"


def bucket(item: Any) -> dict[str, Any]:
    row = object_of(BUCKET, item)
    if not WINDOW.start <= row["start_time"] <= WINDOW.end or row["end_time"] <= row["start_time"]:
        raise BrokenError
    return row


def bucket_of(item: Any) -> datetime | None:
    try:
        return hour(time(item["start_time"]))
    except (BrokenError, TypeError, KeyError, IndexError):
        return None


def hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def invoice_of(item: Any) -> dict[str, Any]:
    """Without an id, what tells invoices apart must be readable."""
    found = object_of(INVOICE, item)
    for name in ("created", "description"):
        is_read = item.get(name) is None or found[name] is not None or (name == "created" and item[name] == 0)
        if not found["id"] and not is_read:
            raise BrokenError
    return found


def check_invoices(answer: Any, result: Any) -> str:
    rows, outcome = [], "loaded"
    for item in answer:
        try:
            row = records.invoice(item, READING)
        except RecordError:
            with pytest.raises(BrokenError):
                invoice_of(item)
            unknown.as_json(unknown.redacted(item))
            outcome = "rejected"
            continue
        own = {name: row[name] for name in ("has_surrogate_id", "last_listed_at", "kind", "account_id")}
        assert own == {
            "has_surrogate_id": not item.get("id"),
            "last_listed_at": NOW,
            "kind": "unknown",  # which list holds it is not said here
            "account_id": ACCOUNT,
        }
        assert bool(row["id"])
        theirs = {name: value for name, value in row.items() if name not in own}
        same({**theirs, "id": item.get("id")}, INVOICE, item)
        rows.append(row)
    table = arrow.open_table(rows, TABLES["invoices"], {})
    assert [{name: row[name] for name in TABLES["invoices"]} for row in table.to_pylist()] == [
        {name: row.get(name) for name in TABLES["invoices"]} for row in rows
    ]
    return outcome


def check_object(resource: str, fields: dict[str, Field]) -> Any:
    def check(answer: Any, result: Any) -> str:
        assert answer == result
        if answer is None:
            return "nothing"
        try:
            row = records.row(resource, answer, READING)
        except RecordError:
            with pytest.raises(BrokenError):
                object_of(fields, answer)
            unknown.as_json(unknown.redacted(answer))
            return "rejected"
        assert row["account_id"] == ACCOUNT
        same(row, fields, answer)
        hinted(resource, row, {})
        return "loaded"

    return check


def good_answers() -> dict[str, Endpoint]:
    world = demo_world(1)
    truths = {
        endpoint: [world.truth(endpoint, DEMO_ACCOUNT_ID, NOW - timedelta(days=days)) for days in (0, 200, 400)]
        for endpoint in SNAPSHOTS.values()
    }
    hours = [
        {"id": f"m{n}", "aggregated_value": Decimal(f"{n}.000000001"), **times(TODAY + n // 2 * HOUR)}
        for n in range(20)
    ]
    invoices = world.truth_invoices(DEMO_ACCOUNT_ID, NOW)
    pages = [listing(invoices[:5]), listing([each for each in invoices if each["id"] is None]), listing([])]
    start, end = epoch_ms(WINDOW.start), epoch_ms(WINDOW.end)
    return {
        "usage-history": Endpoint(
            lambda client: client.usage_history(ACCOUNT, "hour", start, end),
            [{"history": hours}, {"history": hours[::-3]}, {"history": []}],
            check_usage,
        ),
        "invoice-history": Endpoint(lambda client: client.invoice_history(ACCOUNT), pages, check_invoices),
        "invoice-preview": Endpoint(
            lambda client: client.invoice_preview(ACCOUNT),
            [*truths["invoice-preview"], None],
            check_object("invoice_preview", PREVIEW),
        ),
        "credit-balance": Endpoint(
            lambda client: client.credit_balance(ACCOUNT),
            truths["credit-balance"],
            check_object("credit_balance", BALANCE),
        ),
        "topup/config": Endpoint(
            lambda client: client.topup_config(ACCOUNT),
            truths["topup/config"],
            check_object("topup_config", TOPUP),
        ),
        "spending-limit": Endpoint(
            lambda client: client.spending_limit(ACCOUNT),
            truths["spending-limit"],
            check_object("spending_limit", LIMIT),
        ),
    }


def times(start: datetime) -> dict[str, int]:
    return {"start_time": epoch_ms(start), "end_time": epoch_ms(start + HOUR)}


def listing(invoices: list[Any]) -> Any:
    pagination = {"has_more": False, "page": 1, "per_page": 50, "total_count": len(invoices)}
    return {"invoices": invoices, "pagination": pagination}


# --- mutations ------------------------------------------------------------------------------------------------------

RAW = [  # JSON that Python values cannot say, put in place of a marker
    "1e400", "-1e400", "1e-400", "1E+2", "0.1e1", "5.000", "-0", "-0.0", "NaN", "Infinity", "1e999999999999999999999",
    "9" * 30, "9" * 5000, "0." + "1" * 40, "99999999999999999999.9999999999999999999", "1790000000.5", "17900000001234",
    '"\\ud800"', '"\\u0000"', '"\\ud834\\udd1e"', "[" * 2000 + "]" * 2000, '{"a":1,"a":2}', "tru", "", "1 2", "'x'",
]  # fmt: skip
JUNK: list[Any] = [
    None, True, False, 0, 1, -1, 5, 10**15, 10**20, 2**63, -(10**25), Decimal("0.5"), Decimal("12.345678901234567891"),
    "", "x", "5", "null", "0", "2026-11-22T10:00:00Z", "https://pay.example/x", "é\u2028\n\t\"'\\", "a" * 5000,
    [], {}, [None], [[]], {"": 1}, {"a": {"b": [1, {"c": None}]}}, [1, "a", None, True],
]  # fmt: skip
NAMES = ["", "id", "extra", "account_id", "withdrawn", "_dlt_id", "bucket_start", "tokens", "card", "Amount", "amount"]


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict):
        for name, item in value.items():
            yield from paths(item, (*path, name))
    if isinstance(value, list):
        for place, item in enumerate(value):
            yield from paths(item, (*path, place))


def mutated(document: Any, random: Random) -> Any:
    """A copy with one thing changed."""
    document = deepcopy(document)
    path = random.choice([path for path in paths(document) if path and path != ("result",)] or [()])
    if not path:
        return random.choice(JUNK)
    holder = document
    for step in path[:-1]:
        holder = holder[step]
    last = path[-1]
    random.choice([replace, remove, add, swap, double])(holder, last, random)
    return document


def replace(holder: Any, last: Any, random: Random) -> None:
    holder[last] = deepcopy(random.choice(JUNK)) if random.random() < 0.7 else f"@raw{random.randrange(len(RAW))}@"


def remove(holder: Any, last: Any, random: Random) -> None:
    del holder[last]


def add(holder: Any, last: Any, random: Random) -> None:
    place = holder[last] if isinstance(holder[last], dict) else holder
    if isinstance(place, dict):
        place[random.choice(NAMES)] = deepcopy(random.choice(JUNK))


def swap(holder: Any, last: Any, random: Random) -> None:
    other = random.choice(list(holder)) if isinstance(holder, dict) else random.randrange(len(holder))
    holder[last], holder[other] = holder[other], holder[last]


def double(holder: Any, last: Any, random: Random) -> None:
    if isinstance(holder[last], list) and holder[last]:
        holder[last].insert(random.randrange(len(holder[last])), deepcopy(random.choice(holder[last])))


def as_bytes(document: Any) -> bytes:
    text = encode(document)
    for place, raw in enumerate(RAW):
        text = text.replace(f'"@raw{place}@"', raw)
    return text.encode()


def spoilt(body: bytes, random: Random) -> bytes:
    """The bytes of an answer with a small part of them wrong."""
    at = random.randrange(len(body))
    return random.choice([
        lambda: body[:at],
        lambda: body[:at] + bytes([random.randrange(256)]) + body[at + 1 :],
        lambda: body[:at] + body[at:] * 2,
        lambda: body.decode().encode("utf-16"),
        lambda: b"\xef\xbb\xbf" + body,
        lambda: body[:at] + random.choice([b"\x00", b"\xff\xfe", b" ", b"\n", b",", b"}"]) + body[at:],
    ])()  # fmt: skip


class Answers:
    """A transport: the mutated answer first, then a refusal, which ends a client that asks again."""

    def __init__(self) -> None:
        self.response = httpx.Response(200)
        self.asked = 0

    def serve(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.response, self.asked = httpx.Response(status, headers=headers, content=body), 0

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        return self.response if self.asked == 1 else httpx.Response(400, content=b"stop")


def parse(body: bytes) -> Any:
    return json.loads(body, parse_float=Decimal)


STATUSES = [200] * 40 + [204, 301, 400, 401, 403, 404, 408, 418, 429, 500, 503, 522]
TYPES = ["application/json"] * 20 + ["text/html", "application/problem+json; charset=utf-8", "", "text/plain"]


def trial(endpoint: Endpoint, client: Client, answers: Answers, random: Random) -> str:
    """One mutated answer, and what came of it."""
    envelope = {"result": random.choice(endpoint.good), "success": True, "errors": [], "messages": []}
    for _ in range(random.choice([0, 1, 1, 1, 2, 3])):
        envelope = mutated(envelope, random)
        if not isinstance(envelope, dict):
            break
    body = as_bytes(envelope)
    if random.random() < 0.1:
        body = spoilt(body, random)
    status, kind = random.choice(STATUSES), random.choice(TYPES)
    answers.serve(status, {"content-type": kind}, body)
    try:
        answer = endpoint.ask(client)
    except ApiError as error:
        told = str(error)
    else:
        told = ""
    if told:
        assert TOKEN not in told
        return "error"
    if status == 404 or (status == 400 and answer is None):
        return "state"  # nothing to preview, or no manual top-up
    return endpoint.check(answer, parse(body).get("result"))


ENDPOINTS = good_answers()
PER_ENDPOINT = 2_500


def test_every_endpoint_that_is_read_is_mutated() -> None:
    assert ENDPOINTS.keys() == {endpoint.name for endpoint in endpoints.ENDPOINTS}


@pytest.mark.parametrize("name", ENDPOINTS)
def test_a_mutated_answer_loads_exactly_or_ends_in_one_of_our_errors(name: str) -> None:
    """15,000 answers in all. A failure tells its number: the same one comes again."""
    answers, outcomes = Answers(), Counter[str]()
    with Client(
        TOKEN, transport=httpx.MockTransport(answers.handle), sleep=lambda _: None, clock=lambda: 0.0, budget=None
    ) as client:
        for number_ in range(PER_ENDPOINT):
            try:
                outcomes[trial(ENDPOINTS[name], client, answers, Random(f"{name} {number_}"))] += 1
            except BaseException as error:
                error.add_note(f"answer {number_} of {name}: {answers.response.content[:3000]!r}")
                raise

    assert sum(outcomes.values()) == PER_ENDPOINT
    assert outcomes["loaded"] > PER_ENDPOINT / 5, outcomes
    assert outcomes["rejected"] > PER_ENDPOINT / 50, outcomes
    assert outcomes["error"] > PER_ENDPOINT / 10, outcomes


# --- through the database -------------------------------------------------------------------------------------------


@pytest.mark.thorough
@pytest.mark.parametrize("seed", [1, 2])
def test_mutated_answers_of_many_accounts_end_in_the_database_or_in_quarantine(tmp_path: Any, seed: int) -> None:
    """What one account is answered stops no other, and whatever loads is what was sent."""
    bench = Bench(tmp_path, World(), start="2026-11-22")
    sent: dict[tuple[str, str], Any] = {}
    for place in range(40):
        account = bench.account(f"{place:032x}")
        account.set_preview(ENDPOINTS["invoice-preview"].good[0])
        account.set_spending_limit(ENDPOINTS["spending-limit"].good[0])
        for name, body in mutated_bodies(Random(f"{seed} {place}")):
            sent[account.id, name] = parse(body)["result"]
            bench.faults.add("alter", endpoint=name, account_id=account.id, change=lambda _, body=body: body)

    result = bench.load()

    assert result.exit_code == 4
    loaded = Counter(check_stored(bench, *key, answer) for key, answer in sent.items())
    assert loaded["preview"] > 5
    assert loaded["balance"] > 5
    bench.close()


def mutated_bodies(random: Random) -> Iterator[tuple[str, bytes]]:
    for name, endpoint in ENDPOINTS.items():
        result = endpoint.good[0]
        for _ in range(random.choice([0, 1, 2])):
            result = mutated({"result": result}, random)["result"]
        body = as_bytes({"result": result, "success": True, "errors": [], "messages": []})
        try:
            parse(body)
        except (ValueError, RecursionError, ArithmeticError):
            continue
        yield name, body


def check_stored(bench: Bench, account_id: str, endpoint: str, answer: Any) -> str:
    """The current version holds what was sent, if it was good; there is none if it was not."""
    if endpoint == "credit-balance":
        good, expected = BALANCE, lambda: number(answer["balance"])
        rows = [row["balance"] for row in bench.versions("credit_balance", account_id)]
    elif endpoint == "invoice-preview":
        good, expected = PREVIEW, lambda: [number(line["amount"]) for line in answer["invoice_lines"]]
        rows = [
            [line["amount"] for line in row["invoice_lines"]] for row in bench.versions("invoice_preview", account_id)
        ]
    else:
        return "other"
    try:
        object_of(good, answer)
    except BrokenError:
        assert rows == []
        return "broken"
    assert rows == ([expected()] if answer.get("invoice_lines") != [] else [])
    return endpoint.rpartition("-")[2]


# --- found so ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "balance", ["99999999999999999999.9999999999999999999", "-0.0", "1e-400", "1E+2", "1e999999999999999999999"]
)
def test_numbers_that_once_went_wrong(balance: str) -> None:
    answers = Answers()
    body = encode({"success": True, "result": ENDPOINTS["credit-balance"].good[0]}).replace(
        f'"balance":{encode(ENDPOINTS["credit-balance"].good[0]["balance"])}', f'"balance":{balance}'
    )
    answers.serve(200, {"content-type": "application/json"}, body.encode())
    with Client(TOKEN, transport=httpx.MockTransport(answers.handle), sleep=lambda _: None, budget=None) as client:
        try:
            answer = client.credit_balance(ACCOUNT)
        except ApiError:
            return
    ENDPOINTS["credit-balance"].check(answer, answer)
