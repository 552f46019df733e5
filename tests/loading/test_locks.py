"""Locks: what names one, who gets a file of this machine, and what the others are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from ai_gateway_billing.errors import DatabaseBusyError, DatabaseError
from ai_gateway_billing_pipeline.loading import locks
from support.postgres import Database


def test_a_key_is_the_same_everywhere_and_fits_a_bigint() -> None:
    """Writers of several machines and versions have to meet at it."""
    assert locks.key("ai_gateway_billing", "shard") == -7734035854628292180
    assert all(-(2**63) <= locks.key(str(n)) < 2**63 for n in range(100))


def test_who_holds_a_file_keeps_it_until_the_end(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    with locks.file(path, 0, "It is taken."):
        with pytest.raises(DatabaseBusyError, match=r"^It is taken\.$"), locks.file(path, 0, "It is taken."):
            pass
        with locks.file(f"{path} of another", 0, "It is taken."):
            pass

    with locks.file(path, 0, "It is taken."):
        pass


def test_an_error_gives_the_file_back(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    with pytest.raises(ZeroDivisionError), locks.file(path, 0, ""):
        _ = 1 / 0

    with locks.file(path, 0, "It is taken."):
        pass


@pytest.mark.stores
def test_a_lock_in_postgres_is_waited_for_and_its_holder_is_named(postgres: Database) -> None:
    number = locks.key("one")
    with locks.advisory(postgres.url, "somebody") as holder, locks.advisory(postgres.url, "another") as other:
        holder.take(number, 0, str)

        with pytest.raises(DatabaseBusyError, match=r"^somebody, process \d+ on "):
            other.take(number, 0.25, str)
        other.take(locks.key("two"), 0, str)
        holder.check(number)
        with pytest.raises(DatabaseError, match="was lost"):
            other.check(number)

    with locks.advisory(postgres.url, "another") as other:
        other.take(number, 0, str)


@pytest.mark.stores
def test_those_who_share_a_lock_of_postgres_keep_out_who_wants_it_alone(postgres: Database) -> None:
    number = locks.key("one")
    with locks.advisory(postgres.url, "one") as one, locks.advisory(postgres.url, "two") as two:
        one.take(number, 0, str, shared=True)
        two.take(number, 0, str, shared=True)

        with locks.advisory(postgres.url, "three") as three, pytest.raises(DatabaseBusyError):
            three.take(number, 0, str)
