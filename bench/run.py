#!/usr/bin/env python3
"""Measures the hub beside Debian's mosquitto: `make bench`, or bench/run.py [--only REGEX] [--rounds N] …

With --flashmq PROGRAM (or in FLASHMQ) also beside FlashMQ, whose source is not part of this repository either (docs/performance.md says how
to build it). The load generator and the driver (mqttload, compare.py) are not part of this repository: they are taken from
../shared/bench, or from the folder that --tools names, and mqttload is compiled into a folder outside the repository.
Prints compare.py's tables; every run's report goes to bench/out/.
"""
import argparse
import json
import os
import pathlib
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
DEFAULT_SCENARIOS = ("fanout100-q0-64", "pairs50-q0", "pairs50-q1", "pairs50-q2", "tls-fanout100-q0-64", "idle5k-tls")

MOSQUITTO_CONFIGURATION = """\
allow_anonymous true
persistence false
set_tcp_nodelay true
max_queued_messages 0
max_inflight_messages 0
log_dest none
listener {spare} 127.0.0.1
listener {plain} 127.0.0.1
protocol {protocol}
listener {tls} 127.0.0.1
protocol {protocol}
certfile {folder}/certificate.pem
keyfile {folder}/key.pem
"""

FLASHMQ_CONFIGURATION = """\
allow_anonymous true
thread_count {threads}
log_file /dev/null
quiet true
max_qos_msg_pending_per_client 65535
max_qos_bytes_pending_per_client 268435456
listen {{
  port {plain}
  protocol {protocol}
  inet_protocol ip4
  inet4_bind_address 127.0.0.1
  tcp_nodelay true
}}
listen {{
  port {tls}
  protocol {protocol}
  inet_protocol ip4
  inet4_bind_address 127.0.0.1
  tcp_nodelay true
  fullchain {folder}/certificate.pem
  privkey {folder}/key.pem
}}
"""


def find_tools(named):
    """The folder with mqttload.c and compare.py: beside the checkout, or one folder up (a worktree)."""
    candidates = [named] if named else [ROOT.parent / "shared/bench", ROOT.parents[1] / "shared/bench"]
    for candidate in candidates:
        folder = pathlib.Path(candidate)
        if (folder / "mqttload.c").exists() and (folder / "compare.py").exists():
            return folder.resolve()
    sys.exit("bench: no mqttload and compare.py in " + " or ".join(str(candidate) for candidate in candidates))


def build_mqttload(tools, websocket=False):
    """Compiles a copy, since the source folder may be read-only, and it speaks no WebSocket; keeps it for the next run."""
    folder = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "confab-bench"
    folder /= "websocket" if websocket else ""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("mqttload.c", "Makefile"):
        source, copy = tools / name, folder / name
        if websocket or not copy.exists() or copy.read_bytes() != source.read_bytes():
            shutil.copyfile(source, copy)
            copy.chmod(0o644)
    if websocket:
        subprocess.run(["patch", "--quiet", str(folder / "mqttload.c"), str(ROOT / "bench/mqttload-websocket.patch")], check=True)
    subprocess.run(["make", "--quiet", "-C", str(folder)], check=True, env=without_make_flags())
    return folder / "mqttload"


def without_make_flags():
    """Under `make bench`, the outer make's flags are not meant for the inner one."""
    return {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}


def free_ports(count):
    """So many free ports; all are held until the last is found, so that none comes twice."""
    held = []
    for _ in range(count):
        held.append(socket.socket())
        held[-1].bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def answers(port):
    with socket.socket() as one:
        one.settimeout(0.5)
        return one.connect_ex(("127.0.0.1", port)) == 0


def make_certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "2", "-subj", "/CN=localhost", "-keyout", f"{folder}/key.pem", "-out",
                    f"{folder}/certificate.pem"], check=True, capture_output=True)
    (folder / "key.pem").chmod(0o644)  # mosquitto gives up root before it reads the key


def mosquitto(folder, program=None, protocol="mqtt"):
    """mosquitto without persistence, on a plain and a TLS port.

    - program: Debian's without one.
    - protocol: mqtt or websockets."""
    program = program or shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
    if not program:
        sys.exit("bench: mosquitto is not installed (make setup)")
    # Version 2.0 does not start with nothing but WebSocket.
    plain, tls, spare = free_ports(3)
    configuration = folder / "mosquitto.conf"
    configuration.write_text(MOSQUITTO_CONFIGURATION.format(plain=plain, tls=tls, spare=spare, folder=folder, protocol=protocol))
    return {"name": "mosquitto", "start": f"{program} -c {configuration}", "port": plain, "tls_port": tls}


def flashmq(folder, options, protocol="mqtt"):
    """FlashMQ without storage, with as many threads as the hub has reactors."""
    plain, tls = free_ports(2)
    configuration = folder / "flashmq.conf"
    configuration.write_text(FLASHMQ_CONFIGURATION.format(plain=plain, tls=tls, folder=folder, threads=options.reactors, protocol=protocol))
    start = f"{shlex.quote(options.flashmq)} --config-file {configuration}"
    return {"name": "flashmq", "start": start, "port": plain, "tls_port": tls}


def hub(folder, options):
    """The hub with everything that costs on, but limits. Its PostgreSQL lives in its data directory, and is no part
    of what is accounted for: plain topics don't touch it."""
    plain, tls = free_ports(2)
    used, unused = (("http", "https"), ("mqtt", "mqtts")) if options.websocket else (("mqtt", "mqtts"), ("http", "https"))
    # Each run has data of its own: persistent sessions that an earlier one left behind would have every publish to their topics stored.
    start = (f"sh -c 'exec {options.binary} serve --anonymous --limits off --bind 127.0.0.1 --data {folder}/data-$$ "
             f"--{used[0]} {plain} --{used[1]} {tls} --{unused[0]} off --{unused[1]} off --ops off --reactors {options.reactors}'")
    return {"name": "confab", "start": start, "port": plain, "tls_port": tls, "wait": 60, "settle": 1}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="^(" + "|".join(DEFAULT_SCENARIOS) + ")$", help="REGEX of scenario names")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4, help="measured time of a run")
    parser.add_argument("--reactors", type=int, default=1)
    parser.add_argument("--spread", action="store_true", help="broker and generator on both CPUs, instead of one for each")
    parser.add_argument("--websocket", action="store_true", help="MQTT over WebSocket (with TLS in scenarios that begin with tls)")
    parser.add_argument("--binary", default=str(ROOT / ".build/release/confab"))
    parser.add_argument("--names", default="confab,mosquitto,flashmq", help="which of them to measure")
    parser.add_argument("--flashmq", default=os.environ.get("FLASHMQ"), help="FlashMQ's program; without it FlashMQ is left out")
    parser.add_argument("--mosquitto", help="mosquitto's program, if it is not Debian's")
    parser.add_argument("--base", help="the broker that ratios are against (default: the last of those measured)")
    parser.add_argument("--out", help="where each run's report goes (default: bench/out/latest.json)")
    parser.add_argument("--tools", help="the folder with mqttload.c and compare.py")
    options = parser.parse_args()

    tools = find_tools(options.tools)
    mqttload = build_mqttload(tools, options.websocket)
    protocol = "websockets" if options.websocket else "mqtt"
    reports = ROOT / "bench/out"
    reports.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="confab-bench-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)  # PostgreSQL and mosquitto run as users of their own
        brokers = folder / "brokers.json"
        make_certificate(folder)
        entries = [hub(folder, options), mosquitto(folder, options.mosquitto, protocol)]
        if options.flashmq:
            entries.append(flashmq(folder, options, protocol))
        entries = [{**entry, "args": "--websocket" if options.websocket else ""}
                   for entry in entries if entry["name"] in options.names.split(",")]
        brokers.write_text(json.dumps(entries))
        cpus = ["--cpu-broker", "0,1", "--cpu-generator", "0,1"] if options.spread else []
        done = subprocess.run([
            sys.executable, str(tools / "compare.py"), str(brokers), "--rounds", str(options.rounds),
            "--seconds", str(options.seconds), "--only", options.only, "--mqttload", str(mqttload),
            *cpus, "--base", options.base or entries[-1]["name"], "--out", options.out or str(reports / "latest.json")])
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
