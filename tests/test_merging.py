"""How versions are dated: each load's after those that are there, whatever the clock says."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from support.bench import Bench
from support.constants import NOW


def test_versions_of_loads_in_one_moment_keep_their_order(tmp_path: Path) -> None:
    bench = Bench(tmp_path).with_tables()
    account = bench.account()
    for cents in (300, 200, 100):
        account.set_balance(cents)
        bench.load_well()

    assert [row["balance"] for row in bench.versions("credit_balance")] == [300, 200, 100]
    assert bench.one("select count(distinct _dlt_valid_from) from {raw}.credit_balance") == 3
    assert bench.one("select max(_dlt_valid_from) from {raw}.credit_balance") - NOW < timedelta(seconds=1)
    bench.close()
