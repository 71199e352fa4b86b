"""The hook of the wheel's build: a wheel is never without its page."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PageHook(BuildHookInterface):
    """Builds the page before a wheel's files are collected."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build it; `pip install --editable` takes what is there, and needs no Node.

        Raises
        ------
        BuildError : Node is missing or too old, or npm failed.
        """
        del build_data
        if version == "editable":
            return
        # The folder with this file is on no path where a build runs on its own.
        sys.path.insert(0, str(Path(self.root, "tools")))
        from build_page import build_page  # noqa: PLC0415 - found only now

        build_page(Path(self.root))
