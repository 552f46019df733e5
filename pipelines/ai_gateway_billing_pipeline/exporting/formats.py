"""What an export may be written as."""

from enum import StrEnum


class Format(StrEnum):
    """The name of a format, which is also how a file of it ends."""

    PARQUET = "parquet"
    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"
    XLSX = "xlsx"

    @property
    def endings(self) -> list[str]:
        """How its files may end."""
        return [".jsonl", ".ndjson"] if self is Format.JSONL else [f".{self}"]


def by_ending(target: str) -> Format:
    """The format that a file's name suggests; parquet where it suggests none."""
    return next((each for each in Format if target.lower().endswith(tuple(each.endings))), Format.PARQUET)
