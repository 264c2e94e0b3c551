"""Records as the API writes them (docs: resources/user, guild, channel, message). Only what a client may rely on is there."""

from dataclasses import dataclass
from urllib.parse import quote

from tests.discord_server.clock import Clock, iso, made_at
from tests.discord_server.limits import Limits
from tests.discord_server.permissions import in_channel
from tests.discord_server.records import Application, Attachment, Channel, Guild, Json, Member, Message, Role, User

FORUM_FIELDS = {"default_sort_order": None, "default_forum_layout": 0, "default_reaction_emoji": None}


def user(one: User) -> Json:
    return {
        "id": str(one.id),
        "username": one.name,
        "discriminator": "0000" if one.bot else "0",
        "global_name": None if one.bot else one.name.title(),
        "avatar": None,
        "bot": one.bot,
        "public_flags": 0,
    }


def member(one: Member, *, with_user: bool = True) -> Json:
    said: Json = {
        "roles": [str(role) for role in one.roles],
        "joined_at": iso(one.joined),
        "nick": None,
        "avatar": None,
        "premium_since": None,
        "pending": False,
        "communication_disabled_until": None,
        "deaf": False,
        "mute": False,
        "flags": 0,
    }
    return said | {"user": user(one.user)} if with_user else said


def role(one: Role, position: int) -> Json:
    said: Json = {
        "id": str(one.id),
        "name": one.name,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "position": position,
        "permissions": str(int(one.permissions)),
        "managed": one.bot_id is not None,
        "mentionable": one.mentionable,
        "flags": 0,
    }
    return said | {"tags": {"bot_id": str(one.bot_id)}} if one.bot_id else said


def channel(one: Channel, viewer: int = 0) -> Json:
    """Any channel; for a thread with the viewer's membership, for a DM with the other side as recipient."""
    if one.is_thread:
        return thread(one, viewer)
    if one.guild is None:
        others = [user(person) for person in one.recipients.values() if person.id != viewer]
        return {
            "id": str(one.id),
            "type": one.type,
            "last_message_id": text(one.last_message_id),
            "flags": 0,
            "recipients": others,
        }
    said: Json = {
        "id": str(one.id),
        "type": one.type,
        "guild_id": str(one.guild.id),
        "name": one.name,
        "topic": one.topic,
        "position": one.position,
        "parent_id": text(one.parent.id if one.parent else None),
        "permission_overwrites": [
            {"id": str(who), "type": 0 if who in one.guild.roles else 1, "allow": str(int(allow)), "deny": str(int(deny))}
            for who, (deny, allow) in one.overwrites.items()
        ],
        "last_message_id": text(one.last_message_id),
        "nsfw": False,
        "rate_limit_per_user": 0,
        "flags": 0,
    }
    return said | FORUM_FIELDS | {"available_tags": one.tags} if one.type == Channel.FORUM else said


def thread(one: Channel, viewer: int = 0) -> Json:
    assert one.guild is not None
    assert one.parent is not None
    said: Json = {
        "id": str(one.id),
        "type": one.type,
        "guild_id": str(one.guild.id),
        "parent_id": str(one.parent.id),
        "owner_id": str(one.owner_id),
        "name": one.name,
        "last_message_id": text(one.last_message_id),
        "message_count": len(one.order),
        "total_message_sent": one.total_sent,
        "member_count": min(len(one.thread_members), 50),
        "rate_limit_per_user": 0,
        "applied_tags": one.applied_tags,
        "flags": 0,
        "thread_metadata": {
            "archived": one.archived,
            "locked": one.locked,
            "auto_archive_duration": one.auto_archive,
            "archive_timestamp": iso(one.archive_changed),
            "invitable": True,
        },
    }
    return said | {"member": thread_member(one, viewer)} if viewer in one.thread_members else said


def thread_member(one: Channel, user_id: int) -> Json:
    return {"id": str(one.id), "user_id": str(user_id), "join_timestamp": iso(one.thread_members[user_id]), "flags": 1}


def guild(one: Guild, viewer: int, members: list[Member]) -> Json:
    """GUILD_CREATE for one bot (docs: events/gateway-events, "Guild Create"): channels and active threads it may see."""
    seen = [place for place in one.threads.values() if not place.archived and in_channel(place, viewer)]
    return {
        "id": str(one.id),
        "name": one.name,
        "owner_id": str(one.owner_id),
        "icon": None,
        "splash": None,
        "description": None,
        "features": [],
        "emojis": [],
        "stickers": [],
        "verification_level": 0,
        "default_message_notifications": 0,
        "explicit_content_filter": 0,
        "mfa_level": 0,
        "nsfw_level": 0,
        "premium_tier": 0,
        "preferred_locale": "en-US",
        "afk_timeout": 300,
        "system_channel_flags": 0,
        "roles": [role(each, place) for place, each in enumerate(one.roles.values())],
        "joined_at": iso(one.members[viewer].joined),
        "large": len(one.members) > 250,
        "unavailable": False,
        "member_count": len(one.members),
        "members": [member(each) for each in members],
        "voice_states": [],
        "presences": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
        "channels": [channel(place) for place in one.channels.values()],
        "threads": [thread(place, viewer) for place in seen],
    }


def application(one: Application) -> Json:
    owner = one.owner or one.user
    return {
        "id": str(one.id),
        "name": one.name,
        "description": "",
        "icon": None,
        "bot_public": True,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "flags": one.flags,
        "owner": user(owner),
        "team": None,
        "bot": user(one.user),
        "integration_types_config": {"0": {}},
    }


def partial_channel(one: Channel, viewer: int, app_id: int) -> Json:
    """The channel inside an interaction; with the invoking user's permissions."""
    said = channel(one, app_id)
    return said | {"permissions": str(int(in_channel(one, viewer))), "app_permissions": str(int(in_channel(one, app_id)))}


def text(number: int | None) -> str | None:
    return None if number is None else str(number)


@dataclass(frozen=True, slots=True)
class Links:
    """Writes messages, whose attachment URLs end (docs: reference, "Signed Attachment CDN URLs")."""

    home: str
    clock: Clock
    limits: Limits

    def attachment(self, place: Channel, one: Attachment) -> Json:
        made = int(self.clock.now())
        signed = f"ex={made + int(self.limits.attachment_life):x}&is={made:x}&hm={one.id * 2654435761 & (1 << 128) - 1:032x}&"
        url = f"{self.home}/attachments/{place.id}/{one.id}/{quote(one.filename)}?{signed}"
        said: Json = {
            "id": str(one.id),
            "filename": one.filename,
            "size": len(one.content),
            "url": url,
            "proxy_url": url,
            "flags": 0,
        }
        extra = {"content_type": one.content_type, "description": one.description}
        return said | {key: value for key, value in extra.items() if value is not None}

    def message(self, one: Message, viewer: int = 0, *, hidden: bool = False, deep: bool = True) -> Json:
        """A message; `hidden` for an app without the MESSAGE_CONTENT intent: content, embeds, attachments, components empty."""
        said: Json = {
            "id": str(one.id),
            "channel_id": str(one.channel.id),
            "type": one.type,
            "author": user(one.author),
            "content": "" if hidden else one.content,
            "timestamp": iso(made_at(one.id)),
            "edited_timestamp": None if one.edited is None else iso(one.edited),
            "tts": False,
            "mention_everyone": one.mention_everyone,
            "mentions": [user(each) for each in one.mentions],
            "mention_roles": [str(each) for each in one.mention_roles],
            "mention_channels": [],
            "attachments": [] if hidden else [self.attachment(one.channel, each) for each in one.attachments],
            "embeds": [] if hidden else one.embeds,
            "components": [] if hidden else one.components,
            "pinned": False,
            "flags": one.flags,
        }
        if one.nonce is not None:
            said["nonce"] = one.nonce
        return said | self._relations(one, viewer, hidden=hidden, deep=deep)

    def _relations(self, one: Message, viewer: int, *, hidden: bool, deep: bool) -> Json:
        said: Json = {}
        if one.webhook_id is not None:
            said |= {"webhook_id": str(one.webhook_id), "application_id": str(one.webhook_id)}
        if one.interaction is not None:
            said["interaction_metadata"] = one.interaction
        if one.thread is not None:
            said["thread"] = thread(one.thread, viewer)
        if one.reference is not None:
            said["message_reference"] = one.reference
            if deep:
                referred = one.reply_to
                gone = referred is None or referred.deleted
                said["referenced_message"] = (
                    None if gone or referred is None else self.message(referred, viewer, hidden=hidden, deep=False)
                )
        return said


def readable(one: Message, app: Application, *, content: bool) -> bool:
    """Whether an app sees what is in a message (docs: events/gateway, "Message Content Intent"): with the intent, its own
    messages, DMs, and messages that mention it."""
    return content or one.author is app.user or one.webhook_id == app.id or one.channel.guild is None or app.user in one.mentions
