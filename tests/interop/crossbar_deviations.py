"""Checks that Crossbar.io 26 itself does not pass, with the reason. Only used when the suite is run against it.

A key is the name of a check, or `name of callee` for one client on the left side.
"""

KNOWN = {
    "call_times_out_in_milliseconds": "takes Options.timeout for seconds and answers wamp.error.canceled",
    "cancel_ends_a_call_whose_callee_cannot_be_interrupted": "never answers a call cancelled in skip mode",
    "cancel_in_skip_mode_ends_the_call_at_once": "never answers a call cancelled in skip mode",
    "caller_is_disclosed_when_it_asks": "does not honour disclose_me",
    "publisher_is_disclosed_when_it_asks": "does not honour disclose_me",
    "payload_binary of wampy/ws-cbor": "does not transcode the typed-array tag 64 that cbor-x puts on binaries",
    "payload_big_binary of wampy/ws-cbor": "does not transcode the typed-array tag 64 that cbor-x puts on binaries",
}
