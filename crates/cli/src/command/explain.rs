//! `crossweave explain`.

use clap::{Args, ValueEnum};
use crossweave_config::{Loaded, Matching, Permission};
use crossweave_node::explain::{Judged, Question, Verdict, instances, judge};
use crossweave_router::Action;
use crossweave_wamp::MatchPolicy;
use serde_json::{Value, json};

use super::check::refuse;
use crate::exit::{Code, Failure};
use crate::node::{NodeDirectory, NotLoaded};
use crate::terminal::Terminal;

const EXAMPLES: &str = "\
Examples:
  crossweave explain call com.example.api.add --as visitor
  crossweave explain subscribe com.example. --match prefix --as alice --realm realm1
  crossweave explain publish com.example.news --as role:backend --json | jq .permission.line

Exit codes:
  0  it is allowed
  1  the command line or the configuration is at fault
  2  it is not allowed
  3  an authorizer decides while the node runs";

/// Say whether a session may do something, and which permission of the configuration decides
///
/// The configuration is read, not a running node. A running node tells the same in its log of every denial, under the
/// correlation id that the client got.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Explain {
    /// What the session does
    #[arg(value_enum, value_name = "ACTION")]
    action: Deed,
    /// With which URI, or pattern
    #[arg(value_name = "URI")]
    uri: String,
    /// Who does it: a role, or an authid that the configuration knows; `role:NAME` and `authid:NAME` say which
    #[arg(long = "as", value_name = "AUTHID|ROLE")]
    who: String,
    /// On which realm, also one that a template starts [default: the only one that has the role]
    #[arg(long, value_name = "REALM")]
    realm: Option<String>,
    /// On which router worker, by its id [default: the only one that has the realm]
    #[arg(long, value_name = "ID")]
    worker: Option<String>,
    /// How `subscribe` and `register` match
    #[arg(long = "match", value_enum, default_value_t, value_name = "POLICY")]
    policy: Policy,
    #[command(flatten)]
    directory: NodeDirectory,
    /// Print one JSON object: allowed, reason, message, permission
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Deed {
    Call,
    Publish,
    Subscribe,
    Register,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, ValueEnum)]
enum Policy {
    #[default]
    Exact,
    Prefix,
    Wildcard,
}

impl Deed {
    fn action(self) -> Action {
        match self {
            Deed::Call => Action::Call,
            Deed::Publish => Action::Publish,
            Deed::Subscribe => Action::Subscribe,
            Deed::Register => Action::Register,
        }
    }
}

impl Policy {
    fn policy(self) -> MatchPolicy {
        match self {
            Policy::Exact => MatchPolicy::Exact,
            Policy::Prefix => MatchPolicy::Prefix,
            Policy::Wildcard => MatchPolicy::Wildcard,
        }
    }
}

impl Explain {
    pub(super) fn run(&self, terminal: Terminal) -> Result<(), Failure> {
        self.explain(terminal).map_err(|failure| failure.tell_if(self.json, terminal))
    }

    fn explain(&self, terminal: Terminal) -> Result<(), Failure> {
        let (action, policy) = (self.action.action(), self.policy.policy());
        if policy != MatchPolicy::Exact && matches!(action, Action::Call | Action::Publish) {
            return Err(Failure::setup(format_args!(
                "--match is for subscribe and register: one can only {} a URI",
                action.as_str()
            )));
        }
        let loaded = self.load(terminal)?;
        let question = Question {
            action,
            uri: &self.uri,
            policy,
            who: &self.who,
            realm: self.realm.as_deref(),
            worker: self.worker.as_deref(),
        };
        let node =
            instances(&loaded.node, &loaded.document, &loaded.cbdir, &question).map_err(Failure::setup)?;
        let judged = judge(&node, &question).map_err(Failure::setup)?;
        let explanation = Explanation { question, judged, loaded: &loaded };
        match self.json {
            true => terminal.print(&explanation.json().to_string())?,
            false => terminal.print(&terminal.shown(&explanation.text()))?,
        }
        match explanation.judged.verdict.is_allowed() {
            Some(true) => Ok(()),
            Some(false) => Err(Failure::explained(Code::Wamp)),
            None => Err(Failure::explained(Code::Undecided)),
        }
    }

    fn load(&self, terminal: Terminal) -> Result<Loaded, Failure> {
        self.directory.load().map_err(|reason| match reason {
            NotLoaded::Failure(failure) => failure,
            NotLoaded::Problems(problems) => {
                refuse(terminal, &problems, self.json).unwrap_or_else(|failure| failure)
            }
        })
    }
}

/// An answer with its question.
struct Explanation<'e> {
    question: Question<'e>,
    judged: Judged<'e>,
    loaded: &'e Loaded,
}

impl Explanation<'_> {
    fn text(&self) -> String {
        let Judged { worker, realm, role, authid, verdict } = &self.judged;
        let verb = match verdict.is_allowed() {
            Some(true) => "allowed",
            Some(false) => "not allowed",
            None => "asked",
        };
        let who = authid.map(|authid| format!("authid {authid}, ")).unwrap_or_default();
        let role = format!("role {}, realm {}, worker {worker}", role.name, realm.name);
        let mut lines = vec![
            format!("{verb}: {} {}{}", self.question.action.as_str(), self.uri(), self.policy()),
            format!("  as {who}{role}"),
            format!("  {}", self.message()),
        ];
        lines.extend(self.hint());
        if let Some((path, place)) = self.place() {
            lines.push(format!("  at {place} ({path})"));
        }
        if verdict.is_allowed() == Some(true)
            && matches!(self.question.action, Action::Call | Action::Publish)
        {
            lines.push(format!("  the session is disclosed {}", self.disclosed()));
        }
        lines.join("\n")
    }

    /// The URI; one that is empty would not be seen.
    fn uri(&self) -> &str {
        if self.question.uri.is_empty() { "\"\"" } else { self.question.uri }
    }

    /// A star makes a pattern in permissions only: what was probably meant.
    fn hint(&self) -> Option<String> {
        let Question { uri, policy, .. } = self.question;
        if policy != MatchPolicy::Exact || !uri.split('.').any(|component| component == "*") {
            return None;
        }
        let ordinary = "  note: to sessions a star is a character like others";
        if matches!(self.question.action, Action::Call | Action::Publish) {
            return Some(ordinary.to_owned());
        }
        let (pattern, policy) = match uri.strip_suffix('*').filter(|prefix| !prefix.contains('*')) {
            Some(prefix) => (prefix.to_owned(), "prefix"),
            None => {
                let open = |component| if component == "*" { "" } else { component };
                (uri.split('.').map(open).collect::<Vec<_>>().join("."), "wildcard")
            }
        };
        Some(format!("{ordinary}; the pattern would be {pattern:?} with --match {policy}"))
    }

    fn policy(&self) -> String {
        match self.question.policy {
            MatchPolicy::Exact => String::new(),
            policy => format!(" ({})", policy.as_str()),
        }
    }

    fn message(&self) -> String {
        let action = self.question.action.as_str();
        match &self.judged.verdict {
            Verdict::Permission(it, true) => {
                format!("permission {} decides, as the most specific one, and allows `{action}`", pattern(it))
            }
            Verdict::Permission(it, false) => {
                format!(
                    "permission {} decides, as the most specific one, and does not allow `{action}`",
                    pattern(it)
                )
            }
            Verdict::PartDenied(it) => format!(
                "permission {} does not allow `{action}` for a part of what the pattern matches",
                pattern(it)
            ),
            Verdict::Default(true) => "no permission matches, and the role has `allow-by-default`".to_owned(),
            Verdict::Default(false) => match self.question.policy {
                MatchPolicy::Exact => "no permission of the role matches".to_owned(),
                _ => "no permission of the role matches all of the pattern".to_owned(),
            },
            Verdict::Unnamed => {
                "the procedure gives power over other sessions: only a permission that begins with `wamp.` \
                                 can allow it"
                    .to_owned()
            }
            Verdict::Reserved => "URIs that begin with `wamp.` are the router's own".to_owned(),
            Verdict::Authorizer(procedure) => {
                format!("procedure {procedure} of the realm is asked while the node runs")
            }
        }
    }

    /// What stands where: the permission, else the authorizer, else the role.
    fn place(&self) -> Option<(String, String)> {
        let role = &self.judged.role.path;
        let path = match &self.judged.verdict {
            Verdict::Permission(it, _) | Verdict::PartDenied(it) => it.path.clone(),
            Verdict::Authorizer(_) => format!("{role}.authorizer"),
            Verdict::Default(_) | Verdict::Unnamed => role.clone(),
            Verdict::Reserved => return None,
        };
        let place = match (&self.loaded.config_file, self.loaded.places.get(&path)) {
            (Some(file), Some(place)) => format!("{}:{}:{}", file.display(), place.line, place.column),
            _ => "the built-in node".to_owned(),
        };
        Some((path, place))
    }

    fn disclosed(&self) -> &'static str {
        match self.judged.verdict.disclose(self.question.action) {
            Some(true) => "always",
            Some(false) => "never",
            None => "if it asks for it",
        }
    }

    fn json(&self) -> Value {
        let Judged { worker, realm, role, authid, verdict } = &self.judged;
        let reason = match verdict {
            Verdict::Permission(..) => "permission",
            Verdict::PartDenied(_) => "part-denied",
            Verdict::Default(_) => "default",
            Verdict::Reserved => "reserved",
            Verdict::Unnamed => "power",
            Verdict::Authorizer(_) => "authorizer",
        };
        let authorizer = match verdict {
            Verdict::Authorizer(procedure) => Some(*procedure),
            _ => None,
        };
        json!({
            "allowed": verdict.is_allowed(),
            "action": self.question.action.as_str(),
            "uri": self.question.uri,
            "match": self.question.policy.as_str(),
            "worker": worker,
            "realm": realm.name,
            "role": role.name,
            "authid": authid,
            "reason": reason,
            "message": self.message(),
            "permission": verdict.permission().map(|it| self.permission(it)),
            "authorizer": authorizer,
            "disclose": verdict.disclose(self.question.action),
        })
    }

    fn permission(&self, permission: &Permission) -> Value {
        let place = self.loaded.places.get(&permission.path);
        json!({
            "uri": permission.uri,
            "match": matching(permission),
            "file": self.loaded.config_file,
            "line": place.map(|it| it.line),
            "column": place.map(|it| it.column),
            "path": permission.path,
        })
    }
}

fn pattern(permission: &Permission) -> String {
    format!("{:?} ({})", permission.uri, matching(permission))
}

fn matching(permission: &Permission) -> &'static str {
    match permission.matching {
        Matching::Exact => "exact",
        Matching::Prefix => "prefix",
        Matching::Wildcard => "wildcard",
    }
}
