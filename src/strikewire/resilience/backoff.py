"""Backoff: how long to wait before trying again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class BackoffConfig:
    """Capped, jittered doubling.

    Parameters
    ----------
    first_s : before the first retry, seconds.
    max_s : the longest wait, seconds.
    """

    first_s: float = 0.25
    max_s: float = 10.0


def compute_delay(config: BackoffConfig, attempt: int, rng: np.random.Generator) -> float:
    """Return seconds to wait before retry number `attempt`, counted from 0.

    "Equal jitter": half of the wait is fixed, so that a retry never comes at once, and half is
    drawn, so that many clients of one outage do not come back together.
    """
    # 2**30 first waits are beyond any cap; the shift must not grow with the attempts.
    whole_s = min(config.max_s, config.first_s * float(1 << min(attempt, 30)))
    return whole_s / 2 + float(rng.random()) * whole_s / 2
