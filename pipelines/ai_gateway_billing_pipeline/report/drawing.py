"""What a chart is here: a finding with a picture, in colours that are named and given at the end.

Colours come from Okabe and Ito's palette, which colour-blind people tell apart, and differ in lightness for print.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import altair as alt

FONT = "Helvetica Neue, Arial, Liberation Sans, sans-serif"
WIDTH = 760
NOTEBOOK_MIME = "application/vnd.vegalite.v5+json"
"""What JupyterLab draws by itself. Nothing here needs a newer Vega-Lite."""
_NOTEBOOK_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"


class Palette(NamedTuple):
    """Colours by what they are for; any words that SVG takes, such as `var(--ink)`."""

    ink: str
    muted: str
    grid: str
    main: str
    pale: str
    accent: str
    models: tuple[str, ...]


PAPER = Palette(
    "#1f2328",
    "#5b636d",
    "#e3e6ea",
    "#0072b2",
    "#a9cfe6",
    "#d55e00",
    ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c959f"),
)
STYLED = Palette(
    "var(--ink)",
    "var(--muted)",
    "var(--grid)",
    "var(--main)",
    "var(--pale)",
    "var(--accent)",
    tuple(f"var(--model-{n})" for n in range(1, 8)),
)
"""Colours that the page's style sheet knows, so that light, dark and print need no drawing anew."""


@dataclass(frozen=True)
class Figure:
    """A finding with its chart. Without one, `note` is a sentence that says why. A notebook shows either."""

    title: str
    note: str
    chart: alt.TopLevelMixin | None = None

    def spec(self, palette: Palette = PAPER, *, titled: bool = True) -> dict[str, Any]:
        """The chart in Vega-Lite. Raises `ValueError` when there is none."""
        if self.chart is None:
            raise ValueError(self.note)
        spec: dict[str, Any] = self.chart.to_dict()
        for name in ("config", "usermeta"):
            spec.pop(name, None)
        spec["config"] = _config(palette)
        spec["description"] = f"{self.title}. {self.note}"
        if titled:
            spec["title"] = {"text": self.title, "subtitle": self.note}
        coloured: dict[str, Any] = _in_colours(spec, palette)
        return coloured

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        if self.chart is None:
            return {"text/plain": self.note, "text/markdown": f"*{self.note}*"}
        spec = self.spec()
        return {
            NOTEBOOK_MIME: {**spec, "$schema": _NOTEBOOK_SCHEMA},
            "image/png": png(spec),
            "text/plain": f"{self.title}\n{self.note}",
        }


def png(spec: dict[str, Any]) -> str:
    """The picture of a chart, in base 64."""
    import base64  # noqa: PLC0415 - only notebooks without a drawing of their own need pictures

    import vl_convert  # noqa: PLC0415 - a large library

    return base64.b64encode(vl_convert.vegalite_to_png(spec, scale=1)).decode()


def nothing(sentence: str) -> Figure:
    """What stands in the place of a chart that would be empty."""
    return Figure(sentence, sentence)


def _in_colours(value: Any, palette: Palette) -> Any:
    """The spec with every `@name` in the place of a colour replaced by the palette's."""
    if isinstance(value, dict):
        return {
            name: item if name in {"data", "datasets"} else _in_colours(item, palette) for name, item in value.items()
        }
    if isinstance(value, list):
        return [_in_colours(item, palette) for item in value]
    if isinstance(value, str) and value.startswith("@") and value[1:] in _NAMES:
        name = value[1:]
        return palette.models[int(name[-1]) - 1] if name.startswith("model-") else getattr(palette, name)
    return value


_NAMES = {"ink", "muted", "grid", "main", "pale", "accent", *(f"model-{n}" for n in range(1, 8))}


def _config(palette: Palette) -> dict[str, Any]:
    axis = {
        "labelColor": palette.muted,
        "titleColor": palette.muted,
        "titleFontWeight": "normal",
        "gridColor": palette.grid,
        "domainColor": palette.grid,
        "tickColor": palette.grid,
        "labelFontSize": 11,
        "titleFontSize": 11,
    }
    title = {
        "anchor": "start",
        "frame": "group",
        "color": palette.ink,
        "subtitleColor": palette.muted,
        "fontSize": 15,
        "subtitleFontSize": 12,
        "subtitlePadding": 4,
        "offset": 12,
    }
    return {
        "font": FONT,
        "background": "transparent" if palette is STYLED else "white",
        "view": {"stroke": None},
        "axis": axis,
        "axisY": {"domain": False, "ticks": False},
        "legend": {"labelColor": palette.ink, "titleColor": palette.muted, "labelFontSize": 11, "offset": 8},
        "title": title,
        "bar": {"discreteBandSize": {"band": 0.8}},
        "padding": 8,
    }
