"""What runs for a moment between the program and PostgreSQL: it gives up root, and ties the knot.

A script of its own, because a program with threads may do almost nothing between fork and exec:

    python -I -S child.py UID GID PARENT PROGRAM ARGUMENT...

UID and GID are `-` to stay who we are. The current folder stays what it is. The kernel sends
SIGINT, to PostgreSQL a fast shutdown, as soon as PARENT's thread that started us is gone. Not on
macOS, which has no such signal: there the next start stops a server that was left over.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # include/uapi/linux/prctl.h


def _become(uid: str, gid: str, parent: str, program: list[str]) -> None:
    os.umask(0o077)
    if uid != "-":
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    if sys.platform == "linux":
        # After the change of user, which clears it.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
    if os.getppid() != int(parent):
        sys.exit("the program that wanted this server is gone")
    os.execv(program[0], program)  # noqa: S606 - to become it is the purpose


if __name__ == "__main__":
    _become(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
