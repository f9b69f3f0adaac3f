"""An application with users of its own, who talk through Confab: it checks their passwords and signs tokens, the hub does the rest.

    app.py init      makes a key, and the files that the hub reads
    app.py serve     answers POST /token {"user", "password"} with a token
    app.py token U   prints a token of the user U
    app.py rotate    begins to sign by the next key; send the hub SIGHUP afterwards
"""
import argparse
import hmac
import http.server
import json
import pathlib
import secrets
import time

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

ISSUER = "https://shop.example"
AUDIENCE = "confab"
LIFETIME_SECONDS = 600
# A real application has them in its database, with hashed passwords.
USERS = {"ann": {"name": "Ann Bell", "password": "apple"}, "bob": {"name": "Bob Hart", "password": "berry"}}


class Keys:
    """Private keys by `kid`, in order: the one before, the one that signs, and the next. Their public halves are a JWK Set for the hub,
    which so knows each key before the first token is signed by it, and until the last has expired."""

    def __init__(self, folder):
        self.folder = folder

    def ids(self):
        return sorted(path.stem for path in self.folder.glob("*.pem"))

    def signing(self):
        return self.ids()[-2]

    def add(self):
        """A new next one."""
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                serialization.NoEncryption())
        path = self.folder / f"{time.time_ns()}-{secrets.token_hex(4)}.pem"
        path.touch(mode=0o600)
        path.write_bytes(pem)
        for old in self.ids()[:-3]:
            (self.folder / f"{old}.pem").unlink()
        self.publish()

    def publish(self):
        """Writes the JWK Set aside and renames it, so that the hub never reads half of it."""
        keys = [{**json.loads(ECAlgorithm.to_jwk(self.load(kid).public_key())), "kid": kid, "alg": "ES256", "use": "sig"}
                for kid in self.ids()]
        new = self.folder / "shop.jwks.json.new"
        new.write_text(json.dumps({"keys": keys}, indent=2))
        new.rename(self.folder / "shop.jwks.json")

    def load(self, kid):
        return serialization.load_pem_private_key((self.folder / f"{kid}.pem").read_bytes(), None)


def sign(keys, user):
    """A token of this user: the hub makes an account for `sub` when it first sees it, under the name and title given here."""
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": f"customer-{user}", "iat": now, "exp": now + LIFETIME_SECONDS,
              "preferred_username": user, "name": USERS[user]["name"],
              # Beside the conversations of the hub: plain MQTT topics, here the orders of this customer.
              "acl": {"sub": [f"orders/{user}/#"]}}
    kid = keys.signing()
    return jwt.encode(claims, keys.load(kid), algorithm="ES256", headers={"kid": kid})


def init(folder):
    folder.mkdir(parents=True, exist_ok=True)
    issuer = {"iss": ISSUER, "aud": AUDIENCE, "jwks_file": "shop.jwks.json", "create": True}
    (folder / "issuers.json").write_text(json.dumps([issuer], indent=2))
    for _ in range(2):
        Keys(folder).add()


class Door(http.server.BaseHTTPRequestHandler):
    """POST /token. In production it stands behind TLS, and counts attempts."""

    keys = None

    def do_POST(self):
        try:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            user, password = body["user"], body["password"].encode()
        except (TypeError, KeyError, ValueError, AttributeError):
            return self.answer(400, {"error": "send {user, password}"})
        if user not in USERS or not hmac.compare_digest(USERS[user]["password"].encode(), password):
            return self.answer(401, {"error": "no such user, or another password"})
        self.answer(200, {"token": sign(self.keys, user), "expires_in": LIFETIME_SECONDS})

    def answer(self, status, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve(folder, port):
    Door.keys = Keys(folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), Door) as server:
        print(f"serving http://127.0.0.1:{server.server_port}/token", flush=True)
        server.serve_forever()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=pathlib.Path, default="keys", help="where keys and files for the hub are (keys)")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("init")
    commands.add_parser("rotate")
    commands.add_parser("serve").add_argument("--port", type=int, default=8000)
    commands.add_parser("token").add_argument("user", choices=USERS)
    arguments = parser.parse_args()
    match arguments.command:
        case "init": init(arguments.folder)
        case "rotate": Keys(arguments.folder).add()
        case "serve": serve(arguments.folder, arguments.port)
        case "token": print(sign(Keys(arguments.folder), arguments.user))


if __name__ == "__main__":
    main()
