"""Whoever only extracts can be certain that no account is changed: no import leads there, no load sends a write."""

from __future__ import annotations

import inspect
import re
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grimp
import httpx
import pytest

from ai_gateway_billing.api import inputs
from ai_gateway_billing.api.client import Client
from ai_gateway_billing.api.http import Wire
from ai_gateway_billing.errors import ApiError, SettingsError
from ai_gateway_billing.simulator import Simulator, World
from ai_gateway_billing_pipeline import settings
from support.bench import put_tables
from support.command import aig, run_python
from support.constants import ACCOUNT, ROOT, TOKEN

SOURCE, PROGRAM = "ai_gateway_billing", "ai_gateway_billing_pipeline"
WRITING = {f"{SOURCE}.operations.{name}" for name in ("operations", "answers", "sending")}
OFFERED = f"{PROGRAM}.commands.account"
ACTING = {OFFERED, f"{PROGRAM}.account.actions", f"{PROGRAM}.account.session"}
"""The commands that act on an account; with the command line, which offers them, all that may reach what writes."""
OFFERING = {f"{PROGRAM}.{name}" for name in ("cli", "__main__")}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(SOURCE, PROGRAM, cache_dir=None)


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """An account of a few days, a token that could change it, and a database with every table."""
    put_tables(Path.cwd())
    start = datetime.now(UTC) - timedelta(days=5)
    world = World()
    world.add_generated_account(ACCOUNT, start=start)
    world.add_token(TOKEN, writes={ACCOUNT})
    simulator = Simulator(world)
    with simulator.serve() as url:
        monkeypatch.setenv("CLOUDFLARE_BASE_URL", url)
        monkeypatch.setenv("CLOUDFLARE_API_TOKEN", TOKEN)
        monkeypatch.setenv("CLOUDFLARE_ACCOUNT_ID", ACCOUNT)
        monkeypatch.setenv("AIG_BILLING_START", f"{start:%Y-%m-%d}")
        yield simulator


# --- imports ---------------------------------------------------------------------------------------------------------


def test_nothing_but_the_account_commands_leads_to_what_writes(graph: grimp.ImportGraph) -> None:
    """Whatever is added later, too: this names who may, not who may not."""
    reaching = {module for writing in WRITING for module in graph.find_downstream_modules(writing)}

    assert reaching - WRITING == ACTING | OFFERING


def test_the_command_line_offers_the_account_commands_and_uses_nothing_of_them(graph: grimp.ImportGraph) -> None:
    imported = {module for each in OFFERING for module in graph.find_modules_directly_imported_by(each)}

    assert imported & (WRITING | ACTING) == {OFFERED}


def test_no_load_has_what_writes_in_its_process(simulator: Simulator) -> None:
    """Imports inside functions and by name would escape the graph."""
    ran = run_python(f"""
import sys
from {PROGRAM}.cli import main
try:
    main(["load", "--only", "credit_balance"])
except SystemExit as end:
    assert not end.code, end.code
there = {WRITING | ACTING - {OFFERED}!r} & set(sys.modules)
assert not there, there
""")

    assert ran.code == 0, ran.err


def test_the_source_is_imported_without_what_writes() -> None:
    ran = run_python(f"""
import sys
from {SOURCE} import {SOURCE}
there = {WRITING!r} & set(sys.modules)
assert not there, there
""")

    assert ran.code == 0, ran.err


def test_no_notebook_schedule_or_script_names_what_writes() -> None:
    """Everything tracked but the two packages, their tests and the pages that people read."""
    apart = ("sources/", "pipelines/", "tests/", "cassettes/", "docs/")
    pages = {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "pyproject.toml"}
    pattern = re.compile(rf"{SOURCE}\W+(import\W+)?(operations)|aig-billing account\b")

    found = [
        name for name in tracked() if not name.startswith(apart) and name not in pages and pattern.search(text(name))
    ]

    assert found == []


def tracked() -> list[str]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8", errors="replace")


# --- requests --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        ("load",),
        pytest.param(("load", "--full-refresh", "--lookback", "35"), marks=pytest.mark.thorough),
        ("backfill", "--from", "2026-11-20", "--to", "2026-11-21"),
        ("doctor",),
        ("accounts",),
        ("account", "show"),
    ],
    ids=" ".join,
)
def test_every_request_of_a_command_that_reads_is_a_get(simulator: Simulator, command: tuple[str, ...]) -> None:
    ran = aig(*command)

    assert ran.code in (0, 4), ran.err
    assert simulator.requests
    assert {request.method for request in simulator.requests} == {"GET"}


def test_a_load_with_every_kind_of_fault_sends_nothing_but_get(simulator: Simulator) -> None:
    """No way of failing leads to another method."""
    simulator.faults.add(503, endpoint="credit-balance", times=1)
    simulator.faults.add(403, endpoint="topup/config")
    simulator.faults.add(404, endpoint="invoice-history")
    simulator.faults.add("truncated_json", endpoint="invoice-preview", times=1)
    aig("load")

    assert {request.method for request in simulator.requests} == {"GET"}


ASKING: list[tuple[str, ...]] = [
    ("load",),
    ("load", "--full-refresh"),
    ("backfill", "--from", "2026-11-20", "--to", "2026-11-21"),
    ("doctor",),
]


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        (("load",), None),
        (("load",), "graphql_error"),
        *(
            pytest.param(command, fault, marks=pytest.mark.thorough)
            for command in ASKING
            for fault in (None, "graphql_error", 403, "html")
            if command != ("load",) or fault in (403, "html")
        ),
    ],
    ids=str,
)
def test_with_attribution_a_load_posts_queries_to_one_place(
    simulator: Simulator, command: tuple[str, ...], fault: str | int | None
) -> None:
    """However it fails, nothing else is posted, and the simulator, which knows no other operation, takes it."""
    if fault:
        simulator.faults.add(fault, endpoint="graphql", nth=2)
    simulator.world.accounts[ACCOUNT].gateways.put("g")

    ran = aig(*command, "--with", "attribution")

    assert ran.code in (0, 4), ran.err
    posted = {(each.path, each.status) for each in simulator.requests if each.method != "GET"}
    assert {path for path, _ in posted} == {"/graphql"}
    assert {each.method for each in simulator.requests} == {"GET", "POST"}


def test_every_method_of_the_client_sends_get() -> None:
    sent: dict[str, set[str]] = {}
    refusal = {"success": False, "errors": [{"code": 10000, "message": "no"}], "messages": [], "result": None}

    def answer(request: httpx.Request) -> httpx.Response:
        sent[name].add(request.method)
        return httpx.Response(403, json=refusal)

    client = Client(TOKEN, transport=httpx.MockTransport(answer), sleep=lambda _: None, budget=None)
    arguments = {
        "accounts": (),
        "api_time": (),
        "snapshot": ("credit_balance", ACCOUNT),
        "usage_history": (ACCOUNT, "hour", 0, 3_600_000),
    }
    methods = [name for name, member in vars(Client).items() if callable(member) and not name.startswith("_")]
    for name in set(methods) - {"close"}:
        sent[name] = set()
        with suppress(ApiError):
            getattr(client, name)(*arguments.get(name, (ACCOUNT,)))

    assert len(sent) > 5
    assert {name for name, verbs in sent.items() if verbs != {"GET"}} == set()


def test_the_wire_of_the_client_knows_one_method() -> None:
    """Whatever is asked of it: it takes no method, and offers none but this."""
    offered = {name for name, member in vars(Wire).items() if callable(member) and not name.startswith("_")}

    assert "get" in offered
    assert offered & {"delete", "patch", "post", "put", "request", "send", "stream"} == set()
    assert not {"method", "verb"} & set(inspect.signature(Wire.get).parameters)


# --- advice ----------------------------------------------------------------------------------------------------------


def test_whoever_extracts_is_told_to_use_a_token_that_only_reads() -> None:
    with pytest.raises(SettingsError) as refused:
        inputs.checked_token("")

    for advice in (settings.NO_CREDENTIALS, str(refused.value), aig("load").err):
        assert '"AI Gateway Read"' in advice
        assert "Write" not in advice


def test_the_readme_names_writing_only_where_an_account_is_changed() -> None:
    paragraphs = text("README.md").split("\n\n")

    assert any("AI Gateway Read" in each for each in paragraphs)
    assert [each for each in paragraphs if "AI Gateway Write" in each and "aig-billing account" not in each] == []
