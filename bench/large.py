"""Large data for bench/rest.py, which needs no peer: a log of a million messages, and a user with a thousand conversations.

All of it is made by SQL, as `docs/storage.md` describes it: by REST it would take an hour."""
from logbench import seed
from logbench.cluster import Psql, socket_folder
from support import rest

LONG_LOG = 1_000_000
CONVERSATIONS = 1_000
# Of two people; the others are groups of eleven, and one of them has the long log.
DIRECT = 200
MESSAGES = 20
UNREAD = 5
WRITERS = 10
# Above all other ids of `seed`; entries of the long log, and of the others.
DIRECT_TOPICS = seed.GROUPS + 1_000_000
LONG_IDS, SHORT_IDS = 270_000_000_000_000_000, 280_000_000_000_000_000


def fill(reader):
    """SQL for the conversations of one user, who has signed up. Their words are not to be followed while it is measured."""
    groups = CONVERSATIONS - DIRECT
    long_group = seed.group(0)
    direct = f"generate_series(0, {DIRECT - 1}) n"
    others = f"SELECT id FROM topics WHERE id > {long_group} AND id < {DIRECT_TOPICS + DIRECT} AND kind IN (2, 3)"
    return (
        seed.make_users(seed.publisher(0), max(WRITERS, DIRECT))
        + seed.make_groups(seed.group(0), groups, str(seed.publisher(0)), WRITERS + 1)
        + seed.add_members(f"{seed.group(0)} + n", str(reader), 1, f"generate_series(0, {groups - 1}) n")
        + seed.add_members(f"{seed.group(0)} + n", f"{seed.publisher(0)} + u", "CASE u WHEN 0 THEN 3 ELSE 1 END",
                           f"generate_series(0, {groups - 1}) n, generate_series(0, {WRITERS - 1}) u")
        + f"""
        INSERT INTO topics (id, kind, low, high) SELECT {DIRECT_TOPICS} + n, 2, least({reader}, {seed.publisher(0)} + n),
            greatest({reader}, {seed.publisher(0)} + n) FROM {direct};
        INSERT INTO friendships (low_id, high_id, topic_id, since) SELECT low, high, id, 1790000000000 FROM topics WHERE kind = 2;
        """
        + seed.append(f"id = {long_group}", LONG_LOG, LONG_IDS)
        + seed.append(f"id IN ({others})", MESSAGES, SHORT_IDS)
        + f"""
        INSERT INTO read_marks (user_id, topic_id, read_seq) SELECT {reader}, id, last_seq - {UNREAD} FROM topics WHERE kind IN (2, 3);
        INSERT INTO log_progress (topic_id, followed_seq) SELECT id, last_seq FROM topics WHERE kind IN (2, 3)
            ON CONFLICT (topic_id) DO UPDATE SET followed_seq = excluded.followed_seq;
        """)


def work():
    """What is measured: (name, path, connections)."""
    group = f"/messages/group/{seed.group(0)}"
    paths = [
        ("history page of 50, in the middle of 1,000,000", f"{group}?before={LONG_LOG // 2}"),
        ("history page of 50, the newest of 1,000,000", group),
        ("conversations list of 50 of 1,000", "/conversations?limit=50"),
        ("conversations list of 200 of 1,000", "/conversations?limit=200"),
    ]
    return [(name, path, connections) for name, path in paths for connections in (1, 16)]


def prepare(hub):
    """Fills the database of a running hub.
    - Returns: the reader's token."""
    reader = rest.User(hub, rest.request(hub, "POST", "/signup", {
        "username": "reader", "email": "reader@example.org", "password": rest.PASSWORD}, listener="http").expect(201).json)
    psql = Psql(socket_folder(hub), "confab")
    try:
        psql(fill(int(reader.id)))
        psql("VACUUM ANALYZE")
        psql("CHECKPOINT")
    finally:
        psql.close()
    found = rest.request(hub, "GET", "/conversations?limit=200", token=reader.token, listener="http").expect(200).json
    assert len(found["items"]) == 200 and found["next"] and found["items"][0]["unread"] == UNREAD, found["items"][0]
    return reader.token
