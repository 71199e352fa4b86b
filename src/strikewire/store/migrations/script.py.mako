"""${message}.

Revision: ${up_revision}, after ${down_revision | comma,n}
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None
# "expand": the program before this revision runs on its schema. "contract": not any more.
phase = "expand"


def upgrade() -> None:
    """Say what changes, and why."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Take back what `upgrade` did."""
    ${downgrades if downgrades else "pass"}
