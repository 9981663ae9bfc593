//! Who has which procedure: registering, ending that, and finding the registration that gets a call. Specification: "Registering and
//! Unregistering", "Pattern-based Registrations".

use crossweave_wamp::{MatchPolicy, RegistrationId, message, uris};

use super::registration::{Callee, Registered, Registration};
use super::{Dealer, sharding};
use crate::boundary::Slot;
use crate::broker::Ended;
use crate::ids::Ids;
use crate::limits::CallQueueRule;
use crate::meta;
use crate::refused::Refused;
use crate::session::Sessions;
use crate::shard::ShardKey;
use crate::slab::Key;
use crate::uri_map::covers;

impl Dealer {
    /// Whether the session may register the procedure, as far as that is not for its callees to say; and which node it is.
    pub(crate) fn check(
        &self,
        sessions: &Sessions,
        from: Slot,
        register: &message::Register<'_>,
    ) -> Result<Option<ShardKey>, Refused> {
        let pattern = (register.options.match_policy, &*register.procedure);
        let count_max = self.limits.registrations_per_session_max;
        sessions.sender(from).registered.check("registrations", count_max, pattern, &self.limits)?;
        if self.procedures.get(pattern.0, pattern.1).is_none() {
            self.procedures.check_room(pattern, &self.limits)?;
        }
        register.options.nkey.as_deref().map(sharding::node).transpose()
    }

    /// Registers the session for the procedure or pattern.
    pub(crate) fn register(
        &mut self,
        sessions: &mut Sessions,
        ids: &mut Ids,
        from: Slot,
        register: &message::Register<'_>,
        created_ms: u64,
    ) -> Result<Registered, Refused> {
        let options = &register.options;
        let (policy, uri) = (options.match_policy, &*register.procedure);
        let node = self.check(sessions, from, register)?;
        let key = self.procedures.get(policy, uri);
        if let Some(key) = key {
            self.registrations[key].admit(from, options.invoke, self.limits.callees_per_registration_max)?;
        }
        let is_created = key.is_none();
        let key = key.unwrap_or_else(|| {
            let id = ids.registration();
            let queued_max = self.queued_max(policy, uri);
            let registration = Registration::new(id, uri, policy, options.invoke, created_ms, queued_max);
            let key = self.registrations.insert(registration);
            self.procedures.insert(policy, uri, key);
            self.by_id.insert(id, key);
            key
        });
        self.callees += 1;
        let registration = &mut self.registrations[key];
        let (id, queue) = (registration.id, registration.queue);
        let concurrency = options.concurrency.map(|asked| asked.min(self.limits.concurrency_max));
        let mut callee = Callee::new(from, self.callees, concurrency, node);
        callee.disclose_caller = options.disclose_caller;
        registration.callees.push(callee);
        let peer = sessions.sender_mut(from);
        peer.registrations.insert(id, key);
        peer.registered.add(policy, uri);
        if let Some(queue) = queue {
            self.make_ready(queue);
        }
        Ok(Registered { key, id, is_created })
    }

    /// How many calls of a registration may wait.
    fn queued_max(&self, policy: MatchPolicy, uri: &str) -> usize {
        let covers = |rule: &&CallQueueRule| covers((rule.match_policy, &rule.uri), (policy, uri));
        // Of equals, `max_by_key` takes the last.
        let rule = self.call_queues.iter().rev().filter(covers).max_by_key(|rule| rule.uri.len());
        rule.map_or(self.limits.queued_calls_per_registration_max, |rule| rule.calls_max)
    }

    /// Ends one registration of the session. Its invocations in flight go on.
    pub(crate) fn unregister(
        &mut self,
        sessions: &mut Sessions,
        from: Slot,
        id: RegistrationId,
    ) -> Result<Ended, Refused> {
        let Some(key) = sessions.sender_mut(from).registrations.remove(&id) else {
            return Err(Refused::new(
                uris::NO_SUCH_REGISTRATION,
                format!("session has no registration {id}"),
            ));
        };
        let registration = &self.registrations[key];
        sessions.sender_mut(from).registered.remove(registration.policy, &registration.uri);
        Ok(self.remove_callee(key, from))
    }

    /// Takes a callee out that no longer knows of the registration itself.
    pub(crate) fn remove_callee(&mut self, key: Key, slot: Slot) -> Ended {
        let registration = &mut self.registrations[key];
        registration.remove(slot);
        let (id, was_last) = (registration.id, registration.callees.is_empty());
        let is_reserved = meta::is_reserved(&registration.uri);
        if was_last {
            if let Some(queue) = registration.queue {
                self.queues.move_to(queue, None);
            }
            self.procedures.remove(registration.policy, &registration.uri);
            self.registrations.remove(key);
            self.by_id.remove(&id);
        }
        Ended { id: id.0, was_last, is_reserved, had_contract: false }
    }

    /// The registration at this place.
    pub(crate) fn at(&self, key: Key) -> &Registration {
        &self.registrations[key]
    }

    /// The registration with this id.
    pub(crate) fn by_id(&self, id: RegistrationId) -> Option<&Registration> {
        self.by_id.get(&id).map(|key| &self.registrations[*key])
    }

    /// The registration of exactly this procedure or pattern.
    pub(crate) fn of_pattern(&self, policy: MatchPolicy, uri: &str) -> Option<&Registration> {
        self.procedures.get(policy, uri).map(|key| &self.registrations[key])
    }

    /// The registration that a call of this procedure would go to.
    pub(crate) fn matching(&self, procedure: &str) -> Option<&Registration> {
        self.exact(procedure).or_else(|| self.best(procedure)).map(|key| &self.registrations[key])
    }

    /// All registrations, in no order that means anything.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Registration> {
        self.registrations.iter()
    }

    /// The registration of exactly this procedure. If there is one, the procedure is a valid URI and not reserved.
    #[inline]
    pub(crate) fn exact(&self, procedure: &str) -> Option<Key> {
        self.procedures.exact(procedure)
    }

    /// Whether a call finds a registration.
    pub(crate) fn has_callees(&self, procedure: &str) -> bool {
        self.exact(procedure).or_else(|| self.best(procedure)).is_some()
    }

    /// The one registration that gets the call: exact, else the longest prefix, else the most specific wildcard.
    #[inline]
    pub(super) fn best(&self, procedure: &str) -> Option<Key> {
        let prefix = self.procedures.longest_prefix(procedure).map(|(_, key)| key);
        prefix.or_else(|| self.procedures.best_wildcard(procedure))
    }

    /// Number of registrations.
    pub(crate) fn registrations_len(&self) -> usize {
        self.registrations.len()
    }
}
