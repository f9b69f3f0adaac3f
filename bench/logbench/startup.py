"""How a hub starts, and how a session comes back, beside a million others. Its own cluster, filled by SQL, and one run whatever the rounds."""
import random
import statistics
import sys
import time

from support.hub import Hub

from . import seed
from .catchup import memory_kib
from .cluster import PUBLIC_URL, Psql, mint_token, socket_folder
from .report import Figure
from .usage import Sample

TITLE = "Start on stored sessions and topics, {topics} cursors a session (half the topics are inboxes, half groups)"
TOPICS_PER_SESSION = 20
RESUMED_COUNT = 20
STARTS = 3
# As long as the longest period at which a hub looks after what is stored (`Limits.statisticsMilliseconds`), and a little more.
IDLE_SECONDS = 11
IDLE_PERCENT_MAX = 1.0
# A start reads no session and no topic, and a session that comes back only what is its own.
READY_SECONDS_MAX = 2.0
MEMORY_MIB_MAX = 64
RESUME_MILLISECONDS_MAX = 20
# Real ids lie as far apart as what they name was made: packed, their distances take seven bytes.
ID_STEP = 4_194_304_000
ACKED = 1000
BLOBS = 1000


def packed(value):
    """As `Array.append(packed:)` writes it."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def cursors(topics):
    """As `CursorCodec` packs them, all acknowledged up to the same seq, of members since the log's beginning."""
    out, last = b"", 0
    for topic in sorted(topics):
        out += packed(topic - last) + packed(ACKED) + packed(0)
        last = topic
    return out


class Population:
    """Users with two sessions each. The first users are the ones that come back: they are members of their groups, and each of these has an
    entry that their sessions lack."""

    def __init__(self, rows):
        self.rows, self.users, self.groups = rows, rows // 2, rows // 2
        self.random = random.Random(1)
        self.resumed = [self._pick() for _ in range(RESUMED_COUNT)]

    def _pick(self):
        return [self._group(number) for number in self.random.sample(range(self.groups), TOPICS_PER_SESSION)]

    @staticmethod
    def _group(number):
        return seed.GROUPS + number * ID_STEP

    def user(self, number):
        return seed.USERS + number * ID_STEP

    def sql(self):
        """Statement by statement: everything but `mqtt_subscriptions`."""
        blobs = ", ".join(f"('\\x{cursors(self._pick()).hex()}'::bytea)" for _ in range(BLOBS))
        users = f"(SELECT {seed.USERS} + n * {ID_STEP} AS id FROM generate_series(0, {self.users - 1}) n) u"
        groups = f"(SELECT {seed.GROUPS} + n * {ID_STEP} AS id FROM generate_series(0, {self.groups - 1}) n) g"
        yield f"INSERT INTO users (id, username, display_name) SELECT id, 'u' || id, 'User' FROM {users}"
        yield f"INSERT INTO topics (id, kind) SELECT id, 1 FROM {users}"
        yield f"INSERT INTO topics (id, kind, last_seq) SELECT id, 3, {ACKED} FROM {groups}"
        yield f"INSERT INTO log_progress (topic_id, followed_seq) SELECT id, {ACKED} FROM {groups}"
        yield (f"INSERT INTO groups (id, name, announcement, owner_id, member_count) "
               f"SELECT id, 'Group', false, {self.user(0)}, 1 FROM {groups}")
        yield f"CREATE TEMP TABLE blobs AS SELECT row_number() OVER () - 1 AS n, b FROM (VALUES {blobs}) v(b)"
        yield (f"INSERT INTO mqtt_sessions (id, user_id, client_id, expires_at, absent_since, cursors) "
               f"SELECT {seed.USERS} + i * {ID_STEP} + 1, {seed.USERS} + (i % {self.users}) * {ID_STEP}, "
               f"convert_to('client-' || i / {self.users}, 'UTF8'), now() + interval '29 days', now(), b "
               f"FROM generate_series(0::bigint, {self.rows - 1}) i JOIN blobs ON blobs.n = i % {BLOBS}")
        for number, groups in enumerate(self.resumed):
            yield (f"UPDATE mqtt_sessions SET cursors = '\\x{cursors(groups).hex()}' "
                   f"WHERE user_id = {self.user(number)} AND client_id IN ('client-0', 'client-1')")
            joined = "(VALUES " + ", ".join(f"({group})" for group in groups) + ") v(id)"
            yield seed.add_members("id", str(self.user(number)), 1, joined)
        moved = ", ".join(str(group) for group in sorted({group for groups in self.resumed for group in groups}))
        yield (f"INSERT INTO messages (topic_id, seq, id, sender_id, kind, ordinal, key, payload) "
               f"SELECT id, {ACKED + 1}, id, {self.user(0)}, 1, 1, (lpad(to_hex(id), 16, '0') || '0000000000000000')::uuid, "
               f"convert_to(',\"body\":{{\"text\":\"' || repeat('a', 200) || '\"}}}}', 'UTF8') FROM topics WHERE id IN ({moved})")
        yield f"UPDATE topics SET last_seq = {ACKED + 1} WHERE id IN ({moved})"

    def subscribe(self, condition):
        return (f"INSERT INTO mqtt_subscriptions (session_id, filter, options) SELECT id, 'group/+', 1 FROM mqtt_sessions "
                f"WHERE {condition}")

    def only_resumed(self):
        return f"user_id IN ({', '.join(str(self.user(number)) for number in range(RESUMED_COUNT))})"


def measure(bench):
    population = Population(bench.options.rows)
    hub = Hub("--reactors", str(bench.options.reactors), "--public-url", PUBLIC_URL, listeners=("mqtt",))
    title = TITLE.format(topics=TOPICS_PER_SESSION)
    try:
        hub.start()
        hub.stop()
        bench.report.add("startup", title, starts(bench, hub, "nothing stored") + idle(hub, "nothing stored"))
        fill(hub, [*population.sql(), population.subscribe(population.only_resumed())])
        row = f"{population.rows:,} sessions"
        bench.report.add("startup", title, starts(bench, hub, row) + idle(hub, row) + resumes(bench, hub, population, row, "client-0"))
        fill(hub, [population.subscribe("NOT " + population.only_resumed())])
        row = f"… and {population.rows:,} subscriptions"
        bench.report.add("startup", title, starts(bench, hub, row) + idle(hub, row) + resumes(bench, hub, population, row, "client-1"))
    finally:
        hub.discard()


def fill(hub, statements):
    """While the hub runs, since its PostgreSQL runs no longer than it; nobody is connected."""
    hub.start()
    psql = Psql(socket_folder(hub), "confab")
    begin = time.monotonic()
    for statement in statements:
        psql(statement)
    psql("VACUUM ANALYZE")
    psql("CHECKPOINT")
    psql.close()
    hub.stop()
    print(f"startup: filled in {time.monotonic() - begin:.0f} s", file=sys.stderr)


def starts(bench, hub, row):
    """Several starts, each after an orderly stop; the first has read the files."""
    seconds, memory = [], []
    for _ in range(STARTS):
        with bench.turns.take():
            begin = time.monotonic()
            hub.start()
            seconds.append(time.monotonic() - begin)
        memory.append(memory_kib(hub, "VmRSS") / 1024)
        hub.stop()
    return [
        Figure(row, "first start s", seconds[0], 2),
        Figure(row, "later start s", statistics.median(seconds[1:]), 2, ("<=", READY_SECONDS_MAX)),
        Figure(row, "hub memory MiB", statistics.median(memory[1:]), 1, ("<=", MEMORY_MIB_MAX)),
    ]


def idle(hub, row):
    """What nobody's being there costs."""
    hub.start()
    before = Sample(hub.postgres_pid(), hub.process.pid)
    time.sleep(IDLE_SECONDS)
    used = before.until(Sample(hub.postgres_pid(), hub.process.pid))
    hub.stop()
    share = 100 / (IDLE_SECONDS * 1e9)
    return [
        Figure(row, "idle hub CPU %", used["hub_ns"] * share, 2, ("<=", IDLE_PERCENT_MAX)),
        Figure(row, "idle PostgreSQL %", used["server_ns"] * share, 2, ("<=", IDLE_PERCENT_MAX)),
    ]


def resumes(bench, hub, population, row, client_id):
    """Sessions that come back one after the other, each to an entry in every one of its topics."""
    hub.start()
    reports = []
    for number in range(RESUMED_COUNT):
        user = str(population.user(number))
        command = [bench.resume_program, "--port", str(hub.ports["mqtt"]), "--client-id", client_id, "--user", user,
                   "--token", mint_token(hub.data, user), "--expect", str(TOPICS_PER_SESSION), "--after", str(ACKED)]
        report = bench.run(command, hub.postgres_pid(), hub)
        if report["messages"] != TOPICS_PER_SESSION or report["disordered"]:
            bench.report.found_wrong(f"startup, {row}: session {number} got {report['messages']} messages")
        reports.append(report)
    hub.stop()
    return [
        Figure(row, "CONNACK ms", statistics.median(report["connack_ms"] for report in reports), 2),
        Figure(row, "resumed ms", statistics.median(report["last_ms"] for report in reports), 2, ("<=", RESUME_MILLISECONDS_MAX)),
        Figure(row, "slowest ms", max(report["last_ms"] for report in reports), 2),
    ]
