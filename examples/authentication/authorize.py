#!/usr/bin/env python3
"""Decides what partners may do: subscribe to single offers, and nothing else.

`crossweave register com.example.authorize --exec ./authorize.py` runs it for each question. Its answer holds for the
session until the router forgets it, as it says `cache`.
"""

import json
import sys

session, uri, action, options = json.load(sys.stdin)["args"]
is_single = options.get("match", "exact") == "exact"
is_allowed = action == "subscribe" and is_single and uri.startswith("com.example.offers.")
print(json.dumps({"allow": is_allowed, "cache": True}))
