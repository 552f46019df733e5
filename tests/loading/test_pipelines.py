"""The pipeline of a shard, as orchestrators ask for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ai_gateway_billing import SettingsError, ai_gateway_billing
from ai_gateway_billing_pipeline import pipeline
from support.bench import Bench
from support.postgres import Database


def test_each_shard_has_cursors_of_its_own_and_all_one_dataset() -> None:
    made = [pipeline(shard, "postgres") for shard in (None, "eu", "us")]

    names = [each.pipeline_name for each in made]
    assert names == ["ai_gateway_billing", "ai_gateway_billing_eu", "ai_gateway_billing_us"]
    assert {each.dataset_name for each in made} == {"ai_gateway_billing"}


@pytest.mark.parametrize(("shard", "destination"), [("a b", "postgres"), (None, "filesystem"), ("eu", "motherduck")])
def test_what_cannot_be_is_refused(shard: str | None, destination: str) -> None:
    with pytest.raises(SettingsError):
        pipeline(shard, destination)


@pytest.mark.stores
def test_two_shards_load_into_one_dataset(tmp_path: Path, postgres: Database) -> None:
    bench = Bench(tmp_path)
    others = ["b" * 32, "c" * 32]
    for account_id in others:
        bench.account(account_id)

    for shard, account_id in zip(["eu", "us"], others, strict=True):
        with bench.client() as client:
            source = ai_gateway_billing([account_id], bench.start, client=client, now=lambda: bench.now)
            pipeline(shard, "postgres", pipelines_dir=str(tmp_path)).run(source)

    found = postgres.rows("select account_id from ai_gateway_billing.credit_balance order by 1")
    assert [account_id for (account_id,) in found] == others
