"""How the process runs: bot's own sections, where settings come from, and how they are checked."""

from bot.settings.checks import check_accounts, check_section
from bot.settings.sections import (
    ConversationSettings,
    DatabaseSettings,
    GenerationSettings,
    LogSettings,
    SecuritySettings,
    WorkspaceSettings,
)
from bot.settings.sources import Source, read_sources

__all__ = [
    "ConversationSettings",
    "DatabaseSettings",
    "GenerationSettings",
    "LogSettings",
    "SecuritySettings",
    "Source",
    "WorkspaceSettings",
    "check_accounts",
    "check_section",
    "read_sources",
]
