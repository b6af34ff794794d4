"""A bar chart as SVG, readable on light and dark pages."""

from xml.sax.saxutils import escape

WIDTH, LABEL, BAR, GAP, TOP = 860, 330, 22, 10, 34
COLOURS = {"limit": "#8a94a6", "paylatch": "#2f7ed8", "node": "#c9772b", "python": "#c9772b"}


def bars(rows):
    """`rows`: name, value, group."""
    longest = max(value for _, value, _ in rows)
    scale = (WIDTH - LABEL - 90) / longest
    height = TOP + len(rows) * (BAR + GAP)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif" font-size="13">',
        "<style>text { fill: #333 } @media (prefers-color-scheme: dark) { text { fill: #ddd } }</style>",
        '<text x="0" y="16" font-weight="600">Webhooks a second, everything on one machine with two cores</text>',
    ]
    for row, (name, value, group) in enumerate(rows):
        y = TOP + row * (BAR + GAP)
        lines.append(f'<text x="{LABEL - 10}" y="{y + 16}" text-anchor="end">{escape(name)}</text>')
        lines.append(f'<rect x="{LABEL}" y="{y}" width="{value * scale:.1f}" height="{BAR}" rx="2" fill="{COLOURS[group]}"/>')
        lines.append(f'<text x="{LABEL + value * scale + 8:.1f}" y="{y + 16}">{value:,.0f}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"
