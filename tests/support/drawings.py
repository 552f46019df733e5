"""Charts as they are seen: drawn, and read again by the words that a screen reader finds at each mark."""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree import ElementTree as ET

import vl_convert

from ai_gateway_billing_pipeline.report.drawing import PAPER, Figure

SVG = "{http://www.w3.org/2000/svg}"
MAIN, PALE, ACCENT = PAPER.main, PAPER.pale, PAPER.accent


@dataclass(frozen=True)
class Mark:
    """A bar, point, line or text: what it says of itself, its colour, and, of a bar, how far right and down it lies."""

    words: dict[str, str]
    colour: str
    left: float
    top: float
    width: float
    height: float

    @property
    def foot(self) -> float:
        return self.top + self.height

    @property
    def right(self) -> float:
        return self.left + self.width


class Drawing:
    """A chart as a reader sees it."""

    def __init__(self, figure: Figure) -> None:
        self._svg = ET.fromstring(vl_convert.vegalite_to_svg(figure.spec()))

    @property
    def texts(self) -> list[str]:
        """Every text, in the order of drawing."""
        return ["".join(text.itertext()) for text in self._svg.iter(f"{SVG}text")]

    @property
    def axes(self) -> list[str]:
        """What a screen reader says of the axes and legends."""
        roles = ("axis", "legend")
        return [each.get("aria-label", "") for each in self._svg.iter() if each.get("aria-roledescription") in roles]

    def marks(self, kind: str) -> list[Mark]:
        """Those of a kind: `bar`, `point`, `line mark`, `text mark`, `rect mark`, `rule mark`."""
        return [_mark(each) for each in self._svg.iter() if each.get("aria-roledescription") == kind]

    def shown(self, name: str, kind: str = "bar") -> list[str]:
        """What the marks of a kind say of this, in the order of drawing."""
        return [mark.words[name] for mark in self.marks(kind)]


def _mark(element: ET.Element) -> Mark:
    words = (part.partition(": ") for part in element.get("aria-label", "").split("; "))
    box = re.match(r"M([-\d.e]+),([-\d.e]+)h([-\d.e]+)v([-\d.e]+)", element.get("d", ""))
    left, top, width, height = map(float, box.groups()) if box else (0.0, 0.0, 0.0, 0.0)
    said = {name: value.replace("−", "-") for name, _, value in words}
    return Mark(said, element.get("fill") or element.get("stroke") or "", left, top, width, height)
