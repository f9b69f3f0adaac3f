"""A pooler before PostgreSQL, as far as the hub sees it: TLS, in records as large as TLS allows."""
import select
import socket
import ssl
import struct
import subprocess
import threading

SSL_REQUEST = struct.pack(">II", 8, 80877103)
# The server's answer comes in pieces; what comes within so long goes in one.
GATHER_SECONDS = 0.01


class Pooler:
    def __init__(self, folder, target):
        """`target` is the server's unix socket."""
        self.target = str(target)
        certificate, key = folder / "pooler.pem", folder / "pooler.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", "/CN=pooler", "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near):
        with near, socket.socket(socket.AF_UNIX) as far:
            try:
                assert near.recv(8, socket.MSG_WAITALL) == SSL_REQUEST
                near.sendall(b"S")
                with self.context.wrap_socket(near, server_side=True) as near:
                    far.connect(self.target)
                    self._pump(near, far)
            except OSError:
                pass

    @staticmethod
    def _pump(near, far):
        while True:
            ready = [near] if near.pending() else select.select([near, far], [], [])[0]
            if near in ready:
                data = near.recv(65536)
                if not data:
                    return
                far.sendall(data)
            if far in ready:
                data = far.recv(1 << 20)
                if not data:
                    return
                while select.select([far], [], [], GATHER_SECONDS)[0] and (more := far.recv(1 << 20)):
                    data += more
                near.sendall(data)

    def close(self):
        self.listener.close()
