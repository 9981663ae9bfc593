"""Checks that Crossbar.io 26 itself does not pass, with the reason. Only used when the suite is run against it.

A key is the name of a check, or `name of callee` for one client on the left side.
"""

KNOWN = {
    "call_times_out_in_milliseconds": "takes Options.timeout for seconds and answers wamp.error.canceled",
    "cancel_ends_a_call_whose_callee_cannot_be_interrupted": "never answers a call cancelled in skip mode",
    "cancel_in_skip_mode_ends_the_call_at_once": "never answers a call cancelled in skip mode",
    "caller_is_disclosed_when_it_asks": "does not honour disclose_me",
    "publisher_is_disclosed_when_it_asks": "does not honour disclose_me",
    "calls_of_one_resource_reach_one_node": "has no sharding",
    "events_of_one_resource_reach_one_node": "has no sharding",
    "call_has_the_trust_level_of_its_caller": "has no trust levels",
    "event_has_the_trust_level_of_its_publisher": "has no trust levels",
    "delivery_contract_is_agreed": "has no delivery contracts",
    "passthru_payload_goes_through_a_call_and_back": "has the older form of payload passthru only",
    "passthru_call_is_refused_where_its_callee_takes_none": "has the older form of payload passthru only",
    "passthru_payload_goes_through_an_event": "has the older form of payload passthru only",
    "passthru_event_comes_untouched_to_who_takes_none": "has the older form of payload passthru only",
    "call_in_parts_is_refused_where_its_callee_takes_none": "has no progressive call invocations",
    "event_history_is_filtered_as_the_specification_has_it": "knows the older form of get_events only",
    "payload_binary of wampy/ws-cbor": "does not transcode the typed-array tag 64 that cbor-x puts on binaries",
    "payload_big_binary of wampy/ws-cbor": "does not transcode the typed-array tag 64 that cbor-x puts on binaries",
}
