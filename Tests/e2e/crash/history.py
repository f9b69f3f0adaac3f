"""The stored topics as the hub's REST API and the database tell them, read on from where the last round ended."""
import datetime
import json
import subprocess
from array import array

from crash import checks
from support import rest

EPOCH = datetime.datetime(2025, 1, 1, tzinfo=datetime.timezone.utc)
PAGE = 200
KINDS = {1: "message", 5: "member", 6: "group"}
COLUMNS = "topic_id, seq, id, sender_id, kind, encode(payload, 'hex')"


class Entry:
    """A row of the log, and the envelope that it stands for."""

    __slots__ = ("seq", "id", "sender", "kind", "suffix", "envelope")

    def __init__(self, topic, columns):
        self.seq, self.id, self.sender = int(columns[1]), columns[2], columns[3]
        self.kind, self.suffix = KINDS[int(columns[4])], bytes.fromhex(columns[5])
        moment = EPOCH + datetime.timedelta(milliseconds=int(self.id) >> 22)
        sent_at = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"
        beginning = (f'{{"type":"{self.kind}","topic":"{topic.name}","id":"{self.id}","seq":{self.seq},'
                     f'"from":"{self.sender}","sent_at":"{sent_at}"')
        self.envelope = beginning.encode() + self.suffix


class Topic:
    """A stored topic: its name, its row's id, where REST has its history, and a digest of each entry that was read."""

    def __init__(self, name, row, path):
        self.name, self.row, self.path = name, row, path
        self.digests = array("q")


class Database:
    """The hub's PostgreSQL, asked past the hub."""

    def __init__(self, hub):
        self.hub = hub

    def lines(self, sql):
        """The rows of a query as lists of texts."""
        command = ["psql", "--no-psqlrc", "-q", "-h", str(self.hub.data / "postgres"), "-U", "confab", "confab",
                   "--command", f"COPY ({sql}) TO STDOUT"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/") as process:
            for line in process.stdout:
                yield line.rstrip("\n").split("\t")
            problem = process.stderr.read()
        assert process.returncode == 0, problem

    def rows(self, sql):
        return list(self.lines(sql))

    def entries(self, topic, after):
        sql = f"SELECT {COLUMNS} FROM messages WHERE topic_id = {topic.row} AND seq > {after} ORDER BY seq"
        return [Entry(topic, columns) for columns in self.lines(sql)]


def read_on(topic, reader, database):
    """What is new in the topic, by both witnesses; returns (entries, breaches)."""
    after = len(topic.digests)
    entries = database.entries(topic, after)
    breaches = checks.check_numbering(topic.name, [entry.seq for entry in entries], after + 1)
    by_sql = [entry.envelope for entry in entries]
    breaches += checks.check_witnesses(topic.name, after + 1, by_rest(topic, reader, after), by_sql)
    [count] = database.rows(f"SELECT last_seq FROM topics WHERE id = {topic.row}")
    if int(count[0]) != after + len(entries):
        breaches.append(f"{topic.name}: topics has last_seq {count[0]}, the log ends with {after + len(entries)}")
    topic.digests.extend(hash(envelope) for envelope in by_sql)
    return entries, breaches


def by_rest(topic, reader, after):
    """The envelopes from `after` on, as `reader` gets them."""
    found = []
    while True:
        path = f"{topic.path}?after={after + len(found)}&limit={PAGE}"
        page = rest.request(reader.hub, "GET", path, token=reader.token, listener="http").expect(200).body
        items = split_items(page)
        found += items
        if len(items) < PAGE:
            return found


def split_items(page):
    """The bytes of each item of a page, without the members that REST may append to an envelope."""
    start = page.index(b"[") + 1
    text, found = page.decode(), []
    if page[start:start + 1] == b"]":
        return found
    decoder, at = json.JSONDecoder(), len(page[:start].decode())
    while True:
        item, end = decoder.raw_decode(text, at)
        assert not {"state", "read"} & item.keys(), "REST appends members now: take them off here"
        found.append(text[at:end].encode())
        if text[end] != ",":
            return found
        at = end + 1


def check_again(topics, database):
    """Everything that was ever read is still there, to the byte; returns breaches."""
    by_row, breaches = {topic.row: topic for topic in topics}, []
    ends, rows = dict.fromkeys(by_row, 0), ", ".join(by_row)
    for columns in database.lines(f"SELECT {COLUMNS} FROM messages WHERE topic_id IN ({rows}) ORDER BY topic_id, seq"):
        topic = by_row[columns[0]]
        entry = Entry(topic, columns)
        ends[topic.row] += 1
        if entry.seq != ends[topic.row] or hash(entry.envelope) != topic.digests[entry.seq - 1]:
            return [f"{topic.name}: seq {entry.seq} is not what it was when it was first read"]
    for topic in topics:
        if ends[topic.row] != len(topic.digests):
            breaches.append(f"{topic.name}: there were {len(topic.digests)} entries, and are {ends[topic.row]}")
    return breaches
