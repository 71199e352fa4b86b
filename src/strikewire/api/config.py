"""What the application allows; declared apart, so that settings need not load a web framework."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

#: Where `make web` puts the page, and where a wheel has it.
PAGE_FOLDER: Final = Path(__file__).parent / "page"


@dataclass(frozen=True, slots=True)
class SocketConfig:
    """What a socket's client may do, and how long the server is patient.

    Parameters
    ----------
    mailbox_capacity : messages that wait for a slow client before it is closed.
    max_topics : subscriptions of one socket.
    max_sockets : of this program.
    max_message_bytes : a longer message closes the socket.
    heartbeat_s : a socket that was told nothing for so long is told that all is well.
    close_timeout_s : how long a client that does not read may take to read why it is closed.
    """

    mailbox_capacity: int = 2_048
    max_topics: int = 64
    max_sockets: int = 2_000
    max_message_bytes: int = 16 * 1024
    heartbeat_s: float = 10.0
    close_timeout_s: float = 5.0


@dataclass(frozen=True, slots=True)
class ApiConfig:
    """What the application allows.

    Parameters
    ----------
    max_body_bytes : a longer request body is refused.
    is_metrics_public : whether `/metrics` answers anybody.
    sockets : see `SocketConfig`.
    page_folder : the page's files.
    """

    max_body_bytes: int = 1024 * 1024
    is_metrics_public: bool = True
    sockets: SocketConfig = field(default_factory=SocketConfig)
    page_folder: Path = PAGE_FOLDER
