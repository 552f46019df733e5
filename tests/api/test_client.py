"""The client's methods over a pretended transport: what each asks, and what it makes of the answer."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import httpx
import pytest

from ai_gateway_billing import errors
from ai_gateway_billing.api.client import Client
from support.clock import Clock
from support.constants import ACCOUNT, TOKEN
from support.replies import Api, Call, bad, balance, client_of, failure, good

PREFIX = f"/client/v4/accounts/{ACCOUNT}"

# --- what is asked -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "path", "query"),
    [
        (
            lambda client: client.usage_history(ACCOUNT, "hour", 1_700_000_000_000, 1_700_086_400_000),
            f"{PREFIX}/ai-gateway/billing/usage-history",
            {"value_grouping_window": "hour", "start_time": "1700000000000", "end_time": "1700086400000"},
        ),
        (
            lambda client: client.invoice_history(ACCOUNT),
            f"{PREFIX}/ai-gateway/billing/invoice-history",
            {"type": "all", "page": "1", "per_page": "50"},
        ),
        (lambda client: client.invoice_preview(ACCOUNT), f"{PREFIX}/ai-gateway/billing/invoice-preview", {}),
        (lambda client: client.credit_balance(ACCOUNT), f"{PREFIX}/ai-gateway/billing/credit-balance", {}),
        (lambda client: client.topup_config(ACCOUNT), f"{PREFIX}/ai-gateway/billing/topup/config", {}),
        (lambda client: client.spending_limit(ACCOUNT), f"{PREFIX}/ai-gateway/billing/spending-limit", {}),
        (lambda client: client.verify_token(ACCOUNT), f"{PREFIX}/tokens/verify", {}),
        (lambda client: client.verify_token(), "/client/v4/user/tokens/verify", {}),
    ],
)
def test_each_method_asks_its_endpoint(clock: Clock, call: Call, path: str, query: dict[str, str]) -> None:
    api = Api(clock, good({"history": [], "invoices": [], "pagination": {"has_more": False}}))
    call(client_of(clock, api))

    (request,) = api.asked
    assert (request.method, request.url.host, request.url.path) == ("GET", "api.cloudflare.com", path)
    assert dict(request.url.params) == query


def test_an_account_id_is_sent_in_lower_case(clock: Clock) -> None:
    api = Api(clock, good({}))
    client_of(clock, api).credit_balance(ACCOUNT.upper())

    assert ACCOUNT in str(api.asked[0].url)


def test_nothing_is_sent_for_an_account_id_that_cannot_be_one(clock: Clock) -> None:
    api = Api(clock, good({}))
    client = client_of(clock, api)

    for call in (client.credit_balance, client.invoice_history, client.verify_token):
        with pytest.raises(errors.SettingsError):
            call("production")
    assert client.requests == 0


@pytest.mark.parametrize(("token", "url"), [("Bearer x", "https://a.example"), ("x", "http://a.example")])
def test_a_bad_token_or_base_url_is_refused_at_once(token: str, url: str) -> None:
    with pytest.raises(errors.SettingsError):
        Client(token, base_url=url)


def test_bounds_must_be_whole_numbers(clock: Clock) -> None:
    with pytest.raises(TypeError):
        client_of(clock, Api(clock, good({}))).usage_history(ACCOUNT, "hour", 1.7e12, 1)  # type: ignore[arg-type]


def test_the_base_url_may_have_a_path_of_its_own(clock: Clock) -> None:
    api = Api(clock, good({}))
    balance(client_of(clock, api, base_url="http://127.0.0.1:8000/pretended/"))

    assert str(api.asked[0].url).startswith("http://127.0.0.1:8000/pretended/accounts/")


# --- what comes back -----------------------------------------------------------------------------------------------


def test_usage_comes_with_its_flag_and_exact_numbers(clock: Clock) -> None:
    body = b'{"success": true, "result": {"history": [{"aggregated_value": 0.1}]}, "result_info": {"has_more": true}}'
    api = Api(clock, httpx.Response(200, content=body))

    answer = client_of(clock, api).usage_history(ACCOUNT, "day", 0, 1)
    assert answer == ([{"aggregated_value": Decimal("0.1")}], True)


def test_usage_without_a_flag_is_taken_as_whole(clock: Clock) -> None:
    assert client_of(clock, Api(clock, good({"history": []}))).usage_history(ACCOUNT, "day", 0, 1) == ([], False)


@pytest.mark.parametrize("result", [{}, {"history": None}, {"history": {}}, {"history": [1]}, [], "text"])
def test_usage_of_another_shape_is_an_invalid_answer_at_once(clock: Clock, result: object) -> None:
    client = client_of(clock, Api(clock, good(result)))

    error = failure(client, lambda client: client.usage_history(ACCOUNT, "day", 0, 1))
    assert type(error) is errors.InvalidAnswerError
    assert client.requests == 1


def test_invoices_come_from_every_page(clock: Clock) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["page"])
        rows = [{"id": f"in_{number}"} for number in range(120)][(page - 1) * 50 : page * 50]
        return good({"invoices": rows, "pagination": {"has_more": page < 3, "page": page, "total_count": 120}})

    client = client_of(clock, handler)
    assert [row["id"] for row in client.invoice_history(ACCOUNT)] == [f"in_{number}" for number in range(120)]
    assert client.requests == 4


def test_an_ignored_page_is_told(clock: Clock) -> None:
    rows = [{"id": f"in_{number}"} for number in range(50)]
    api = Api(clock, good({"invoices": rows, "pagination": {"has_more": True, "page": 1, "total_count": 120}}))

    listed = client_of(clock, api).invoice_history(ACCOUNT)
    assert (len(listed), type(listed.problem)) == (50, errors.PagesInconsistentError)


@pytest.mark.parametrize("reply", [bad(404), good(None)])
def test_no_preview_is_a_state_and_asked_once(clock: Clock, reply: httpx.Response) -> None:
    client = client_of(clock, Api(clock, reply))

    assert client.invoice_preview(ACCOUNT) is None
    assert client.requests == 1


@pytest.mark.parametrize("call", [lambda client: client.invoice_preview(ACCOUNT), balance])
@pytest.mark.parametrize("body", ["<html>not found</html>", "", '{"error": "not_found"}', '{"success": false}'])
def test_a_404_that_is_not_cloudflares_is_no_state(clock: Clock, call: Call, body: str) -> None:
    """Else a page of a proxy would end the version of the preview."""
    error = failure(client_of(clock, Api(clock, httpx.Response(404, text=body))), call)

    assert type(error) is errors.ForeignAnswerError


def test_a_preview_without_a_result_is_no_state(clock: Clock) -> None:
    client = client_of(clock, Api(clock, httpx.Response(200, json={"success": True})))

    assert type(failure(client, lambda it: it.invoice_preview(ACCOUNT))) is errors.InvalidAnswerError


@pytest.mark.parametrize("status", [400, 403, 404])
def test_no_manual_topup_is_a_state_of_the_spending_limit(clock: Clock, status: int) -> None:
    client = client_of(clock, Api(clock, bad(status, 1000, "NO_MANUAL_TOPUP")))

    assert client.spending_limit(ACCOUNT) is None
    assert client.requests == 1


def test_another_refusal_of_the_spending_limit_is_one(clock: Clock) -> None:
    client = client_of(clock, Api(clock, bad(401, 1000, "Invalid API Token")))

    assert type(failure(client, lambda it: it.spending_limit(ACCOUNT))) is errors.AuthenticationError


def listing(
    ids: list[str], size: int, *, info: bool, total: object = None
) -> Callable[[httpx.Request], httpx.Response]:
    def handler(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["page"])
        rows = [{"id": name, "name": name.upper(), "type": "x"} for name in ids[(page - 1) * size : page * size]]
        told = {"page": page, "per_page": size, "total_count": total}
        return good(rows, result_info=told) if info else good(rows)

    return handler


@pytest.mark.parametrize(
    ("count", "size", "info", "requests"),
    [
        (0, 50, True, 1),
        (3, 50, False, 2),
        (50, 50, False, 2),
        (120, 50, True, 4),
        (45, 20, True, 4),
        (35, 20, False, 3),
    ],
)
def test_accounts_come_from_every_page(clock: Clock, count: int, size: int, info: bool, requests: int) -> None:
    ids = [f"{number:032x}" for number in range(count)]
    client = client_of(clock, listing(ids, size, info=info))

    assert client.accounts() == [{"id": name, "name": name.upper()} for name in ids]
    assert client.requests == requests


@pytest.mark.parametrize(
    ("count", "total", "requests"),
    [(3, 3, 1), (3, 3.0, 1), (49, 49, 1), (50, 50, 2), (3, 2, 2), (3, 4, 2), (3, "3", 2), (3, None, 2)],
)
def test_a_short_page_of_accounts_is_the_last_where_the_total_says_so(
    clock: Clock, count: int, total: object, requests: int
) -> None:
    ids = [f"{number:032x}" for number in range(count)]
    client = client_of(clock, listing(ids, 50, info=True, total=total))

    assert [each["id"] for each in client.accounts()] == ids
    assert client.requests == requests


def test_accounts_end_when_the_page_is_ignored(clock: Clock) -> None:
    client = client_of(clock, Api(clock, good([{"id": f"{number:032x}", "name": "x"} for number in range(50)])))

    assert len(client.accounts()) == 50
    assert client.requests == 2


def test_an_endless_list_of_accounts_is_none(clock: Clock) -> None:
    endless = listing([f"{number:032x}" for number in range(1001)], 1, info=False)

    error = failure(client_of(clock, endless), Client.accounts)

    assert type(error) is errors.PagesInconsistentError
    assert str(error) == "No complete list of accounts: more than 1000 pages. Report this."


def test_accounts_have_one_spelling(clock: Clock) -> None:
    rows = [{"id": "AB" * 16, "name": "x"}, {"id": "ab" * 16, "name": "x"}]

    assert client_of(clock, Api(clock, good(rows), good([]))).accounts() == [{"id": "ab" * 16, "name": "x"}]


def test_names_are_kept_from_what_was_asked_anyway_and_only_where_they_are_text(clock: Clock) -> None:
    rows = [{"id": f"{number:032x}", "name": name} for number, name in enumerate(["Ann", None, 7, ["x"], "Ben"])]
    client = client_of(clock, Api(clock, good([*rows, {"name": "Nobody"}, 5, None])))

    assert client.account_names == {}
    client.api_time()
    assert client.account_names == {f"{0:032x}": "Ann", f"{4:032x}": "Ben"}
    assert client.requests == 1


@pytest.mark.parametrize("result", [{}, [1], [{"name": "x"}], [{"id": 5}], [{"id": "\x1b[31m"}], [{"id": "a" * 31}]])
def test_accounts_of_another_shape_are_an_invalid_answer(clock: Clock, result: object) -> None:
    error = failure(client_of(clock, Api(clock, good(result))), Client.accounts)

    assert type(error) is errors.InvalidAnswerError


def test_repr_shows_the_host_alone() -> None:
    with Client(TOKEN, base_url="https://gateway.example/secret/path") as client:
        assert repr(client) == "<Client of gateway.example>"


def test_a_closed_client_sends_nothing(clock: Clock) -> None:
    api = Api(clock, good({}))
    with client_of(clock, api) as client:
        balance(client)

    with pytest.raises(RuntimeError):
        balance(client)
    assert len(api.asked) == 1
