"""An authenticator app (RFC 6238), independent of the hub's code."""
import base64
import hashlib
import hmac
import struct
import time


def code(secret, step):
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", step), hashlib.sha1).digest()
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset:offset + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


class Authenticator:
    """Shows each code once, as a patient user does: the hub takes the step before and the one after now, too."""

    def __init__(self, secret):
        self.secret, self.last = secret, 0

    def next(self):
        now = int(time.time()) // 30
        step = max(self.last + 1, now - 1)
        while step > int(time.time()) // 30 + 1:
            time.sleep(0.2)
        self.last = step
        return code(self.secret, step)
