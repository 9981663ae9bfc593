#!/usr/bin/env python3
"""Prints what a configuration needs of a client that logs in by WAMP-SCRAM. The password is not in it.

    pip install argon2-cffi
    python3 credentials.py PASSWORD [SALT]

It is what Autobahn's `derive_scram_credential` makes, with fewer passes: 64 are quick, for an example. That function has
4096, which is what passwords that somebody has chosen deserve.
"""

import hashlib
import hmac
import json
import secrets
import sys

from argon2.low_level import Type, hash_secret

PASSES, MEMORY_KIB = 64, 512


def credential(password, salt):
    text = hash_secret(password.encode(), salt, PASSES, MEMORY_KIB, parallelism=1, hash_len=32, type=Type.ID)
    # As Autobahn does, of the text of the hash.
    salted = text.rsplit(b"$", 1)[1]
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return {
        "kdf": "argon2id-13",
        "iterations": PASSES,
        "memory": MEMORY_KIB,
        "salt": salt.hex(),
        "stored-key": hashlib.sha256(client_key).hexdigest(),
        "server-key": hmac.digest(salted, b"Server Key", "sha256").hex(),
    }


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    salt = sys.argv[2].encode() if len(sys.argv) == 3 else secrets.token_bytes(16)
    print(json.dumps(credential(sys.argv[1], salt), indent=2))
