"""docs/API.md lists every operation, and says of each what the code does."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import httpx
import pytest
import typer
import yaml

from ai_gateway_billing.api.client import Client
from ai_gateway_billing.errors import ApiError, BillingPermissionError
from ai_gateway_billing.operations import operations
from ai_gateway_billing.operations.operations import Operation, Sender
from ai_gateway_billing.simulator import ENDPOINTS, Simulator, World
from ai_gateway_billing.simulator.writes import OPERATIONS
from ai_gateway_billing_pipeline import cli
from support.command import aig
from support.constants import NOW, ROOT, TOKEN
from support.recording import ACCOUNT_ID, API

BILLING = "/accounts/{account_id}/ai-gateway/billing"
READ, WRITE = "AI Gateway Read", "AI Gateway Write"

# How each function is called for its row; a Client's method returns nothing that matters here.
CALLS: dict[str, Callable[[Client, str], Any]] = {
    "Client.usage_history": lambda client, _: client.usage_history(ACCOUNT_ID, "hour", 0, 3_600_000),
    "Client.invoice_history": lambda client, _: client.invoice_history(ACCOUNT_ID),
    "Client.invoice_preview": lambda client, _: client.invoice_preview(ACCOUNT_ID),
    "Client.credit_balance": lambda client, _: client.credit_balance(ACCOUNT_ID),
    "Client.topup_config": lambda client, _: client.topup_config(ACCOUNT_ID),
    "Client.spending_limit": lambda client, _: client.spending_limit(ACCOUNT_ID),
    "Client.accounts": lambda client, _: client.accounts(),
    "Client.api_time": lambda client, _: client.api_time(),
    "Client.verify_token": lambda client, path: client.verify_token(None if "/user/" in path else ACCOUNT_ID),
}
SENT: dict[str, Operation[Any]] = {
    "operations.create_topup": operations.create_topup(ACCOUNT_ID, 1000),
    "operations.topup_status": operations.topup_status(ACCOUNT_ID, "in_1"),
    "operations.topup_limits": operations.topup_limits(ACCOUNT_ID),
    "operations.topup_eligibility": operations.topup_eligibility(ACCOUNT_ID),
    "operations.set_topup_config": operations.set_topup_config(ACCOUNT_ID, amount_cents=1000, threshold_cents=500),
    "operations.delete_topup_config": operations.delete_topup_config(ACCOUNT_ID),
    "operations.set_spending_limit": operations.set_spending_limit(
        ACCOUNT_ID, amount_cents=100, duration="daily", strategy="fixed"
    ),
    "operations.delete_spending_limit": operations.delete_spending_limit(ACCOUNT_ID),
}
UNATTENDED = ("--yes", "--account", ACCOUNT_ID)
OPTIONS: dict[str, tuple[str, ...]] = {
    "backfill": ("--from", "2026-11-20", "--to", "2026-11-20", "--extend"),
    "account topup": ("--amount", "10", *UNATTENDED),
    "account topup-status": ("in_1",),
    "account topup-config set": ("--amount", "10", "--threshold", "5", *UNATTENDED),
    "account topup-config delete": UNATTENDED,
    "account spending-limit set": ("--amount", "9", "--duration", "daily", "--strategy", "fixed", *UNATTENDED),
    "account spending-limit delete": UNATTENDED,
}


class Row(NamedTuple):
    operation: str
    functions: list[str]
    commands: list[str]
    cassette: str
    permission: str
    state: str

    @property
    def method(self) -> str:
        return self.operation.split()[0]

    @property
    def path(self) -> str:
        return self.operation.split()[1].replace("…", BILLING)


def listed() -> list[Row]:
    lines = (ROOT / "docs" / "API.md").read_text().splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if re.match(r"\| `[A-Z]+ ", line)]
    return [
        Row(operation.strip("`"), words(functions), words(commands), cassette.strip("`"), permission, state)
        for operation, functions, commands, cassette, permission, state in cells
    ]


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


ROWS = listed()
each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.operation)


def answering(sent: list[httpx.Request]) -> httpx.MockTransport:
    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(404, json={"success": False, "errors": [{"code": 7003, "message": "x"}], "result": None})

    return httpx.MockTransport(answer)


def test_every_operation_of_the_api_is_listed_once() -> None:
    """The simulator knows the contract and nothing of the code that is listed."""
    others = {
        "accounts": ["/accounts"],
        "tokens/verify": ["/user/tokens/verify", "/accounts/{account_id}/tokens/verify"],
    }
    known = [("GET", path) for endpoint in ENDPOINTS for path in others.get(endpoint, [f"{BILLING}/{endpoint}"])]
    known += [(method, f"{BILLING}/{endpoint}") for method, endpoint in OPERATIONS]

    assert sorted((row.method, row.path) for row in ROWS) == sorted(known)
    assert len([row for row in ROWS if row.path.startswith(BILLING)]) == 14


def test_every_function_that_asks_the_api_is_listed() -> None:
    methods = {name for name, member in vars(Client).items() if callable(member) and not name.startswith("_")}
    functions = {name for name in operations.__all__ if name[0].islower()}

    named = {function for row in ROWS for function in row.functions}
    assert named == {f"Client.{name}" for name in methods - {"close", "snapshot"}} | {
        f"operations.{name}" for name in functions
    }


@each_row
def test_its_functions_send_what_the_row_says(row: Row) -> None:
    sent: list[httpx.Request] = []
    with Client(TOKEN, transport=answering(sent)) as client, Sender(TOKEN, transport=answering(sent)) as sender:
        for function in row.functions:
            try:
                sender.send(SENT[function]) if function in SENT else CALLS[function](client, row.path)
            except ApiError:
                continue

    url = f"{API}{row.path.format(account_id=ACCOUNT_ID)}"
    assert len(sent) == len(row.functions) > 0
    assert {(request.method, str(request.url).partition("?")[0]) for request in sent} == {(row.method, url)}


@each_row
def test_its_commands_exist(row: Row) -> None:
    assert row.commands
    for command in row.commands:
        found: Any = typer.main.get_command(cli.app)
        for word in command.split():
            found = found.commands[word]


@pytest.mark.slow
def test_its_commands_send_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command is run once, with a token of the account itself, so that both ways to verify one are gone."""
    world = World()
    world.add_generated_account(ACCOUNT_ID, start=datetime.now(UTC) - timedelta(days=3))
    world.add_token(TOKEN, writes={ACCOUNT_ID}, owner=ACCOUNT_ID)
    simulator = Simulator(world)
    seen: dict[str, set[tuple[str, str]]] = {}
    with simulator.serve() as url:
        monkeypatch.setenv("CLOUDFLARE_BASE_URL", url)
        monkeypatch.setenv("CLOUDFLARE_API_TOKEN", TOKEN)
        monkeypatch.setenv("AIG_BILLING_START", f"{datetime.now(UTC) - timedelta(days=3):%Y-%m-%d}")
        for command in {command for row in ROWS for command in row.commands}:
            simulator.requests.clear()
            aig(*command.split(), *OPTIONS.get(command, ()))
            seen[command] = {(request.method, request.path) for request in simulator.requests}

    missing = [
        (row.operation, command)
        for row in ROWS
        for command in row.commands
        if (row.method, row.path.format(account_id=ACCOUNT_ID)) not in seen[command]
    ]
    assert missing == []


@each_row
def test_its_cassette_holds_the_request(row: Row) -> None:
    file = ROOT / "cassettes" / f"{row.cassette}.yaml"
    exchanges = yaml.safe_load(file.read_text())["interactions"]

    url = f"{API}{row.path.format(account_id=ACCOUNT_ID)}"
    requests = {(each["request"]["method"], each["request"]["uri"].partition("?")[0]) for each in exchanges}
    assert (row.method, url) in requests
    folder, test = row.cassette.split("/")
    assert f"def {test.partition('[')[0]}(" in next((ROOT / "tests").rglob(f"{folder}.py")).read_text()


@each_row
def test_its_permission_follows_from_what_it_does(row: Row) -> None:
    expected = "any" if not row.path.startswith(BILLING) else READ if row.method == "GET" else WRITE

    assert row.permission == expected


@each_row
def test_its_state_is_what_a_token_that_may_write_meets(row: Row) -> None:
    operation = next((SENT[function] for function in row.functions if function in SENT), None)
    if operation is None:
        assert "refused" not in row.state
        return

    assert is_refused(operation, is_dashboard_session=False) == ("refused" in row.state)
    assert is_refused(operation, is_dashboard_session=True) == ("always refused" in row.state)


def is_refused(operation: Operation[Any], *, is_dashboard_session: bool) -> bool:
    world = World()
    world.add_account(ACCOUNT_ID).set_balance(0, has_default_payment_method=True)
    world.add_token(TOKEN, writes={ACCOUNT_ID}, is_dashboard_session=is_dashboard_session)
    transport = httpx.MockTransport(Simulator(world, lambda: NOW).handle)
    try:
        Sender(TOKEN, transport=transport).send(operation)
    except BillingPermissionError:
        return True
    except ApiError:
        return False
    return False


def test_only_the_spending_limit_is_deprecated() -> None:
    deprecated = {row.path for row in ROWS if "deprecated" in row.state}

    assert deprecated == {f"{BILLING}/spending-limit"}
    assert {row.state for row in ROWS} == {"works", "deprecated", "deprecated, always refused", "refused for tokens"}
