//! The handle that applications hold.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use crossweave_wamp::Serializer;

use crate::arguments::Arguments;
use crate::call::Call;
use crate::driver::Driver;
use crate::error::{CallError, ConnectError, Disconnected, WampError};
use crate::inbox::Inbox;
use crate::invocation::Invocation;
use crate::join::join;
use crate::life::{self, Home};
use crate::options::Options;
use crate::publish::Publish;
use crate::register::Register;
use crate::session::Session;
use crate::shared::Shared;
use crate::state::State;
use crate::subscribe::Subscribe;
use crate::wire::Wire;

/// A WAMP session that comes back when its connection is lost. Cheap to clone.
///
/// [`Subscription`](crate::Subscription)s and [`Registration`](crate::Registration)s hold it as well. When the last one of
/// all these is dropped, the session says GOODBYE; [`Client::leave`] waits for that.
#[derive(Clone, Debug)]
pub struct Client {
    handle: Arc<Handle>,
}

#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.leave();
    }
}

impl Client {
    /// Connects to a router and joins a realm, anonymously and with all defaults.
    ///
    /// URLs: `ws://`, `wss://` (WebSocket), `rs://`, `rss://` (RawSocket), `unix:` (RawSocket), `unix+ws:`. Must be called
    /// in a tokio runtime, which runs the connection's task.
    ///
    /// # Errors
    /// The first connection could not be made; only later ones are retried.
    pub async fn connect(url: &str, realm: &str) -> Result<Client, ConnectError> {
        Client::connect_with(url, realm, Options::default()).await
    }

    /// As [`Client::connect`], with options.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub async fn connect_with(url: &str, realm: &str, options: Options) -> Result<Client, ConnectError> {
        let home = Home { url: url.to_owned(), realm: realm.to_owned() };
        let (wire, session) = life::connect(&home, &options, None).await?;
        Ok(Client::start(life::shown(url), wire, session, options, Some(home)))
    }

    /// Joins a realm over a stream that carries RawSocket frames of `serializer`, without RawSocket's handshake: for
    /// sessions within the router's own process.
    ///
    /// The connection cannot be made again; the client closes when the stream ends.
    ///
    /// # Errors
    /// The session could not be opened.
    pub async fn join_stream(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        serializer: Serializer,
        realm: &str,
        options: Options,
    ) -> Result<Client, ConnectError> {
        let mut wire = Wire::rawsocket(stream, serializer, &options);
        let session = join(&mut wire, "stream", realm, &options, None).await?;
        Ok(Client::start("stream", wire, session, options, None))
    }

    /// Joins a realm over a stream that was handed over, such as a Unix socket that a process has inherited: as
    /// [`Client::join_stream`], with the first of [`Options::serializers`].
    ///
    /// Nobody can make such a connection again, so [`Options::reconnect`] and [`Options::resume`] have no effect. When it is
    /// lost, whatever is pending fails, the state is [`State::Closed`], and [`Client::closed`] returns.
    ///
    /// # Errors
    /// The session could not be opened.
    pub async fn connect_over(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        realm: &str,
        options: Options,
    ) -> Result<Client, ConnectError> {
        let serializer = options.serializers.first().copied().unwrap_or(Serializer::MsgPack);
        Client::join_stream(stream, serializer, realm, options).await
    }

    fn start(url: &str, wire: Wire, session: Session, options: Options, home: Option<Home>) -> Client {
        let shared = Shared::new(url.into(), &session);
        let driver = Driver::new(shared.clone(), wire, session, &options);
        tokio::spawn(life::live(shared.clone(), home, options, driver));
        Client { handle: Arc::new(Handle { shared }) }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }

    /// Prepares a call; `.await` it for the [`Reply`](crate::Reply).
    ///
    /// ```no_run
    /// # async fn example(client: crossweave_client::Client) -> Result<(), crossweave_client::CallError> {
    /// let sum: i64 = client.call("com.example.add2").arg(2).arg(3).get().await?;
    /// # Ok(()) }
    /// ```
    pub fn call(&self, procedure: impl Into<String>) -> Call {
        Call::new(self.clone(), procedure.into())
    }

    /// Calls with typed arguments and a typed result.
    ///
    /// A tuple is the arguments, `()` is none, any other value is the only one. One result is read as `R`, several as a
    /// tuple, none as `()`.
    ///
    /// ```no_run
    /// # async fn example(client: crossweave_client::Client) -> Result<(), crossweave_client::CallError> {
    /// let sum: i64 = client.call_with("com.example.add2", (2, 3)).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The call failed, or its result is not an `R`.
    pub async fn call_with<R: DeserializeOwned>(
        &self,
        procedure: impl Into<String>,
        args: impl Serialize,
    ) -> Result<R, CallError> {
        self.call(procedure).args(&args).get().await
    }

    /// Prepares a publication; `.await` it to send it, or [`Publish::acknowledged`] to also wait for the router.
    ///
    /// ```no_run
    /// # async fn example(client: crossweave_client::Client) -> Result<(), crossweave_client::RequestError> {
    /// client.publish("com.example.weather", ("oslo", -3.5)).await?;
    /// # Ok(()) }
    /// ```
    pub fn publish(&self, topic: impl Into<String>, args: impl Serialize) -> Publish {
        Publish::new(self.clone(), topic.into(), Arguments::of(&args))
    }

    /// Prepares a publication of arguments that were put together one by one.
    pub fn publish_arguments(&self, topic: impl Into<String>, arguments: Arguments) -> Publish {
        Publish::new(self.clone(), topic.into(), arguments)
    }

    /// Prepares a subscription; `.await` it for the stream of events.
    pub fn subscribe(&self, topic: impl Into<String>) -> Subscribe {
        Subscribe::new(self.clone(), topic.into())
    }

    /// Events of several topics in one line, for at most so many events and octets that wait to be read.
    pub fn inbox(&self, events_max: usize, bytes_max: usize) -> Inbox {
        Inbox::new(self.clone(), events_max, bytes_max)
    }

    /// Prepares a registration; `.await` it. The handler gets the arguments as `A`: a tuple takes them all, `()` none, any
    /// other type the only one. What it returns is the one result; `()` is none.
    ///
    /// Arguments that are no `A` are answered with `wamp.error.invalid_argument`.
    ///
    /// ```no_run
    /// # async fn example(client: crossweave_client::Client) -> Result<(), crossweave_client::RequestError> {
    /// let add2 = client.register("com.example.add2", |(a, b): (i64, i64)| async move { Ok(a + b) }).await?;
    /// # Ok(()) }
    /// ```
    pub fn register<A, R, H, F>(&self, procedure: impl Into<String>, handler: H) -> Register
    where
        A: DeserializeOwned + Send + 'static,
        R: Serialize,
        H: Fn(A) -> F + Send + Sync + 'static,
        F: Future<Output = Result<R, WampError>> + Send,
    {
        let handler = Arc::new(handler);
        self.register_dynamic(procedure, move |invocation: Invocation| {
            let handler = handler.clone();
            async move {
                let args = invocation.parse::<A>()?;
                Ok(Arguments::result(&handler(args).await?))
            }
        })
    }

    /// As [`Client::register`], for a handler that wants to see the whole [`Invocation`]: who calls, keyword arguments,
    /// progressive results, cancelling.
    ///
    /// ```no_run
    /// # use crossweave_client::{Arguments, Invocation};
    /// # async fn example(client: crossweave_client::Client) -> Result<(), crossweave_client::RequestError> {
    /// let count = client
    ///     .register_dynamic("com.example.count", |invocation: Invocation| async move {
    ///         let to: u32 = invocation.parse()?;
    ///         for number in 0..to {
    ///             invocation.progress(Arguments::of(&number)).await?;
    ///         }
    ///         Ok(Arguments::new().arg("done"))
    ///     })
    ///     .await?;
    /// # Ok(()) }
    /// ```
    pub fn register_dynamic<H, F>(&self, procedure: impl Into<String>, handler: H) -> Register
    where
        H: Fn(Invocation) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Arguments, WampError>> + Send + 'static,
    {
        let handler = Arc::new(move |invocation| Box::pin(handler(invocation)) as _);
        Register::new(self.clone(), procedure.into(), handler)
    }

    /// The session; while there is none, the last one.
    pub fn session(&self) -> Arc<Session> {
        self.shared().session()
    }

    /// Whether there is a connection.
    pub fn state(&self) -> State {
        self.shared().state.borrow().clone()
    }

    /// To be told when the connection is lost and when it is back.
    ///
    /// ```no_run
    /// # async fn example(client: crossweave_client::Client) {
    /// let mut states = client.states();
    /// while states.changed().await.is_ok() {
    ///     println!("{:?}", *states.borrow_and_update());
    /// }
    /// # }
    /// ```
    pub fn states(&self) -> watch::Receiver<State> {
        self.shared().state.subscribe()
    }

    /// Waits until there is a session.
    ///
    /// # Errors
    /// There will be none any more.
    pub async fn ready(&self) -> Result<Arc<Session>, Disconnected> {
        let mut states = self.states();
        let state = states.wait_for(|state| state.is_connected() || state.is_closed()).await;
        match state.as_deref() {
            Ok(State::Connected(session)) => Ok(session.clone()),
            Ok(State::Closed(Some(why))) => Err(why.clone()),
            _ => Err(self.shared().disconnected("left by the application")),
        }
    }

    /// Waits until there will be no session any more: the connection is lost and is not made again, the router has refused
    /// another one for good, or the application has left. Why, or nothing if the application left.
    pub async fn closed(&self) -> Option<Disconnected> {
        match self.states().wait_for(State::is_closed).await.as_deref() {
            Ok(State::Closed(why)) => why.clone(),
            _ => Some(self.shared().disconnected("the connection's task has ended")),
        }
    }

    /// Says GOODBYE and waits until the connection is closed: at most [`Options::leave_timeout`], and a second for the last
    /// octets. What was sent before is written before. All clones are closed by it.
    pub async fn leave(&self) {
        let mut states = self.states();
        self.shared().leave();
        // An error means that the connection's task is gone, which is as good.
        let _ = states.wait_for(State::is_closed).await;
    }
}
