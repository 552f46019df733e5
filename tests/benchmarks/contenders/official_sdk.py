"""The vendor's SDK in a loop, pandas, and one insert into DuckDB. Floats for money."""

import os
import sys

import duckdb
import pandas as pd
from cloudflare import Cloudflare

STEP_MS = 96 * 3_600_000


def main(base_url: str, account_id: str, start_ms: int, end_ms: int, database: str) -> None:
    client = Cloudflare(api_token=os.environ["CLOUDFLARE_API_TOKEN"], base_url=base_url)
    rows = []
    for at in range(start_ms, end_ms, STEP_MS):
        answer = client.ai_gateway.billing.usage_history(
            account_id=account_id,
            value_grouping_window="hour",
            start_time=at,
            end_time=min(at + STEP_MS, end_ms),
        )
        rows += [bucket.to_dict() for bucket in answer.history]
    usage = pd.DataFrame(rows)
    usage.insert(0, "account_id", account_id)
    with duckdb.connect(database) as connection:
        connection.execute("create table usage_hourly as select * from usage")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
