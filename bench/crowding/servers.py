"""The hub, mosquitto and FlashMQ, each started for one measurement."""
import collections
import contextlib
import pathlib
import re
import shlex
import subprocess
import time

import run as brokers
from logbench.cluster import PUBLIC_URL
from support.hub import Hub
from support.waiting import eventually

# - ports: plain, tls, and where there is WebSocket: websocket and websocket-tls.
Server = collections.namedtuple("Server", "name pid ports hub", defaults=(None,))

WEBSOCKETS = """\
listener {websocket} 127.0.0.1
protocol websockets
listener {websocket_tls} 127.0.0.1
protocol websockets
certfile {folder}/certificate.pem
keyfile {folder}/key.pem
"""
SETTLE_SECONDS = 1


class Servers:
    """- cluster: the PostgreSQL of hubs.
    - cpu: what each server is pinned to; None: nothing."""

    def __init__(self, cluster, folder, options, cpu):
        self.cluster, self.folder, self.options = cluster, pathlib.Path(folder), options
        self.prefix = ["taskset", "-c", cpu] if cpu is not None else []
        brokers.make_certificate(self.folder)

    def names(self):
        return [name for name in ("confab", "mosquitto", "flashmq")
                if name in self.options.names.split(",") and (name != "flashmq" or self.options.flashmq)]

    def start(self, name):
        """A context that yields the server."""
        return {"confab": self.hub, "mosquitto": self.mosquitto, "flashmq": self.flashmq}[name]()

    @contextlib.contextmanager
    def hub(self):
        """With anonymous clients for plain topics, and users' tokens for all else."""
        with self.cluster.fresh_database() as (url, _):
            hub = Hub("--reactors", str(self.options.reactors), "--anonymous", "--public-url", PUBLIC_URL, database=url,
                      data=self.cluster.keys, listeners=("mqtt", "mqtts", "http", "https"), prefix=self.prefix)
            try:
                hub.start()
                time.sleep(SETTLE_SECONDS)
                ports = {"plain": hub.ports["mqtt"], "tls": hub.ports["mqtts"], "websocket": hub.ports["http"],
                         "websocket-tls": hub.ports["https"]}
                yield Server("confab", hub.process.pid, ports, hub)
                hub.stop()
            finally:
                hub.discard()

    @contextlib.contextmanager
    def mosquitto(self):
        entry = brokers.mosquitto(self.folder)
        websocket, websocket_tls = brokers.free_ports(2)
        with open(self.folder / "mosquitto.conf", "a") as file:
            file.write(WEBSOCKETS.format(websocket=websocket, websocket_tls=websocket_tls, folder=self.folder))
        ports = {"plain": entry["port"], "tls": entry["tls_port"], "websocket": websocket, "websocket-tls": websocket_tls}
        with self.process(entry, ports) as server:
            yield server

    @contextlib.contextmanager
    def flashmq(self):
        entry = brokers.flashmq(self.folder, self.options)
        with self.process(entry, {"plain": entry["port"], "tls": entry["tls_port"]}) as server:
            yield server

    @contextlib.contextmanager
    def process(self, entry, ports):
        process = subprocess.Popen([*self.prefix, *shlex.split(entry["start"])], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        try:
            eventually(lambda: brokers.answers(ports["plain"]), f"{entry['name']} opens its port")
            time.sleep(SETTLE_SECONDS)
            yield Server(entry["name"], process.pid, ports)
        finally:
            process.terminate()
            process.wait(20)


def memory_kib(pid, name="VmRSS"):
    return int(re.search(rf"{name}:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text())[1])
