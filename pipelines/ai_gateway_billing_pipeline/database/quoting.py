"""Texts and names as SQL writes them, in DuckDB as in Postgres."""


def text(value: str) -> str:
    """A text."""
    return "'" + value.replace("'", "''") + "'"


def name(value: str) -> str:
    """The name of a database, a table or a column, whatever letters it has."""
    return '"' + value.replace('"', '""') + '"'
