//! What WELCOME announces follows from the options of the realm.

use crossweave_router_core::{HistoryRule, MetaApi, RealmOptions};
use crossweave_wamp::MatchPolicy;
use crossweave_wamp::features::Features;

/// Whether broker and dealer announce a feature, if they can have it at all.
fn announces(options: &RealmOptions, feature: Features) -> (bool, bool) {
    let roles = options.announced();
    let has = |role: Option<Features>| role.is_some_and(|it| it.has(feature));
    (has(roles.broker), has(roles.dealer))
}

#[test]
fn the_meta_api_is_announced_where_everybody_has_it() {
    let mut options = RealmOptions::default();
    assert_eq!(announces(&options, Features::SESSION_META_API), (true, true));
    assert_eq!(announces(&options, Features::SUBSCRIPTION_META_API), (true, false));
    assert_eq!(announces(&options, Features::REGISTRATION_META_API), (false, true));
    assert_eq!(announces(&options, Features::TESTAMENT_META_API), (false, true));

    for nobodys in [MetaApi::Nobody, MetaApi::Own] {
        options.meta_api = nobodys;
        for feature in [
            Features::SESSION_META_API,
            Features::SUBSCRIPTION_META_API,
            Features::REGISTRATION_META_API,
            Features::TESTAMENT_META_API,
        ] {
            assert_eq!(announces(&options, feature), (false, false), "{nobodys:?} {feature:?}");
        }
        assert_eq!(announces(&options, Features::EVENT_RETENTION), (true, false));
    }
}

#[test]
fn event_history_is_announced_where_one_is_kept_and_can_be_asked_for() {
    let mut options = RealmOptions::default();
    assert_eq!(announces(&options, Features::EVENT_HISTORY), (false, false));

    options.history = vec![HistoryRule::new("com.example.", MatchPolicy::Prefix)];
    assert_eq!(announces(&options, Features::EVENT_HISTORY), (true, false));

    options.meta_api = MetaApi::Nobody;
    assert_eq!(announces(&options, Features::EVENT_HISTORY), (false, false));
}
