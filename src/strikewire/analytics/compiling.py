"""How kernels are compiled and their code is kept.

Numba keeps compiled code beside a module and drops it when that module's text changes. What the
module takes from others, a constant or a kernel that was inlined, it does not look at: an upgrade
that changes only those would go on with the old code, and a changed array layout then writes over
somebody else's memory. So each kernel is kept under a stamp of every module that kernels may take
something from: those of the layers that have kernels in many places, and its own.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from numba import njit

_Kernel = TypeVar("_Kernel", bound=Callable[..., Any])

_PACKAGE: Final = Path(__file__).resolve().parents[1]
#: The layers whose kernels take something from one another; one of a feed stands in one module.
_FOLDERS: Final = ("core", "analytics", "reference", "engine")


def compile_kernel(**options: Any) -> Callable[[_Kernel], _Kernel]:
    """Return a decorator: `njit` without the interpreter's lock, its code kept under our stamp.

    Parameters
    ----------
    options : for Numba's `njit`, beside `cache` and `nogil`.
    """

    def decorate(function: _Kernel) -> _Kernel:
        kernel: Any = njit(cache=True, nogil=True, **options)(function)
        # With the compiler off it is a plain function, and nothing is kept.
        if hasattr(kernel, "_cache"):
            # Numba has no public way to say what else a kernel depends on.
            stamp = compute_stamp(Path(function.__code__.co_filename))
            kernel._cache._cache_file._source_stamp = stamp  # noqa: SLF001
        return cast("_Kernel", kernel)

    return decorate


def compute_stamp(module: Path) -> str:
    """Return a digest of the modules that compiled code of a module may rest on."""
    return hashlib.sha256(_digest_layers() + module.read_bytes()).hexdigest()


@functools.cache
def _digest_layers() -> bytes:
    digest = hashlib.sha256()
    for folder in _FOLDERS:
        for path in sorted((_PACKAGE / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.digest()
