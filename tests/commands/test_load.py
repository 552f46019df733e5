"""`aig-billing load`: its options, the demo, and what it need not import."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ai_gateway_billing.api import client
from ai_gateway_billing.api.client import Client
from ai_gateway_billing.simulator import DEMO_ACCOUNT_ID, Simulator
from support.command import aig, loaded_demo, serving
from support.constants import ACCOUNT

DATABASE = Path("billing.duckdb")


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """One account, which the settings name no further."""
    with serving(monkeypatch, ACCOUNT) as simulator:
        yield simulator


def test_options_reach_the_load(api: Simulator) -> None:
    result = aig("load", "--only", "usage_hourly", "--grouping", "hour", "--lookback", "0", "--wait", "1")

    asked = {request.endpoint for request in api.requests}
    assert result.code == 0, result.err
    assert asked == {"accounts", "usage-history"}
    assert {r.query["value_grouping_window"] for r in api.requests if r.endpoint == "usage-history"} == {"hour"}


def test_the_rate_reaches_the_client(api: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    rates = []
    monkeypatch.setattr(
        client,
        "Client",
        lambda *given, **named: rates.append(named["max_requests_per_second"]) or Client(*given, **named),
    )

    aig("load", "--only", "credit_balance", "--max-requests-per-second", "50")

    assert rates == [50]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's account, loaded, in a folder of its own."""
    return Path(shutil.copy(loaded_demo(), tmp_path_factory.mktemp("demo") / "billing.duckdb"))


def test_the_demo_needs_no_settings_and_heeds_none(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLOUDFLARE_API_TOKEN", "CLOUDFLARE_ACCOUNT_ID", "CLOUDFLARE_BASE_URL", "AIG_BILLING_START"):
        monkeypatch.setenv(name, "nonsense")

    result = aig("load", "--demo", "--database", str(demo), "--json")

    assert result.code == 0, result.err
    assert list(result.json["accounts"]) == [DEMO_ACCOUNT_ID]


def test_the_demo_takes_no_account_of_yours() -> None:
    result = aig("load", "--demo", "--account", ACCOUNT)

    assert result.code == 2
    assert "Remove --account" in result.err


def test_a_real_account_does_not_get_into_the_demos_database(demo: Path, api: Simulator) -> None:
    before = demo.read_bytes()

    result = aig("load", "--database", str(demo))

    assert result.code == 2
    assert "the demo's simulated account" in result.err
    assert demo.read_bytes() == before


def test_no_load_imports_pandas_where_it_is_installed(tmp_path: Path) -> None:
    """Arrow imports it to look whether a list is one of its own: a quarter of a second for nothing."""
    (tmp_path / "pandas.py").write_text("raise AssertionError('pandas was imported')")

    ran = subprocess.run(
        [sys.executable, "-m", "ai_gateway_billing_pipeline", "load", "--demo", "--start", "2026-11-20"],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )

    assert ran.returncode == 0, ran.stderr
