"""What of the findings is news for one address: a pure function of what it was told and of what is found now.

A finding is told once; again when it reaches a step that was not told, or after `remind_after`; and once more when it
is gone. One that comes and goes is told at most once in `QUIET`, unless it has become worse.

A message and the memory of it cannot be one step. So what is to be sent is claimed first. Who finds an old claim cannot
know whether its message went out: it is sent once more, this time remembered before it is sent. So a message is never
lost to one crash, and never sent more than twice.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from ai_gateway_billing_pipeline.database.checks import Finding

QUIET = timedelta(hours=24)
CLAIM = timedelta(minutes=15)
"""Far longer than sending takes: an older claim is of a process that died."""


class Kind(StrEnum):
    """What is new about a finding."""

    NEW = "new"
    WORSE = "worse"
    STILL = "still"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Told:
    """What an address knows of a finding: `steps` that it was told, when last, and whether that it is over.

    `claimed_at`: since when a process means to tell more. `told_at` is None when nothing was told for sure.
    """

    steps: frozenset[str] = frozenset()
    told_at: datetime | None = None
    is_over: bool = False
    claimed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class News:
    """One finding to tell. `is_repeat`: an earlier process claimed it and died; it may have been told."""

    kind: Kind
    finding: Finding
    is_repeat: bool


def news(
    found: Collection[Finding],
    gone: Collection[Finding],
    told: Mapping[str, Told],
    now: datetime,
    remind_after: timedelta,
) -> Iterator[News]:
    """What to tell an address that knows `told`, by the ids of findings. `gone`: what was found once and is no more."""
    for finding, is_found in [*((each, True) for each in found), *((each, False) for each in gone)]:
        known = told.get(finding.id, Told())
        if known.claimed_at and now - known.claimed_at < CLAIM:
            continue  # another process is just telling it
        kind = _of_found(finding, known, now, remind_after) if is_found else _of_gone(known)
        if kind:
            yield News(kind, finding, known.claimed_at is not None)


def _of_found(finding: Finding, known: Told, now: datetime, remind_after: timedelta) -> Kind | None:
    if finding.accepted:
        return None
    if known.told_at is None:
        return Kind.NEW
    if not known.steps.issuperset(finding.reached):
        return Kind.NEW if known.is_over else Kind.WORSE
    if known.is_over:
        return Kind.NEW if now - known.told_at >= QUIET else None
    return Kind.STILL if now - known.told_at >= remind_after else None


def _of_gone(known: Told) -> Kind | None:
    is_known = known.told_at is not None or known.claimed_at is not None
    return Kind.OVER if is_known and not known.is_over else None


def claimed(item: News, known: Told, now: datetime) -> Told:
    """What is remembered before a message is sent: the claim, or all of it where it is sent once more."""
    return after(item, known, now) if item.is_repeat else replace(known, claimed_at=now)


def released(item: News, known: Told, now: datetime) -> Told:  # noqa: ARG001 - as `claimed` and `after`
    """What is remembered when the message was not taken: it is news again."""
    return replace(known, claimed_at=None)


def after(item: News, known: Told, now: datetime) -> Told:
    """What is remembered once the message was taken. The time of what is over stays that of its last alarm."""
    if item.kind is Kind.OVER:
        return Told(known.steps, known.told_at or now, is_over=True)
    before = frozenset() if known.is_over else known.steps
    return Told(before.union(item.finding.reached), now)
