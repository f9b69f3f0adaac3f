"""Attachments as a shell user handles them: curl, and files that it sends and gets."""
import json
import os
import pathlib
import re
import struct
import subprocess
import zlib

from support.waiting import DEADLINE_SECONDS


def png(width, height):
    """A real picture of one colour."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    row = b"\0" + b"\x20\x40\x60" * width
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(row * height)) + chunk(b"IEND", b""))


def random_file(folder, size, name="file"):
    path = pathlib.Path(folder) / name
    path.write_bytes(os.urandom(size))
    return path


class Curl:
    """One user's curl; `listener` is https or http."""

    def __init__(self, user, listener="https"):
        self.user = user
        self.base = f"{listener}://127.0.0.1:{user.hub.ports[listener]}"

    def command(self, path, *arguments):
        return ["curl", "--silent", "--show-error", "--cacert", str(self.user.hub.certificate), "--insecure",
                "--header", f"Authorization: Bearer {self.user.token}", *map(str, arguments), self.base + path]

    def run(self, path, *arguments, timeout=120):
        return subprocess.run(self.command(path, *arguments), capture_output=True, timeout=timeout, check=False)

    def start(self, path, *arguments):
        return subprocess.Popen(self.command(path, *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def upload(self, file, *arguments, query="?name=file.bin"):
        """POST /attachments with the file as the body; returns the Attachment."""
        done = self.run("/attachments" + query, "--request", "POST", "--upload-file", file, *arguments)
        answer = json.loads(done.stdout)
        assert done.returncode == 0 and "id" in answer, (done.stderr, answer)
        return answer

    def download(self, attachment, to, *arguments):
        """GET into a file; returns the status."""
        done = self.run(attachment["url"], "--output", to, "--write-out", "%{http_code}", *arguments)
        assert done.returncode == 0, done.stderr
        return int(done.stdout)


class Memory:
    """The most memory that a process has had since `reset`, in bytes."""

    def __init__(self, process):
        self.folder = pathlib.Path(f"/proc/{process.pid}")

    def _field(self, name):
        return int(re.search(rf"^{name}:\s+(\d+) kB", (self.folder / "status").read_text(), re.M).group(1)) * 1024

    def reset(self):
        (self.folder / "clear_refs").write_text("5")
        return self._field("VmRSS")

    @property
    def most(self):
        return self._field("VmHWM")


def finish(process, seconds=DEADLINE_SECONDS * 6):
    out, _ = process.communicate(timeout=seconds)
    assert process.returncode == 0, process.returncode
    return out
