"""Content negotiation: which of our representations a client likes best."""

from __future__ import annotations

from collections.abc import Sequence

from strikewire.core.errors import UnsupportedMediaError


def choose_media_type(accept: str | None, offered: Sequence[str]) -> str:
    """Return the offered media type with the highest quality; of equals, the first offered.

    Parameters
    ----------
    accept : the header (RFC 9110, 12.5.1); None or empty accepts everything.
    offered : in our order of preference.

    Raises
    ------
    UnsupportedMediaError : none of them is accepted.
    """
    if accept is None or not accept.strip():
        return offered[0]
    ranges = [_parse_range(part) for part in accept.split(",") if part.strip()]
    best = max(offered, key=lambda each: (_compute_quality(each, ranges), -offered.index(each)))
    if _compute_quality(best, ranges) <= 0.0:
        msg = f"one of {', '.join(offered)} was wanted in Accept, was {accept[:128]!r}"
        raise UnsupportedMediaError(msg, offered=list(offered))
    return best


def is_accepted(header: str | None, *names: str) -> bool:
    """Return whether `Accept` or `Accept-Encoding` likes something.

    Parameters
    ----------
    names : the thing's own name, then what stands for it (`*`), if that is to count.
    """
    found = dict(_parse_range(part) for part in (header or "").split(",") if part.strip())
    return next((found[name] for name in names if name in found), 0.0) > 0.0


def _parse_range(part: str) -> tuple[str, float]:
    name, *parameters = (piece.strip() for piece in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "q":
            try:
                quality = min(1.0, max(0.0, float(value)))
            except ValueError:
                # What cannot be read is not liked.
                quality = 0.0
    return name.lower(), quality


def _compute_quality(media_type: str, ranges: Sequence[tuple[str, float]]) -> float:
    """Return the quality of the most specific range that covers a media type, 0 without one."""
    kind = media_type.partition("/")[0]
    found = dict(ranges)
    for name in (media_type, f"{kind}/*", "*/*"):
        if name in found:
            return found[name]
    return 0.0
