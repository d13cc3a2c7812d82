"""The status as a small picture (SVG), for a wiki or a wall of dashboards."""

from html import escape

from app.backend.health.policies import Verdict
from app.backend.health.snapshot import Snapshot
from app.backend.health.writers.looks import COLOURS
from app.backend.health.writers.wish import Wish

__all__ = ["MEDIA_TYPE", "encode"]

MEDIA_TYPE = "image/svg+xml"

_PER_LETTER = 7
_PADDING = 6
_PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img"'
    ' aria-label="{label}: {status}">'
    "<title>{label}: {status}</title>"
    '<rect width="{width}" height="20" rx="3" fill="{colour}"/>'
    '<path d="M{left} 0H3a3 3 0 0 0-3 3v14a3 3 0 0 0 3 3h{rest}z" fill="#444d56"/>'
    '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11"'
    ' text-anchor="middle">'
    '<text x="{label_at}" y="14" textLength="{label_length}">{label}</text>'
    '<text x="{status_at}" y="14" textLength="{status_length}">{status}</text>'
    "</g></svg>\n"
)


def encode(verdict: Verdict, snapshot: Snapshot, wish: Wish) -> bytes:
    """The picture: what was asked about, and its status. It has no details."""
    del snapshot
    label, status = wish.subject, str(verdict.status)
    # Nobody knows the reader's fonts: the text is stretched to what was reckoned.
    label_length, status_length = _PER_LETTER * len(label), _PER_LETTER * len(status)
    left = label_length + 2 * _PADDING
    width = left + status_length + 2 * _PADDING
    picture = _PICTURE.format(
        label=escape(label),
        status=status,
        colour=COLOURS[verdict.status],
        width=width,
        left=left,
        rest=left - 3,
        label_length=label_length,
        label_at=left / 2,
        status_length=status_length,
        status_at=(left + width) / 2,
    )
    return picture.encode()
