"""Every kind of answer has one defined outcome. The bodies are synthetic; no live answer was recorded."""

import json
import traceback
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway_billing import errors
from ai_gateway_billing.api.envelope import Answer, Origin, drifted, judge
from support.constants import ACCOUNT, TOKEN

ORIGIN = Origin("ai-gateway/billing/credit-balance", ACCOUNT, TOKEN)
JSON = {"content-type": "application/json"}


def good(result: object, **more: object) -> bytes:
    return json.dumps({"success": True, "result": result, "errors": [], "messages": []} | more).encode()


def bad(code: object, message: object, **more: object) -> bytes:
    errors = [{"code": code, "message": message} | more]
    return json.dumps({"success": False, "result": None, "errors": errors}).encode()


def outcome(
    status: int, headers: dict[str, str], body: bytes, **options: Any
) -> tuple[Answer | None, errors.ApiError | None]:
    try:
        return judge(status, headers, body, ORIGIN, **options), None
    except errors.ApiError as error:
        return None, error


def refusal(status: int, body: bytes, headers: dict[str, str] | None = None, **options: Any) -> errors.ApiError:
    with pytest.raises(errors.ApiError) as caught:
        judge(status, JSON if headers is None else headers, body, ORIGIN, **options)
    return caught.value


def test_a_good_answer_gives_its_result() -> None:
    assert judge(200, JSON, good({"balance": 1}), ORIGIN) == Answer({"balance": 1}, {})


def test_result_info_comes_along() -> None:
    assert judge(200, JSON, good([], result_info={"has_more": True}), ORIGIN).result_info == {"has_more": True}


def test_result_info_of_a_wrong_kind_counts_as_none() -> None:
    assert judge(200, JSON, good([], result_info=[1]), ORIGIN).result_info == {}


def test_errors_beside_success_are_no_failure() -> None:
    """The published examples look like that."""
    body = good({"balance": 1}, errors=[{"code": 1000, "message": "message"}])

    assert judge(200, JSON, body, ORIGIN).result == {"balance": 1}


@pytest.mark.parametrize("empty", [[], {}, "", 0, False])
def test_an_empty_result_is_a_result(empty: object) -> None:
    assert judge(200, JSON, good(empty), ORIGIN).result == empty


def test_numbers_are_exact() -> None:
    body = b'{"success": true, "result": [640.19, 5, 1e3, 0.1000000000000000055511151231257827, -12]}'

    numbers = judge(200, JSON, body, ORIGIN).result
    assert [str(number) for number in numbers] == [
        "640.19", "5", "1E+3", "0.1000000000000000055511151231257827", "-12",
    ]  # fmt: skip
    assert [type(number) for number in numbers] == [Decimal, int, Decimal, Decimal, int]


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=UTF-8", "text/json", "a/b+json", ""])
def test_json_has_several_names(kind: str) -> None:
    assert judge(200, {"content-type": kind}, good(1), ORIGIN).result == 1


def test_a_missing_content_type_does_no_harm() -> None:
    assert judge(200, {}, good(1), ORIGIN).result == 1


TEXT = {"content-type": "text/plain"}
HTML = {"content-type": "text/html; charset=UTF-8"}
PAGE = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Checking your browser</body></html>"
FOREIGN = [
    (PAGE, HTML),
    (PAGE, JSON),
    (b"<html>", {}),
    (b"error code: 1010", TEXT),
    (b"error code: 1010", JSON),
    (b"error code: 1020", {}),
    (b"", JSON),
    (b"", {}),
    (b" \n", HTML),
    (b"\xff\xfe\x00", {"content-type": "application/octet-stream"}),
    (b"[]", JSON),
    (b"[" * 100_000, JSON),
    (b"null", JSON),
    (b'"success"', JSON),
    (b"{}", JSON),
    (b'{"error": "not_found"}', JSON),
    (b'{"errors": [{"code": 10000, "message": "Authentication error"}]}', JSON),
    (b'{"success": "false", "errors": [{"code": 10000}]}', JSON),
    (b'{"success": 0, "errors": [{"code": 10000}]}', JSON),
    (b'{"success": null, "errors": [{"code": 10000}]}', JSON),
    (good({"balance": 1}), HTML),
]
NOT_CLOUDFLARES_REFUSAL = [
    *FOREIGN,
    (good({"balance": 1}), JSON),
    (b'{"success": false}', JSON),
    (b'{"success": false, "errors": []}', JSON),
    (b'{"success": false, "errors": {}}', JSON),
    (b'{"success": false, "errors": "broken"}', JSON),
    (b'{"success": false, "errors": ["broken"]}', JSON),
    (b'{"success": false, "errors": [null, {"code": 10000}]}', JSON),
    (b'{"success": false, "errors": [{"message": "no code"}]}', JSON),
    (b'{"success": false, "errors": [{"code": "EPERM", "message": "x"}]}', JSON),
    (b'{"success": false, "message": "Forbidden"}', JSON),
    (bad(10000, "Authentication error")[:-5], JSON),
]


@pytest.mark.parametrize(("body", "headers"), FOREIGN)
def test_what_is_no_envelope_of_cloudflare_was_given_by_something_in_between(
    body: bytes, headers: dict[str, str]
) -> None:
    error = refusal(200, body, headers)

    assert type(error) is errors.ForeignAnswerError
    assert error.retryable
    assert error.exit_code == 6
    assert (error.status, error.path, error.account_id) == (200, ORIGIN.path, ACCOUNT)
    assert "Something between here and Cloudflare answered credit-balance" in str(error)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 407, 408, 409, 410, 418, 451, 499])
@pytest.mark.parametrize(("body", "headers"), NOT_CLOUDFLARES_REFUSAL)
def test_a_status_without_cloudflares_envelope_is_not_its_word(
    status: int, body: bytes, headers: dict[str, str]
) -> None:
    """Asked again, and it says nothing about token, account or data."""
    error = refusal(status, body, headers)

    assert type(error) is errors.ForeignAnswerError
    assert (error.retryable, error.status, error.code) == (True, status, None)
    assert "permission" not in str(error)
    assert "says nothing about the token" in str(error)


@pytest.mark.parametrize(("body", "headers"), NOT_CLOUDFLARES_REFUSAL)
@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, errors.RateLimitedError), (500, errors.ServerError), (503, errors.ServerError), (521, errors.ServerError)],
)
def test_a_limit_and_a_failure_need_no_envelope(
    status: int, kind: type[errors.ApiError], body: bytes, headers: dict[str, str]
) -> None:
    error = refusal(status, body, headers)

    assert (type(error), error.retryable) == (kind, True)
    assert "Cloudflare refused" not in str(error)


@pytest.mark.parametrize(
    ("body", "headers", "words"),
    [
        (PAGE, HTML, 'a web page, "Just a moment..."'),
        (b"<p>x", HTML, "a web page"),
        (b"error code: 1010", TEXT, 'text, "error code: 1010"'),
        (b"", TEXT, "an empty answer"),
        (b'{"error": 1}', JSON, "JSON without Cloudflare's envelope"),
    ],
)
def test_what_answered_is_described(body: bytes, headers: dict[str, str], words: str) -> None:
    assert f"(HTTP 403, {words})" in str(refusal(403, body, headers))


@pytest.mark.parametrize(
    "body",
    [
        good({"balance": 1})[:-9],
        b'{"success": true, "result": NaN}',
        b'{"success": true, "result": -Infinity}',
        b'{"success": true, "result": 1e99999999999999999999}',
        b'{"success": true, "result": ' + b"1" * 5000 + b"}",
        b'{"success": true, "result": "\\ud800"}',
        b'{"success": true, "result": "\xff"}',
        b'{"success": true}',
        good(None),
        bad(1001, "internal"),
    ],
)
def test_an_answer_that_cannot_be_used_is_worth_asking_again(body: bytes) -> None:
    error = refusal(200, body)

    assert type(error) is errors.InvalidAnswerError
    assert error.retryable
    assert (error.status, error.path, error.account_id) == (200, ORIGIN.path, ACCOUNT)
    assert "credit-balance" in str(error)
    assert ACCOUNT in str(error)


def nested(levels: int, opens: str, closes: str) -> bytes:
    return f'{{"success": true, "result": {opens * levels}0{closes * levels}}}'.encode()


@pytest.mark.parametrize(("opens", "closes"), [("[", "]"), ('{"a":', "}"), ("[[],{},", "]"), ('{"},{":[{},{},', "]}")])
@pytest.mark.parametrize("levels", [65, 400, 900, 100_000])
def test_an_answer_nested_too_deeply_is_told(opens: str, closes: str, levels: int) -> None:
    error = refusal(200, nested(levels, opens, closes))

    assert type(error) is errors.InvalidAnswerError
    assert "JSON nested more than 64 levels deep" in str(error)


@pytest.mark.parametrize(("opens", "closes"), [("[", "]"), ('{"a":', "}")])
def test_nesting_far_beyond_what_is_documented_is_read(opens: str, closes: str) -> None:
    judge(200, JSON, nested(60, opens, closes), ORIGIN)


def test_many_flat_rows_are_not_deep() -> None:
    rows = [{"a": [], "b": {"c": "},{"}} for _ in range(500)]

    assert judge(200, JSON, good(rows), ORIGIN).result == rows


def test_null_passes_where_it_is_a_state() -> None:
    assert judge(200, JSON, good(None), ORIGIN, null_is_a_state=True).result is None


def test_a_missing_result_is_no_null() -> None:
    assert refusal(200, b'{"success": true}', null_is_a_state=True).retryable


@pytest.mark.parametrize("status", [301, 302, 304, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    """It would hand the token to another host; sign-in pages of networks do that."""
    error = refusal(status, b"")

    assert type(error) is errors.ForeignAnswerError
    assert "redirect" in str(error)


@pytest.mark.parametrize(
    ("status", "body", "kind", "retryable"),
    [
        (400, bad(7003, "Could not route"), errors.BadRequestError, False),
        (400, bad(6003, "Invalid request headers"), errors.AuthenticationError, False),
        (400, bad(1, "x", error_chain=[{"code": 6111, "message": "bad"}]), errors.AuthenticationError, False),
        (400, bad(1, "x", error_chain=[{"code": "6103"}]), errors.AuthenticationError, False),
        (401, bad(10000, "Authentication error"), errors.AuthenticationError, False),
        (403, bad(10000, "Authentication error"), errors.BillingPermissionError, False),
        (404, bad(7000, "No route"), errors.NotFoundError, False),
        (402, bad(1002, "declined"), errors.BadRequestError, False),
        (408, bad(1003, "late"), errors.BadRequestError, True),
        (418, bad(1, "x"), errors.BadRequestError, False),
        (429, b"More than 1200 requests per 300 seconds", errors.RateLimitedError, True),
        (429, bad(971, "Please wait"), errors.RateLimitedError, True),
        (400, bad(971, "Please wait"), errors.RateLimitedError, True),
        (500, bad(971, "x"), errors.ServerError, True),
        (500, good({"balance": 1}), errors.ServerError, True),
        (502, b"<html>Bad gateway</html>", errors.ServerError, True),
        (520, b"error code: 520", errors.ServerError, True),
    ],
)
def test_a_refusal_is_told_by_its_status(
    status: int, body: bytes, kind: type[errors.ApiError], retryable: bool
) -> None:
    error = refusal(status, body)

    assert type(error) is kind
    assert (error.status, error.retryable) == (status, retryable)
    assert (error.path, error.account_id) == (ORIGIN.path, ACCOUNT)


def test_a_refusal_names_status_code_and_the_apis_words() -> None:
    error = refusal(403, bad(10000, "Authentication error"))

    assert error.code == 10000
    assert error.reason == "Authentication error"
    assert str(error) == (
        f"Cloudflare refused credit-balance of account {ACCOUNT} (HTTP 403, code 10000): Authentication error. "
        'The token may lack the permission "AI Gateway Read" on this account, or be no good: verify it.'
    )


def test_a_refusal_without_an_account_names_the_endpoint_alone() -> None:
    with pytest.raises(errors.AuthenticationError, match=r"refused user/tokens/verify \(HTTP 401, code 1000\)"):
        judge(401, {}, bad(1000, "Invalid API Token"), Origin("user/tokens/verify"))


@pytest.mark.parametrize(
    ("errors_sent", "code", "reason"),
    [
        ([], None, None),
        ("broken", None, None),
        (["broken", {"code": 5}], 5, None),
        ([{"code": "77", "message": 3}], 77, None),
        ([{"code": True, "message": "a."}, {"code": 2.5, "message": "b."}, {"code": 8}], 8, "a.; b"),
        ([{"code": 10**12, "message": None, "error_chain": 5}], None, None),
    ],
)
def test_errors_of_any_shape_are_read_as_far_as_they_can_be(
    errors_sent: object, code: int | None, reason: str | None
) -> None:
    error = refusal(500, json.dumps({"success": False, "errors": errors_sent}).encode())

    assert (error.code, error.reason) == (code, reason)


def test_drift_is_told_and_not_retried() -> None:
    error = drifted(ORIGIN, "`history` is no list")

    assert type(error) is errors.InvalidAnswerError
    assert not error.retryable
    assert "`history` is no list" in str(error)


@pytest.mark.parametrize("status", [200, 401, 403, 429, 500])
def test_nothing_sensitive_comes_through(status: int) -> None:
    words = f"Token {TOKEN} for card 4242 4242 4242 4242 (last 1881), see https://invoice.example/i/x, ada@b.example"

    told = str(refusal(status, bad(9, words)))
    assert "for card" in told
    for leak in (TOKEN, "4242", "1881", "invoice.example", "ada@"):
        assert leak not in told


def test_the_origin_hides_its_secret() -> None:
    assert TOKEN not in repr(ORIGIN)


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(TOKEN),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["code", "message"]), inner),
    max_leaves=12,
)
COMPLAINTS = st.fixed_dictionaries({}, optional={"code": JSONS, "message": JSONS, "error_chain": JSONS})
ENVELOPES = st.fixed_dictionaries(
    {},
    optional={
        "success": st.booleans() | JSONS,
        "result": JSONS,
        "result_info": JSONS,
        "errors": st.lists(COMPLAINTS) | JSONS,
    },
)
BODIES = (
    st.binary()
    | JSONS.map(lambda value: json.dumps(value).encode())
    | ENVELOPES.map(lambda value: json.dumps(value).encode())
    | st.tuples(ENVELOPES, st.integers(0, 200)).map(lambda pair: json.dumps(pair[0]).encode()[: pair[1]])
    | st.just(TOKEN.encode())
)
KINDS = st.sampled_from(["application/json", "text/html", TOKEN, ""]) | st.text()


@given(st.integers(200, 599), KINDS, BODIES, st.booleans())
def test_any_answer_gives_a_result_or_an_api_error(status: int, kind: str, body: bytes, null: bool) -> None:
    """Nothing else is ever raised, and no error shows the token, in any of its forms."""
    answer, error = outcome(status, {"content-type": kind}, body, null_is_a_state=null)

    if error:
        assert TOKEN not in "".join(traceback.format_exception(error)) + repr(error) + str(vars(error))
        assert error.status == status
    else:
        assert isinstance(answer, Answer)
        assert status < 300
