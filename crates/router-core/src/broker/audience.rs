//! Whom a publication is for, by who they are: the lists of one PUBLISH, sorted so that asking for one session is a binary
//! search.
//!
//! Specification: "Subscriber Black- and Whitelisting". A list that is absent does not restrict; a white-list that is present
//! and empty admits nobody.

use crossweave_wamp::message::Receivers;

use crate::boundary::Session;

/// The lists of one PUBLISH.
#[derive(Debug)]
pub(crate) struct Audience(Receivers);

impl Audience {
    pub(super) fn new(mut lists: Receivers) -> Self {
        sort(&mut lists.exclude);
        sort(&mut lists.eligible);
        for list in [
            &mut lists.exclude_authid,
            &mut lists.exclude_authrole,
            &mut lists.eligible_authid,
            &mut lists.eligible_authrole,
        ] {
            sort(list);
        }
        Audience(lists)
    }

    /// The lists of a publication that is kept, if it has any: who asks for it later is asked for no shard.
    pub(super) fn of(lists: &Receivers) -> Option<Self> {
        let lists = Receivers { rkey: None, ..lists.clone() };
        (lists != Receivers::default()).then(|| Audience::new(lists))
    }

    /// The lists.
    pub(super) fn lists(&self) -> &Receivers {
        &self.0
    }

    /// Whether it is for this session.
    pub(crate) fn admits(&self, session: &Session) -> bool {
        let lists = &self.0;
        let (authid, authrole) = (&*session.authid, &*session.authrole);
        !has(&lists.exclude, |id| id.cmp(&session.id), false)
            && !has(&lists.exclude_authid, |it| it.as_str().cmp(authid), false)
            && !has(&lists.exclude_authrole, |it| it.as_str().cmp(authrole), false)
            && has(&lists.eligible, |id| id.cmp(&session.id), true)
            && has(&lists.eligible_authid, |it| it.as_str().cmp(authid), true)
            && has(&lists.eligible_authrole, |it| it.as_str().cmp(authrole), true)
    }

    /// Whether it names sessions by their ids, which mean nothing to sessions to come.
    pub(super) fn names_sessions(&self) -> bool {
        self.0.exclude.is_some() || self.0.eligible.is_some()
    }

    /// About how many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        let texts = [
            &self.0.exclude_authid,
            &self.0.exclude_authrole,
            &self.0.eligible_authid,
            &self.0.eligible_authrole,
        ];
        let text =
            |list: &Option<Vec<String>>| -> usize { list.iter().flatten().map(|it| it.len() + 24).sum() };
        let ids =
            [&self.0.exclude, &self.0.eligible].map(|list| list.as_ref().map_or(0, |list| list.len() * 8));
        texts.into_iter().map(text).sum::<usize>() + ids[0] + ids[1]
    }
}

fn sort<T: Ord>(list: &mut Option<Vec<T>>) {
    if let Some(list) = list {
        list.sort_unstable();
    }
}

pub(super) fn has<T>(
    list: &Option<Vec<T>>,
    compare: impl FnMut(&T) -> std::cmp::Ordering,
    if_absent: bool,
) -> bool {
    list.as_ref().map_or(if_absent, |list| list.binary_search_by(compare).is_ok())
}
