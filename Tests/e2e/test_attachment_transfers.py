"""Attachments on their way: large, slow, many at once, broken off, and what the hub needs for them."""
import hashlib
import json
import os
import socket
import ssl
import subprocess
import time

import pytest

from support import files, rest
from support.hub import Hub
from support.waiting import eventually

MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
def small_hub():
    """A hub with small limits, so that tests reach them."""
    hub = Hub("--reactors", "2", "--attachment-bytes-max", str(MEBIBYTE), "--attachment-quota-bytes", str(4 * MEBIBYTE))
    try:
        yield hub.start()
        hub.stop()
    finally:
        hub.discard()


@pytest.fixture(scope="module")
def user(hub):
    return rest.sign_up(hub, "carrier")


def left_over(hub):
    """Rows of attachments that are not complete, and chunks of none: (uploads, chunks)."""
    sql = ("SELECT count(*) FILTER (WHERE state = 1), (SELECT count(*) FROM attachment_chunks c "
           "WHERE NOT EXISTS (SELECT 1 FROM attachments a WHERE a.id = c.attachment_id)) FROM attachments")
    done = subprocess.run(["psql", "-h", hub.data / "postgres", "-U", "confab", "-Atc", sql, "confab"],
                          capture_output=True, text=True, timeout=60, check=True)
    return tuple(map(int, done.stdout.strip().split("|")))


class Upload:
    """A request that is sent bit by bit."""

    def __init__(self, user, length, listener="http", headers=(), path="/attachments"):
        self.socket = socket.create_connection(("127.0.0.1", user.hub.ports[listener]), timeout=60)
        if listener == "https":
            self.socket = user.hub.tls_context().wrap_socket(self.socket, server_hostname="127.0.0.1")
        lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {user.token}", *headers]
        if length is not None:
            lines.append(f"Content-Length: {length}")
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n")

    def send(self, data):
        self.socket.sendall(data)
        return self

    def read_to_end(self):
        received = b""
        try:
            while data := self.socket.recv(65536):
                received += data
        except (ConnectionResetError, ssl.SSLEOFError):
            pass
        return received

    def close(self):
        self.socket.close()


@pytest.mark.parametrize("listener", ["https", "http"])
def test_25_mebibytes_there_and_back(user, listener, tmp_path):
    """The largest by default, over TLS and without; a byte more is refused."""
    curl = files.Curl(user, listener)
    path = files.random_file(tmp_path, 25 * MEBIBYTE)
    attachment = curl.upload(path)
    assert attachment["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert curl.download(attachment, tmp_path / "back") == 200
    assert (tmp_path / "back").read_bytes() == path.read_bytes()
    with open(path, "ab") as file:
        file.write(b"x")
    done = curl.run("/attachments", "--request", "POST", "--upload-file", path, "--write-out", "\n%{http_code}")
    problem, status = done.stdout.decode().rsplit("\n", 1)
    assert status == "413" and json.loads(problem)["type"] == "/problems/too-large"


def test_a_download_is_resumed(user, tmp_path):
    """curl --continue-at: the rest comes by `Range`."""
    curl = files.Curl(user)
    path = files.random_file(tmp_path, 3 * MEBIBYTE)
    attachment = curl.upload(path)
    (tmp_path / "back").write_bytes(path.read_bytes()[:1_234_567])
    assert curl.download(attachment, tmp_path / "back", "--continue-at", "-") == 206
    assert (tmp_path / "back").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("arguments", [["--header", "Transfer-Encoding: chunked"], ["--header", "Expect: 100-continue"],
                                       ["--http1.0"]], ids=["chunked", "continue", "http1.0"])
def test_ways_to_send_a_body(user, tmp_path, arguments):
    path = files.random_file(tmp_path, 2 * MEBIBYTE)
    attachment = files.Curl(user).upload(path, *arguments)
    assert attachment["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_several_on_one_connection(user, tmp_path):
    """What follows a streamed body on the same connection is read as a request of its own."""
    curl = files.Curl(user)
    path = files.random_file(tmp_path, 300_000)
    made = [curl.upload(path) for _ in range(2)]
    urls = [curl.base + one["url"] for one in made]
    done = curl.run(made[0]["url"], urls[1], urls[0], "--write-out", "%{num_connects} ", "--output", "/dev/null",
                    "--output", "/dev/null", "--output", "/dev/null")
    assert done.stdout.split() == [b"1", b"0", b"0"], done.stdout


@pytest.mark.parametrize("listener", ["https", "http"])
def test_a_slow_upload_arrives(user, listener):
    content = os.urandom(600_000)
    upload = Upload(user, len(content), listener, ["Connection: close"])
    for start in range(0, len(content), 100_000):
        upload.send(content[start:start + 100_000])
        time.sleep(0.1)
    head, _, body = upload.read_to_end().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 201") and json.loads(body)["sha256"] == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("listener", ["https", "http"])
def test_an_upload_that_breaks_off_leaves_nothing(user, listener):
    """an upload that ends early leaves nothing behind."""
    uploads = [Upload(user, 5 * MEBIBYTE, listener).send(os.urandom(MEBIBYTE)) for _ in range(3)]
    eventually(lambda: left_over(user.hub)[0] == 3, "the uploads have begun")
    for upload in uploads:
        upload.close()
    eventually(lambda: left_over(user.hub) == (0, 0), "nothing is left")


def test_a_download_that_breaks_off_is_over(user, tmp_path):
    """However a client goes, its slot is free again: 40 come and go, of 32 that a user may have at once."""
    curl = files.Curl(user)
    attachment = curl.upload(files.random_file(tmp_path, 8 * MEBIBYTE))
    for _ in range(4):
        sockets = []
        for _ in range(10):
            one = socket.socket()
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            one.connect(("127.0.0.1", user.hub.ports["http"]))
            one.sendall(f"GET {attachment['url']} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {user.token}\r\n\r\n"
                        .encode())
            assert one.recv(12) == b"HTTP/1.1 200"
            sockets.append(one)
        for one in sockets:
            one.close()
    eventually(lambda: curl.download(attachment, tmp_path / "back") == 200, "there is room")


def test_an_early_refusal_is_seen(small_hub):
    """early 413 with linger: also by a client that sends all before it reads."""
    user = rest.sign_up(small_hub, "early")
    for length, sent in ((3 * MEBIBYTE, 3 * MEBIBYTE), (MEBIBYTE + 1, MEBIBYTE + 1)):
        upload = Upload(user, length)
        upload.send(os.urandom(sent))
        assert b" 413 " in upload.read_to_end().partition(b"\r\n")[0]
    # Chunked, the hub learns of it on the way.
    upload = Upload(user, None, headers=["Transfer-Encoding: chunked"])
    try:
        for _ in range(40):
            upload.send(b"10000\r\n" + os.urandom(65536) + b"\r\n")
    except ConnectionError:
        pass
    assert b" 413 " in upload.read_to_end().partition(b"\r\n")[0]
    eventually(lambda: left_over(small_hub) == (0, 0), "nothing is left")


def test_the_quota_holds_for_many_at_once(small_hub, tmp_path):
    """`quota-exceeded` (also under concurrent uploads)."""
    user = rest.sign_up(small_hub, "quota")
    curl = files.Curl(user)
    path = files.random_file(tmp_path, 900_000)
    running = [curl.start("/attachments", "--request", "POST", "--upload-file", path, "--write-out", "\n%{http_code}")
               for _ in range(7)]
    answers = [files.finish(one).decode().rsplit("\n", 1) for one in running]
    statuses = sorted(status for _, status in answers)
    # Each says how long it is, and takes its room before it sends the most of it: as many are stored as fit.
    assert statuses == ["201"] * 4 + ["413"] * 3
    for problem, status in answers:
        assert status == "201" or json.loads(problem)["type"] == "/problems/quota-exceeded"
    done = curl.run("/attachments", "--request", "POST", "--upload-file", path)
    assert json.loads(done.stdout)["type"] == "/problems/quota-exceeded"


def test_the_hubs_memory_does_not_follow(hub, user, tmp_path):
    """4 MB/s or 400 MB/s, the hub's memory does not follow: six of 25 MiB at full speed and two at 1 MB/s at once, up and down, TLS and
    plain, need less than one of them."""
    path = files.random_file(tmp_path, 25 * MEBIBYTE)
    slow = files.random_file(tmp_path, 3 * MEBIBYTE, "slow")
    curls = [files.Curl(user, listener) for listener in ("https", "http")]
    known, known_slow = curls[0].upload(path), curls[0].upload(slow)
    memory = files.Memory(hub.process)
    before = memory.reset()

    def together(fast, trickle):
        for one in [*fast, *trickle]:
            assert files.finish(one).split() in ([b"201"], [b"200"])

    flags = ["--output", "/dev/null", "--write-out", "%{http_code}"]
    together([curl.start("/attachments", "--request", "POST", "--upload-file", path, *flags) for curl in curls * 3],
             [curl.start("/attachments", "--request", "POST", "--upload-file", slow, "--limit-rate", "1M", *flags)
              for curl in curls])
    up = memory.most - before
    before = memory.reset()
    together([curl.start(known["url"], *flags) for curl in curls * 3],
             [curl.start(known_slow["url"], "--limit-rate", "1M", *flags) for curl in curls])
    down = memory.most - before
    print(f"memory: {up / MEBIBYTE:.1f} MiB more while uploading, {down / MEBIBYTE:.1f} while downloading")
    assert up < 16 * MEBIBYTE and down < 16 * MEBIBYTE


def test_messages_are_not_delayed_by_uploads(hub, user, tmp_path, client):
    """Chunks have connections of their own: publishes go on while files are uploaded at full speed."""
    other = rest.sign_up(hub, "talker")
    topic = user.befriend(other)
    path = files.random_file(tmp_path, 25 * MEBIBYTE)
    sender = client(hub, other)
    running = [files.Curl(user, "http").start("/attachments", "--request", "POST", "--upload-file", path)
               for _ in range(4)]
    slowest, count = 0.0, 0
    while any(one.poll() is None for one in running):
        start = time.monotonic()
        sender.publish(topic, "meanwhile")
        slowest, count = max(slowest, time.monotonic() - start), count + 1
    for one in running:
        files.finish(one)
    print(f"{count} messages, the slowest took {slowest * 1000:.0f} ms")
    assert count > 10 and slowest < 2
