"""Users, groups and topics, made by SQL as `docs/storage.md` describes them, since thousands of them by REST would take minutes.

Ids are a fixed beginning and a running number, so that SQL, floor and generators need no list of them, and as long as real ones."""
PAIR_COUNT = 50
MEMBER_COUNT = 10_000
ROAMED_COUNT = 200

USERS = 250_000_000_000_000_000
GROUPS = 260_000_000_000_000_000
BIG_GROUP = GROUPS + 900_000
# Who reads one long log, and who is in many groups.
DEEP_READER, WIDE_READER = USERS + 2_000, USERS + 2_001
DEEP_GROUP = GROUPS + 20_000


def publisher(number):
    return USERS + number


def subscriber(number):
    return USERS + 1_000 + number


def member(number):
    """Of the big group."""
    return USERS + 100_000 + number


def group(number):
    return GROUPS + number


def roamed(number):
    """One of the many groups."""
    return GROUPS + 10_000 + number


def make_users(first, count):
    return f"""
        INSERT INTO users (id, username, display_name) SELECT id, 'u' || id, 'User' FROM generate_series({first}, {first + count - 1}) id;
        INSERT INTO topics (id, kind) SELECT id, 1 FROM generate_series({first}, {first + count - 1}) id;
        """


def make_groups(first, count, owner_sql, member_count):
    """- owner_sql: of the owner of the group `id`."""
    return f"""
        INSERT INTO topics (id, kind) SELECT id, 3 FROM generate_series({first}, {first + count - 1}) id;
        INSERT INTO groups (id, name, announcement, owner_id, member_count)
            SELECT id, 'Group', false, {owner_sql}, {member_count} FROM generate_series({first}, {first + count - 1}) id;
        """


def add_members(group_sql, user_sql, role, from_sql):
    return (f"INSERT INTO members (group_id, user_id, role, joined_at) SELECT {group_sql}, {user_sql}, {role}, 1790000000000 "
            f"FROM {from_sql};\n")


def append(topics_sql, count, first_id):
    """Entries as the hub makes them of texts of 200 bytes, into empty logs, past the hub.

    - first_id: so many entries and topics above it no other entry may have these ids."""
    return f"""
        INSERT INTO messages (topic_id, seq, id, sender_id, kind, ordinal, key, payload)
            SELECT topic, seq, id, {publisher(0)}, 1, seq, (lpad(to_hex(id), 16, '0') || '0000000000000000')::uuid,
                convert_to(',"body":{{"text":"' || repeat('a', 200) || '"}}}}', 'UTF8')
            FROM (SELECT topic, seq, {first_id} + row_number() OVER (ORDER BY seq, topic) AS id
                FROM (SELECT id AS topic FROM topics WHERE {topics_sql}) t, generate_series(1, {count}) seq) e;
        UPDATE topics SET last_seq = {count}, messages = {count}, last_at = now() WHERE {topics_sql};
        """


def template():
    """Fifty groups of a publisher and a subscriber, one of ten thousand members, one with one reader, and two hundred with another."""
    numbers = f"generate_series(0, {PAIR_COUNT - 1}) n"
    return (
        make_users(publisher(0), PAIR_COUNT) + make_users(subscriber(0), PAIR_COUNT) + make_users(member(0), MEMBER_COUNT)
        + make_users(DEEP_READER, 2)
        + make_groups(DEEP_GROUP, 1, str(publisher(0)), 1) + make_groups(roamed(0), ROAMED_COUNT, str(publisher(0)), 1)
        + add_members(str(DEEP_GROUP), str(DEEP_READER), 1, "generate_series(1, 1)")
        + add_members(f"{roamed(0)} + n", str(WIDE_READER), 1, f"generate_series(0, {ROAMED_COUNT - 1}) n")
        + make_groups(group(0), PAIR_COUNT, f"{publisher(0)} + id - {group(0)}", 2)
        + make_groups(BIG_GROUP, 1, str(member(0)), MEMBER_COUNT)
        + add_members(f"{group(0)} + n", f"{publisher(0)} + n", 3, numbers)
        + add_members(f"{group(0)} + n", f"{subscriber(0)} + n", 1, numbers)
        + add_members(str(BIG_GROUP), f"{member(0)} + n", "CASE n WHEN 0 THEN 3 ELSE 1 END",
                      f"generate_series(0, {MEMBER_COUNT - 1}) n"))
