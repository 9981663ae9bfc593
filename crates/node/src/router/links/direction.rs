//! One way of a link: what those on one realm want to hear and can do is subscribed to and registered on the other.
//!
//! ```text
//!   from ── events of what is wanted there, calls of what is registered there ──▶ to
//! ```

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crossweave_client::{
    Arguments, CallError, Client, Inbox, Lagged, Listener, Listening, MatchPolicy, Registration, Value,
};
use tokio::task::JoinSet;
use tokio::time::interval;
use tracing::{debug, warn};

use super::calls::Calls;
use super::events::{Events, forward_events};
use super::watched::{Kind, Pattern, Watched, is_link};

/// Questions and requests that a link has at a router at the same time.
const REQUESTS_MAX: usize = 64;
/// Meta events that wait while a link is busy; with more lost, it begins anew.
const META_EVENTS_MAX: usize = 100_000;
const META_BYTES_MAX: usize = 64 << 20;
/// Events that wait to be forwarded; beyond, the oldest are dropped, and that is logged.
const EVENTS_MAX: usize = 65_536;
const EVENTS_BYTES_MAX: usize = 64 << 20;
/// When what was refused is tried again: the procedure may be free, or the role may do more.
const RETRY: Duration = Duration::from_secs(10);

/// What goes this way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ways {
    pub(super) events: bool,
    pub(super) calls: bool,
}

/// One way of a link.
pub(super) struct Direction {
    pub(super) link: String,
    pub(super) from: Client,
    pub(super) to: Client,
    pub(super) ways: Ways,
    /// Authids whose messages are not forwarded.
    pub(super) excluded: Arc<HashSet<String>>,
}

/// What a link has on the realm where messages come from.
enum Mirror {
    /// Asked for.
    Pending,
    Listening {
        _keeps: Listening,
    },
    Registered {
        _keeps: Registration,
    },
    /// The router said no.
    Refused,
}

type Made = ((Kind, u64), Result<Mirror, String>);

/// The mirrors, and what is to be done about them.
struct Mirrors<'d> {
    direction: &'d Direction,
    listener: Listener,
    calls: Arc<Calls>,
    watched: Watched,
    mirrors: BTreeMap<(Kind, u64), Mirror>,
    /// Where something is to be done; no more than there is here and there.
    due: BTreeSet<(Kind, u64)>,
    making: JoinSet<Made>,
    has_warned: bool,
}

impl Direction {
    /// Forwards until that is not possible any more; says why.
    pub(super) async fn run(self) -> String {
        if !self.ways.events && !self.ways.calls {
            return std::future::pending().await;
        }
        let mut inbox = self.from.inbox(EVENTS_MAX, EVENTS_BYTES_MAX);
        let (listener, to) = (inbox.listener(), self.to.clone());
        let events = Events { link: self.link.clone(), excluded: self.excluded.clone() };
        tokio::select! {
            why = self.mirror(listener) => why,
            why = forward_events(events, &mut inbox, &to, self.from.session().id) => why,
        }
    }

    async fn mirror(&self, listener: Listener) -> String {
        let mut meta = self.to.inbox(META_EVENTS_MAX, META_BYTES_MAX);
        // First, so that nothing is missed while what is there is listed.
        let listening = match meta.listener().listen("wamp.", MatchPolicy::Prefix).await {
            Ok(listening) => listening,
            Err(error) => return format!("the realm's meta events cannot be heard: {error}"),
        };
        let watched = match self.list().await {
            Ok(watched) => watched,
            Err(error) => return format!("what the realm has cannot be listed: {error}"),
        };
        let calls =
            Calls { to: self.to.clone(), excluded: self.excluded.clone(), from: self.from.session().id };
        let mut mirrors = Mirrors {
            direction: self,
            listener,
            calls: Arc::new(calls),
            watched,
            mirrors: BTreeMap::new(),
            due: BTreeSet::new(),
            making: JoinSet::new(),
            has_warned: false,
        };
        let why = mirrors.keep(&mut meta).await;
        drop(listening);
        why
    }

    fn is_forwarded(&self, kind: Kind) -> bool {
        match kind {
            Kind::Subscription => self.ways.events,
            Kind::Registration => self.ways.calls,
        }
    }

    /// What the realm has at the moment.
    async fn list(&self) -> Result<Watched, CallError> {
        let mut watched = Watched::default();
        watched.link(self.to.session().id.0);
        for role in ["rlink", "trusted"] {
            let filter = Value::List(vec![role.into()]);
            let listed = ids(&self.to, "wamp.session.list", Arguments::new().arg(filter)).await?;
            for session in listed.first().into_iter().flat_map(numbers) {
                match ids(&self.to, "wamp.session.get", Arguments::new().arg(session)).await {
                    Ok(details) => {
                        let details = details.first().and_then(Value::as_dict).cloned().unwrap_or_default();
                        if is_link(details.str("authrole"), details.str("authid")) {
                            watched.link(session);
                        }
                    }
                    // It has left meanwhile.
                    Err(CallError::Application(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        for kind in [Kind::Subscription, Kind::Registration] {
            if self.is_forwarded(kind) {
                self.list_kind(kind, &mut watched).await?;
            }
        }
        Ok(watched)
    }

    async fn list_kind(&self, kind: Kind, watched: &mut Watched) -> Result<(), CallError> {
        let listed = ids(&self.to, &format!("{}list", kind.api()), Arguments::new()).await?;
        let lists = listed.first().and_then(Value::as_dict).cloned().unwrap_or_default();
        let mut waiting: VecDeque<u64> = lists.into_iter().flat_map(|(_, list)| numbers(&list)).collect();
        let mut asking = JoinSet::new();
        loop {
            while asking.len() < REQUESTS_MAX
                && let Some(id) = waiting.pop_front()
            {
                asking.spawn(one(self.to.clone(), kind, id));
            }
            let Some(answer) = asking.join_next().await else { return Ok(()) };
            match answer {
                Ok(Ok((details, members))) => watched.add(kind, &details, members),
                // It has gone meanwhile.
                Ok(Err(CallError::Application(_))) | Err(_) => {}
                Ok(Err(error)) => return Err(error),
            }
        }
    }
}

/// One subscription or registration: its details, and who has it.
async fn one(to: Client, kind: Kind, id: u64) -> Result<(Value, Vec<u64>), CallError> {
    let get = ids(&to, &format!("{}get", kind.api()), Arguments::new().arg(id)).await?;
    let members = match kind {
        Kind::Subscription => "list_subscribers",
        Kind::Registration => "list_callees",
    };
    let members = ids(&to, &format!("{}{members}", kind.api()), Arguments::new().arg(id)).await?;
    let members = members.first().map(numbers).unwrap_or_default();
    Ok((get.into_iter().next().unwrap_or_default(), members))
}

async fn ids(to: &Client, procedure: &str, arguments: Arguments) -> Result<Vec<Value>, CallError> {
    to.call(procedure).arguments(arguments).await.map(|reply| reply.args())
}

fn numbers(list: &Value) -> Vec<u64> {
    list.as_list().into_iter().flatten().filter_map(Value::as_u64).collect()
}

impl Mirrors<'_> {
    async fn keep(&mut self, meta: &mut Inbox) -> String {
        let mut retry = interval(RETRY);
        loop {
            self.settle();
            tokio::select! {
                event = meta.next() => match event {
                    None => return "the realm's meta events have ended".to_owned(),
                    Some(Err(Lagged { missed })) => return format!("{missed} meta events were lost"),
                    Some(Ok(event)) => self.watched.event(&event.topic, &event.args()),
                },
                Some(made) = self.making.join_next() => {
                    if let Ok((place, made)) = made {
                        self.made(place, made);
                    }
                }
                _ = retry.tick() => {
                    let refused = |(_, mirror): &(&(Kind, u64), &Mirror)| matches!(mirror, Mirror::Refused);
                    self.due.extend(self.mirrors.iter().filter(refused).map(|(place, _)| *place));
                    self.mirrors.retain(|_, mirror| !matches!(mirror, Mirror::Refused));
                }
            }
            if self.watched.is_too_big() {
                return "the realm has more subscriptions and registrations than a link can keep".to_owned();
            }
        }
    }

    /// Does what is to be done, as much as may be under way at a time.
    fn settle(&mut self) {
        for place in self.watched.take_changed() {
            self.heed(place);
        }
        while self.making.len() < REQUESTS_MAX
            && let Some(place) = self.due.pop_first()
        {
            let wanted = self.watched.wanted(place.0, place.1);
            match (wanted, self.mirrors.get(&place)) {
                // Seen to when it is made.
                (_, Some(Mirror::Pending)) => {}
                (Some(pattern), None) if self.direction.is_forwarded(place.0) => {
                    let making = self.make(place, pattern.clone());
                    self.mirrors.insert(place, Mirror::Pending);
                    self.making.spawn(making);
                }
                (Some(_), _) | (None, None) => {}
                // Dropped, it is unsubscribed or unregistered.
                (None, Some(_)) => drop(self.mirrors.remove(&place)),
            }
        }
    }

    /// Something may be to be done there. What has come and gone while there was no time for it is forgotten.
    fn heed(&mut self, place: (Kind, u64)) {
        let is_wanted = self.watched.wanted(place.0, place.1).is_some();
        match is_wanted || self.mirrors.contains_key(&place) {
            true => self.due.insert(place),
            false => self.due.remove(&place),
        };
    }

    fn make(&self, place: (Kind, u64), pattern: Pattern) -> impl Future<Output = Made> + Send + use<> {
        let (from, listener, calls) =
            (self.direction.from.clone(), self.listener.clone(), self.calls.clone());
        async move {
            let Pattern { uri, policy, invoke } = pattern;
            let made = match place.0 {
                Kind::Subscription => {
                    let listening = listener.listen(&uri, policy).await;
                    listening.map(|keeps| Mirror::Listening { _keeps: keeps })
                }
                Kind::Registration => {
                    let registration = calls.register(&from, uri, policy, invoke).await;
                    registration.map(|keeps| Mirror::Registered { _keeps: keeps })
                }
            };
            (place, made.map_err(|error| error.to_string()))
        }
    }

    fn made(&mut self, place: (Kind, u64), made: Result<Mirror, String>) {
        let mirror = made.unwrap_or_else(|error| {
            let link = &self.direction.link;
            if std::mem::replace(&mut self.has_warned, true) {
                debug!(link, "not forwarded: {error}");
            } else {
                warn!(link, "not forwarded: {error}; others like it are only logged at level debug");
            }
            Mirror::Refused
        });
        self.mirrors.insert(place, mirror);
        // It may not be wanted any more.
        self.heed(place);
    }
}
