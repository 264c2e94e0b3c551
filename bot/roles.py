"""Who may do what: roles in their order. A role may do everything that those below it may."""

from enum import IntEnum


class Role(IntEnum):
    """In a workspace a person has one of them; nobody has less than a customer."""

    CUSTOMER = 0
    VIEWER = 10
    AGENT = 20
    SUPERVISOR = 30
    ADMIN = 40
    OWNER = 50

    @property
    def word(self) -> str:
        """As settings, commands and the database write it."""
        return self.name.lower()


WORDS = {role.word: role for role in Role}
