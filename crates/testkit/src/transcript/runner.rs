//! Drives a realm through the lines of a transcript.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossweave_router_core::{
    Actions, Authorization, CallQueueRule, Decision, Disclose, Disclosure, HistoryRule, Input, MetaApi,
    Permission, Permissions, Presence, QuestionId, Realm, RealmOptions, Recorded, Role, Session, Slot,
    TrustRule, Undelivered, Whom,
};
use crossweave_wamp::features::Roles;
use crossweave_wamp::message::{Goodbye, Welcome};
use crossweave_wamp::{
    Delivery, Dict, MatchPolicy, Message, ProtocolViolation, RequestId, Serializer, Strictness, Value, uris,
};

use super::pattern::{Names, fill, matches, parse, to_json};
use crate::recorder::{Output, Recorder};

/// What the wall clock says when a realm starts: 2026-01-01T00:00:00Z.
const NEW_YEAR_MS: u64 = 1_767_225_600_000;

/// A transcript under way.
pub(super) struct Runner {
    options: RealmOptions,
    realm: Option<Realm>,
    start: Instant,
    now: Instant,
    /// What the histories took: it is there after a restart.
    recorded: Vec<Recorded>,
    names: Names,
    /// By name.
    sessions: BTreeMap<String, Slot>,
    /// Slots that the realm has not let go yet.
    taken: BTreeSet<Slot>,
    recorder: Recorder,
    /// What came and was not expected yet, by session.
    got: BTreeMap<Slot, VecDeque<Got>>,
    asked: VecDeque<String>,
    denials: VecDeque<String>,
    not_retained: VecDeque<String>,
    questions: VecDeque<QuestionId>,
}

#[derive(Debug, PartialEq)]
enum Got {
    Message(Value),
    Resumed,
    Detached(Option<&'static str>),
    /// The contract of the EVENT that follows.
    Under(String),
    Forgets(u64),
}

impl std::fmt::Display for Got {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Got::Message(value) => f.write_str(&to_json(value)),
            Got::Resumed => f.write_str("resumed"),
            Got::Under(contract) => write!(f, "under {contract}"),
            Got::Forgets(subscription) => write!(f, "forgets {subscription}"),
            Got::Detached(reason) => write!(f, "detached {}", reason.unwrap_or_default()),
        }
    }
}

impl Default for Runner {
    fn default() -> Self {
        let now = Instant::now();
        Runner {
            options: RealmOptions::default(),
            realm: None,
            start: now,
            now,
            recorded: Vec::new(),
            names: Names::new(),
            sessions: BTreeMap::new(),
            taken: BTreeSet::new(),
            recorder: Recorder::default(),
            got: BTreeMap::new(),
            asked: VecDeque::new(),
            denials: VecDeque::new(),
            not_retained: VecDeque::new(),
            questions: VecDeque::new(),
        }
    }
}

impl Runner {
    pub(super) fn line(&mut self, line: &str) -> Result<(), String> {
        let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim();
        if let Some(name) = first.strip_suffix('<') {
            return self.expect_message(name, rest);
        }
        match (first, rest.split_once(' ').unwrap_or((rest, ""))) {
            ("ask", _) => return self.expect_question(rest),
            ("denied", _) => return self.expect_denial(rest),
            ("unretained", _) => return self.expect_not_retained(rest),
            (name, ("resumed", "")) => return self.expect(name, Got::Resumed),
            (name, ("under", contract)) => return self.expect(name, Got::Under(contract.trim().to_owned())),
            (name, ("forgets", id)) => return self.expect_forgets(name, id.trim()),
            (name, ("detached", reason)) => return self.expect_detached(name, reason.trim()),
            _ => {}
        }
        self.nothing_left()?;
        match (first, rest.split_once(' ').unwrap_or((rest, ""))) {
            ("realm", _) => self.configure(rest),
            ("role", (name, role)) => self.set_role(name, role),
            ("unrole", (name, _)) => {
                self.realm().remove_role(name);
                Ok(())
            }
            ("revoke", (name, message)) => {
                let goodbye = Goodbye::new(uris::CLOSE_KILLED).with_message(message);
                self.input(Input::RemoveRole(name.into(), goodbye));
                Ok(())
            }
            ("kill", (name, reason)) => {
                let whom = if name == "*" { Whom::Everybody } else { Whom::Authid(name.into()) };
                self.input(Input::Kill(whom, Goodbye::new(reason.to_owned())));
                Ok(())
            }
            ("join", (name, details)) => self.join(name, details),
            ("leave", (name, _)) => self.slot(name).map(|slot| self.input(Input::Leave(slot))),
            ("presence", (name, presence)) => self.presence(name, presence),
            ("restart", _) => {
                self.restart();
                Ok(())
            }
            ("close", (name, reason)) => {
                let reason = reason.to_owned().leak();
                self.slot(name).map(|slot| self.input(Input::Close(slot, reason)))
            }
            ("violation", (name, why)) => {
                let violation = ProtocolViolation::new(why);
                self.slot(name).map(|slot| self.input(Input::Violation(slot, violation)))
            }
            ("undelivered", (name, request)) => self.undelivered(name, request),
            ("unreceived", (name, request)) => self.unreceived(name, request),
            ("answer", (decision, _)) => self.answer(decision),
            _ if first.starts_with('+') => self.wait(first),
            _ => match first.strip_suffix('>') {
                Some(name) => self.send(name, rest),
                None => Err(format!("  no such step: {line}")),
            },
        }
    }

    /// All sessions leave; nothing may remain.
    pub(super) fn end(mut self) -> Result<(), String> {
        self.nothing_left()?;
        let slots: Vec<Slot> = self.realm().sessions().map(|(slot, _)| slot).collect();
        for slot in slots {
            self.input(Input::Leave(slot));
        }
        while self.is_due() {
            self.input(Input::Tick);
        }
        if !self.taken.is_empty() {
            return Err(format!("  slots are not free: {:?}", self.taken));
        }
        let realm = self.realm();
        let left = (realm.subscription_count(), realm.registration_count(), realm.invocation_count());
        let waiting = (realm.question_count(), realm.kept_of_calls(), realm.deadline());
        if left != (0, 0, 0) || waiting != (0, 0, None) {
            return Err(format!(
                "  the realm keeps {left:?} (subscriptions, registrations, invocations) and {waiting:?} (questions, of calls, deadline)"
            ));
        }
        Ok(())
    }

    fn realm(&mut self) -> &mut Realm {
        let (options, now) = (self.options.clone(), self.now);
        let unix_ms = NEW_YEAR_MS + now.duration_since(self.start).as_millis() as u64;
        let recorded = &self.recorded;
        self.realm.get_or_insert_with(|| {
            let mut realm = Realm::new("realm1", options, [7 + u8::from(!recorded.is_empty()); 32]);
            realm.set_clock(now, unix_ms);
            realm.restore(recorded.iter().map(Recorded::to_record));
            let permissions = Authorization::Static(Permissions::allow_all().into());
            realm.set_role(Role::new("anonymous", permissions));
            realm
        })
    }

    /// The realm is gone without a word, and another one takes its place.
    fn restart(&mut self) {
        self.realm = None;
        self.sessions.clear();
        self.taken.clear();
        self.got.clear();
        self.questions.clear();
        self.asked.clear();
    }

    /// The lowest one, so that slots are used again as soon as they may be.
    fn free_slot(&self) -> Slot {
        let is_read = |slot: &Slot| self.got.get(slot).is_none_or(VecDeque::is_empty);
        let is_free = |slot: &Slot| !self.taken.contains(slot) && is_read(slot);
        (1..).map(Slot).find(is_free).expect("there are many slots")
    }

    fn slot(&self, name: &str) -> Result<Slot, String> {
        self.sessions.get(name).copied().ok_or_else(|| format!("  nobody is called {name}"))
    }

    fn input(&mut self, input: Input<'_, '_>) {
        let (now, mut recorder) = (self.now, std::mem::take(&mut self.recorder));
        let _ = self.realm().handle(now, input, &mut recorder);
        self.recorder = recorder;
        for output in self.recorder.take() {
            match output {
                Output::Send(slot, message) => {
                    let json = message.to_bytes(Serializer::Json);
                    let value = Serializer::Json.decode_value(&json).expect("messages are encoded well");
                    self.got.entry(slot).or_default().push_back(Got::Message(value));
                }
                Output::Under(slot, it) => {
                    let told = if it.tells_lost { "" } else { " untold" };
                    let under = Got::Under(to_json(&Value::from(&it.delivery)) + told);
                    self.got.entry(slot).or_default().push_back(under);
                }
                Output::Forget(slot, id) => self.got.entry(slot).or_default().push_back(Got::Forgets(id.0)),
                Output::Ask(question, it) => {
                    let name = self.name_of(it.session.0);
                    let pattern = match it.match_policy {
                        MatchPolicy::Exact => String::new(),
                        policy => format!(" {}", policy.as_str()),
                    };
                    self.asked.push_back(format!("{name} {} {}{pattern}", it.action.as_str(), it.uri));
                    self.questions.push_back(question);
                }
                Output::Denied(it) => {
                    let name = self.name_of(it.session.0);
                    let untold =
                        if it.untold > 0 { format!(" after {} untold", it.untold) } else { String::new() };
                    let (action, uri) = (it.action.as_str(), it.uri);
                    self.denials.push_back(format!("{name} {action} {uri}{untold}: {}", it.reason));
                }
                Output::Recorded(event) => self.recorded.push(event),
                Output::NotRetained(topic, bound) => {
                    self.not_retained.push_back(format!("{topic}: {bound:?}"));
                }
                Output::Resume(slot) => self.got.entry(slot).or_default().push_back(Got::Resumed),
                Output::Detach(slot, reason) => {
                    self.got.entry(slot).or_default().push_back(Got::Detached(reason))
                }
                Output::Free(slot) => assert!(self.taken.remove(&slot), "{slot:?} is free twice"),
            }
        }
    }

    fn name_of(&self, session: u64) -> String {
        let found = self.names.iter().find(|(_, value)| **value == Value::from(session));
        found.map_or_else(|| session.to_string(), |(name, _)| name.clone())
    }

    // Steps

    fn configure(&mut self, json: &str) -> Result<(), String> {
        let Value::Dict(dict) = parse(json)? else { return Err("  options are a dict".into()) };
        for (key, value) in dict.iter() {
            let number =
                || value.as_u64().map(|it| it as usize).ok_or_else(|| format!("  {key} is a number"));
            let limits = &mut self.options.limits;
            match key {
                "strictness" if value.as_str() == Some("strict") => {
                    self.options.strictness = Strictness::Strict
                }
                "meta_api" => {
                    self.options.meta_api = match value.as_str() {
                        Some("own") => MetaApi::Own,
                        Some("nobody") => MetaApi::Nobody,
                        _ => return Err("  meta_api is \"own\" or \"nobody\"".into()),
                    }
                }
                "subscriptions_per_session_max" => limits.subscriptions_per_session_max = number()?,
                "registrations_per_session_max" => limits.registrations_per_session_max = number()?,
                "calls_per_session_max" => limits.calls_per_session_max = number()?,
                "callees_per_registration_max" => limits.callees_per_registration_max = number()?,
                "sharded_subscribers_max" => limits.sharded_subscribers_max = number()?,
                "patterns_per_session_max" => limits.patterns_per_session_max = number()?,
                "uri_memory_per_session_max" => limits.uri_memory_per_session_max = number()?,
                "uri_memory_max" => limits.uri_memory_max = number()?,
                "wildcard_positions_max" => limits.wildcard_positions_max = number()?,
                "concurrency_max" => limits.concurrency_max = number()? as u64,
                "abandoned_per_session_max" => limits.abandoned_per_session_max = number()?,
                "uri_len_max" => limits.uri_len_max = number()?,
                "history" => self.options.history = history(value)?,
                "trust" => self.options.trust = trust(value)?,
                "call_queues" => self.options.call_queues = call_queues(value)?,
                "testaments_per_session_max" => limits.testaments_per_session_max = number()?,
                "testament_bytes_per_session_max" => limits.testament_bytes_per_session_max = number()?,
                "retained_bytes_per_subscribe_max" => {
                    limits.retained_bytes_per_subscribe_max = number()?;
                }
                "retained_events_max" => limits.retained_events_max = number()?,
                "retained_bytes_max" => limits.retained_bytes_max = number()?,
                "retained_restricted_max" => limits.retained_restricted_max = number()?,
                "retained_per_subscribe_max" => limits.retained_per_subscribe_max = number()?,
                "retained_age_max_ms" => limits.retained_age_max_ms = Some(number()? as u64),
                "delivery_queue_max" => limits.delivery_queue_max = number()? as u64,
                "history_result_max" => limits.history_result_max = number()?,
                "history_result_bytes_max" => limits.history_result_bytes_max = number()?,
                "queued_calls_per_registration_max" => limits.queued_calls_per_registration_max = number()?,
                "kept_call_bytes_max" => limits.kept_call_bytes_max = number()?,
                "leave_portion" => limits.leave_portion = number()?,
                "queue_portion" => limits.queue_portion = number()?,
                "meta_list_max" => limits.meta_list_max = number()?,
                "meta_payload_bytes_max" => limits.meta_payload_bytes_max = number()?,
                "held_messages_max" => limits.held_messages_max = number()?,
                "decisions_max" => limits.decisions_max = number()?,
                "decision_ttl_ms" => limits.decision_ttl_ms = number()? as u64,
                "ended_progressive_calls_max" => limits.ended_progressive_calls_max = number()?,
                _ => return Err(format!("  no such option: {key}")),
            }
        }
        Ok(())
    }

    fn set_role(&mut self, name: &str, role: &str) -> Result<(), String> {
        // {"delivery":…} beside the permissions.
        let delivery = match role {
            "dynamic" => None,
            _ => parse(role)?.as_dict().and_then(|role| delivery(role.get("delivery")?)),
        };
        let permissions = match role {
            "dynamic" => Authorization::Dynamic,
            _ => Authorization::Static(permissions(&parse(role)?)?.into()),
        };
        self.realm().set_role(Role::new(name, permissions).with_delivery(delivery));
        Ok(())
    }

    fn join(&mut self, name: &str, details: &str) -> Result<(), String> {
        let details = if details.is_empty() { Value::Dict(Dict::new()) } else { parse(details)? };
        let Value::Dict(details) = details else { return Err("  details are a dict".into()) };
        let text = |key, default: &str| -> Arc<str> { details.str(key).unwrap_or(default).into() };
        let id = self.realm().new_session_id();
        let slot = self.free_slot();
        self.taken.insert(slot);
        // Who has left and had it is not spoken of any more.
        self.sessions.retain(|_, known| *known != slot);
        let session = Session {
            id,
            authid: text("authid", name),
            authrole: text("authrole", "anonymous"),
            authmethod: "anonymous".into(),
            authprovider: "static".into(),
            roles: roles(&details),
            authextra: Dict::new(),
            transport: Dict::new(),
        };
        self.sessions.insert(name.to_owned(), slot);
        self.names.insert(name.to_owned(), id.0.into());
        let welcome = Welcome { session: id, details: Dict::new() };
        self.input(Input::Join(slot, Box::new(session), Box::new(welcome)));
        let welcome = Got::Message(Value::List(vec![2.into(), id.0.into(), Dict::new().into()]));
        match self.got.get(&slot).and_then(VecDeque::front) {
            Some(first) if *first == welcome => self.expect(name, welcome),
            _ => Ok(()),
        }
    }

    fn send(&mut self, name: &str, json: &str) -> Result<(), String> {
        let slot = self.slot(name)?;
        let value = fill(parse(json)?, &self.names)?;
        let bytes = to_json(&value).into_bytes();
        let mut message = Message::decode(Serializer::Json, &bytes).map_err(|why| format!("  {why}"))?;
        self.input(Input::Message(slot, &mut message));
        Ok(())
    }

    fn presence(&mut self, name: &str, presence: &str) -> Result<(), String> {
        let presence = match presence {
            "there" => Presence::There,
            "away" => Presence::Away,
            "silent" => Presence::Silent,
            other => return Err(format!("  no such presence: {other}")),
        };
        self.slot(name).map(|slot| self.input(Input::Presence(slot, presence)))
    }

    fn undelivered(&mut self, name: &str, request: &str) -> Result<(), String> {
        let request = request.parse().map_err(|why| format!("  request {request:?}: {why}"))?;
        self.slot(name)
            .map(|slot| self.input(Input::Undelivered(slot, RequestId(request), Undelivered::NoRoom)))
    }

    fn unreceived(&mut self, name: &str, request: &str) -> Result<(), String> {
        let request = request.parse().map_err(|why| format!("  request {request:?}: {why}"))?;
        self.slot(name)
            .map(|slot| self.input(Input::Unreceived(slot, RequestId(request), Undelivered::TooLong)))
    }

    fn answer(&mut self, decision: &str) -> Result<(), String> {
        let decision = match decision {
            "allow" => Decision::ALLOW,
            "disclose" => Decision::Allow { disclose: Disclose::Always, cache: false },
            "conceal" => Decision::Allow { disclose: Disclose::Never, cache: false },
            "deny" => Decision::DENY,
            "allow-and-cache" => Decision::Allow { disclose: Disclose::AsAsked, cache: true },
            "deny-and-cache" => Decision::Deny { cache: true },
            "failed" => Decision::Failed("the transcript says so".into()),
            other => return Err(format!("  no such decision: {other}")),
        };
        let question = self.questions.pop_front().ok_or("  there is no question")?;
        self.input(Input::Answer(question, decision));
        Ok(())
    }

    fn wait(&mut self, time: &str) -> Result<(), String> {
        let ms = time.trim_start_matches('+').strip_suffix("ms").and_then(|ms| ms.parse().ok());
        self.now += Duration::from_millis(ms.ok_or("  time is written as +500ms")?);
        while self.is_due() {
            self.input(Input::Tick);
        }
        Ok(())
    }

    fn is_due(&mut self) -> bool {
        let now = self.now;
        self.realm().deadline().is_some_and(|deadline| deadline <= now)
    }

    // Expectations

    fn expect_message(&mut self, name: &str, json: &str) -> Result<(), String> {
        let slot = self.slot(name)?;
        let pattern = parse(json)?;
        let got = self.got.get_mut(&slot).and_then(VecDeque::pop_front);
        match got {
            Some(Got::Message(value)) => matches(&pattern, &value, &mut self.names)
                .map_err(|why| format!("  expected {json}\n       got {}\n{why}", to_json(&value))),
            Some(other) => Err(format!("  expected {json}\n       got {other}")),
            None => Err(format!("  expected {json}\n       got nothing")),
        }
    }

    fn expect_detached(&mut self, name: &str, reason: &str) -> Result<(), String> {
        let reason = (!reason.is_empty()).then(|| &*reason.to_owned().leak());
        self.expect(name, Got::Detached(reason))
    }

    fn expect_forgets(&mut self, name: &str, id: &str) -> Result<(), String> {
        let id = self.names.get(id.trim_start_matches('$')).and_then(Value::as_u64);
        self.expect(name, Got::Forgets(id.ok_or("  forgets which subscription?")?))
    }

    fn expect(&mut self, name: &str, expected: Got) -> Result<(), String> {
        let slot = self.slot(name)?;
        match self.got.get_mut(&slot).and_then(VecDeque::pop_front) {
            Some(got) if got == expected => Ok(()),
            Some(got) => Err(format!("  expected {expected}\n       got {got}")),
            None => Err(format!("  expected {expected}\n       got nothing")),
        }
    }

    fn expect_question(&mut self, expected: &str) -> Result<(), String> {
        match self.asked.pop_front() {
            Some(asked) if asked == expected => Ok(()),
            asked => Err(format!("  expected question {expected:?}, got {asked:?}")),
        }
    }

    /// Denials may be left unexpected: most transcripts are about something else.
    fn expect_denial(&mut self, expected: &str) -> Result<(), String> {
        match self.denials.pop_front() {
            Some(denial) if denial == expected => Ok(()),
            denial => Err(format!("  expected denial {expected:?}\n       got {denial:?}")),
        }
    }

    fn expect_not_retained(&mut self, expected: &str) -> Result<(), String> {
        match self.not_retained.pop_front() {
            Some(told) if told == expected => Ok(()),
            told => Err(format!("  expected to be told of {expected:?}\n       got {told:?}")),
        }
    }

    fn nothing_left(&self) -> Result<(), String> {
        let name =
            |slot: &Slot| self.sessions.iter().find(|(_, it)| *it == slot).map_or("?", |(name, _)| name);
        let mut left: Vec<String> = Vec::new();
        for (slot, got) in &self.got {
            left.extend(got.iter().map(|got| format!("  unexpected: {} got {got}", name(slot))));
        }
        left.extend(self.asked.iter().map(|asked| format!("  unexpected question: {asked}")));
        if left.is_empty() { Ok(()) } else { Err(left.join("\n")) }
    }
}

/// `[["com.x", "prefix", events_max, bytes_max, age_max_ms], …]`; what is left out is as by default.
fn history(rules: &Value) -> Result<Vec<HistoryRule>, String> {
    let rule = |rule: &Value| {
        let parts = rule.as_list()?;
        let policy = MatchPolicy::parse(parts.get(1)?.as_str()?)?;
        let mut rule = HistoryRule::new(parts.first()?.as_str()?, policy);
        let number = |at: usize| parts.get(at).and_then(Value::as_u64);
        rule.events_max = number(2).map_or(rule.events_max, |it| it as usize);
        rule.bytes_max = number(3).map_or(rule.bytes_max, |it| it as usize);
        rule.age_max_ms = number(4);
        Some(rule)
    };
    let rules = rules.as_list().ok_or("  history is a list of rules")?;
    rules.iter().map(|it| rule(it).ok_or_else(|| format!("  no such rule: {}", to_json(it)))).collect()
}

/// `[["user", "com.x", "prefix", level], …]`
fn trust(rules: &Value) -> Result<Vec<TrustRule>, String> {
    let rule = |rule: &Value| {
        let parts = rule.as_list()?;
        let text = |at: usize| parts.get(at).and_then(Value::as_str);
        let match_policy = MatchPolicy::parse(text(2)?)?;
        let level = parts.get(3)?.as_u64()?;
        Some(TrustRule { role: text(0)?.into(), uri: text(1)?.into(), match_policy, level })
    };
    let rules = rules.as_list().ok_or("  trust is a list of rules")?;
    rules.iter().map(|it| rule(it).ok_or_else(|| format!("  no such rule: {}", to_json(it)))).collect()
}

/// `[["com.x", "prefix", calls_max], …]`
fn call_queues(rules: &Value) -> Result<Vec<CallQueueRule>, String> {
    let rule = |rule: &Value| {
        let parts = rule.as_list()?;
        let match_policy = MatchPolicy::parse(parts.get(1)?.as_str()?)?;
        let (uri, calls_max) = (parts.first()?.as_str()?.to_owned(), parts.get(2)?.as_u64()? as usize);
        Some(CallQueueRule { uri, match_policy, calls_max })
    };
    let rules = rules.as_list().ok_or("  call_queues is a list of rules")?;
    rules.iter().map(|it| rule(it).ok_or_else(|| format!("  no such rule: {}", to_json(it)))).collect()
}

/// A delivery contract as SUBSCRIBE has it.
fn delivery(asked: &Value) -> Option<Delivery> {
    let message = Value::List(vec![
        32.into(),
        1.into(),
        Dict::new().with("_delivery", asked.clone()).into(),
        "com.example".into(),
    ]);
    match Message::decode(Serializer::Json, to_json(&message).as_bytes()) {
        Ok(Message::Subscribe(it)) => it.options.delivery.and_then(|delivery| delivery.ok()),
        _ => None,
    }
}

/// `{"allow": {"com.": ["call"], "com.x": [], "com..y": ["publish"]}, "disclose": ["caller"], "conceal": ["publisher"],
/// "default": true}`
fn permissions(role: &Value) -> Result<Permissions, String> {
    let role = role.as_dict().ok_or("  a role is a dict or the word dynamic")?;
    let has = |list: Option<&Value>, word: &str| {
        list.and_then(Value::as_list).is_some_and(|list| list.iter().any(|it| it.as_str() == Some(word)))
    };
    let disclose = |word| match (has(role.get("disclose"), word), has(role.get("conceal"), word)) {
        (true, _) => Disclose::Always,
        (false, true) => Disclose::Never,
        (false, false) => Disclose::AsAsked,
    };
    let disclose = Disclosure { caller: disclose("caller"), publisher: disclose("publisher") };
    let rule = |(uri, allow): (&str, &Value)| {
        let allows = |word| has(Some(allow), word) || has(Some(allow), "all");
        let match_policy = if uri.contains("..") {
            MatchPolicy::Wildcard
        } else if uri.is_empty() || uri.ends_with('.') {
            MatchPolicy::Prefix
        } else {
            MatchPolicy::Exact
        };
        let allow = Actions {
            call: allows("call"),
            register: allows("register"),
            publish: allows("publish"),
            subscribe: allows("subscribe"),
        };
        Permission { uri: uri.to_owned(), match_policy, allow, disclose }
    };
    let rules =
        role.dict("allow").map(|allow| allow.iter().map(rule).collect::<Vec<_>>()).unwrap_or_default();
    let by_default = role.get("default").and_then(Value::as_bool).unwrap_or(false);
    Ok(Permissions::new(rules).map_err(|why| format!("  {why}"))?.allow_by_default(by_default))
}

/// The roles of a full client, or with just the features given of some: `{"callee": ["call_canceling"]}`.
fn roles(details: &Dict) -> Roles {
    let mut roles = Roles::client();
    let all = [
        ("publisher", &mut roles.publisher),
        ("subscriber", &mut roles.subscriber),
        ("caller", &mut roles.caller),
        ("callee", &mut roles.callee),
    ];
    for (name, role) in all {
        let Some(features) = details.get(name).and_then(Value::as_list) else { continue };
        let features: Dict =
            features.iter().filter_map(|it| Some((it.as_str()?.to_owned(), Value::Bool(true)))).collect();
        let announced = Dict::new().with("callee", Dict::new().with("features", features));
        *role = Roles::from_details(&Dict::new().with("roles", announced)).callee;
    }
    roles
}
