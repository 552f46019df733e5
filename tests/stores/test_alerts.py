"""What was told and accepted is kept where a load wrote, also when that is no file."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.command import aig, serving
from support.constants import ACCOUNT
from support.postgres import Database
from support.receiver import receiving


@pytest.mark.slow
def test_postgres_remembers_what_was_told_and_accepted(postgres: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("apprise")
    monkeypatch.setenv("AIG_BILLING_DESTINATION", "postgres")
    with serving(monkeypatch, ACCOUNT) as simulator, receiving() as receiver:
        account = simulator.world.accounts[ACCOUNT]
        account.set_balance(1, topup_config={"amount": 0, "threshold": 0})
        account.set_topup_config({"amount": 0, "threshold": 0})
        monkeypatch.setenv("AIG_BILLING_NOTIFY", f"json://{receiver.host}/")

        assert aig("load").code == 0
        assert [aig("check").code for _ in range(2)] == [1, 1]
        assert len(receiver.received) == 1
        assert "\npostgres on " in "\n" + receiver.messages[0]

        found = [each for each in aig("check", "--json").json["findings"] if each["severity"] == "error"]
        assert all(each["first_seen"] for each in found)
        accepted = aig("check", *(word for each in found for word in ("--accept", each["id"])))
        assert (accepted.code, aig("check").code) == (0, 0), accepted
    assert not Path("billing.duckdb").exists()
