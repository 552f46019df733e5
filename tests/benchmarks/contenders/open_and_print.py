"""What duckdb and rich themselves cost a command that reads: open a database, run one query, print a table of it."""

import sys

import duckdb
from rich.console import Console
from rich.table import Table


def main(database: str) -> None:
    connection = duckdb.connect(database, read_only=True)
    table = Table("one")
    for (value,) in connection.execute("select 1").fetchall():
        table.add_row(str(value))
    Console().print(table)


if __name__ == "__main__":
    main(sys.argv[1])
