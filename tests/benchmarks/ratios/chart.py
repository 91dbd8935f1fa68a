"""The ratios that have a goal, as an SVG bar chart.

Source: https://developer.mozilla.org/en-US/docs/Web/SVG/Reference/Element
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from .figures import Figure, Results
from .tables import PARTS

#: In pixels.
_WIDTH, _ROW, _LABELS, _VALUES, _TOP, _BOTTOM = 1020, 26, 470, 150, 44, 34
_MET, _MISSED, _GRID, _INK = "#2f7d5b", "#c2571a", "#d8dbe0", "#1f2430"


def bar_chart(results: Results) -> str:
    """A bar for each ratio with a goal, and a mark at the goal. Green bars meet it, orange bars do not."""
    places = list(PARTS)
    figures = [figure for figure in results.goals() if figure.unit == "ratio"]
    figures.sort(key=lambda figure: places.index(figure.part))
    height = _TOP + _ROW * len(figures) + _BOTTOM
    longest = max([1.0, *(max(figure.value, _limit(figure)) for figure in figures)])
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}"'
        f' height="{height}" font-family="system-ui, sans-serif" font-size="13" fill="{_INK}" role="img">',
        "<title>Ratios to the baselines, and their goals</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="16" y="26" font-size="15" font-weight="600">{escape(_title(results))}</text>',
        *_grid(longest, height),
    ]
    for place, figure in enumerate(figures):
        drawn += _bar(figure, _TOP + _ROW * place, longest)
    return "\n".join([*drawn, "</svg>"]) + "\n"


def _title(results: Results) -> str:
    when = results.run.get("measured")
    return "Ratios to the baselines of the same run" + (f", {when}" if when else "")


def _limit(figure: Figure) -> float:
    return figure.goal.limit if figure.goal else 0.0


def _x(value: float, longest: float) -> float:
    return round(_LABELS + value / longest * (_WIDTH - _LABELS - _VALUES), 1)


def _grid(longest: float, height: int) -> Sequence[str]:
    """A line at each half, with its number below."""
    foot = height - _BOTTOM
    drawn = []
    for half in range(int(longest * 2) + 1):
        x = _x(half / 2, longest)
        drawn.append(f'<line x1="{x}" y1="{_TOP - 6}" x2="{x}" y2="{foot}" stroke="{_GRID}"/>')
        drawn.append(f'<text x="{x}" y="{foot + 18}" text-anchor="middle">{half / 2:g}</text>')
    return drawn


def _bar(figure: Figure, y: int, longest: float) -> Sequence[str]:
    colour = _MET if figure.met else _MISSED
    start, goal = _x(0, longest), _x(_limit(figure), longest)
    width = round(_x(figure.value, longest) - start, 1)
    label = escape(f"{figure.subject}: {figure.measure}")
    return (
        f'<text x="{_LABELS - 10}" y="{y + 15}" text-anchor="end">{label}</text>',
        f'<rect x="{start}" y="{y + 3}" width="{width}" height="{_ROW - 9}" fill="{colour}"/>',
        f'<line x1="{goal}" y1="{y}" x2="{goal}" y2="{y + _ROW - 3}" stroke="{_INK}" stroke-width="2"/>',
        f'<text x="{_WIDTH - _VALUES + 12}" y="{y + 15}">{escape(figure.shown())}</text>',
    )
