"""The program behind `aig-billing`: loads AI Gateway billing into DuckDB and answers from what it loaded."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .loading.pipelines import pipeline

__all__ = ["pipeline"]


def __getattr__(name: str) -> Any:
    # A command that only reads imports this package, too, and should not pay for dlt.
    if name == "pipeline":
        from .loading.pipelines import pipeline  # noqa: PLC0415  # see above

        return pipeline
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
