//! A router within the test, and just enough HTTP to talk to it.

use std::sync::Arc;
use std::time::Duration;

use crossweave_client::{Client, Value};
use crossweave_router::{
    AdmissionOptions, HttpService, RawSocketOptions, RealmDefinition, Role, Router, TransportOptions,
    WebSocketOptions,
};
use crossweave_transport::ListenEndpoint;
use crossweave_wamp::Serializer;
use crossweave_web::{Site, SiteOptions, StartPage, StartPageOptions, WebService, run_demo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Nothing here takes longer.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// A router on a free port.
pub(crate) struct Node {
    pub(crate) router: Router,
    address: String,
}

impl Node {
    /// With the demo, and an anonymous role that may do everything.
    pub(crate) async fn start() -> Node {
        let node = Node::with_anonymous(Role::allow_all("anonymous")).await;
        let router = node.router.clone();
        tokio::spawn(async move { run_demo(&router, "realm1", "demo").await });
        node
    }

    /// Without the demo, and with this anonymous role.
    pub(crate) async fn with_anonymous(anonymous: Role) -> Node {
        let page = |router: &Router| -> Arc<dyn HttpService> {
            Arc::new(StartPage::new(router.clone(), StartPageOptions::default()))
        };
        Node::serving(anonymous, page).await
    }

    /// With services by path, and an anonymous role that may do everything.
    pub(crate) async fn with_site(
        options: SiteOptions,
        services: impl FnOnce(&Router) -> Vec<(&'static str, Arc<dyn WebService>)>,
    ) -> Node {
        let site = |router: &Router| -> Arc<dyn HttpService> {
            let services = services(router).into_iter().map(|(path, service)| (path.to_owned(), service));
            Arc::new(Site::new(options, services).unwrap())
        };
        Node::serving(Role::allow_all("anonymous"), site).await
    }

    async fn serving(anonymous: Role, http: impl FnOnce(&Router) -> Arc<dyn HttpService>) -> Node {
        let router = Router::new(AdmissionOptions::default());
        let roles = vec![anonymous, Role::allow_all("demo")];
        let definition = RealmDefinition { roles, ..RealmDefinition::default() };
        router.start_realm("realm1", definition).unwrap();
        let mut transport = TransportOptions::new(ListenEndpoint::tcp("127.0.0.1", 0));
        transport.rawsocket = Some(RawSocketOptions::default());
        transport.websocket.insert("/ws".into(), WebSocketOptions::default());
        transport.http = Some(http(&router));
        let bound = router.listen(transport).await.unwrap().to_string();
        let port = bound.rsplit(':').next().unwrap();
        Node { router, address: format!("127.0.0.1:{port}") }
    }

    /// A WAMP session from outside.
    pub(crate) async fn client(&self) -> Client {
        Client::connect(&format!("rs://{}", self.address), "realm1").await.unwrap()
    }

    /// Sends a request head and body; the fields end with a line break each.
    pub(crate) async fn request(&self, line: &str, fields: &str, body: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let host = &self.address;
        let len = body.len();
        let head = format!(
            "{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {len}\r\n{fields}\r\n"
        );
        // A router that refuses the head closes before it has read the body.
        let _ = stream.write_all(&[head.as_bytes(), body].concat()).await;
        let mut answer = Vec::new();
        let _ = timeout(DEADLINE, stream.read_to_end(&mut answer)).await.expect("an answer arrives in time");
        Answer::parse(&answer)
    }

    /// Sends these octets, and reads until the connection is closed.
    pub(crate) async fn raw(&self, octets: impl AsRef<[u8]>) -> String {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let _ = stream.write_all(octets.as_ref()).await;
        let mut answer = Vec::new();
        let _ = timeout(DEADLINE, stream.read_to_end(&mut answer)).await.expect("the end comes in time");
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// A connection that speaks nothing yet.
    pub(crate) async fn stream(&self) -> TcpStream {
        TcpStream::connect(&self.address).await.unwrap()
    }

    /// Gets a path.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.request(&format!("GET {path}"), "", b"").await
    }

    /// Posts JSON as curl would.
    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        self.request(&format!("POST {path}"), "Content-Type: application/json\r\n", body.as_bytes()).await
    }

    /// Where the node listens.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Calls over the bridge until the demo has registered.
    pub(crate) async fn until_demo_answers(&self) {
        let asking = async {
            while self.post("/call", r#"{"procedure":"com.example.add2","args":[1,1]}"#).await.status != 200 {
            }
        };
        timeout(DEADLINE, asking).await.expect("the demo registers in time");
    }
}

/// A session that has subscribed and reads no more. It lasts as long as this is kept.
pub(crate) struct SilentSubscriber {
    pub(crate) session: u64,
    _stream: TcpStream,
}

impl Node {
    /// Joins over RawSocket with JSON, subscribes, and stops to read.
    pub(crate) async fn silent_subscriber(&self, topic: &str) -> SilentSubscriber {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        // The longest messages, and JSON.
        stream.write_all(&[0x7f, 0xf1, 0, 0]).await.unwrap();
        stream.read_exact(&mut [0; 4]).await.unwrap();
        let welcome = exchange(&mut stream, r#"[1,"realm1",{"roles":{"subscriber":{}}}]"#).await;
        exchange(&mut stream, &format!("[32,1,{{}},\"{topic}\"]")).await;
        let session = welcome.as_list().and_then(|it| it[1].as_u64()).expect("WELCOME names the session");
        SilentSubscriber { session, _stream: stream }
    }
}

/// Sends a JSON message in a RawSocket frame, and reads one.
async fn exchange(stream: &mut TcpStream, message: &str) -> Value {
    let len = u32::try_from(message.len()).unwrap();
    stream.write_all(&[&len.to_be_bytes(), message.as_bytes()].concat()).await.unwrap();
    let mut answer = vec![0; stream.read_u32().await.unwrap() as usize];
    stream.read_exact(&mut answer).await.unwrap();
    Serializer::Json.decode_value(&answer).unwrap()
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn parse(octets: &[u8]) -> Answer {
        let text = String::from_utf8_lossy(octets);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no whole head in {text:?}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line");
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// The value of a header field; empty if there is none.
    pub(crate) fn field(&self, name: &str) -> &str {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        let value = Serializer::Json.decode_value(self.body.as_bytes());
        value.unwrap_or_else(|error| panic!("{error} in {:?}", self.body))
    }

    /// The member `error` of the body.
    pub(crate) fn error(&self) -> String {
        self.json().as_dict().and_then(|body| body.str("error")).unwrap_or_default().to_owned()
    }
}
