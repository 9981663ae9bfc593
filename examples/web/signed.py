"""Publishes with a signed request. The same request sent again is refused."""

import base64
import datetime
import hashlib
import hmac
import json
import random
import urllib.error
import urllib.parse
import urllib.request

URL, KEY, SECRET = "http://127.0.0.1:8080/api/signed", "app", "change-me"


def signed(body):
    now = datetime.datetime.now(datetime.timezone.utc)
    query = {
        "key": KEY,
        "timestamp": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "seq": "1",
        "nonce": str(random.randrange(2**53)),
    }
    text = "".join(query.values()).encode() + body
    signature = hmac.new(SECRET.encode(), text, hashlib.sha256).digest()
    query["signature"] = base64.urlsafe_b64encode(signature).decode()
    return urllib.request.Request(
        f"{URL}?{urllib.parse.urlencode(query)}", body, {"Content-Type": "application/json"}
    )


request = signed(json.dumps({"topic": "com.example.hello", "args": ["signed"]}).encode())
for attempt in ["first", "second"]:
    try:
        print(attempt, urllib.request.urlopen(request).read().decode().strip())
    except urllib.error.HTTPError as refused:
        print(attempt, refused.code, refused.read().decode().strip())
