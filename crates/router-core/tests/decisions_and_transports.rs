//! What an authorizer decided for a session depends on the transport that the session had then.

use std::time::Instant;

use crossweave_router_core::boundary::{Decision, Input, Session};
use crossweave_router_core::{Authorization, Disclose, QuestionId, Realm, RealmOptions, Role, Slot};
use crossweave_testkit::recorder::{Output, Recorder};
use crossweave_wamp::features::Roles;
use crossweave_wamp::message::{Publish, PublishOptions, Welcome};
use crossweave_wamp::{Dict, Payload, RequestId};

const SLOT: Slot = Slot(0);

struct Guarded {
    realm: Realm,
    out: Recorder,
    now: Instant,
    requests: u64,
}

impl Guarded {
    /// A realm with one session, whose role asks an authorizer.
    fn joined() -> Self {
        let mut realm = Realm::new("realm1", RealmOptions::default(), [7; 32]);
        realm.set_role(Role::new("guarded", Authorization::Dynamic));
        let id = realm.new_session_id();
        let session = Session {
            id,
            authid: "joe".into(),
            authrole: "guarded".into(),
            authmethod: "ticket".into(),
            authprovider: "static".into(),
            roles: Roles { publisher: Some(Default::default()), ..Roles::default() },
            authextra: Dict::new(),
            transport: transport(true),
        };
        let welcome = Welcome { session: id, details: Dict::new() };
        let mut guarded = Guarded { realm, out: Recorder::default(), now: Instant::now(), requests: 0 };
        let join = Input::Join(SLOT, Box::new(session), Box::new(welcome));
        let _ = guarded.realm.handle(guarded.now, join, &mut guarded.out);
        guarded.out.take();
        guarded
    }

    /// Publishes, and gives what the authorizer is asked, if it is: whether the transport is secure.
    fn publish(&mut self) -> Option<(QuestionId, bool)> {
        self.requests += 1;
        let (request, options) = (RequestId(self.requests), PublishOptions::default());
        let publish = Publish { request, options, topic: "com.x".into(), payload: Payload::empty() };
        let _ = self.realm.handle(self.now, Input::Message(SLOT, &mut publish.into()), &mut self.out);
        self.out.take().into_iter().find_map(|output| match output {
            Output::Ask(question, request) => {
                let is_secure = request.details.dict("transport")?.get("is_secure")?.as_bool()?;
                Some((question, is_secure))
            }
            _ => None,
        })
    }

    fn allow_for_good(&mut self, question: QuestionId) {
        let allow = Decision::Allow { disclose: Disclose::AsAsked, cache: true };
        let _ = self.realm.handle(self.now, Input::Answer(question, allow), &mut self.out);
        self.out.take();
    }
}

fn transport(is_secure: bool) -> Dict {
    Dict::new().with("is_secure", is_secure)
}

#[test]
fn a_remembered_decision_ends_with_the_transport_it_was_made_for() {
    let mut guarded = Guarded::joined();
    let (question, is_secure) = guarded.publish().expect("nothing was decided");
    assert!(is_secure);
    guarded.allow_for_good(question);
    assert_eq!(guarded.publish(), None, "it is remembered");
    guarded.realm.set_transport(SLOT, transport(false));
    let (question, is_secure) = guarded.publish().expect("the transport is another one");
    assert!(!is_secure);
    guarded.allow_for_good(question);
    assert_eq!(guarded.publish(), None, "it is remembered for this one");
}

#[test]
fn a_decision_is_not_remembered_if_the_transport_changes_while_it_is_made() {
    let mut guarded = Guarded::joined();
    let (question, _) = guarded.publish().expect("nothing was decided");
    guarded.realm.set_transport(SLOT, transport(false));
    guarded.allow_for_good(question);
    assert!(guarded.publish().is_some(), "it was about the transport before");
}
