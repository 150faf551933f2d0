"""The parts as a picture: what is critical on top, what it needs below, single points in red. SVG 1.1, no script."""

from typing import Final
from xml.sax.saxutils import escape

from keepline.paths.structure import Structure, in_order
from keepline.paths.weaknesses import Weaknesses

CHAR: Final = 7.2
"""Width of a letter, in pixels."""
BOX_HEIGHT: Final = 30
GAP: Final = 18
ROW_HEIGHT: Final = 84
MARGIN: Final = 24
COLOURS: Final = {"hidden": "#b00020", "single": "#d9534f", "critical": "#1f4e79", "": "#5f6b76"}


def draw(parts: Structure, found: Weaknesses) -> str:
    """The text of an SVG file."""
    order = in_order(parts, found.critical)
    rows = _rows(parts, order)
    boxes = _boxes(rows)
    width = max((x + w for x, _, w in boxes.values()), default=0) + MARGIN
    height = MARGIN + len(rows) * ROW_HEIGHT
    colours = dict.fromkeys(found.critical, "critical")
    colours |= {each.name: "hidden" if each.is_hidden else "single" for each in found.singles}
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" '
        f'viewBox="0 0 {width:.0f} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width:.0f}" height="{height}" fill="#fff"/>',
    ]
    lines += [
        _edge(boxes, name, each, need.spare) for name in order for need in parts[name].needs for each in need.names
    ]
    lines += [_box(name, *boxes[name], colours.get(name, "")) for name in order]
    return "\n".join([*lines, "</svg>", ""])


def _rows(parts: Structure, order: list[str]) -> list[list[str]]:
    """Each part below everything that needs it."""
    depth = dict.fromkeys(order, 0)
    for name in reversed(order):
        for need in parts[name].needs:
            for each in need.names:
                depth[each] = max(depth[each], depth[name] + 1)
    rows: list[list[str]] = [[] for _ in range(max(depth.values(), default=0) + 1)]
    for name in order:
        rows[depth[name]].append(name)
    return rows


def _boxes(rows: list[list[str]]) -> dict[str, tuple[float, float, float]]:
    """Left, top and width of each part's box."""
    found = {}
    for number, row in enumerate(rows):
        x = float(MARGIN)
        for name in row:
            width = len(name) * CHAR + 2 * 8
            found[name] = (x, float(MARGIN + number * ROW_HEIGHT), width)
            x += width + GAP
    return found


def _edge(boxes: dict[str, tuple[float, float, float]], above: str, below: str, spare: int) -> str:
    """Dashed where another could do the same."""
    (x1, y1, w1), (x2, y2, w2) = boxes[above], boxes[below]
    dash = ' stroke-dasharray="4 3"' if spare else ""
    return (
        f'<line x1="{x1 + w1 / 2:.1f}" y1="{y1 + BOX_HEIGHT:.1f}" x2="{x2 + w2 / 2:.1f}" y2="{y2:.1f}" '
        f'stroke="#9aa5b1"{dash}/>'
    )


def _box(name: str, x: float, y: float, width: float, colour: str) -> str:
    fill = COLOURS[colour]
    return (
        f'<g><rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{BOX_HEIGHT}" rx="4" fill="{fill}"/>'
        f'<text x="{x + width / 2:.1f}" y="{y + 19:.1f}" text-anchor="middle" fill="#fff">{escape(name)}</text></g>'
    )
