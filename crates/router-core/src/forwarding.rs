//! What came through other routers: who has sent it there.

use std::borrow::Cow;

use crossweave_wamp::SessionId;
use crossweave_wamp::message::ForwardFor;

use crate::boundary::Session;

/// The role that links from other routers have; the name is Crossbar.io's.
const LINK: &str = "rlink";
/// The role of parts of this program, among them its own links.
pub(crate) const OWN: &str = "trusted";

/// Whom receivers are told of: session, authid, authrole.
type Told<'s> = (Option<SessionId>, Option<Cow<'s, str>>, Option<Cow<'s, str>>);

/// Whom receivers are told of when the sender of a message is disclosed: that is `sender`, unless the message came through a
/// link between routers.
#[inline]
pub(crate) fn disclosed<'s>(
    sender: &'s Session,
    hops: Option<&[ForwardFor]>,
    is_asked_for: bool,
) -> Told<'s> {
    match hops {
        None => itself(sender),
        Some(hops) => forwarded(sender, hops, is_asked_for),
    }
}

#[inline]
fn itself(sender: &Session) -> Told<'_> {
    let (authid, authrole) = (Cow::Borrowed(&*sender.authid), Cow::Borrowed(&*sender.authrole));
    (Some(sender.id), Some(authid), Some(authrole))
}

/// A link says who has sent it, if that was disclosed where it was sent. What others claim proves nothing.
#[cold]
#[inline(never)]
fn forwarded<'s>(sender: &'s Session, hops: &[ForwardFor], is_asked_for: bool) -> Told<'s> {
    let is_link = matches!(&*sender.authrole, LINK | OWN);
    match hops.first() {
        Some(first) if is_link && is_asked_for => {
            let (authid, authrole) = (first.authid.clone().map(Cow::Owned), first.authrole.clone());
            (Some(first.session), authid, Some(Cow::Owned(authrole)))
        }
        Some(_) if is_link => (None, None, None),
        _ => itself(sender),
    }
}
