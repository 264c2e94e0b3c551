"""Who may do what where: the bits and the overwrite arithmetic of docs, topics/permissions."""

from enum import IntFlag

from tests.discord_server.records import Channel, Guild, Member
from tests.discord_server.refusals import missing_access, missing_permissions


class Permission(IntFlag):
    """The bits a customer-service bot meets (docs: topics/permissions, "Bitwise Permission Flags")."""

    CREATE_INSTANT_INVITE = 1 << 0
    KICK_MEMBERS = 1 << 1
    BAN_MEMBERS = 1 << 2
    ADMINISTRATOR = 1 << 3
    MANAGE_CHANNELS = 1 << 4
    MANAGE_GUILD = 1 << 5
    ADD_REACTIONS = 1 << 6
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    SEND_TTS_MESSAGES = 1 << 12
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    MENTION_EVERYONE = 1 << 17
    MANAGE_ROLES = 1 << 28
    USE_APPLICATION_COMMANDS = 1 << 31
    MANAGE_THREADS = 1 << 34
    CREATE_PUBLIC_THREADS = 1 << 35
    CREATE_PRIVATE_THREADS = 1 << 36
    SEND_MESSAGES_IN_THREADS = 1 << 38
    PIN_MESSAGES = 1 << 51


P = Permission
ALL = Permission((1 << 52) - 1)
EVERYONE = (
    P.ADD_REACTIONS
    | P.VIEW_CHANNEL
    | P.SEND_MESSAGES
    | P.EMBED_LINKS
    | P.ATTACH_FILES
    | P.READ_MESSAGE_HISTORY
    | P.USE_APPLICATION_COMMANDS
    | P.CREATE_PUBLIC_THREADS
    | P.CREATE_PRIVATE_THREADS
    | P.SEND_MESSAGES_IN_THREADS
)
DIRECT = P.VIEW_CHANNEL | P.SEND_MESSAGES | P.EMBED_LINKS | P.ATTACH_FILES | P.READ_MESSAGE_HISTORY | P.ADD_REACTIONS


def in_guild(guild: Guild, member: Member) -> Permission:
    """What the roles give, before any channel."""
    if guild.owner_id == member.user.id:
        return ALL
    given = guild.roles[guild.id].permissions
    for role in member.roles:
        given |= guild.roles[role].permissions
    return ALL if given & P.ADMINISTRATOR else Permission(given)


def in_channel(channel: Channel, user_id: int) -> Permission:
    """Effective permissions of a user; none for who is not there. A thread takes its parent's (docs: topics/threads)."""
    if channel.guild is None:
        return DIRECT if user_id in channel.recipients else Permission(0)
    member = channel.guild.members.get(user_id)
    if member is None:
        return Permission(0)
    whole = in_guild(channel.guild, member)
    if whole == ALL:
        return ALL
    place = channel.parent if channel.is_thread and channel.parent else channel
    found = overwritten(whole, place, channel.guild.id, member)
    if not found & P.VIEW_CHANNEL:
        return Permission(0)
    private = channel.type == Channel.PRIVATE_THREAD
    if private and user_id not in channel.thread_members and not found & P.MANAGE_THREADS:
        return Permission(0)
    return found


def overwritten(whole: Permission, place: Channel, everyone: int, member: Member) -> Permission:
    """Overwrites in the documented order: everyone, then roles together, then the member."""
    deny, allow = (bits for bits in place.overwrites.get(everyone, (0, 0)))
    found = whole & ~deny | allow
    denied, allowed = 0, 0
    for role in member.roles:
        deny, allow = place.overwrites.get(role, (0, 0))
        denied, allowed = denied | deny, allowed | allow
    found = found & ~denied | allowed
    deny, allow = place.overwrites.get(member.user.id, (0, 0))
    return Permission(found & ~deny | allow)


def require(channel: Channel, user_id: int, needed: Permission) -> Permission:
    """50001 for who cannot see the channel, 50013 for who may not do it there."""
    found = in_channel(channel, user_id)
    if not found & P.VIEW_CHANNEL:
        raise missing_access()
    if found & needed != needed:
        raise missing_permissions()
    return found
