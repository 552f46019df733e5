"""One number of an answer is absurd: it is carried as sent or put aside with the reason, and everything can be read.

The fields come from their declarations: whatever is sent as a number, at every endpoint, with each value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from itertools import zip_longest
from typing import Any, NamedTuple

import httpx
import pytest
import time_machine

from ai_gateway_billing.api.client import Client
from ai_gateway_billing.rows import fields
from ai_gateway_billing.rows.fields import Field
from ai_gateway_billing.rows.tables import FIELDS
from ai_gateway_billing.simulator.exact import Raw
from ai_gateway_billing_pipeline import metrics
from ai_gateway_billing_pipeline.answers.questions import QUESTIONS
from ai_gateway_billing_pipeline.database import checks, views
from ai_gateway_billing_pipeline.loading.result import Result
from support import field_cases
from support.amounts import relation
from support.bench import Bench
from support.clock import Clock
from support.command import aig
from support.constants import NOW, TODAY
from support.field_cases import ENDPOINTS
from support.samples import account_of, fill

VALUES = ("1.2e19", "-1.2e19", "1e38", "9.99e9", "1e-30", "0.1e400", '"NaN"')
"""As they stand in the JSON."""
GATEWAYS = {"gateway_usage_hourly": "graphql", "gateways__spend_limit_rules": "gateways"}
"""Tables of estimates, and the endpoint that gives their rows: one of each is there."""


class Place(NamedTuple):
    """A number of an answer: its table and column, the endpoint, and its path there or its name."""

    table: str
    column: str
    endpoint: str
    path: str

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]


def is_number(what: Any) -> bool:
    """Times count: all but those of the analytics are sent as numbers."""
    if not isinstance(what, Field) or what.need is fields.OURS or what.kind is fields.HOUR:
        return False
    return what.kind is fields.PRICE or what.kind.hint["data_type"] in {"decimal", "bigint", "timestamp"}


PLACES = [
    Place(each.table, each.columns[0], ENDPOINTS[each.table][0],
          ".".join(filter(None, (ENDPOINTS[each.table][1], each.path))))
    for each in field_cases.declared()
    if is_number(each.what)
] + [
    Place(table, name, endpoint, each.sent_as or name)
    for table, endpoint in GATEWAYS.items()
    for name, each in FIELDS[table].items()
    if is_number(each)
]  # fmt: skip
BY_ENDPOINT = [
    [place for place in PLACES if place.endpoint == endpoint and place.table != "usage_daily"]
    for endpoint in sorted({place.endpoint for place in PLACES})
]
TOGETHER = list(zip_longest(*BY_ENDPOINT))
"""Places that one account has spoilt at once: no two of one endpoint. The two usage tables have one endpoint."""


def account_with(place: Place, value: str) -> str:
    spoilt = next(n for n, places in enumerate(TOGETHER) if any(
        each and (each.endpoint, each.path) == (place.endpoint, place.path) for each in places))  # fmt: skip
    return account_of(f"{spoilt} {value}")


class Spoiling(Bench):
    """A bench whose estimates and gateways have an absurd number for some accounts: id to names and JSON values."""

    spoilt: dict[str, list[tuple[str, str, str]]]

    def client(self) -> Client:
        clock, transport = Clock(), httpx.MockTransport(self._handle)
        return Client(self.token, transport=transport, sleep=clock.sleep, clock=clock.monotonic, budget=None)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        request.read()
        answer = self.simulator.handle(request)
        asked = f"{request.url.path} {request.content.decode()}"
        text = answer.content.decode()
        for account_id in re.findall(r"\b[0-9a-f]{32}\b", asked):
            for endpoint, name, value in self.spoilt.get(account_id, ()):
                if endpoint in asked:
                    text = re.sub(rf'"{name}":("[^"]*"|[^,}}\]]+)', lambda _, n=name, v=value: f'"{n}":{v}', text)
        return httpx.Response(answer.status_code, headers={"Content-Type": "application/json"}, text=text)


class Loaded(NamedTuple):
    """What one load made of all of them."""

    bench: Bench
    result: Result


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    bench = Spoiling(tmp_path_factory.mktemp("extremes"), start="2026-11-22")
    bench.attribution, bench.spoilt = {"attribution": True}, {}
    for number, places in enumerate(TOGETHER):
        for value in VALUES:
            account = bench.account(account_of(f"{number} {value}"))
            fill(account)
            account.requests.add(TODAY, "g", "openai", "gpt-5", nano_usd=10**9)
            account.gateways.put("g", [{"limit": 5, "window": 60, "type": "fixed"}])
            for place in filter(None, places):
                if place.endpoint in GATEWAYS.values():
                    bench.spoilt.setdefault(account.id, []).append((place.endpoint, place.name, value))
                else:
                    bench.world.inject(place.endpoint, place.path, Raw(value), account.id)
    result = bench.load()
    yield Loaded(bench, result)
    bench.close()


def carried(place: Place, value: str) -> set[Any]:
    """What a column may hold: the number to the eighteenth place, or its digits."""
    if value.startswith('"'):
        return {value.strip('"')}
    with localcontext(prec=500):
        return {str(Decimal(value)), Decimal(value).quantize(Decimal("1e-18"), ROUND_HALF_EVEN)}


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place.table}.{place.column}")
def test_an_absurd_number_is_carried_or_put_aside(place: Place, value: str, loaded: Loaded) -> None:
    account_id, resource = account_with(place, value), place.table.split("__")[0]
    query = f"select distinct {place.column} from {{raw}}.{place.table} where account_id = $1"
    found = {cell for (cell,) in loaded.bench.rows(query, account_id)}
    query = "select reason from {raw}.quarantine where account_id = $1 and field = $2 and starts_with(resource, $3)"
    reasons = loaded.bench.rows(query, account_id, place.name, resource)

    assert all(reason for (reason,) in reasons)
    if reasons:
        assert found <= {None}
    else:
        assert found <= carried(place, value)
        assert found, loaded.bench.rows(
            "select * exclude payload from {raw}.quarantine where account_id = $1", account_id
        )
        assert (account_id, resource) not in loaded.result.outcomes.failures()


def test_the_load_says_that_something_was_put_aside(loaded: Loaded) -> None:
    assert loaded.result.exit_code == 4


@pytest.mark.parametrize("view", views.VIEWS)
def test_every_view_can_be_read_whole(view: str, loaded: Loaded) -> None:
    loaded.bench.published.execute(f"select * from {relation(view)}").fetchall()


COMMANDS = [[], ["status"], ["status", "--all", "--json"], ["check", "--json"], *([name] for name in QUESTIONS)]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_answers(command: list[str], loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIG_BILLING_DATABASE", str(loaded.bench.database))
    with time_machine.travel(NOW, tick=False):
        ran = aig(*command)

    assert ran.code == (1 if command[:1] == ["check"] else 0), ran.err
    assert ran.out


def test_the_metrics_are_written(loaded: Loaded) -> None:
    text = metrics.text(loaded.bench.published, NOW, checks.Limits()).decode()

    assert "aig_billing_spend_today{" in text
