"""Queries are all that is ever posted; an answer with errors is a failure, whatever else it holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import graphql
import pytest

from ai_gateway_billing.api.analytics import DIMENSIONS, SUMS, document
from ai_gateway_billing.api.graphql import Document, QueryWire
from ai_gateway_billing.api.http import Wire
from ai_gateway_billing.errors import (
    ApiError,
    BadRequestError,
    BillingPermissionError,
    ForeignAnswerError,
    InvalidAnswerError,
    RateLimitedError,
    ServerError,
)
from support.asking import Asked, asking
from support.constants import ACCOUNT, DAY, NOW, TOKEN


@pytest.fixture
def asked() -> Iterator[Asked]:
    with asking() as asked:
        yield asked


def groups(asked: Asked) -> list[dict[str, Any]]:
    return asked.client.analytics.groups(ACCOUNT, ("cost", "gateway"), NOW - DAY, NOW, 10)


def failure(asked: Asked, **fault: Any) -> ApiError:
    asked.simulator.faults.add(fault.pop("kind", "graphql_error"), endpoint="graphql", **fault)
    with pytest.raises(ApiError) as caught:
        groups(asked)
    return caught.value


@pytest.mark.parametrize(
    "text",
    ["mutation { x }", "subscription { x }", "{ x }", "query A { x } mutation B { y }", "query A { x } MUTATION", ""],
)
def test_no_document_can_be_anything_but_a_query(text: str) -> None:
    with pytest.raises(ValueError, match="only queries"):
        Document(text)


def test_every_document_that_is_sent_is_one_query_of_the_language(asked: Asked) -> None:
    """Read by the parser of the language itself, which no pattern of ours can mislead."""
    asked.client.analytics.offer(ACCOUNT)
    groups(asked)
    texts = [body["query"] for _, _, body in asked.sent] + [document([*SUMS, *DIMENSIONS], 7).text]

    for text in texts:
        (operation,) = graphql.parse(text).definitions
        assert isinstance(operation, graphql.OperationDefinitionNode)
        assert operation.operation is graphql.OperationType.QUERY


def test_a_document_takes_only_fields_that_are_known() -> None:
    with pytest.raises(ValueError, match="unknown field"):
        document(["cost } } mutation { x"], 10)


def test_queries_go_to_one_place_by_post(asked: Asked) -> None:
    groups(asked)

    assert {(method, path) for method, path, _ in asked.sent} == {("POST", "/client/v4/graphql")}


def test_the_wire_of_queries_offers_one_request_more_than_the_other() -> None:
    def offered(kind: type) -> set[str]:
        return {name for name in dir(kind) if not name.startswith("_") and callable(getattr(kind, name))}

    assert offered(QueryWire) - offered(Wire) == {"ask"}


@pytest.mark.parametrize("data", ["null", "half", "{}"])
def test_errors_with_200_are_a_failure_and_half_of_the_data_is_no_data(asked: Asked, data: str) -> None:
    error = failure(asked, data=data)

    assert isinstance(error, InvalidAnswerError)
    assert "internal server error" in str(error)
    assert len(asked.sent) > 1, "it is tried again, as a query changes nothing"


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"message": "not authorized for that account"}, BillingPermissionError),
        ({"message": 'unknown field "costs"'}, BadRequestError),
        ({"message": "rate limiter budget depleted: too many queries"}, RateLimitedError),
        ({"kind": 403}, BillingPermissionError),
        ({"kind": 500}, ServerError),
        ({"kind": "success_false_200"}, InvalidAnswerError),
        ({"kind": "null_result_200"}, ForeignAnswerError),
        ({"kind": "html"}, ForeignAnswerError),
        ({"kind": "truncated_json"}, InvalidAnswerError),
        ({"kind": "empty_body"}, ForeignAnswerError),
    ],
    ids=str,
)
def test_each_kind_of_failure_has_its_error(asked: Asked, fault: dict[str, Any], kind: type[ApiError]) -> None:
    error = failure(asked, **fault)

    assert type(error) is kind
    assert TOKEN not in str(error)


def test_a_refusal_names_both_permissions_and_is_not_tried_again(asked: Asked) -> None:
    asked.world.tokens[TOKEN].analytics = "refused"

    with pytest.raises(BillingPermissionError, match='"Account Analytics Read" and "AI Gateway Read"'):
        groups(asked)
    assert len(asked.sent) == 1


def test_a_passing_failure_is_bridged(asked: Asked) -> None:
    asked.simulator.faults.add("graphql_error", endpoint="graphql", times=2)

    assert groups(asked) == []


def test_the_words_of_an_error_are_redacted(asked: Asked) -> None:
    error = failure(asked, message=f"bad token {TOKEN} of me@example.com")

    assert TOKEN not in str(error)
    assert "me@example.com" not in str(error)


def test_queries_keep_to_a_budget_of_their_own(asked: Asked) -> None:
    """47 of them in a second, and 285 of the 300 in five minutes; then they wait, and other requests do not."""
    for _ in range(285):
        groups(asked)
    asked.client.accounts()
    assert asked.clock.passed == 285 // 47

    groups(asked)

    assert asked.clock.passed == 300
    assert asked.client.requests == 286 + 1
