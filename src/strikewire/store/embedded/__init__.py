"""The embedded PostgreSQL: a real server from a wheel, in the data directory, and ours alone."""

from strikewire.store.embedded.neighbour import find_neighbour_url
from strikewire.store.embedded.server import EmbeddedConfig, EmbeddedPostgres

__all__ = ["EmbeddedConfig", "EmbeddedPostgres", "find_neighbour_url"]
