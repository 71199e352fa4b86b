"""The command line: thin. It reads options, calls, and says what came of it."""

from strikewire.cli.main import main

__all__ = ["main"]
