"""What Alembic runs: our metadata on the connection that `store.migrate` hands over."""

from __future__ import annotations

from alembic import context

from strikewire.store.schema import metadata


def run_migrations() -> None:
    """Run on the connection given; each revision in a transaction of its own."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        compare_type=True,
        compare_server_default=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run_migrations()
