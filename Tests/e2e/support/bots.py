"""Bots as their owners make them."""
from support import rest
from support.tokens import Holder


class Bot:
    """A bot of a user, and its tokens."""

    def __init__(self, owner):
        self.owner = owner
        made = owner.post("/bots", {"username": rest.unique_name("bot"), "display_name": "A bot"}, 201).json
        self.id, self.name, self.made = made["id"], made["username"], made
        self.tokens = f"/bots/{self.id}/tokens"

    def make_token(self, **members):
        """The id of a new token, and the bot as it logs in with it."""
        made = self.owner.post(self.tokens, members, 201).json
        return made["id"], Holder(self.id, self.name, made["token"])


def call(hub, holder, method, path, body=None):
    """REST with the token that a holder has."""
    return rest.request(hub, method, path, body, token=holder.token)
