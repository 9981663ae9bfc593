use std::sync::Arc;
use std::time::Instant;

use crossweave_wamp::features::Roles;
use crossweave_wamp::{Dict, MatchPolicy, SessionId};

use super::*;
use crate::boundary::{Session, Slot};

fn peer() -> Peer {
    peer_of(1)
}

fn peer_of(session: u64) -> Peer {
    let text = |text: &str| -> Arc<str> { text.into() };
    let session = Session {
        id: SessionId(session),
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
    let (mut denials, mut ids, now) = (Denials::default(), Ids::new([1; 32]), Instant::now());
    let peers: Vec<Peer> = (1..=1_000).map(peer_of).collect();
    let (mut told, mut lines, mut counted) = (Vec::new(), 0u64, 0);
    for n in 0..100_000 {
        let at = now + Duration::from_millis(u64::from(n) / 10);
        let (id, line) = denials.tell(at, &mut ids, &peers[n as usize % peers.len()], None, &denied(n));
        if let Some(line) = line {
            assert_eq!(line.id, id);
            (lines, counted) = (lines + 1, counted + line.untold);
            told.push(id.clone());
        }
        assert!(told.contains(&id), "denial {n} has an id without a line");
    }
    assert!((200..=215).contains(&lines), "{lines} lines in ten seconds");
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
    for n in 0..DENIALS_OF_A_SESSION_TOLD_AT_ONCE {
        assert!(denials.tell(now, &mut ids, &peer, None, &denied(n)).1.is_some());
    }
    let (flood, line) = denials.tell(now, &mut ids, &peer, None, &denied(1_000_000));
    assert!(line.unwrap().reason.contains("until the next line of this session"));
    assert_eq!(denials.tell(now, &mut ids, &peer, None, &denied(1_000_001)), (flood, None));
    let later = now + DENIALS_OF_A_SESSION_TOLD_EVERY;
    let line = denials.tell(later, &mut ids, &peer, None, &denied(1_000_002)).1.expect("it has a line again");
    assert_eq!((line.reason.as_str(), line.untold), ("the authorizer says no", 1));
}

#[test]
fn a_session_that_floods_loses_only_its_own_lines() {
    let (mut denials, mut ids, now) = (Denials::default(), Ids::new([1; 32]), Instant::now());
    let (hostile, mut own) = (peer_of(1), 0);
    for n in 0..600_000 {
        let at = now + Duration::from_millis(u64::from(n));
        own += u64::from(denials.tell(at, &mut ids, &hostile, None, &denied(n)).1.is_some());
        if n % 30_000 == 10_000 {
            let other = peer_of(2 + u64::from(n));
            let (id, line) = denials.tell(at, &mut ids, &other, None, &denied(1));
            let line = line.expect("another session has its line");
            assert_eq!((line.id, line.reason.as_str()), (id, "the authorizer says no"));
        }
    }
    assert!((20..=65).contains(&own), "{own} lines of the flooding session in ten minutes");
}

#[test]
fn when_the_realm_has_no_lines_left_one_id_stands_for_all_sessions() {
    let (mut denials, mut ids, now) = (Denials::default(), Ids::new([1; 32]), Instant::now());
    for n in 0..DENIALS_TOLD_AT_ONCE {
        let peer = peer_of(1 + u64::from(n));
        assert!(denials.tell(now, &mut ids, &peer, None, &denied(1)).1.is_some());
    }
    let (flood, line) = denials.tell(now, &mut ids, &peer_of(1_001), None, &denied(1));
    assert!(line.unwrap().reason.contains("whatever their session, URI and reason"));
    assert_eq!(denials.tell(now, &mut ids, &peer_of(1_002), None, &denied(2)), (flood, None));
}

#[test]
fn what_is_remembered_of_sessions_is_bounded() {
    let (mut denials, mut ids, now) = (Denials::default(), Ids::new([1; 32]), Instant::now());
    let mut most = 0;
    for n in 0..100_000u32 {
        let at = now + Duration::from_millis(50 * u64::from(n));
        denials.tell(at, &mut ids, &peer_of(1 + u64::from(n / 20)), None, &denied(n));
        most = most.max(denials.shares.len());
        assert!(denials.recent.len() <= RECENT_MAX);
    }
    assert_eq!(most, SHARES_MAX, "the bound was reached and held");
}
