"""protocol.md §5 and issue "A running hub", step 1: starting, stopping, flags, and the hub's own PostgreSQL."""
import base64
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess

import pytest

from support import rest
from support.hub import ROOT, binary
from support.waiting import eventually
from support.wire import PINGREQ, PINGRESP, Wire, packet


def test_ready_line_names_every_listener(hub):
    """When every listener accepts, one line `ready mqtts=127.0.0.1:8883 https=… ops=…` goes to standard output."""
    assert set(hub.ports) == {"mqtts", "mqtt", "https", "http", "ops"}
    assert len(set(hub.ports.values())) == 5
    for port in hub.ports.values():
        socket.create_connection(("127.0.0.1", port), 5).close()


def test_off_closes_a_listener(make_hub):
    """Port 0 takes a free one, `off` closes the listener."""
    hub = make_hub(listeners=("https", "ops")).start()
    assert set(hub.ports) == {"https", "ops"}
    hub.stop()


def test_flags_stand_in_the_environment_too(make_hub):
    """flag (environment CONFAB_…)."""
    hub = make_hub(environment={"CONFAB_PUBLIC_URL": "https://chat.example.org", "CONFAB_REACTORS": "1"}).start()
    user = rest.sign_up(hub)
    claims = json.loads(base64.urlsafe_b64decode(user.token.split(".")[1] + "=="))
    assert claims["iss"] == "https://chat.example.org"
    hub.stop()


@pytest.mark.parametrize("arguments", [
    ["serve", "--nonsense"], ["serve", "--mqtts", "many"], ["serve", "--mqtts", "70000"], ["serve", "--reactors", "0"],
    ["serve", "--data"], ["unknown"]], ids=" ".join)
def test_wrong_usage_exits_with_64(arguments, tmp_path):
    """Exit codes: 0, 1 failure, 64 usage. The reason stands on standard error."""
    done = subprocess.run([binary(), *arguments], capture_output=True, text=True, timeout=30, cwd=tmp_path)
    assert done.returncode == 64, done
    assert done.stderr.strip() and not done.stdout.strip()


def test_a_taken_port_is_a_failure_that_is_named(make_hub, hub):
    """Exit codes: 1 failure. (SO_REUSEPORT alone would let two hubs share a port, and halve each one's clients.)"""
    other = make_hub(listeners=("https",))
    other.flags[other.flags.index("--mqtts") + 1] = str(hub.ports["mqtts"])
    done = subprocess.run([binary(), "serve", *other.flags], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1, done.stderr
    assert str(hub.ports["mqtts"]) in done.stderr


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_stopping_takes_postgresql_along(make_hub, signal_number):
    """confab serve with its own PostgreSQL cluster …, stopped with the hub."""
    hub = make_hub().start()
    process, postmaster = hub.process, hub.postgres_pid()
    assert postmaster
    process.send_signal(signal_number)
    assert process.wait(30) == 0, hub.log_tail()
    assert hub.postgres_pid() is None


def test_postgresql_is_on_a_unix_socket_and_not_root(hub):
    """initdb and start on a unix socket, non-root even if the hub was started by root."""
    pid = hub.postgres_pid()
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    users = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]
    assert "0" not in users
    inodes = {os.readlink(link) for link in pathlib.Path(f"/proc/{pid}/fd").iterdir()}
    listening = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    assert not [row for row in listening if row[3] == "0A" and f"socket:[{row[9]}]" in inodes]


def test_the_data_stays(make_hub):
    """Users, keys and certificate are there after a restart: a token goes on being good."""
    hub = make_hub().start()
    user = rest.sign_up(hub)
    certificate = hub.certificate.read_text()
    hub.stop()
    hub.restart()
    assert user.get("/profile")["username"] == user.name
    assert hub.certificate.read_text() == certificate
    hub.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts PostgreSQL as somebody else")
def test_data_below_a_folder_closed_to_others(make_hub):
    """`make run` from a clean clone, as root: /root is closed to the user who runs PostgreSQL."""
    hub = make_hub()
    hub.folder.chmod(0o700)
    hub.start()
    rest.sign_up(hub)
    hub.stop()


def test_a_deep_data_directory(make_hub):
    """Unix socket paths end at 107 bytes: with a deep --data the hub still starts."""
    hub = make_hub()
    deep = hub.folder / ("a" * 60) / ("b" * 60) / "data"
    deep.parent.mkdir(parents=True)
    hub.flags[hub.flags.index("--data") + 1] = str(deep)
    hub.data = deep
    hub.start()
    hub.stop()


def test_a_postgresql_of_the_users_own(make_hub, cluster):
    """`--database URL` uses a PostgreSQL of the user's instead; /readyz tells when it is away and back."""
    hub = make_hub(database=cluster.url).start()
    assert hub.postgres_pid() is None
    first, second = rest.friends(hub)
    sent = first.send(second, text="kept elsewhere").json
    assert cluster.query("select count(*) from messages") != "0"
    cluster.stop("immediate")
    eventually(lambda: rest.request(hub, "GET", "/readyz", listener="ops").status == 503, "/readyz sees the loss")
    assert rest.request(hub, "GET", "/healthz", listener="ops").status == 200
    cluster.start()
    eventually(lambda: rest.request(hub, "GET", "/readyz", listener="ops").status == 200, "/readyz sees the return")
    assert second.items(first)[-1]["id"] == sent["id"]
    eventually(lambda: first.call("POST", "/messages", {"user_id": second.id, "text": "again"}).status == 201,
               "sending works again")
    hub.stop()
    assert cluster.query("select 1") == "1", "the hub must not stop a PostgreSQL that isn't its own"


def test_ops_listener(hub):
    """`--ops PORT`: /healthz, /readyz."""
    for path in ("/healthz", "/readyz"):
        assert rest.request(hub, "GET", path, listener="ops").status == 200


def make_certificate(folder, name):
    key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "2", "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(certificate)],
                   check=True, capture_output=True)
    return certificate, key


def served_certificate(hub):
    return ssl.get_server_certificate(("127.0.0.1", hub.ports["mqtts"]), timeout=10)


def test_own_certificate_is_reloaded_on_sighup(make_hub, tmp_path):
    """`--tls-cert FILE --tls-key FILE`: reloaded on SIGHUP; connections that are open stay open."""
    certificate, key = make_certificate(tmp_path, "first")
    hub = make_hub("--tls-cert", str(certificate), "--tls-key", str(key)).start()
    assert served_certificate(hub).strip() == certificate.read_text().strip()
    user = rest.sign_up(hub)
    with Wire(hub, "mqtts") as wire:
        wire.log_in(user)
        other, other_key = make_certificate(tmp_path, "second")
        other.replace(certificate)
        other_key.replace(key)
        hub.process.send_signal(signal.SIGHUP)
        eventually(lambda: served_certificate(hub).strip() == certificate.read_text().strip(), "the new certificate")
        wire.send(packet(PINGREQ)).expect(PINGRESP)
    hub.stop()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS1.2", "TLS1.3"])
@pytest.mark.parametrize("listener", ["mqtts", "https"])
def test_tls_versions(hub, listener, version):
    """OpenSSL TLS 1.2 and 1.3 in the reactor."""
    context = hub.tls_context()
    context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", hub.ports[listener]), 10) as plain:
        with context.wrap_socket(plain) as tls:
            assert tls.version().replace("v", "") == {"TLSv1_2": "TLS1.2", "TLSv1_3": "TLS1.3"}[version.name]


def test_old_tls_is_refused(hub):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", hub.ports["mqtts"]), 10) as plain:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(plain)


@pytest.mark.skipif("CONFAB_BINARY" in os.environ, reason="make run builds and runs the release build")
@pytest.mark.timeout(900)
def test_make_run(make_hub):
    """`make run` … builds in release mode, starts `confab serve`; Ctrl-C ends it."""
    hub = make_hub()
    process = subprocess.Popen(["make", "--no-print-directory", "run", "ARGS=" + " ".join(hub.flags)], cwd=ROOT,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True)
    try:
        assert any(line.startswith("ready ") for line in process.stdout)
        assert hub.postgres_pid()
        os.killpg(process.pid, signal.SIGINT)
        process.wait(30)
        eventually(lambda: hub.postgres_pid() is None, "PostgreSQL ends with the hub")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
