"""Which accounts are read: those that were named, else those that the token sees, if that leaves no doubt."""

from __future__ import annotations

import pytest

from ai_gateway_billing import errors
from ai_gateway_billing.api import accounts
from ai_gateway_billing.api.client import Client
from support.clock import Clock
from support.constants import ACCOUNT, OTHER
from support.replies import Api, bad, client_of, good


def seeing(clock: Clock, *ids: str) -> Client:
    return client_of(clock, Api(clock, good([{"id": each, "name": "x"} for each in ids]), good([])))


@pytest.mark.parametrize(
    ("choice", "ids"),
    [
        (None, []),
        ("", []),
        (" All ", []),
        (["all"], []),
        (ACCOUNT, [ACCOUNT]),
        (f" {OTHER.upper()} ,, {ACCOUNT},", [OTHER, ACCOUNT]),
        ([ACCOUNT, OTHER, ACCOUNT.upper()], [ACCOUNT, OTHER]),
    ],
)
def test_a_choice_is_read_as_people_write_it(choice: accounts.Choice, ids: list[str]) -> None:
    assert accounts.named(choice) == ids


@pytest.mark.parametrize("choice", ["production", f"all,{ACCOUNT}", [ACCOUNT, "all"], f"{ACCOUNT} {OTHER}"])
def test_what_is_no_account_id_is_refused(choice: accounts.Choice) -> None:
    """Also `all` beside an id: it would be read as one of the two."""
    with pytest.raises(errors.SettingsError):
        accounts.named(choice)


def test_who_is_named_need_not_be_listed(clock: Clock) -> None:
    client = seeing(clock)

    assert accounts.choose([OTHER, ACCOUNT], client) == [OTHER, ACCOUNT]
    assert client.requests == 0


@pytest.mark.parametrize(
    ("choice", "seen"), [(None, [ACCOUNT]), ("all", [ACCOUNT]), ("all", [OTHER, ACCOUNT]), ("ALL", [OTHER, ACCOUNT])]
)
def test_where_nobody_is_named_the_token_decides(clock: Clock, choice: str | None, seen: list[str]) -> None:
    assert accounts.choose(choice, seeing(clock, *seen)) == seen


@pytest.mark.parametrize(("count", "named"), [(2, 2), (5, 5), (6, 5)])
def test_several_accounts_without_a_choice_are_named_and_none_is_read(clock: Clock, count: int, named: int) -> None:
    ids = [f"{number:032x}" for number in range(count)]

    with pytest.raises(errors.SettingsError, match=f"The token sees {count} accounts") as caught:
        accounts.choose(None, seeing(clock, *ids))

    assert [each for each in ids if each in str(caught.value)] == ids[:named]
    assert ("…" in str(caught.value)) == (named < count)


@pytest.mark.parametrize("choice", [None, "all"])
def test_a_token_without_accounts_is_told(clock: Clock, choice: str | None) -> None:
    with pytest.raises(errors.SettingsError, match="The token sees no account"):
        accounts.choose(choice, seeing(clock))


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_may_not_list_accounts_is_told_how_to_do_without(clock: Clock, status: int) -> None:
    client = client_of(clock, Api(clock, bad(status)))

    with pytest.raises(errors.ApiError) as caught:
        accounts.choose(None, client)

    assert any("--account" in note for note in caught.value.__notes__)
