//! What the commands that are clients share: where the router is, who they are, how they end.

mod failure;

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use crossweave_client::{Auth, Client, MatchPolicy, Options, PrivateKey, Reconnect, RequestError, State};
use crossweave_wamp::Serializer;
use tokio::runtime::Builder;

use self::failure::connect_failure;
pub(crate) use self::failure::{call_failure, request_failure};
use crate::exit::Failure;
use crate::signals::{self, Signals};
use crate::terminal::Terminal;

/// The longest file that can hold a secret, in bytes; a longer one is the wrong file.
const SECRET_LEN_MAX: u64 = 64 * 1024;

/// The longest `--timeout`, in milliseconds: a day.
const TIMEOUT_MS_MAX: u64 = 86_400_000;

/// What connecting and an answer may take, in milliseconds.
const TIMEOUT_MS: u64 = 10_000;

/// How long an orderly end may take after Ctrl-C.
const GRACE: Duration = Duration::from_millis(1500);

/// Where the router is, and who we are there.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArgs {
    /// The router: ws://, wss://, rs://, rss://, unix:path or unix+ws:///path
    #[arg(long, env = "CROSSWEAVE_URL", default_value = "ws://127.0.0.1:8080/ws", value_name = "URL")]
    url: String,
    /// The realm to join
    #[arg(long, env = "CROSSWEAVE_REALM", default_value = "realm1", value_name = "REALM")]
    realm: String,
    /// Who to be; proven by a ticket, secret, password or key [default: anonymous]
    #[arg(long, env = "CROSSWEAVE_AUTHID", value_name = "AUTHID")]
    authid: Option<String>,
    /// The file with the ticket [default: $CROSSWEAVE_TICKET, the ticket itself]
    #[arg(long, value_name = "FILE", requires = "authid", conflicts_with_all = ["secret_file", "password_file", "key_file"])]
    ticket_file: Option<PathBuf>,
    /// The file with the WAMP-CRA secret [default: $CROSSWEAVE_SECRET, the secret itself]
    #[arg(long, value_name = "FILE", requires = "authid", conflicts_with_all = ["password_file", "key_file"])]
    secret_file: Option<PathBuf>,
    /// The file with the WAMP-SCRAM password [default: $CROSSWEAVE_PASSWORD, the password itself]
    #[arg(long, value_name = "FILE", requires = "authid", conflicts_with = "key_file")]
    password_file: Option<PathBuf>,
    /// The file with the cryptosign private key, 64 hexadecimal digits; the router may know the authid by it
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// A PEM file with authorities to trust beside those of the system, for wss:// and rss://
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// The serializer to speak [default: what the router likes best]
    #[arg(long, value_name = "NAME", value_parser = serializer())]
    serializer: Option<Serializer>,
    /// Milliseconds that connecting, and then each answer, may take [default: 10000; a call: no limit]
    #[arg(long, value_name = "MS", value_parser = parse_timeout)]
    timeout: Option<u64>,
}

fn parse_timeout(text: &str) -> Result<u64, String> {
    let timeout = text.parse().ok().filter(|timeout| (1..=TIMEOUT_MS_MAX).contains(timeout));
    timeout.ok_or_else(|| format!("expected milliseconds, 1 to {TIMEOUT_MS_MAX}"))
}

fn serializer() -> impl TypedValueParser<Value = Serializer> {
    let names = ["json", "msgpack", "cbor", "ubjson", "flatbuffers"];
    PossibleValuesParser::new(names).map(|name| Serializer::parse(&name).expect("all names are known"))
}

/// For `--match`.
pub(crate) fn match_policy() -> impl TypedValueParser<Value = MatchPolicy> {
    let names = ["exact", "prefix", "wildcard"];
    PossibleValuesParser::new(names).map(|name| MatchPolicy::parse(&name).expect("all names are known"))
}

impl ConnectionArgs {
    /// Connects, does the work, and says GOODBYE whatever came of it. Ctrl-C ends the work. With `json`, a failure is told
    /// as an object.
    pub(crate) fn run(
        &self,
        terminal: Terminal,
        json: bool,
        reconnect: Reconnect,
        work: impl AsyncFnOnce(&Client) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.run_in_runtime(terminal, reconnect, work).map_err(|failure| failure.tell_if(json, terminal))
    }

    fn run_in_runtime(
        &self,
        terminal: Terminal,
        reconnect: Reconnect,
        work: impl AsyncFnOnce(&Client) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let options = self.options(reconnect)?;
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::setup(format_args!("cannot set up input and output: {error}")))?;
        signals::watch(GRACE)
            .map_err(|error| Failure::setup(format_args!("cannot handle signals: {error}")))?;
        let ended = runtime.block_on(self.run_to_end(terminal, options, work));
        // A thread that reads stdin may never come back.
        runtime.shutdown_background();
        ended
    }

    async fn run_to_end(
        &self,
        terminal: Terminal,
        options: Options,
        work: impl AsyncFnOnce(&Client) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut signals = Signals::listen()
            .map_err(|error| Failure::setup(format_args!("cannot handle signals: {error}")))?;
        let connected = tokio::select! {
            connected = Client::connect_with(&self.url, &self.realm, options) => connected,
            _ = signals.next() => return Err(Failure::interrupted()),
        };
        let client = connected.map_err(connect_failure)?;
        let notices = tokio::spawn(tell_of_lost_connections(client.clone(), terminal));
        let ended = tokio::select! {
            ended = work(&client) => ended,
            _ = signals.next() => Err(Failure::interrupted()),
        };
        notices.abort();
        tokio::select! {
            () = client.leave() => ended,
            _ = signals.next() => Err(Failure::interrupted()),
        }
    }

    fn options(&self, reconnect: Reconnect) -> Result<Options, Failure> {
        let default = Options::default();
        let patience = Duration::from_millis(self.timeout.unwrap_or(TIMEOUT_MS));
        let serializers = self.serializer.map_or(default.serializers, |only| vec![only]);
        Ok(Options {
            auth: self.auth()?,
            serializers,
            reconnect,
            connect_timeout: patience,
            join_timeout: patience,
            ca_file: self.ca_file.clone(),
            ..Options::default()
        })
    }

    fn auth(&self) -> Result<Auth, Failure> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        if let Some(file) = &self.key_file {
            let key = PrivateKey::from_hex(&read_secret(file)?)
                .map_err(|error| Failure::setup(format_args!("{}: {error}", file.display())))?;
            return Ok(Auth::Cryptosign { authid: self.authid.clone(), key, router: None });
        }
        let Some(authid) = &self.authid else { return Ok(Auth::Anonymous) };
        if let Some(file) = &self.ticket_file {
            return Ok(Auth::ticket(authid, read_secret(file)?));
        }
        if let Some(file) = &self.secret_file {
            return Ok(Auth::wamp_cra(authid, read_secret(file)?));
        }
        if let Some(file) = &self.password_file {
            return Ok(Auth::scram(authid, read_secret(file)?));
        }
        if let Some(ticket) = variable("CROSSWEAVE_TICKET") {
            return Ok(Auth::ticket(authid, ticket));
        }
        if let Some(secret) = variable("CROSSWEAVE_SECRET") {
            return Ok(Auth::wamp_cra(authid, secret));
        }
        match variable("CROSSWEAVE_PASSWORD") {
            Some(password) => Ok(Auth::scram(authid, password)),
            None => Err(Failure::setup(
                "an authid needs a proof: --ticket-file, --secret-file, --password-file, --key-file, CROSSWEAVE_TICKET, \
                 CROSSWEAVE_SECRET or CROSSWEAVE_PASSWORD",
            )),
        }
    }

    /// The timeout of a call, if there is to be one.
    pub(crate) fn call_timeout(&self) -> Option<Duration> {
        self.timeout.map(Duration::from_millis)
    }

    /// Waits for the router's answer to a request.
    pub(crate) async fn answer<T>(
        &self,
        request: impl Future<Output = Result<T, RequestError>>,
    ) -> Result<T, Failure> {
        let patience_ms = self.timeout.unwrap_or(TIMEOUT_MS);
        match tokio::time::timeout(Duration::from_millis(patience_ms), request).await {
            Ok(answer) => answer.map_err(request_failure),
            Err(_) => {
                Err(Failure::connection(format_args!("the router did not answer within {patience_ms} ms")))
            }
        }
    }
}

fn read_secret(file: &Path) -> Result<String, Failure> {
    let unusable =
        |why: &dyn std::fmt::Display| Failure::setup(format_args!("cannot read {}: {why}", file.display()));
    let mut text = String::new();
    File::open(file)
        .and_then(|file| file.take(SECRET_LEN_MAX + 1).read_to_string(&mut text))
        .map_err(|error| unusable(&error))?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() || text.len() as u64 > SECRET_LEN_MAX {
        return Err(unusable(&"it holds no secret"));
    }
    Ok(secret.to_owned())
}

/// Says on stderr when the connection is lost and when it is back.
async fn tell_of_lost_connections(client: Client, terminal: Terminal) {
    let mut states = client.states();
    // This task must not keep the session open.
    drop(client);
    let mut is_lost = false;
    while states.changed().await.is_ok() {
        let state = states.borrow_and_update().clone();
        match state {
            State::Disconnected { why, retry_in, .. } => {
                let seconds = retry_in.as_secs_f32();
                terminal.notice(&format!("{}; trying again in {seconds:.1} s", why.reason));
                is_lost = true;
            }
            State::Connected(_) if is_lost => {
                terminal.notice("connected again");
                is_lost = false;
            }
            State::Connected(_) | State::Closed(_) => {}
        }
    }
}

/// Waits until the client gives up, and says why. Does not end while there is hope.
pub(crate) async fn until_closed(client: &Client) -> Failure {
    let mut states = client.states();
    let state = states.wait_for(State::is_closed).await.map(|state| state.clone());
    match state {
        Ok(State::Closed(Some(why))) => Failure::connection(why),
        _ => Failure::connection("the session is over"),
    }
}
