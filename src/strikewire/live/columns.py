"""A table as payloads are made of it: columns by name, all of one length."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy.typing as npt

#: Numbers and instants as arrays, in which NaN and NaT are unknown; words as lists with None.
Columns: TypeAlias = dict[str, npt.NDArray[Any] | list[str | None]]
