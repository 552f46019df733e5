"""What the doctor finds on this machine: the way out, the database, its folder, another destination."""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest

from ai_gateway_billing.simulator import DEMO_ACCOUNT_ID, Simulator
from support.constants import TOKEN
from support.doctor import examine


def test_a_folder_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, api: Simulator) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)

    result, checks = examine()

    assert result.code == 1
    assert "cannot be written: Permission denied." in checks["folder"]


def test_a_disk_that_is_nearly_full(monkeypatch: pytest.MonkeyPatch, api: Simulator) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5 * 2**20))

    _, checks = examine()

    assert checks["folder"].startswith("warn")


def test_a_damaged_database(api: Simulator) -> None:
    Path("billing.duckdb").write_bytes(b"nonsense" * 1000)

    result, checks = examine()

    assert result.code == 1
    assert "damaged" in checks["database"]


def test_a_loaded_database_is_read(api: Simulator) -> None:
    with duckdb.connect("billing.duckdb") as database:
        database.execute("create schema ai_gateway_billing")
        database.execute("create table ai_gateway_billing.invoices as select 'a' as account_id, now() as created")

    _, checks = examine()

    assert checks["database"].endswith("can be read and contains 1 account")


@pytest.mark.parametrize(
    ("pid", "found"),
    [(2**22 + 1, "warn: It was interrupted"), (os.getpid(), "ok: running: process")],
    ids=["dead", "alive"],
)
def test_what_became_of_the_last_load(api: Simulator, pid: int, found: str) -> None:
    Path("billing.duckdb.load").mkdir()
    holder = {"pid": pid, "host": socket.gethostname(), "since": "2026-11-22T10:00:00+00:00"}
    Path("billing.duckdb.load/lock.json").write_text(json.dumps(holder))

    _, checks = examine()

    assert checks["last load"].startswith(found)


def test_another_destination_is_asked(api: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(tmp_path / "elsewhere.duckdb"))

    result, checks = examine("--destination", "dlt.destinations.duckdb")

    assert result.code == 0, checks
    assert checks["destination"].startswith("warn: dlt.destinations.duckdb answers. It was not tested here.")


@pytest.mark.parametrize("name", ["nowhere", "filesystem"])
def test_another_destination_that_cannot_be_used(api: Simulator, name: str) -> None:
    result, checks = examine("--destination", name)

    assert result.code == 2
    assert f"destination {name}" in checks["destination"]
    assert "Use duckdb" in checks["destination"]


def test_the_demos_database_is_refused_as_by_a_load(api: Simulator) -> None:
    with duckdb.connect("billing.duckdb") as database:
        database.execute("create schema ai_gateway_billing")
        database.execute(
            f"create table ai_gateway_billing.invoices as select '{DEMO_ACCOUNT_ID}' as account_id, now() as created"
        )

    result, checks = examine()

    assert result.code == 2
    assert "simulated account" in checks["database"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HTTPS_PROXY", "socks5://127.0.0.1:1080"),
        ("ALL_PROXY", "htps://proxy.example"),
        ("SSL_CERT_FILE", "missing.pem"),
        ("REQUESTS_CA_BUNDLE", "."),
    ],
)
def test_settings_of_the_network_are_tried_first_and_told_by_their_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", TOKEN)
    monkeypatch.setenv(variable, value)

    result, checks = examine()

    assert result.code == 2
    assert next(iter(checks)) == "network settings"
    assert checks["network settings"].startswith("fail: ")
    assert variable in checks["network settings"]
    assert checks["folder"].startswith("ok")


def test_a_way_without_proxy_is_told(api: Simulator) -> None:
    api.faults.add("refused")

    _, checks = examine()

    assert checks["network settings"] == "ok: no proxy"
