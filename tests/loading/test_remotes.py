"""How readers find what a load wrote elsewhere: by the settings of the load, and without asking anybody."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from ai_gateway_billing.errors import SettingsError
from ai_gateway_billing_pipeline.loading import remotes
from ai_gateway_billing_pipeline.settings import Remote, Store

FILE = Path("billing.duckdb")
CATALOG = "postgresql://me:open-sesame@127.0.0.1:1/billing"


def found(destination: str) -> Remote:
    remote = remotes.found(Store(FILE, destination)).remote
    assert remote
    return remote


@pytest.fixture
def lake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESTINATION__DUCKLAKE__CREDENTIALS__CATALOG", CATALOG)
    monkeypatch.setenv("DESTINATION__DUCKLAKE__CREDENTIALS__STORAGE__BUCKET_URL", "/the/lake")


def test_the_file_needs_no_address() -> None:
    assert remotes.found(Store(FILE)) == Store(FILE)


def test_postgres_is_found_by_the_credentials_of_a_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", CATALOG)
    monkeypatch.setenv("AIG_BILLING_USAGE_UNIT", "dollars")

    remote = found("postgres")

    assert remote.kind == "postgres"
    assert remote.address[0].startswith(CATALOG)
    assert (remote.secret, remote.usage_unit) == ("open-sesame", "dollars")
    assert "open-sesame" not in repr(remote)


def test_a_lake_is_attached_to_be_read_and_never_made(lake: None) -> None:
    remote = found("ducklake")

    (attach,) = remote.address
    assert attach.casefold().startswith("attach ")
    assert "open-sesame" in attach
    assert "/the/lake" in attach
    assert attach.endswith(", READ_ONLY)")
    assert "'ducklake'" in attach, "the schema of its catalog, whatever it is called meanwhile"
    assert (remote.kind, remote.secret) == ("ducklake", "open-sesame")


@pytest.mark.usefixtures("lake")
def test_what_attaches_a_lake_is_sql_that_duckdb_understands() -> None:
    """It stops at the extension, which is not here, or at the catalog: nobody listens there."""
    (attach,) = found("ducklake").address

    offline = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    with offline as connection, pytest.raises(duckdb.Error) as refused:
        connection.execute(attach)

    assert not isinstance(refused.value, duckdb.ParserException)


def test_what_nothing_here_can_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", "elsewhere.duckdb")

    with pytest.raises(SettingsError, match=r"The destination dlt\.destinations\.duckdb cannot be read here"):
        remotes.found(Store(FILE, "dlt.destinations.duckdb"))
