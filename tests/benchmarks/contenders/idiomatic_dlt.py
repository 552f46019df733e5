"""dlt as its tutorials write it: RESTClient, dict rows, merge on the id. Floats for money."""

import os
import sys
from collections.abc import Iterator

import dlt
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.auth import BearerTokenAuth

STEP_MS = 96 * 3_600_000


@dlt.resource(name="usage_hourly", primary_key=["account_id", "id"], write_disposition="merge")
def usage(base_url: str, account_id: str, start_ms: int, end_ms: int) -> Iterator[list[dict[str, object]]]:
    client = RESTClient(base_url, auth=BearerTokenAuth(os.environ["CLOUDFLARE_API_TOKEN"]))
    for at in range(start_ms, end_ms, STEP_MS):
        params = {"value_grouping_window": "hour", "start_time": at, "end_time": min(at + STEP_MS, end_ms)}
        answer = client.get(f"/accounts/{account_id}/ai-gateway/billing/usage-history", params=params)
        yield [{"account_id": account_id, **row} for row in answer.json()["result"]["history"]]


def main(base_url: str, account_id: str, start_ms: int, end_ms: int, database: str) -> None:
    pipeline = dlt.pipeline("usage", destination=dlt.destinations.duckdb(database), dataset_name="main")
    pipeline.run(usage(base_url, account_id, start_ms, end_ms))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
