"""What the application allows; declared apart, so that settings need not load a web framework."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ApiConfig:
    """What the application allows.

    Parameters
    ----------
    max_body_bytes : a longer request body is refused.
    is_metrics_public : whether `/metrics` answers anybody.
    """

    max_body_bytes: int = 1024 * 1024
    is_metrics_public: bool = True
