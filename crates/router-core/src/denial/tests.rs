use std::sync::Arc;
use std::time::Instant;

use crossweave_wamp::features::Roles;
use crossweave_wamp::{Dict, MatchPolicy, SessionId};

use super::*;
use crate::boundary::{Session, Slot};

fn peer() -> Peer {
    let text = |text: &str| -> Arc<str> { text.into() };
    let session = Session {
        id: SessionId(1),
        authid: text("alice"),
        authrole: text("user"),
        authmethod: text("ticket"),
        authprovider: text("static"),
        roles: Roles::client(),
        authextra: Dict::new(),
        transport: Dict::new(),
    };
    Peer::new(Slot(0), session, 0)
}

fn denied(n: u32) -> Denied {
    Denied {
        action: Action::Call,
        uri: format!("com.x{n}").into(),
        match_policy: MatchPolicy::Exact,
        cause: Cause::Authorizer,
    }
}

#[test]
fn every_id_has_a_line_however_quickly_denials_come_and_lines_are_few() {
    let (mut denials, mut ids, peer, now) = (Denials::default(), Ids::new([1; 32]), peer(), Instant::now());
    let (mut told, mut lines, mut counted) = (Vec::new(), 0u64, 0);
    for n in 0..100_000 {
        let at = now + Duration::from_millis(u64::from(n) / 10);
        let (id, line) = denials.tell(at, &mut ids, &peer, None, &denied(n));
        if let Some(line) = line {
            assert_eq!(line.id, id);
            (lines, counted) = (lines + 1, counted + line.untold);
            told.push(id.clone());
        }
        assert!(told.contains(&id), "denial {n} has an id without a line");
    }
    assert!((100..=115).contains(&lines), "{lines} lines in ten seconds");
    assert_eq!(lines + counted + denials.untold, 100_000);
}

#[test]
fn an_id_finds_the_reason_of_its_own_denial() {
    let (mut denials, mut ids, peer, now) = (Denials::default(), Ids::new([1; 32]), peer(), Instant::now());
    let causes = [
        Cause::Authorizer,
        Cause::Failed("no answer".into()),
        Cause::Failed("a bad answer".into()),
        Cause::RoleIsGone,
    ];
    let mut tell = |cause: &Cause| {
        denials.tell(now, &mut ids, &peer, None, &Denied { cause: cause.clone(), ..denied(1) })
    };
    for cause in &causes {
        let (id, line) = tell(cause);
        let line = line.expect("this reason was not told before");
        assert_eq!(line.reason, reason(None, cause));
        assert_eq!((id.clone(), None), tell(cause));
        assert_eq!(line.id, id);
    }
}

#[test]
fn the_id_of_denials_that_are_not_told_says_that_it_stands_for_any_reason() {
    let (mut denials, mut ids, peer, now) = (Denials::default(), Ids::new([1; 32]), peer(), Instant::now());
    for n in 0..DENIALS_TOLD_AT_ONCE {
        assert!(denials.tell(now, &mut ids, &peer, None, &denied(n)).1.is_some());
    }
    let (flood, line) = denials.tell(now, &mut ids, &peer, None, &denied(1_000_000));
    assert!(line.unwrap().reason.contains("whatever their session, URI and reason"));
    assert_eq!(denials.tell(now, &mut ids, &peer, None, &denied(1_000_001)), (flood, None));
}
