"""The first schema: parties, dialogue, passage, running."""

from migrations.first import dialogue, parties, passage, running

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    parties.create()
    dialogue.create()
    passage.create()
    running.create()


def downgrade() -> None:
    running.drop()
    passage.drop()
    dialogue.drop()
    parties.drop()
