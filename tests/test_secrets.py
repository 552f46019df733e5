"""A token, a card's digits or an invoice's link never reaches an output, a log, a trace or a file of dlt's.

Each run is given secrets that stand for nothing else, everything that it printed and left is searched for them, on
success and on every way to fail, and with all logs on.
"""

from __future__ import annotations

import base64
import functools
import gzip
import json
import logging
import os
import re
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import pytest

from ai_gateway_billing.simulator import DEMO_TOKEN, World
from ai_gateway_billing_pipeline.terminal import logs
from support import leaks, processes
from support.constants import ACCOUNT, NOW, ROOT
from support.processes import Ending, Place, Step, at, call_of

pytestmark = processes.LOOPBACK

ODD_TOKEN = "cfut+Secret/Token~of.nobody_7f3a9c==xYz-0123456789"
OTHER_TOKEN = "Xy7-kQ2m_Zp9rT4vB8nW1cD6fG3hJ5lS0aE-uI2o"
DIGITS = "4929716000001137"
GROUPED = "4929 7160 0000 1137"
LINK = "https://pay.example.test/invoice/acct_1SeCrEt/live_YWNjdF9zZWNyZXQ?s=ap&x=1"
SECRETS = (ODD_TOKEN, DIGITS, GROUPED, LINK, "acct_1SeCrEt", "live_YWNjdF9zZWNyZXQ")


def world_of_secrets() -> World:
    """An account whose answers hold each secret where the API has it, and where it may have it one day."""
    world = World()
    account = world.add_generated_account(ACCOUNT, start=NOW.replace(day=10), size=100)
    world.add_token(ODD_TOKEN)
    card = {"brand": "visa", "last4": DIGITS}
    account.set_balance(payment_method=card, card_on_file={"digits": DIGITS})
    world.inject("invoice-history", "invoices.*.invoice_pdf", LINK)
    world.inject("invoice-history", "invoices.*.hosted_invoice_url", LINK)
    world.inject("invoice-history", "invoices.*.extra", {"href": LINK, "note": "see " + LINK})
    world.inject("invoice-preview", "payment_method", card)
    world.inject("invoice-preview", "invoice_lines.*.receipt", LINK)
    return world


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with processes.served(tmp_path_factory.mktemp("served"), world_of_secrets()) as place:
        yield place


@pytest.fixture
def place(served: Place, tmp_path: Path) -> Iterator[Place]:
    yield Place(tmp_path, served.url, served.simulator, ["--start", "2026-11-15", "--log-level", "debug"])
    served.simulator.faults.clear()


def own_home(folder: Path, and_then: Callable[[], None] | None = None) -> None:
    """Let the process leave everything in the folder that is searched."""
    for variable in ("HOME", "DLT_DATA_DIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "TMPDIR"):
        (folder / variable).mkdir(exist_ok=True)
        os.environ[variable] = str(folder / variable)
    os.environ["CLOUDFLARE_API_TOKEN"] = ODD_TOKEN
    if and_then:
        and_then()


def sensitive() -> None:
    os.environ["AIG_BILLING_INCLUDE_SENSITIVE"] = "true"


def without_token() -> None:
    del os.environ["CLOUDFLARE_API_TOKEN"]


def load(place: Place, *options: str, prepare: Callable[[], None] | None = None, command: str = "load") -> Ending:
    return place.run(*options, prepare=functools.partial(own_home, place.folder, prepare), command=command)


def assert_nothing_leaked(place: Place, ending: Ending, *secrets: str, ignoring: Any = ()) -> None:
    hits = leaks.found(secrets or SECRETS, place.folder, ending.out, ending.err, ignoring=ignoring)
    assert not hits, "\n".join(hits)


# --- the search itself -----------------------------------------------------------------------------------------------


def plant_duckdb(path: Path, text: str) -> None:
    with duckdb.connect(str(path)) as connection:
        rows = [[f"{text}{n % 3}"] for n in range(5000)]
        connection.execute("create table t as select $1 as first", [text])
        connection.executemany("insert into t values (?)", rows[:100])


def plant_parquet(path: Path, text: str) -> None:
    duckdb.execute(f"copy (select $1 as t from range(1000)) to '{path}' (format parquet)", [text])


def plant_state(path: Path, text: str) -> None:
    plant_duckdb(path, base64.b64encode(zlib.compress(text.encode())).decode())


PLANTS: dict[str, Callable[[Path, str], Any]] = {
    "plain": lambda path, text: path.write_text(f"before{text}after"),
    "url": lambda path, text: path.write_text(f"?q={quote(text, safe='')}&"),
    "json": lambda path, text: path.write_text(json.dumps({"x": text}).replace("/", "\\/")),
    "base64 0": lambda path, text: path.write_bytes(base64.b64encode(f"abc{text}xyz".encode())),
    "base64 1": lambda path, text: path.write_bytes(base64.b64encode(f"a{text}xyz".encode())),
    "base64 2": lambda path, text: path.write_bytes(base64.b64encode(f"ab{text}xyz".encode())),
    "base64 url": lambda path, text: path.write_bytes(base64.urlsafe_b64encode(f"ab{text}??>>".encode())),
    "gzip": lambda path, text: path.write_bytes(gzip.compress(text.encode())),
    "parquet": plant_parquet,
    "duckdb": plant_duckdb,
    "state": plant_state,
}


@pytest.mark.parametrize("plant", PLANTS)
@pytest.mark.parametrize("secret", [ODD_TOKEN, DIGITS, LINK], ids=["token", "digits", "link"])
def test_the_search_finds_what_is_there(tmp_path: Path, plant: str, secret: str) -> None:
    PLANTS[plant](tmp_path / "file", secret)

    assert leaks.found([secret], tmp_path)
    assert not leaks.found(["another" + secret], tmp_path)


# --- all goes well ---------------------------------------------------------------------------------------------------


def test_a_load_leaves_no_secret_anywhere(place: Place) -> None:
    ending = load(place, "--json")

    assert ending.code == 0, ending
    assert len(ending.err.splitlines()) > 50, "debug logs are on"
    assert_nothing_leaked(place, ending)
    assert (place.folder / "billing.duckdb.load/dlt/ai_gateway_billing/trace.pickle").exists()


OF_GATEWAYS = ("sim-otel-authorization-0123456789", "sim-otel-header-secret-0123456789", "simStripeAuthorization")
NAMED = ("user-1@example.test", "user-4@example.test")
"""People in the metadata of requests."""


def with_teams() -> None:
    os.environ["AIG_BILLING_ATTRIBUTION_TAGS"] = "team"


@pytest.mark.thorough
@pytest.mark.parametrize(
    "fault", ["graphql_error", *(pytest.param(each, marks=pytest.mark.slow) for each in (None, "truncated_json"))]
)
def test_attribution_leaves_neither_secrets_of_gateways_nor_people_anywhere(place: Place, fault: str | None) -> None:
    if fault:
        place.simulator.faults.add(fault, endpoint="graphql", every=2)
        place.simulator.faults.add(fault if fault != "graphql_error" else 500, endpoint="gateways", times=1)

    ending = load(place, "--json", "--with", "attribution", prepare=with_teams)

    assert ending.code in (0, 4), ending
    assert_nothing_leaked(place, ending, *SECRETS, *OF_GATEWAYS, *NAMED)


@pytest.mark.thorough
def test_sensitive_data_that_is_asked_for_stays_in_the_tables(place: Place) -> None:
    """And in the packages that dlt makes the tables from: not in logs, traces and states."""
    ending = load(place, prepare=sensitive)

    assert ending.code == 0, ending
    with duckdb.connect(str(place.database), read_only=True) as connection:
        assert connection.execute("select distinct invoice_pdf from ai_gateway_billing.invoices").fetchall() == [
            (LINK,)
        ]
    data = [path for path in place.working_folder.rglob("*") if "completed_jobs" in path.parts]
    assert_nothing_leaked(place, ending, *SECRETS[1:], ignoring=[place.database, *data])
    assert_nothing_leaked(place, ending, ODD_TOKEN)


@pytest.mark.thorough
def test_the_token_in_a_secrets_file_goes_nowhere_else(place: Place) -> None:
    """Then dlt itself has read it, whose traces tell where each setting came from."""
    secrets = place.folder / ".dlt" / "secrets.toml"
    secrets.parent.mkdir()
    secrets.write_text(f'[sources.ai_gateway_billing]\napi_token = "{ODD_TOKEN}"\n')

    ending = load(place, prepare=without_token)

    assert ending.code == 0, ending
    assert_nothing_leaked(place, ending, ignoring=[secrets])


AS_A_SOURCE = """
import sys, dlt
from ai_gateway_billing import ai_gateway_billing
pipeline = dlt.pipeline("mine", destination=dlt.destinations.duckdb(sys.argv[1]), dataset_name="mine")
how = {"api_token": sys.argv[2]} if len(sys.argv) > 2 else {}
print(pipeline.run(ai_gateway_billing(start="2026-11-15", **how)))
print(pipeline.last_trace.asstr(verbosity=2))
"""


@pytest.mark.thorough
@pytest.mark.parametrize("how", ["argument", pytest.param("environment", marks=pytest.mark.slow), "secrets file"])
def test_the_source_in_a_pipeline_of_ones_own_leaks_nothing(place: Place, how: str) -> None:
    home = {name: str(place.folder / name) for name in ("HOME", "DLT_DATA_DIR", "TMPDIR")}
    for folder in home.values():
        Path(folder).mkdir()
    environment = {**os.environ, **home, "CLOUDFLARE_BASE_URL": place.url, "RUNTIME__LOG_LEVEL": "DEBUG"}
    secrets = place.folder / ".dlt" / "secrets.toml"
    if how == "environment":
        environment["CLOUDFLARE_API_TOKEN"] = ODD_TOKEN
    if how == "secrets file":
        secrets.parent.mkdir()
        secrets.write_text(f'[sources.ai_gateway_billing]\napi_token = "{ODD_TOKEN}"\n')

    done = subprocess.run(
        [
            sys.executable,
            "-c",
            AS_A_SOURCE,
            str(place.folder / "own.duckdb"),
            *([ODD_TOKEN] if how == "argument" else []),
        ],
        cwd=place.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    assert_nothing_leaked(place, Ending(0, done.stdout, done.stderr), ignoring=[secrets])


@pytest.mark.parametrize(
    "command",
    [
        ["doctor"],
        ["accounts"],
        ["query", "select * from ai_gateway_billing.invoices"],
        *(
            pytest.param(command, marks=pytest.mark.thorough)
            for command in (["status", "--json"], ["check"], ["export", "focus", "--out", "-"])
        ),
    ],
    ids=lambda command: command[0],
)
def test_no_other_command_shows_a_secret(place: Place, command: list[str]) -> None:
    if command[0] in ("status", "check", "query", "export"):
        assert load(place).code == 0

    name, *options = command
    ending = load(place, *options, "--log-level", "debug", command=name)

    assert_nothing_leaked(place, ending)


# --- all goes wrong --------------------------------------------------------------------------------------------------

ECHO = (
    f"Bad Authorization: Bearer {ODD_TOKEN} for card {GROUPED} ({DIGITS}); see {LINK} "
    f"or {quote(ODD_TOKEN, safe='')} or {quote(LINK, safe='')}"
)
"""What a careless API, a proxy or a debugging page may say."""

FAILURES: dict[str, tuple[dict[str, Any], int]] = {
    "refused token": ({"kind": 401, "message": ECHO}, 3),
    "no permission": ({"kind": 403, "message": ECHO}, 3),
    "bad request": ({"kind": 400, "message": ECHO}, 6),
    "malformed header": ({"kind": 400, "message": ECHO, "code": 6003}, 3),
    "not found": ({"kind": 404, "message": ECHO, "endpoint": "usage-history"}, 4),
    "plain text": ({"kind": 403, "body": ECHO}, 6),
    "a page": ({"kind": 500, "body": f"<html>{ECHO}</html>", "endpoint": "credit-balance"}, 4),
    "server error": ({"kind": 503, "message": ECHO, "endpoint": "topup/config"}, 4),
    "limit": ({"kind": 429, "message": ECHO, "nth": 2, "retry_after": 1}, 0),
    "failure in a success": (
        {
            "kind": "alter",
            "endpoint": "spending-limit",
            "change": lambda _: json.dumps(
                {"success": False, "result": None, "errors": [{"code": 1, "message": ECHO}]}
            ).encode(),
        },
        4,
    ),
    "torn JSON": (
        {"kind": "alter", "endpoint": "invoice-history", "change": lambda body: body[:-3] + ECHO.encode()},
        4,
    ),
    "another shape": (
        {
            "kind": "alter",
            "endpoint": "invoice-preview",
            "change": lambda _: json.dumps({"success": True, "result": [ECHO]}).encode(),
        },
        4,
    ),
    "content type": ({"kind": "wrong_content_type", "content_type": ECHO, "endpoint": "credit-balance"}, 4),
    "connections": ({"kind": "reset", "endpoint": "credit-balance"}, 4),
}
MARKS: dict[str, Any] = {"refused token": (), **dict.fromkeys(("bad request", "limit"), pytest.mark.thorough)}
"""Of the failures that are not slow."""


def hurry() -> None:
    """Do not wait between attempts: what is printed and left is the same."""
    from ai_gateway_billing.api import retries

    retries.backoff_s = lambda *_, **__: 0.001  # type: ignore[assignment]


@pytest.mark.parametrize("name", [pytest.param(n, marks=MARKS.get(n, pytest.mark.slow)) for n in FAILURES])
def test_no_failure_shows_a_secret(place: Place, name: str) -> None:
    options, code = FAILURES[name]
    place.simulator.faults.add(options["kind"], **{key: value for key, value in options.items() if key != "kind"})

    ending = load(place, "--json", prepare=hurry)

    assert ending.code == code, ending
    assert_nothing_leaked(place, ending)


BROKEN: dict[str, tuple[str, str, Any]] = {
    "an amount": ("invoice-history", "invoices.*.amount_due", None),
    "a link for a number": ("invoice-history", "invoices.*.amount_due", LINK),
    "a link for a time": ("invoice-preview", "period_start", LINK),
    "a link for an object": ("topup/config", "amount", {"href": LINK}),
    "digits for a number": ("credit-balance", "balance", DIGITS + "x"),
    "digits for a flag": ("credit-balance", "has_default_payment_method", DIGITS),
    "digits for a list": ("invoice-preview", "invoice_lines", DIGITS),
    "a token for a number": ("usage-history", "history.*.aggregated_value", ODD_TOKEN),
}
TOLD = """
    select reason || field from ai_gateway_billing.quarantine
    union all
    select error from ai_gateway_billing.load_status where error is not null
"""


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n == "a link for a number" else pytest.mark.slow) for n in BROKEN]
)
def test_what_breaks_the_contract_is_told_and_kept_without_its_secrets(place: Place, name: str) -> None:
    """Kept is the item as it was sent, without links, card fields and what looks like a card's digits or a token."""
    world = place.simulator.world
    injected = {endpoint: list(found) for endpoint, found in world.injections.items()}
    world.inject(*BROKEN[name])
    try:
        ending = load(place, "--json")
    finally:
        world.injections = injected

    assert ending.code == 4, ending
    assert_nothing_leaked(place, ending)
    with duckdb.connect(str(place.database), read_only=True) as connection:
        told = connection.execute(TOLD).fetchall()
    assert told
    assert leaks.found(SECRETS, str(told)) == []


def burst() -> None:
    raise ZeroDivisionError(ECHO)


@pytest.mark.parametrize(
    "step",
    [
        call_of("dlt", "Pipeline.extract"),
        pytest.param(call_of("ai_gateway_billing.api.accounts", "choose"), marks=pytest.mark.slow),
        pytest.param(call_of("ai_gateway_billing_pipeline.database.views", "apply"), marks=pytest.mark.slow),
    ],
    ids=lambda step: step[1],
)
def test_an_error_that_nobody_foresaw_shows_no_secret(place: Place, step: Step) -> None:
    """Its traceback is printed, because debug was asked for."""
    ending = load(place, "--json", prepare=at(step, burst))

    assert ending.code == 1
    assert "ZeroDivisionError" in ending.err
    assert "Traceback" in ending.err
    assert_nothing_leaked(place, ending)


@pytest.mark.parametrize("form", logs.Format)
def test_a_logged_traceback_shows_no_secret(form: logs.Format, capsys: pytest.CaptureFixture[str]) -> None:
    """Also those of errors behind the error."""
    logs.set_up(logs.Level.DEBUG, form)
    try:
        try:
            burst()
        except ZeroDivisionError as error:
            raise ValueError(f"about {LINK}") from error
    except ValueError:
        logging.getLogger("anyone").exception("It went wrong")

    told = capsys.readouterr().err
    assert "in burst" in told
    assert "ZeroDivisionError" in told
    assert leaks.found(SECRETS, told) == []


@pytest.mark.slow
def test_a_full_disk_shows_no_secret(place: Place) -> None:
    """dlt tells what it could not write: with sensitive data on, that holds some."""
    ending = load(place, prepare=functools.partial(both, functools.partial(processes.small_files, 400_000), sensitive))

    assert ending.code == 1, ending
    assert_nothing_leaked(place, ending, ODD_TOKEN)
    assert leaks.found(SECRETS, ending.out, ending.err) == []


def both(*steps: Callable[[], None]) -> None:
    for step in steps:
        step()


@pytest.mark.parametrize(
    "option",
    ["--base-url", *(pytest.param(o, marks=pytest.mark.thorough) for o in ("--account", "--database", "--start"))],
)
def test_a_token_in_the_wrong_place_is_not_echoed(place: Place, option: str) -> None:
    """Not the configured one, and none that only looks like one of Cloudflare's."""
    token = ODD_TOKEN if option == "--start" else OTHER_TOKEN
    ending = load(place, option, f"https://user:{token}@example.test" if option == "--base-url" else token)

    assert ending.code in (1, 2) or option == "--database"
    if option != "--database":  # a path is named in messages, and this file was asked for
        assert_nothing_leaked(place, ending, ODD_TOKEN, token)


# --- what stands in the repository -----------------------------------------------------------------------------------

SHOWN = [*(ROOT / "cassettes").rglob("*.yaml"), *(ROOT / "notebooks").rglob("*.ipynb"), *(ROOT / "docs").rglob("*")]


@pytest.mark.parametrize("path", [p for p in SHOWN if p.is_file()], ids=lambda path: path.name)
def test_what_is_shown_to_everybody_holds_no_secret(path: Path) -> None:
    text = path.read_text("utf-8", errors="replace")

    assert leaks.found([DEMO_TOKEN], path) == []
    assert not re.search(r"(?i)bearer\s+[\w.~+/=-]{12,}", text)
    assert not re.search(r"https?://\S*(?:stripe|invoice\.)\S*", text)
    assert not re.search(r'last4\\?"?\s*[:=]\s*\\?"?\d{4}', text)
