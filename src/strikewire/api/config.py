"""What the application allows; declared apart, so that settings need not load a web framework."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from strikewire.api.client_address import ForwardingHeader, Network
from strikewire.resilience.token_buckets import BucketConfig
from strikewire.stream.subscriber import BacklogConfig

#: Where `make web` puts the page, and where a wheel has it.
PAGE_FOLDER: Final = Path(__file__).parent / "page"


@dataclass(frozen=True, slots=True)
class SocketConfig:
    """What a socket's client may do, and how long the server is patient.

    Parameters
    ----------
    backlog : what waits for a slow client before it is closed.
    max_topics : subscriptions of one socket.
    max_sockets : of this program.
    max_message_bytes : a longer message closes the socket.
    max_requests_per_s, max_request_burst : more requests close it.
    heartbeat_s : so often a socket is told that all is well, and where its topics stand.
    close_timeout_s : how long a client that does not read may take to read why it is closed.
    first_message_s : how long a client that could not say it in the handshake may take to say who
        it is.
    max_per_user : sockets of one user, those of their keys included.
    max_per_address : sockets from one address; of IPv6, from one /64.
    max_strangers : sockets whose client has not said yet who it is.
    """

    backlog: BacklogConfig = field(default_factory=BacklogConfig)
    max_topics: int = 64
    max_sockets: int = 2_000
    max_message_bytes: int = 16 * 1024
    max_requests_per_s: float = 50.0
    max_request_burst: int = 200
    heartbeat_s: float = 10.0
    close_timeout_s: float = 5.0
    first_message_s: float = 5.0
    max_per_user: int = 100
    max_per_address: int = 200
    max_strangers: int = 200


@dataclass(frozen=True, slots=True)
class RateLimitConfig:
    """How much may be asked; see `api.rate_limits` for what costs what.

    Parameters
    ----------
    address : of all requests from one address.
    failure : of credentials from one address that were no good.
    login : of attempts to log in from one address.
    login_name : of attempts to log in under one name, from wherever.
    user, key : of what one user, and one of its keys, does.
    max_buckets : of each kind; beyond that the one used longest ago is forgotten.
    """

    is_on: bool = True
    address: BucketConfig = field(default=BucketConfig(2_000, 400))
    failure: BucketConfig = field(default=BucketConfig(30, 0.5))
    login: BucketConfig = field(default=BucketConfig(10, 0.1))
    login_name: BucketConfig = field(default=BucketConfig(20, 0.05))
    user: BucketConfig = field(default=BucketConfig(1_000, 100))
    key: BucketConfig = field(default=BucketConfig(1_000, 100))
    max_buckets: int = 10_000


@dataclass(frozen=True, slots=True)
class GateConfig:
    """What is asked of every request before anybody looks at what it wants.

    Parameters
    ----------
    trusted_hosts : names, addresses and networks that this server goes by, beside the machine.
    trusted_proxies : networks of proxies whose word on where a request came from is believed.
    forwarding_header : the header in which they give it.
    cors_origins : origins whose pages may ask and read the answers.
    hsts_max_age_s : how long a browser is told to come by https only; 0 does not tell it.
    max_head_bytes : of the request line and all headers.
    max_headers : how many there may be.
    head_timeout_s : how long a client may take to send a head.
    """

    trusted_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[Network, ...] = ()
    forwarding_header: ForwardingHeader = "x-forwarded-for"
    cors_origins: tuple[str, ...] = ()
    hsts_max_age_s: int = 0
    max_head_bytes: int = 32 * 1024
    max_headers: int = 100
    head_timeout_s: float = 20.0


@dataclass(frozen=True, slots=True)
class ApiConfig:
    """What the application allows.

    Parameters
    ----------
    max_body_bytes : a longer request body is refused.
    is_metrics_public : whether `/metrics` answers anybody.
    sockets : see `SocketConfig`.
    page_folder : the page's files.
    gate : see `GateConfig`.
    rates : see `RateLimitConfig`.
    public_url : where browsers find this server; None: where they came to.
    login_lifetime_s : how long a browser keeps its session's cookie.
    """

    max_body_bytes: int = 1024 * 1024
    is_metrics_public: bool = True
    sockets: SocketConfig = field(default_factory=SocketConfig)
    page_folder: Path = PAGE_FOLDER
    gate: GateConfig = field(default_factory=GateConfig)
    rates: RateLimitConfig = field(default_factory=RateLimitConfig)
    public_url: str | None = None
    login_lifetime_s: int = 7 * 86_400
