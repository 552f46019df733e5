"""What dlt itself costs for seven resources of one row each, without any request: appended to DuckDB."""

import sys

import dlt
from dlt.extract import DltResource

NAMES = ("usage_hourly", "usage_daily", "invoices", "invoice_preview", "credit_balance", "topup_config", "limits")


def _resource(name: str) -> DltResource:
    return dlt.resource([{"account_id": "1", "value": 1}], name=name)


def main(database: str) -> None:
    pipeline = dlt.pipeline("bare", destination=dlt.destinations.duckdb(database), dataset_name="seven")
    pipeline.run([_resource(name) for name in NAMES])


if __name__ == "__main__":
    main(sys.argv[1])
