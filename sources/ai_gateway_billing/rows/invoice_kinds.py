"""What an invoice is for: which list holds it tells, as the API has no field for it.

`type=auto` and `type=manual` list the purchases of credit; what `all` alone lists bills usage. That is inferred, so
lists that contradict it prove nothing, and every invoice is `unknown` then.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

from . import unknown

KINDS = ("purchase_auto", "purchase_manual", "usage", "unknown")
OF_LETTER = dict(zip("amu?", KINDS, strict=True))
"""The kinds by the letters that stand for them where much is kept."""

Item = dict[str, Any]


class Told(TypedDict):
    """The kinds of one list of invoices as kept between loads: a letter for each, in the order of their keys."""

    of: str
    kinds: str


NOT_TOLD: Told = {"of": "", "kinds": ""}


def told(
    listed: Sequence[Item], auto: Iterable[Item] = (), manual: Iterable[Item] = (), *, is_whole: bool = True
) -> Told:
    """The kinds of all `listed` invoices, from the lists of both types.

    Lists that share an invoice, as where `type` is ignored, or that are both empty prove nothing. Where they are not
    whole, an invoice may be missing from them.
    """
    bought = {key(item) for item in auto}, {key(item) for item in manual}
    proven = bought[0].isdisjoint(bought[1]) and any(bought)
    letters = {key(item): _letter(item, *bought) if proven else "?" for item in listed}
    if not is_whole:
        letters = {each: letter.replace("u", "?") for each, letter in letters.items()}
    return {"of": _digest(listed), "kinds": "".join(letters[key] for key in sorted(letters))}


def continued(
    known: Mapping[str, str], news: Iterable[Item], auto: Iterable[Item] = (), manual: Iterable[Item] = ()
) -> dict[str, str] | None:
    """The kinds of invoices that are new or changed, by key, from lists that reach back to all of them.

    `known`: the kinds of others. None where the lists say something else of those than they did: then all are needed.
    """
    bought = {key(item) for item in auto}, {key(item) for item in manual}
    proves_nothing = not (bought[0].isdisjoint(bought[1]) and any(bought))
    was_proven = any(kind != "unknown" for kind in known.values())
    told_now = {each: kind for names, kind in zip(bought, KINDS, strict=False) for each in names}
    if was_proven == proves_nothing or (was_proven and any(told_now.get(each, it) != it for each, it in known.items())):
        return None
    return {key(item): OF_LETTER[_letter(item, *bought)] if was_proven else "unknown" for item in news}


def is_of(listed: Sequence[Item], known: Told | None) -> bool:
    """Whether nothing has come, gone or changed its status since these kinds were told."""
    return known is not None and known["of"] == _digest(listed)


def by_key(listed: Sequence[Item], known: Told) -> dict[str, str]:
    """The kind of each listed invoice by its `key`. The kinds must be those of this list."""
    keys = sorted({key(item) for item in listed})
    return {each: OF_LETTER[letter] for each, letter in zip(keys, known["kinds"], strict=True)}


def key(item: Item) -> str:
    """What an invoice is known by in every list; without id, by what does not change."""
    names = ("id",) if item.get("id") else ("created", "currency", "description", "amount_due")
    return unknown.as_json([item.get(name) for name in names])


def _letter(item: Item, auto: set[str], manual: set[str]) -> str:
    if key(item) in auto:
        return "a"
    if key(item) in manual:
        return "m"
    return "?" if item.get("invoice_origin") in ("auto", "manual") else "u"  # its own words contradict the lists


def _digest(listed: Sequence[Item]) -> str:
    states = sorted({unknown.as_json([key(item), item.get("status")]) for item in listed})
    return hashlib.sha256("\n".join(states).encode()).hexdigest()[:32]
