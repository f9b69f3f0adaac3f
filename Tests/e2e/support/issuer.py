"""Outside issuers (protocol.md §4): their keys, the file that `--issuers` names, and the tokens that they sign."""
import base64
import hashlib
import hmac
import json
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

AUDIENCE = "confab-e2e"
KEYS = {"ES256": (lambda: ec.generate_private_key(ec.SECP256R1()), ECAlgorithm),
        "RS256": (lambda: rsa.generate_private_key(65537, 2048), RSAAlgorithm),
        "EdDSA": (ed25519.Ed25519PrivateKey.generate, OKPAlgorithm)}


class Issuer:
    """One issuer, with one key for each `kid` (HS256: one secret)."""

    def __init__(self, name, algorithm="ES256", **entry):
        self.name, self.algorithm, self.entry = name, algorithm, entry
        self.secret = f"the secret of {name}, which has more than 256 bits"
        self.keys = {}
        if algorithm != "HS256":
            self.add_key("1")

    def add_key(self, kid):
        self.keys[kid] = KEYS[self.algorithm][0]()

    def jwks(self):
        export = KEYS[self.algorithm][1].to_jwk
        return {"keys": [{**json.loads(export(key.public_key())), "kid": kid} for kid, key in self.keys.items()]}

    def as_entry(self):
        """The object for it in a file of issuers."""
        key = {"secret": self.secret} if self.algorithm == "HS256" else self.jwks()
        return {"iss": self.name, "aud": AUDIENCE, **key, **self.entry}

    def token(self, subject, lifetime=600, kid=None, key=None, headers=None, **claims):
        """Signed by the newest key, or by that one; claims that are None are left out."""
        now = int(time.time())
        claims = {"iss": self.name, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + lifetime, **claims}
        claims = {name: value for name, value in claims.items() if value is not None}
        if self.algorithm == "HS256":
            return jwt.encode(claims, key or self.secret, algorithm="HS256", headers=headers)
        kid = kid or list(self.keys)[-1]
        return jwt.encode(claims, key or self.keys[kid], algorithm=self.algorithm, headers={"kid": kid, **(headers or {})})


def write(path, *issuers):
    """The file that `--issuers` names."""
    path.write_text(json.dumps([issuer.as_entry() for issuer in issuers]))
    return path


def forge(header, claims, secret):
    """A token whose signature is an HMAC by this secret, whatever the header says."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    signed = b".".join(parts)
    code = hmac.digest(secret, signed, hashlib.sha256)
    return (signed + b"." + base64.urlsafe_b64encode(code).rstrip(b"=")).decode()
