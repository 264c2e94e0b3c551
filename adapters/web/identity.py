"""Identity: a host site vouches for its signed-in user with an HMAC, so that the user's devices share one dialogue."""

import hashlib
import hmac

from adapters.web.refusals import forbidden


class HostIdentity:
    """Checks `signature` = lower-case hex HMAC-SHA256 of the user id (UTF-8) under `[web] identity_secret`."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def confirm(self, user_id: str, signature: str) -> str:
        """The user id. Raises a 403 Refusal when it is not signed with our secret, or no secret is set."""
        if not self._secret:
            raise forbidden("identity_off", "This server takes no signed identities: web.identity_secret is not set.")
        expected = hmac.new(self._secret, user_id.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), signature.lower().encode()):
            raise forbidden("wrong_signature", "The signature does not belong to this user.")
        return user_id
