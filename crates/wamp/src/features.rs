//! The roles and features that peers announce in HELLO and WELCOME. Specification: "Client: Role and Feature Announcement".

use crate::value::{Dict, Value};

macro_rules! features {
    ($($(#[$doc:meta])* $name:ident = $bit:literal: $key:literal,)+) => {
        /// A set of features; which ones a role has is [`Roles`].
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Features(u32);

        impl Features {
            $($(#[$doc])* pub const $name: Features = Features(1 << $bit);)+

            const NAMES: &'static [(&'static str, Features)] = &[$(($key, Features::$name)),+];
        }
    };
}

features! {
    /// Progressive call results.
    PROGRESSIVE_CALL_RESULTS = 0: "progressive_call_results",
    /// Progressive call invocations.
    PROGRESSIVE_CALL_INVOCATIONS = 1: "progressive_call_invocations",
    /// Call timeouts.
    CALL_TIMEOUT = 2: "call_timeout",
    /// Cancelling calls.
    CALL_CANCELING = 3: "call_canceling",
    /// Caller identification.
    CALLER_IDENTIFICATION = 4: "caller_identification",
    /// Pattern-based registrations.
    PATTERN_BASED_REGISTRATION = 5: "pattern_based_registration",
    /// Shared registrations.
    SHARED_REGISTRATION = 6: "shared_registration",
    /// Subscriber black- and white-listing.
    SUBSCRIBER_BLACKWHITE_LISTING = 7: "subscriber_blackwhite_listing",
    /// Publisher exclusion.
    PUBLISHER_EXCLUSION = 8: "publisher_exclusion",
    /// Publisher identification.
    PUBLISHER_IDENTIFICATION = 9: "publisher_identification",
    /// Pattern-based subscriptions.
    PATTERN_BASED_SUBSCRIPTION = 10: "pattern_based_subscription",
    /// Payload passthru, the specification's form.
    PAYLOAD_PASSTHRU_MODE = 11: "payload_passthru_mode",
    /// Payload passthru, the older form.
    PAYLOAD_TRANSPARENCY = 12: "payload_transparency",
    /// Encrypted payloads, the older form.
    PAYLOAD_ENCRYPTION_CRYPTOBOX = 13: "payload_encryption_cryptobox",
    /// Session meta API.
    SESSION_META_API = 14: "session_meta_api",
    /// Subscription meta API.
    SUBSCRIPTION_META_API = 15: "subscription_meta_api",
    /// Registration meta API.
    REGISTRATION_META_API = 16: "registration_meta_api",
    /// Testaments.
    TESTAMENT_META_API = 17: "testament_meta_api",
    /// Subscription revocation.
    SUBSCRIPTION_REVOCATION = 18: "subscription_revocation",
    /// Registration revocation.
    REGISTRATION_REVOCATION = 19: "registration_revocation",
    /// Event retention.
    EVENT_RETENTION = 20: "event_retention",
    /// Event history.
    EVENT_HISTORY = 21: "event_history",
    /// Call rerouting.
    CALL_REROUTE = 22: "call_reroute",
    /// Publication trust levels.
    PUBLICATION_TRUSTLEVELS = 23: "publication_trustlevels",
    /// Call trust levels.
    CALL_TRUSTLEVELS = 24: "call_trustlevels",
    /// Sharded subscriptions.
    SHARDED_SUBSCRIPTION = 25: "sharded_subscription",
    /// Sharded registrations.
    SHARDED_REGISTRATION = 26: "sharded_registration",
    /// Delivery contracts, an extension: see [`crate::delivery`].
    DELIVERY = 27: "_delivery",
    /// Sessions that can be resumed after their connection was lost.
    SESSION_RESUMPTION = 28: "session_resumption",
}

/// Another spelling of a feature, which peers may announce instead: the specification itself has it in "Progressive Call
/// Invocations".
const SPELLED_OTHERWISE: [(&str, Features); 1] = [("call_cancelling", Features::CALL_CANCELING)];

/// The beginning of `agent` of a client that sends progressive calls, does not announce that, and leaves applications no way to do
/// so.
const SENDS_PARTS_UNANNOUNCED: &str = "Wampy.js ";

impl Features {
    /// No feature.
    pub const NONE: Features = Features(0);

    /// Whether all of `other` are in the set.
    pub fn has(self, other: Features) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets.
    pub const fn and(self, other: Features) -> Features {
        Features(self.0 | other.0)
    }

    /// Those of the set that are not in `other`.
    pub const fn without(self, other: Features) -> Features {
        Features(self.0 & !other.0)
    }

    fn from_dict(role: &Dict) -> Features {
        let Some(announced) = role.dict("features") else { return Features::NONE };
        let is_on = |name: &str| announced.get(name).and_then(Value::as_bool).unwrap_or(false);
        Features::NAMES
            .iter()
            .chain(&SPELLED_OTHERWISE)
            .filter(|(name, _)| is_on(name))
            .fold(Features::NONE, |set, (_, feature)| set.and(*feature))
    }

    fn to_dict(self) -> Dict {
        let mut features = Dict::new();
        Features::NAMES
            .iter()
            .filter(|(_, feature)| self.has(*feature))
            .for_each(|(name, _)| features.push((*name).to_owned(), true.into()));
        if features.is_empty() { Dict::new() } else { Dict::new().with("features", features) }
    }
}

/// The roles a peer takes, each with its features; a role it does not take is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// It publishes.
    pub publisher: Option<Features>,
    /// It subscribes.
    pub subscriber: Option<Features>,
    /// It calls.
    pub caller: Option<Features>,
    /// It takes calls.
    pub callee: Option<Features>,
    /// It routes events.
    pub broker: Option<Features>,
    /// It routes calls.
    pub dealer: Option<Features>,
}

impl Roles {
    /// The roles in HELLO's or WELCOME's details. Unknown roles and features are ignored.
    pub fn from_details(details: &Dict) -> Roles {
        let Some(roles) = details.dict("roles") else { return Roles::default() };
        let role = |name| roles.dict(name).map(Features::from_dict);
        let sends_parts = details.str("agent").is_some_and(|it| it.starts_with(SENDS_PARTS_UNANNOUNCED));
        let unannounced = if sends_parts { Features::PROGRESSIVE_CALL_INVOCATIONS } else { Features::NONE };
        Roles {
            publisher: role("publisher"),
            subscriber: role("subscriber"),
            caller: role("caller").map(|features| features.and(unannounced)),
            callee: role("callee"),
            broker: role("broker"),
            dealer: role("dealer"),
        }
    }

    /// The dict for `details.roles`.
    pub fn to_dict(self) -> Dict {
        let roles = [
            ("publisher", self.publisher),
            ("subscriber", self.subscriber),
            ("caller", self.caller),
            ("callee", self.callee),
            ("broker", self.broker),
            ("dealer", self.dealer),
        ];
        roles
            .into_iter()
            .filter_map(|(name, role)| Some((name.to_owned(), Value::Dict(role?.to_dict()))))
            .collect()
    }

    /// Everything a client built on this crate can do.
    pub fn client() -> Roles {
        let common = Features::PAYLOAD_PASSTHRU_MODE;
        let caller = Features::PROGRESSIVE_CALL_RESULTS
            .and(Features::CALL_TIMEOUT)
            .and(Features::CALL_CANCELING)
            .and(Features::CALLER_IDENTIFICATION);
        let callee = caller.and(Features::PATTERN_BASED_REGISTRATION).and(Features::SHARED_REGISTRATION);
        let publisher = Features::SUBSCRIBER_BLACKWHITE_LISTING
            .and(Features::PUBLISHER_EXCLUSION)
            .and(Features::PUBLISHER_IDENTIFICATION);
        let subscriber = Features::PATTERN_BASED_SUBSCRIPTION.and(Features::PUBLISHER_IDENTIFICATION);
        Roles {
            publisher: Some(publisher.and(common)),
            subscriber: Some(subscriber.and(common)),
            caller: Some(caller.and(common)),
            callee: Some(callee.and(common)),
            ..Roles::default()
        }
    }

    /// Everything this router does.
    pub fn router() -> Roles {
        let common = Features::PAYLOAD_PASSTHRU_MODE
            .and(Features::PAYLOAD_TRANSPARENCY)
            .and(Features::PAYLOAD_ENCRYPTION_CRYPTOBOX)
            .and(Features::SESSION_META_API);
        let broker = Features::SUBSCRIBER_BLACKWHITE_LISTING
            .and(Features::PUBLISHER_EXCLUSION)
            .and(Features::PUBLISHER_IDENTIFICATION)
            .and(Features::PATTERN_BASED_SUBSCRIPTION)
            .and(Features::SUBSCRIPTION_META_API)
            .and(Features::SUBSCRIPTION_REVOCATION)
            .and(Features::EVENT_RETENTION)
            .and(Features::EVENT_HISTORY)
            .and(Features::SHARDED_SUBSCRIPTION)
            .and(Features::DELIVERY);
        let dealer = Features::PROGRESSIVE_CALL_RESULTS
            .and(Features::CALL_TIMEOUT)
            .and(Features::CALL_CANCELING)
            .and(Features::CALLER_IDENTIFICATION)
            .and(Features::PATTERN_BASED_REGISTRATION)
            .and(Features::SHARED_REGISTRATION)
            .and(Features::REGISTRATION_META_API)
            .and(Features::REGISTRATION_REVOCATION)
            .and(Features::TESTAMENT_META_API)
            .and(Features::PROGRESSIVE_CALL_INVOCATIONS)
            .and(Features::CALL_REROUTE)
            .and(Features::SHARDED_REGISTRATION);
        Roles { broker: Some(broker.and(common)), dealer: Some(dealer.and(common)), ..Roles::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(agent: &str, feature: &str) -> Roles {
        let announced = || Dict::new().with("features", Dict::new().with(feature, true));
        let roles = Dict::new().with("caller", announced()).with("callee", announced());
        Roles::from_details(&Dict::new().with("agent", agent).with("roles", roles))
    }

    #[test]
    fn canceling_may_be_spelled_with_two_l() {
        for feature in ["call_canceling", "call_cancelling"] {
            assert_eq!(roles("test", feature).callee, Some(Features::CALL_CANCELING), "{feature}");
        }
        assert_eq!(roles("test", "call_cancelation").callee, Some(Features::NONE));
    }

    #[test]
    fn wampy_js_may_send_progressive_calls_and_others_have_to_announce_them() {
        let parts = Features::PROGRESSIVE_CALL_INVOCATIONS;
        let wampy = roles("Wampy.js v8.0.2", "call_timeout");
        assert_eq!(wampy.caller, Some(Features::CALL_TIMEOUT.and(parts)));
        assert_eq!(wampy.callee, Some(Features::CALL_TIMEOUT), "it does not take them");
        assert_eq!(roles("Autobahn", "call_timeout").caller, Some(Features::CALL_TIMEOUT));
        assert_eq!(roles("Autobahn", "progressive_call_invocations").caller, Some(parts));
    }
}
