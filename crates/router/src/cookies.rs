//! Cookies that remember who a browser is, so that a page that is loaded again need not ask.
//!
//! A WebSocket handshake without a cookie of ours gets one. Once a session on that connection has proven who it is, the jar
//! remembers that under the cookie, and a later connection that brings it may join by method `cookie`. A session that says
//! GOODBYE with `wamp.close.logout` ends that: the cookie is forgotten, and its other connections are closed.
//!
//! The jar holds hashes: who reads its file or its memory has no cookie. What it remembers is in memory and is written by a
//! thread of its own, shortly after; a cookie is a convenience, and whoever loses one logs in again.

mod shelf;
mod storage;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Weak};
use std::time::{SystemTime, UNIX_EPOCH};

use crossweave_wamp::{AuthMethod, Dict};
use parking_lot::{Mutex, MutexGuard};
use sha2::{Digest as _, Sha256};
use tracing::warn;

pub use shelf::{CookieShelf, KeptCookie, NamedShelf};
pub use storage::{CookieStore, CookieStoreError};

use crate::peer::Peer;
use storage::{Change, Storage};

/// Cookies that are remembered at a time.
const REMEMBERED_MAX: usize = 1_000_000;
/// Cookies that were given out and have not logged in; the oldest are forgotten.
const ISSUED_MAX: usize = 65_536;

/// Cookies of our name that a handshake may bring: one for the page's path and one for its host, say. Further ones are not
/// looked at, so that a handshake is no way to try many.
const TRIED_MAX: usize = 2;

/// What cookies look like. The defaults are those of Crossbar.io.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieOptions {
    /// The name. Default `cbtid`.
    pub name: String,
    /// Characters of the value, 6 to 64; each is worth 6 bits. Default 24.
    pub length: usize,
    /// How long a browser, and the jar, remembers, in seconds. Default 604,800: a week.
    pub max_age_s: u64,
    /// Whether browsers send it over TLS only. Default no.
    pub secure: bool,
    /// Whether it is hidden from scripts (`HttpOnly`). Default no.
    pub is_http_only: bool,
    /// `SameSite`: `Strict`, `Lax` or `None`, if any. Default none.
    pub same_site: Option<&'static str>,
    /// Where the jar is kept.
    pub store: CookieStore,
}

impl Default for CookieOptions {
    fn default() -> Self {
        CookieOptions {
            name: "cbtid".to_owned(),
            length: 24,
            max_age_s: 604_800,
            secure: false,
            is_http_only: false,
            same_site: None,
            store: CookieStore::Memory,
        }
    }
}

/// A jar of cookies. Cheap to clone; the clones are one jar.
#[derive(Clone)]
pub(crate) struct Cookies {
    jar: Arc<Jar>,
}

impl std::fmt::Debug for Cookies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cookies").field("name", &self.jar.options.name).finish_non_exhaustive()
    }
}

struct Jar {
    options: CookieOptions,
    state: Mutex<State>,
    storage: Storage,
}

#[derive(Default)]
struct State {
    remembered: HashMap<CookieId, Remembered>,
    /// Given out by us and not remembered. Others' inventions are replaced, so that nobody chooses another's cookie.
    issued: HashSet<CookieId>,
    issued_order: VecDeque<CookieId>,
    /// The connections of each cookie that have joined, or are about to; a log-out empties it.
    siblings: HashMap<CookieId, Vec<Weak<Peer>>>,
}

/// The jars of a router that outlive it.
#[derive(Default)]
pub(crate) struct Jars {
    opened: Mutex<Vec<Cookies>>,
}

impl Jars {
    /// The jar of these options: the one that is open already, if it is kept in the same file.
    pub(crate) fn open(&self, options: &CookieOptions) -> Result<Cookies, CookieStoreError> {
        let Some(path) = options.store.path() else { return Cookies::open(options.clone()) };
        let mut opened = self.opened.lock();
        let same = opened.iter().find(|cookies| cookies.jar.options.store.path() == Some(path));
        match same {
            Some(cookies) if cookies.jar.options == *options => Ok(cookies.clone()),
            Some(_) => {
                let cause = "cookies with other options are kept there".to_owned();
                Err(CookieStoreError { path: path.to_owned(), cause })
            }
            None => {
                let cookies = Cookies::open(options.clone())?;
                opened.push(cookies.clone());
                Ok(cookies)
            }
        }
    }
}

/// The hash of a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CookieId([u8; 32]);

/// Who a cookie stands for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Remembered {
    /// Seconds since 1970.
    pub(crate) created_s: u64,
    pub(crate) authid: String,
    pub(crate) authrole: String,
    /// How the client had proven who it is; none in what was kept before that was noted.
    pub(crate) authmethod: Option<AuthMethod>,
    pub(crate) realm: String,
    pub(crate) authextra: Dict,
}

/// A connection with a cookie.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    cookies: Cookies,
    id: CookieId,
    /// It has brought a cookie of this name that was not given out here, or was forgotten.
    is_strange: bool,
}

impl Cookies {
    /// Opens a jar with what its store holds.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub(crate) fn open(options: CookieOptions) -> Result<Cookies, CookieStoreError> {
        let (storage, stored) = Storage::open(&options.store, options.max_age_s)?;
        let state = Mutex::new(State { remembered: stored, ..State::default() });
        Ok(Cookies { jar: Arc::new(Jar { options, state, storage }) })
    }

    /// Reads the `Cookie` header of a handshake. The value of a `Set-Cookie` for the answer, if it brings no cookie of ours.
    pub(crate) fn greet(&self, header: Option<&str>) -> (Visit, Option<String>) {
        let visit = |id, is_strange| Visit { cookies: self.clone(), id, is_strange };
        if let Some(id) = header.and_then(|header| self.find(header)) {
            return (visit(id, false), None);
        }
        let is_strange = header.is_some_and(|header| self.ours(header).next().is_some());
        let value = self.new_value();
        let id = CookieId::of(&value);
        self.jar.state.lock().issue(id);
        (visit(id, is_strange), Some(self.set_cookie(&value)))
    }

    /// The cookie in the header that is ours and known.
    fn find(&self, header: &str) -> Option<CookieId> {
        let state = self.jar.state.lock();
        self.ours(header)
            .take(TRIED_MAX)
            .map(CookieId::of)
            .find(|id| state.issued.contains(id) || state.remembered.contains_key(id))
    }

    /// The values of cookies in the header that have the name of ours.
    fn ours<'h>(&self, header: &'h str) -> impl Iterator<Item = &'h str> {
        let pairs = header.split(';').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(name, _)| name.trim() == self.jar.options.name).map(|(_, value)| value.trim())
    }

    fn new_value(&self) -> String {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut random = vec![0; self.jar.options.length];
        getrandom::fill(&mut random).expect("the operating system gives random bytes");
        random.iter().map(|byte| char::from(LETTERS[usize::from(byte & 63)])).collect()
    }

    fn set_cookie(&self, value: &str) -> String {
        let CookieOptions { name, max_age_s, secure, is_http_only, same_site, .. } = &self.jar.options;
        let mut cookie = format!("{name}={value}; Max-Age={max_age_s}");
        if *secure {
            cookie.push_str("; Secure");
        }
        if *is_http_only {
            cookie.push_str("; HttpOnly");
        }
        if let Some(same_site) = same_site {
            cookie.push_str("; SameSite=");
            cookie.push_str(same_site);
        }
        cookie
    }
}

impl State {
    fn issue(&mut self, id: CookieId) {
        while self.issued_order.len() >= ISSUED_MAX {
            if let Some(oldest) = self.issued_order.pop_front() {
                self.issued.remove(&oldest);
            }
        }
        self.issued.insert(id);
        self.issued_order.push_back(id);
    }
}

impl CookieId {
    fn of(value: &str) -> CookieId {
        CookieId(Sha256::digest(value).into())
    }
}

impl Visit {
    /// Who the cookie stands for, if it is not too old.
    pub(crate) fn known(&self) -> Option<Remembered> {
        let jar = &self.cookies.jar;
        let remembered = jar.state.lock().remembered.get(&self.id).cloned()?;
        let is_fresh = now_s() < remembered.created_s.saturating_add(jar.options.max_age_s);
        is_fresh.then_some(remembered)
    }

    /// Why the cookie does not let its client in, for the log.
    pub(crate) fn standing(&self) -> &'static str {
        let jar = &self.cookies.jar;
        let created_s = jar.state.lock().remembered.get(&self.id).map(|it| it.created_s);
        match created_s {
            Some(at) if now_s() >= at.saturating_add(jar.options.max_age_s) => "the cookie is too old",
            Some(_) => "the cookie stands for another authid or realm than HELLO names",
            None if self.is_strange => "the cookie was not given out here, or is forgotten",
            None => "no cookie that stands for anybody was brought",
        }
    }

    /// Remembers who the session of this connection has proven to be. False if the cookie was logged out since the connection
    /// was attached: then it stays forgotten.
    pub(crate) fn remember(&self, session: Remembered, peer: &Arc<Peer>) -> bool {
        let state = self.cookies.jar.state.lock();
        let siblings = state.siblings.get(&self.id);
        if !siblings.is_some_and(|siblings| siblings.iter().any(|sibling| is(sibling, peer))) {
            return false;
        }
        self.note(state, session);
        true
    }

    fn note(&self, mut state: MutexGuard<'_, State>, session: Remembered) {
        let jar = &self.cookies.jar;
        if state.remembered.len() >= REMEMBERED_MAX {
            let (now, max_age) = (now_s(), jar.options.max_age_s);
            state.remembered.retain(|_, it| now < it.created_s.saturating_add(max_age));
            if state.remembered.len() >= REMEMBERED_MAX {
                drop(state);
                warn!(cookies = REMEMBERED_MAX, "too many cookies: this one is not remembered");
                return;
            }
        }
        state.remembered.insert(self.id, session.clone());
        // Under the lock, as the changes of a cookie are to be written in their order.
        let is_written = jar.storage.write(Change::Remember(self.id, session));
        drop(state);
        if !is_written {
            warn!("a cookie is not written: the disk is too slow, or full");
        }
    }

    /// Forgets whom it stood for: its session is somebody else now, or nobody.
    pub(crate) fn forget(&self) {
        self.forget_in(&mut self.cookies.jar.state.lock());
    }

    fn forget_in(&self, state: &mut State) {
        if state.remembered.remove(&self.id).is_some() {
            self.cookies.jar.storage.write(Change::Forget(self.id));
        }
    }

    /// Another connection of the cookie is about to join.
    pub(crate) fn attach(&self, peer: &Arc<Peer>) {
        let mut state = self.cookies.jar.state.lock();
        let siblings = state.siblings.entry(self.id).or_default();
        siblings.retain(|sibling| sibling.strong_count() > 0 && !is(sibling, peer));
        siblings.push(Arc::downgrade(peer));
    }

    /// A connection is gone.
    pub(crate) fn detach(&self, peer: &Arc<Peer>) {
        let mut state = self.cookies.jar.state.lock();
        if let Some(siblings) = state.siblings.get_mut(&self.id) {
            siblings.retain(|sibling| sibling.strong_count() > 0 && !is(sibling, peer));
            if siblings.is_empty() {
                state.siblings.remove(&self.id);
            }
        }
    }

    /// Forgets the cookie and closes its other connections. Those that are being opened are attached no more, so that what they
    /// come to does not bring the cookie back.
    pub(crate) fn log_out(&self, peer: &Arc<Peer>) {
        let siblings = {
            let mut state = self.cookies.jar.state.lock();
            self.forget_in(&mut state);
            state.issued.remove(&self.id);
            state.siblings.remove(&self.id).unwrap_or_default()
        };
        for sibling in siblings.iter().filter_map(Weak::upgrade).filter(|it| !Arc::ptr_eq(it, peer)) {
            sibling.queue.lock().is_logged_out = true;
            sibling.waker.wake();
        }
    }
}

fn is(sibling: &Weak<Peer>, peer: &Arc<Peer>) -> bool {
    std::ptr::eq(sibling.as_ptr(), Arc::as_ptr(peer))
}

/// Seconds since 1970.
pub(crate) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joe() -> Remembered {
        Remembered {
            created_s: now_s(),
            authid: "joe".into(),
            authrole: "user".into(),
            authmethod: Some(AuthMethod::Ticket),
            realm: "realm1".into(),
            authextra: Dict::new().with("a", 1),
        }
    }

    impl Visit {
        /// Remembers a session without its connection.
        fn login(&self, session: Remembered) {
            self.note(self.cookies.jar.state.lock(), session);
        }
    }

    fn header(set_cookie: &str) -> String {
        format!("other=1; {}; more=2", set_cookie.split(';').next().unwrap())
    }

    #[test]
    fn a_cookie_of_ours_is_known_again_and_others_are_replaced() {
        let options = CookieOptions {
            secure: true,
            is_http_only: true,
            same_site: Some("Strict"),
            ..CookieOptions::default()
        };
        let cookies = Cookies::open(options).unwrap();
        let (visit, set) = cookies.greet(None);
        let set = set.unwrap();
        assert!(
            set.starts_with("cbtid=") && set.ends_with("; Max-Age=604800; Secure; HttpOnly; SameSite=Strict"),
            "{set}"
        );
        let (again, unset) = cookies.greet(Some(&header(&set)));
        assert!(unset.is_none() && again.known().is_none());
        visit.login(joe());
        assert_eq!(again.known(), Some(joe()));
        let (planted, replaced) = cookies.greet(Some("cbtid=AAAAAAAAAAAAAAAAAAAAAAAA"));
        assert!(replaced.is_some() && planted.known().is_none());
        visit.forget();
        assert_eq!(again.known(), None);
    }

    #[test]
    fn an_old_cookie_stands_for_nobody() {
        let cookies = Cookies::open(CookieOptions { max_age_s: 60, ..CookieOptions::default() }).unwrap();
        let (visit, _) = cookies.greet(None);
        visit.login(Remembered { created_s: now_s() - 61, ..joe() });
        assert_eq!(visit.known(), None);
    }

    #[test]
    fn cookies_outlive_the_router_in_a_file_and_in_a_database() {
        let folder = tempfile::tempdir().unwrap();
        let (file, database) = (folder.path().join("cookies.dat"), folder.path().join("cookies.db"));
        for store in [
            CookieStore::File { path: file, purge_on_startup: false },
            CookieStore::Database { path: database, purge_on_startup: false },
        ] {
            let options = CookieOptions { store: store.clone(), ..CookieOptions::default() };
            let cookies = Cookies::open(options.clone()).unwrap();
            let (kept, set) = cookies.greet(None);
            let (gone, gone_set) = cookies.greet(None);
            let kept_as = joe();
            kept.login(kept_as.clone());
            gone.login(joe());
            gone.forget();
            let (header_kept, header_gone) = (header(&set.unwrap()), header(&gone_set.unwrap()));
            drop((cookies, kept, gone));
            let cookies = Cookies::open(options.clone()).unwrap();
            let known = cookies.greet(Some(&header_kept)).0.known();
            assert_eq!(known, Some(kept_as.clone()));
            assert!(cookies.greet(Some(&header_gone)).1.is_some());
            drop(cookies);
            let purge = match store {
                CookieStore::File { path, .. } => CookieStore::File { path, purge_on_startup: true },
                CookieStore::Database { path, .. } => CookieStore::Database { path, purge_on_startup: true },
                other => other,
            };
            let cookies = Cookies::open(CookieOptions { store: purge, ..options }).unwrap();
            assert!(cookies.greet(Some(&header_kept)).1.is_some());
        }
    }
}
