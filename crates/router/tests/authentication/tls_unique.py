"""Logs in at a router over TLS with channel binding, as told by one JSON object; prints what went wrong, or `well`.

The TLS is OpenSSL's, which has a `tls-unique` of its own: by hand over RawSocket, and with Autobahn over WebSocket.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import socket
import ssl
import struct
import sys

NO_EXTENDED_MASTER_SECRET = 1  # SSL_OP_NO_EXTENDED_MASTER_SECRET
SEED = bytes([1] * 32)


def make_rsa(folder):
    import datetime
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=9))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
    with open(f"{folder}/rsa.pem", "wb") as file:
        file.write(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    with open(f"{folder}/rsa.key", "wb") as file:
        encoding, shape = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        file.write(key.private_bytes(encoding, shape, serialization.NoEncryption()))


def context(told, suite=None):
    made = ssl.create_default_context(cafile=told["ca"])
    made.maximum_version = ssl.TLSVersion.TLSv1_2
    if suite:
        made.set_ciphers(suite)
    if told["certificate"]:
        made.load_cert_chain(*told["certificate"])
    return made


class Peer:
    """A TLS connection with RawSocket and JSON."""

    def __init__(self, told, ctx, session=None):
        plain = socket.create_connection(("127.0.0.1", told["port"]), timeout=10)
        self.tls = ctx.wrap_socket(plain, server_hostname="localhost", session=session)
        self.unique = self.tls.get_channel_binding("tls-unique")
        self.tls.sendall(b"\x7f\xf1\0\0")
        assert self.read(4)[0] == 0x7F

    def read(self, length):
        data = b""
        while len(data) < length:
            part = self.tls.recv(length - len(data))
            assert part, "closed"
            data += part
        return data

    def send(self, message):
        body = json.dumps(message).encode()
        self.tls.sendall(struct.pack(">I", len(body)) + body)

    def receive(self):
        return json.loads(self.read(struct.unpack(">I", self.read(4))[0]))

    def hello(self, method, extra):
        details = {"roles": {"caller": {}}, "authmethods": [method], "authid": "joe", "authextra": extra}
        self.send([1, "realm1", details])
        return self.receive()

    def cryptosign(self, unique):
        from nacl.signing import SigningKey

        key = SigningKey(SEED)
        extra = {"pubkey": key.verify_key.encode().hex(), "channel_binding": "tls-unique"}
        answer = self.hello("cryptosign", extra)
        if answer[0] != 4:
            return answer
        assert answer[2]["channel_binding"] == "tls-unique", answer
        channel_id = hashlib.sha256(unique).digest()
        message = bytes(a ^ b for a, b in zip(bytes.fromhex(answer[2]["challenge"]), channel_id))
        self.send([5, key.sign(message).signature.hex() + message.hex(), {}])
        return self.receive()

    def scram(self, unique):
        nonce = base64.b64encode(os.urandom(16)).decode()
        answer = self.hello("wamp-scram", {"nonce": nonce, "channel_binding": "tls-unique"})
        if answer[0] != 4:
            return answer
        extra = answer[2]
        salted = hashlib.pbkdf2_hmac("sha256", b"pencil", base64.b64decode(extra["salt"]), extra["iterations"])
        sign = lambda key, text: hmac.new(key, text, "sha256").digest()
        client_key = sign(salted, b"Client Key")
        bound = base64.b64encode(b"p=tls-unique,," + unique).decode()
        first = f"n=joe,r={nonce},r={extra['nonce']},s={extra['salt']},i={extra['iterations']}"
        message = f"{first},c={bound},r={extra['nonce']}".encode()
        signature = sign(hashlib.sha256(client_key).digest(), message)
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        data = base64.b64encode(unique).decode()
        repeated = {"nonce": extra["nonce"], "channel_binding": "tls-unique", "cbind_data": data}
        self.send([5, base64.b64encode(proof).decode(), repeated])
        return self.receive()


def logins(told, suite):
    """Full handshakes and resumed ones, with the binding of the connection and with that of another."""
    for method in (Peer.cryptosign, Peer.scram):
        ctx = context(told, suite)
        full = Peer(told, ctx)
        assert full.tls.cipher()[0] == suite and not full.tls.session_reused, full.tls.cipher()
        assert method(full, full.unique)[0] == 2, f"{suite}: full handshake, {method.__name__}"
        for _ in range(2):
            resumed = Peer(told, ctx, full.tls.session)
            assert resumed.tls.session_reused, suite
            assert resumed.unique != full.unique
            assert method(resumed, resumed.unique)[0] == 2, f"{suite}: resumed, {method.__name__}"
        for wrong in (Peer(told, ctx), Peer(told, ctx, full.tls.session)):
            answer = method(wrong, full.unique)
            assert answer[0] == 3 and answer[2] == "wamp.error.authentication_failed", answer


def refused(told, ctx, what):
    for method in (Peer.cryptosign, Peer.scram):
        peer = Peer(told, ctx)
        answer = method(peer, peer.unique or bytes(12))
        assert answer[0] == 3 and "tls-unique is not available" in answer[1]["message"], (what, answer)


async def autobahn(told):
    from autobahn.asyncio.wamp import ApplicationRunner, ApplicationSession
    from autobahn.wamp.cryptosign import CryptosignKey

    done = asyncio.get_running_loop().create_future()

    class Session(ApplicationSession):
        def onConnect(self):
            self.key = CryptosignKey.from_bytes(SEED)
            extra = {"pubkey": self.key.public_key(), "channel_binding": "tls-unique"}
            self.join("realm1", authmethods=["cryptosign"], authid="joe", authextra=extra)

        def onChallenge(self, challenge):
            channel_id = self._transport.transport_details.channel_id["tls-unique"]
            return self.key.sign_challenge(challenge, channel_id=channel_id, channel_id_type="tls-unique")

        def onJoin(self, details):
            done.set_result((details.authid, details.authmethod))

        def onLeave(self, details):
            if not done.done():
                done.set_exception(Exception(f"autobahn: {details}"))

    runner = ApplicationRunner(f"wss://localhost:{told['port']}/ws", "realm1", ssl=context(told))
    await runner.run(Session, start_loop=False)
    assert await asyncio.wait_for(done, 10) == ("joe", "cryptosign")


def main(told):
    for suite in told["suites"]:
        logins(told, suite)
    asyncio.run(autobahn(told))
    ctx = context(told)
    ctx.options |= NO_EXTENDED_MASTER_SECRET
    refused(told, ctx, "no extended master secret")
    ctx = context(told)
    ctx.maximum_version = ssl.TLSVersion.TLSv1_3
    refused(told, ctx, "tls 1.3")
    print("well")


if sys.argv[1] == "make-rsa":
    make_rsa(sys.argv[2])
else:
    main(json.loads(sys.argv[1]))
