//! `crossweave tap`.

mod shown;

use std::cell::RefCell;
use std::path::Path;

use clap::Args;
use crossweave_api::node::GetWorkers;
use crossweave_api::router::{GetRouterRealm, GetRouterRealmByName, GetRouterRealms, RouterRealm};
use crossweave_api::tracing::{GetTraceData, StartTrace, StopTrace, TraceOptions, TraceRecord};
use crossweave_wamp::MatchPolicy;
use crossweave_wamp::message::Kind;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::connection::match_policy;
use crate::exit::{Code, Failure};
use crate::node::{Cbdir, Management, manage_then};
use crate::terminal::Terminal;
use crate::value;

/// How long a worker waits for a message before it answers that there is none, in ms.
const WAIT_MS: u64 = 2_000;
/// Messages asked for at a time.
const AT_A_TIME: u32 = 1_000;
/// A worker forgets a tap whose terminal is gone after so many seconds.
const IDLE_S: u64 = 30;

const EXAMPLES: &str = "\
Examples:
  crossweave tap
  crossweave tap --realm realm1 --uri com.example. --match prefix
  crossweave tap --authid alice --type CALL --type ERROR
  crossweave tap --uri com.example.add2 --payload --json | jq .args";

/// Follow the messages of a running node, as they are received and sent
///
/// Runs until Ctrl-C, or until --count messages have come. The router waits for nobody: what this does not take in time is
/// missed, and it says how many messages that were.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Tap {
    #[command(flatten)]
    directory: Cbdir,
    /// Only of this realm
    #[arg(long, value_name = "NAME")]
    realm: Option<String>,
    /// Only about this topic or procedure; answers are about what they answer
    #[arg(long, value_name = "URI")]
    uri: Option<String>,
    /// How --uri is compared; prefix: of characters, wildcard: an empty component is any
    #[arg(long = "match", value_name = "POLICY", default_value = "exact", value_parser = match_policy(), requires = "uri")]
    matching: MatchPolicy,
    /// Only from and to this session
    #[arg(long, value_name = "ID")]
    session: Option<u64>,
    /// Only from and to sessions of this authid
    #[arg(long, value_name = "AUTHID")]
    authid: Option<String>,
    /// Only of this type, as PUBLISH; may be given several times
    #[arg(long = "type", value_name = "TYPE", value_parser = parse_type)]
    types: Vec<Kind>,
    /// Show payloads, but for those of calls that the router itself makes
    #[arg(long)]
    payload: bool,
    /// Characters of a payload that are shown
    #[arg(long, value_name = "N", default_value = "1024", requires = "payload", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    payload_max: u32,
    /// Messages that each router worker keeps while they are not taken
    #[arg(long, value_name = "N", default_value = "10000", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    buffer: u32,
    /// End after this many messages
    #[arg(long, value_name = "N", value_parser = value::parse_count)]
    count: Option<u64>,
    /// Print each message as a JSON object, and one with `missed` where some are missing
    #[arg(long)]
    json: bool,
}

fn parse_type(name: &str) -> Result<Kind, String> {
    Kind::from_name(name).ok_or_else(|| "expected a message type, as PUBLISH or CALL".to_owned())
}

/// A trace that was started for this.
#[derive(Clone)]
struct Followed {
    worker: String,
    trace: String,
}

/// What came of a worker.
type Batch = (String, Result<Vec<TraceRecord>, Failure>);

impl Tap {
    pub(super) fn run(&self, terminal: Terminal) -> Result<(), Failure> {
        self.follow(terminal).map_err(|failure| failure.tell_if(self.json, terminal))
    }

    fn follow(&self, terminal: Terminal) -> Result<(), Failure> {
        let directory = self.directory.find()?;
        let started = RefCell::new(Vec::new());
        let work = async |management: &Management| {
            self.start(management, &directory, &started).await?;
            let followed = started.borrow().clone();
            let names: Vec<&str> = followed.iter().map(|it| it.worker.as_str()).collect();
            terminal.notice(&format!("following the messages of {}", names.join(", ")));
            self.print_all(management, &followed, terminal).await
        };
        let end = async |management: &Management| {
            for Followed { worker, trace } in started.take() {
                // If the worker is gone, so is the trace.
                let _ = management.ask(Some(&worker), &StopTrace { trace_id: trace }).await;
            }
        };
        manage_then(&directory, work, end)
    }

    /// Starts a trace on every worker that has the realm.
    async fn start(
        &self,
        management: &Management,
        directory: &Path,
        started: &RefCell<Vec<Followed>>,
    ) -> Result<(), Failure> {
        let filter_types = vec!["router".to_owned()];
        let workers = management.ask(None, &GetWorkers { filter_types }).await?;
        if workers.is_empty() {
            return Err(Failure::setup("this node has no router worker"));
        }
        for worker in &workers {
            if let Some(realm) = &self.realm
                && !has_realm(management, worker, realm).await?
            {
                continue;
            }
            let start = StartTrace { trace_id: None, trace_options: Some(self.options()) };
            let trace = management.ask(Some(worker), &start).await?;
            started.borrow_mut().push(Followed { worker: worker.clone(), trace: trace.id });
        }
        match &self.realm {
            Some(realm) if started.borrow().is_empty() => {
                let realms = Realms::of(management, &workers).await?;
                Err(Failure::setup(realms.without(realm, directory)))
            }
            _ => Ok(()),
        }
    }

    fn options(&self) -> TraceOptions {
        TraceOptions {
            realm: self.realm.clone(),
            uri: self.uri.clone(),
            matching: Some(self.matching.as_str().to_owned()),
            session: self.session,
            authid: self.authid.clone(),
            types: self.types.iter().map(|kind| kind.name().to_owned()).collect(),
            trace_app_payload: self.payload,
            payload_max: self.payload_max,
            limit: self.buffer,
            // They are asked for, so that what waits does so at the worker.
            batching_period: 0,
            idle_timeout: Some(IDLE_S),
            ..TraceOptions::default()
        }
    }

    async fn print_all(
        &self,
        management: &Management,
        followed: &[Followed],
        terminal: Terminal,
    ) -> Result<(), Failure> {
        // Short, so that what waits does so at the worker, where it is counted.
        let (batches, mut taken) = mpsc::channel::<Batch>(1);
        let mut readers = JoinSet::new();
        for followed in followed {
            readers.spawn(read(management.clone(), followed.clone(), batches.clone()));
        }
        drop(batches);
        let (mut left, mut workers) = (self.count.unwrap_or(u64::MAX), followed.len());
        let mut next_seq = std::collections::BTreeMap::new();
        while let Some((worker, batch)) = taken.recv().await {
            let records = match batch {
                Ok(records) => records,
                Err(failure) => {
                    workers -= 1;
                    if workers == 0 || failure.code != Code::Wamp {
                        return Err(failure);
                    }
                    terminal.notice(&format!("worker {worker} is gone"));
                    continue;
                }
            };
            let next = next_seq.entry(worker.clone()).or_insert(0);
            for record in records {
                let missed = record.seq - *next;
                *next = record.seq + 1;
                self.print(&worker, &record, missed, terminal)?;
                left -= 1;
                if left == 0 {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn print(
        &self,
        worker: &str,
        record: &TraceRecord,
        missed: u64,
        terminal: Terminal,
    ) -> Result<(), Failure> {
        if missed > 0 && self.json {
            terminal.print(&serde_json::json!({"missed": missed, "worker": worker}).to_string())?;
        } else if missed > 0 {
            terminal.notice(&format!("missed {missed} messages of {worker}"));
        }
        let line = match self.json {
            true => shown::json(worker, record),
            false => shown::line(record, terminal),
        };
        terminal.print(&line)
    }
}

async fn has_realm(management: &Management, worker: &str, realm: &str) -> Result<bool, Failure> {
    let asked = GetRouterRealmByName { realm_name: realm.to_owned() };
    match management.ask(Some(worker), &asked).await {
        Ok(_) => Ok(true),
        Err(failure) if failure.code == Code::Wamp => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// The realms of a node.
#[derive(Default)]
struct Realms {
    /// The names of those that run.
    running: Vec<String>,
    /// Those by which clients start more.
    templates: Vec<RouterRealm>,
}

impl Realms {
    async fn of(management: &Management, workers: &[String]) -> Result<Realms, Failure> {
        let mut realms = Realms::default();
        for worker in workers {
            for realm_id in management.ask(Some(worker), &GetRouterRealms {}).await? {
                let realm = management.ask(Some(worker), &GetRouterRealm { realm_id }).await?;
                match &*realm.kind {
                    "template" => realms.templates.push(realm),
                    _ => realms.running.extend(realm.config["name"].as_str().map(str::to_owned)),
                }
            }
        }
        Ok(realms)
    }

    /// What is said of a realm that does not run, on the node of this directory.
    fn without(&self, realm: &str, directory: &Path) -> String {
        let running = match &self.running[..] {
            [] => "there is none".to_owned(),
            names => names.join(", "),
        };
        let starts = |template: &&RouterRealm| {
            let read = crossweave_config::part::realm(&template.config, "template", directory);
            read.is_ok_and(|read| read.value.template.is_some_and(|template| template.is_match(realm)))
        };
        let hint = match self.templates.iter().find(starts) {
            Some(template) => {
                format!("; a client that joins it starts it by template {}", template.config["name"])
            }
            None => String::new(),
        };
        format!("no realm {realm:?} runs on this node; running: {running}{hint}")
    }
}

/// Takes what a trace has, again and again, until nobody wants it or it fails.
async fn read(management: Management, followed: Followed, batches: mpsc::Sender<Batch>) {
    let Followed { worker, trace } = followed;
    let mut from_seq = 0;
    loop {
        let asked =
            GetTraceData { trace_id: trace.clone(), from_seq, to_seq: None, limit: AT_A_TIME, wait: WAIT_MS };
        let records = management.ask(Some(&worker), &asked).await;
        if let Some(last) = records.as_ref().ok().and_then(|records| records.last()) {
            from_seq = last.seq + 1;
        }
        let is_over = records.is_err();
        if batches.send((worker.clone(), records)).await.is_err() || is_over {
            return;
        }
    }
}
