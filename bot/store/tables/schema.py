"""What all tables share: names for constraints, the leading workspace, references inside it."""

import sqlalchemy as sa

from bot.store.times import UtcDateTime

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

ID = sa.String(32)
WORD = sa.String(64)


def key(name: str) -> sa.Column[str]:
    return sa.Column(name, ID, primary_key=True)


def workspace_key() -> sa.Column[str]:
    return sa.Column("workspace_id", ID, primary_key=True)


def refers(table: str, *columns: str, to: tuple[str, ...] = ()) -> sa.ForeignKeyConstraint:
    """A composite reference inside the workspace."""
    return sa.ForeignKeyConstraint(
        ["workspace_id", *columns], [f"{table}.workspace_id", *(f"{table}.{c}" for c in to or columns)]
    )


def one_of(column: str, *words: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(f"{column} IN ({', '.join(repr(w) for w in words)})", name=column)


def at(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, UtcDateTime, nullable=nullable)
