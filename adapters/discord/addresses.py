"""Where discord.py finds Discord: two values that it keeps for the whole process. Nothing else of the library is changed."""

import discord
import yarl
from discord.gateway import DiscordWebSocket


def point_to(api_base: str, gateway_url: str) -> None:
    """Use this REST base (with its version) and this gateway from now on."""
    discord.http.Route.BASE = api_base
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway_url)
