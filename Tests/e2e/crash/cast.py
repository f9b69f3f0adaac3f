"""Who takes part: users, groups, conversations, publishers and subscribers."""
import random

from crash.history import Database, Topic, read_on
from crash.publisher import Poster, Publisher
from crash.readings import PlainReading
from crash.subscriber import Manner, Subscriber
from support import rest, tokens

TOKEN_SECONDS = 24 * 3600


class Cast:
    """Everybody, on a hub that is ready and new."""

    def __init__(self, site, seed):
        self.site, self.seed, self.database = site, seed, Database(site.hub)
        self.users = dict(zip(("ann", "ben", "cem", "dev"), self._make_users(4)))
        self.topics = self._make_topics()
        self.publishers = [*self._stored_publishers(), *self._plain_publishers()]
        self.streams = [stream for publisher in self.publishers for stream in publisher.streams]
        self.subscribers = [*self._stored_subscribers(), *self._plain_subscribers()]
        self.clients = [one for one in (*self.publishers, *self.subscribers) if not isinstance(one, Poster)]
        heads = {topic.name: len(topic.digests) for topic in self.topics.values()}
        for subscriber in self.subscribers:
            if not subscriber.manner.renews:
                subscriber.begin_at(heads)

    def rng(self, name):
        return random.Random(f"{self.seed}/{name}")

    def _make_users(self, count):
        hub, found = self.site.hub, []
        for _ in range(count):
            user = rest.sign_up(hub, "crash")
            holder = tokens.mint(hub, user, "--acl", '{"all":["plain/#"]}', "--lifetime", str(TOKEN_SECONDS))
            found.append(rest.User(hub, {**user.tokens, "access_token": holder.token}))
        for friend in found[1:]:
            found[0].befriend(friend)
        return found

    def _make_topics(self):
        """Three groups and two conversations, in all of which the first user takes part."""
        ann, ben, cem, dev = self.users.values()
        found = {}
        for name, members in (("all", (ben, cem, dev)), ("left", (ben, cem)), ("right", (cem, dev))):
            group = ann.make_group(*members, name=name)
            found[name] = Topic(group["topic"], group["id"], f"/messages/group/{group['id']}")
        for name, friend in (("with-ben", ben), ("with-cem", cem)):
            low, high = sorted((int(ann.id), int(friend.id)))
            [[row]] = self.database.rows(f"SELECT id FROM topics WHERE low = {low} AND high = {high}")
            found[name] = Topic(f"direct/{low}/{high}", row, f"/messages/{friend.id}")
        for topic in found.values():
            _, breaches = read_on(topic, ann, self.database)
            assert not breaches, breaches
        return found

    def heads(self):
        """The last `seq` of each stored topic, in the database."""
        rows = dict(self.database.rows("SELECT id, last_seq FROM topics"))
        return {topic.name: int(rows[topic.row]) for topic in self.topics.values()}

    def _names(self, *topics):
        return [self.topics[topic].name for topic in topics]

    def _stored_publishers(self):
        def make(name, level, user, topics, qos, again, **more):
            return Publisher(self.site, name, level, self.users[user], self.rng(name), self._names(*topics), qos, again,
                             **more)

        yield make("old-clean", 4, "ann", ("all", "left", "with-ben"), 1, "ref", ref="object")
        yield make("new-session", 5, "ben", ("all", "left", "with-ben"), 1, "session", ref="property")
        yield make("old-session", 4, "cem", ("all", "right", "with-cem"), 1, "session", ref="object", window=400)
        yield make("new-twice", 5, "cem", ("left", "right"), 2, "session")
        yield make("old-twice", 4, "dev", ("all", "right"), 2, "session")
        yield make("old-twice-ref", 4, "ann", ("right", "with-cem"), 2, "session", ref="object", window=20)
        yield make("new-twice-clean", 5, "ben", ("all", "with-ben"), 2, "ref", ref="object")
        yield make("old-careless", 4, "ben", ("left",), 1, "never")
        yield make("new-careless", 5, "dev", ("right",), 1, "never", window=400)
        groups = {self.topics[name].name: {"group_id": self.topics[name].row} for name in ("all", "right")}
        yield Poster(self.site, "post-dev", self.users["dev"], self.rng("post-dev"), groups)
        direct = {self.topics["with-cem"].name: {"user_id": self.users["cem"].id}}
        yield Poster(self.site, "post-ann", self.users["ann"], self.rng("post-ann"), direct)

    def _plain_publishers(self):
        def make(name, level, user, qos, again, **more):
            topics = [f"plain/{name}/{number}" for number in range(2)]
            return Publisher(self.site, name, level, self.users[user], self.rng(name), topics, qos, again, **more)

        yield make("plain-old-session", 4, "ann", 1, "session")
        yield make("plain-new-session", 5, "ben", 1, "session", window=400)
        yield make("plain-new-twice", 5, "cem", 2, "session")
        yield make("plain-old-twice", 4, "dev", 2, "session", window=20)
        yield make("plain-keeps", 5, "ann", 1, "session", keeps=True)

    def _stored_subscribers(self):
        def make(name, level, user, filters, topics, qos, **manner):
            return Subscriber(self.site, name, level, self.users[user], self.rng(name), filters, qos, Manner(**manner),
                              self._names(*topics))

        everything = tuple(self.topics)
        of_cem = self._names("all", "left", "right", "with-cem")
        yield make("all-new", 5, "ben", ["group/+", "direct/#"], ("all", "left", "with-ben"), 1,
                   acknowledges_late=True)
        yield make("exact-old", 4, "cem", of_cem, ("all", "left", "right", "with-cem"), 1, resubscribes=True)
        yield make("twice-new", 5, "dev", ["group/+"], ("all", "right"), 2, receive_maximum=50)
        of_ben = self._names("left", "with-ben")
        yield make("twice-old", 4, "ben", of_ben, ("left", "with-ben"), 2, acknowledges_late=True)
        yield make("slow-new", 5, "ann", ["group/+"], ("all", "left", "right"), 1, is_slow=True, receive_maximum=20)
        yield make("away-old", 4, "cem", ["group/+"], ("all", "left", "right"), 2, is_away=True)
        yield make("away-new", 5, "ann", ["group/+", "direct/+/+"], everything, 1, is_away=True)
        yield make("after-new", 5, "dev", ["group/+"], ("all", "right"), 1, after=True)
        yield make("renews-new", 5, "ann", self._names("left", "with-cem"), ("left", "with-cem"), 1, renews=True)
        yield make("renews-twice", 5, "ben", self._names("all"), ("all",), 2, renews=True, acknowledges_late=True)

    def _plain_subscribers(self):
        streams = [stream for stream in self.streams if stream.topic.startswith("plain/")]

        def make(name, level, user, filters, qos, covers, **manner):
            return Subscriber(self.site, name, level, self.users[user], self.rng(name), filters, qos, Manner(**manner),
                              streams=[stream for stream in streams if covers(stream.topic)])

        yield make("plain-all-old", 4, "ann", ["plain/#"], 1, lambda _: True, acknowledges_late=True)
        yield make("plain-all-twice", 5, "ben", ["plain/#"], 2, lambda _: True)
        exact = ["plain/plain-new-twice/0", "plain/plain-old-twice/1"]
        yield make("plain-exact-twice", 4, "cem", exact, 2, lambda topic: topic in exact, acknowledges_late=True)
        yield make("plain-away", 5, "dev", ["plain/+/1"], 2, lambda topic: topic.endswith("/1"), is_away=True)
        # Members of a shared subscription have what they got in common.
        team = {stream.topic: PlainReading(stream, once=False, ordered=False) for stream in streams}
        for name, level, user in (("team-old", 4, "ann"), ("team-new", 5, "ben")):
            member = make(name, level, user, ["$share/team/plain/#"], 1, lambda _: False)
            member.plain = team
            yield member
