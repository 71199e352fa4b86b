"""The embedded server of a data directory that another program has: how to reach it beside that.

A command that changes an account must not need the desk to stop. The server listens on loopback
too, with a password that only the user who started the program may read: who can read that may do
what the program may.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from strikewire.store.embedded.cluster import PASSWORD_FILE, USER
from strikewire.store.embedded.server import DATABASE, PORT_FILE


def find_neighbour_url(data_dir: Path) -> str | None:
    """Return where the running server of a data directory is; None where that cannot be told."""
    try:
        port = int((data_dir / PORT_FILE).read_text())
        password = (data_dir / PASSWORD_FILE).read_text().strip()
    except (OSError, ValueError):
        return None
    return f"postgresql://{USER}:{quote(password, safe='')}@127.0.0.1:{port}/{DATABASE}"
