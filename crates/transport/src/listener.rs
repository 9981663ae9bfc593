//! Accepting connections on TCP ports and Unix sockets.

use crate::endpoint::{BoundAddress, ListenEndpoint, PeerAddress};
use crate::stream::Stream;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};

/// How long accepting pauses when the process has run out of something, such as file descriptors.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// A listener cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {endpoint}: {cause}")]
pub struct BindError {
    /// Where.
    pub endpoint: String,
    /// Why.
    pub cause: io::Error,
}

/// An open listener. Dropping it closes it and removes its socket file.
pub struct Listener {
    socket: ListenerSocket,
    address: BoundAddress,
    user_timeout_ms: Option<u32>,
    /// Held for its drop.
    _file: Option<SocketFile>,
}

enum ListenerSocket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Opens a listener. A host name with several addresses is bound at the first that works.
    ///
    /// # Errors
    /// Names the endpoint and the cause: address in use, permission denied, unknown host.
    pub async fn bind(endpoint: &ListenEndpoint) -> Result<Listener, BindError> {
        let bound = match endpoint {
            ListenEndpoint::Tcp { host, port, backlog, shared, user_timeout_ms } => {
                bind_tcp(host, *port, *backlog, *shared, *user_timeout_ms).await
            }
            ListenEndpoint::Unix { path, mode, backlog } => bind_unix(path, *mode, *backlog),
        };
        bound.map_err(|cause| BindError { endpoint: endpoint.to_string(), cause })
    }

    /// Where this listens, with the port that the system chose.
    pub fn address(&self) -> &BoundAddress {
        &self.address
    }

    /// The next connection. Never waits for what a peer does: TLS is for the caller to do, under its own deadline
    /// ([`TlsAcceptor::secure`](crate::tls::TlsAcceptor::secure)).
    ///
    /// Errors do not end a listener: connections that are gone already are passed over, and when the process has run
    /// out of descriptors or memory, accepting pauses and goes on. Cancel safe.
    pub async fn accept(&self) -> (Stream, PeerAddress) {
        let mut is_exhausted = false;
        loop {
            match self.accept_once().await {
                Ok(accepted) => return accepted,
                Err(error) if is_connection_gone(&error) => {
                    tracing::debug!(listener = %self.address, %error, "connection was gone before it was accepted");
                }
                Err(error) => {
                    if !is_exhausted {
                        tracing::warn!(listener = %self.address, %error, "cannot accept connections, pausing");
                    }
                    is_exhausted = true;
                    tokio::time::sleep(EXHAUSTED_PAUSE).await;
                }
            }
        }
    }

    async fn accept_once(&self) -> io::Result<(Stream, PeerAddress)> {
        match &self.socket {
            ListenerSocket::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                stream.set_nodelay(true).map_err(|_| gone())?;
                set_user_timeout(socket2::SockRef::from(&stream), self.user_timeout_ms)
                    .map_err(|_| gone())?;
                Ok((Stream::Tcp(stream), PeerAddress::Tcp(unmap(peer))))
            }
            ListenerSocket::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                let peer = stream.peer_cred().map_err(|_| gone())?;
                let peer = PeerAddress::Unix { pid: peer.pid(), uid: peer.uid(), gid: peer.gid() };
                Ok((Stream::Unix(stream), peer))
            }
        }
    }
}

/// An error on the fresh connection itself concerns only that connection.
fn gone() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}

fn is_connection_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | ConnectionRefused | Interrupted)
}

/// An IPv4 peer of a listener on `::` is an IPv4 peer.
fn unmap(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn set_user_timeout(socket: socket2::SockRef<'_>, user_timeout_ms: Option<u32>) -> io::Result<()> {
    let Some(timeout_ms) = user_timeout_ms else { return Ok(()) };
    #[cfg(target_os = "linux")]
    return socket.set_tcp_user_timeout(Some(Duration::from_millis(timeout_ms.into())));
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (socket, timeout_ms);
        Err(io::Error::new(io::ErrorKind::Unsupported, "user_timeout is only there on linux"))
    }
}

async fn bind_tcp(
    host: &str,
    port: u16,
    backlog: u32,
    shared: bool,
    user_timeout_ms: Option<u32>,
) -> io::Result<Listener> {
    let host = if host.is_empty() { "0.0.0.0" } else { host };
    let mut error = io::Error::new(io::ErrorKind::NotFound, "host name has no address");
    for address in tokio::net::lookup_host((host, port)).await? {
        match open_tcp(address, backlog, shared) {
            Ok(listener) => {
                let address = BoundAddress::Tcp(listener.local_addr()?);
                let socket = ListenerSocket::Tcp(listener);
                return Ok(Listener { socket, address, user_timeout_ms, _file: None });
            }
            Err(cause) => error = cause,
        }
    }
    Err(error)
}

fn open_tcp(address: SocketAddr, backlog: u32, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if shared {
        socket.set_reuse_port(true)?;
    }
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}

fn bind_unix(path: &Path, mode: Option<u32>, backlog: u32) -> io::Result<Listener> {
    remove_stale(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    let file = SocketFile::new(path)?;
    // Before listening, so that nobody connects under the umask's permissions.
    if let Some(mode) = mode {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    }
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    socket.set_nonblocking(true)?;
    let socket = ListenerSocket::Unix(UnixListener::from_std(socket.into())?);
    let address = BoundAddress::Unix(path.to_owned());
    Ok(Listener { socket, address, user_timeout_ms: None, _file: Some(file) })
}

/// Removes a socket file that nobody answers on. Anything else at the path is left alone and an error.
fn remove_stale(path: &Path) -> io::Result<()> {
    let metadata = match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !metadata.file_type().is_socket() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "a file that is not a socket is in the way",
        ));
    }
    // Without waiting: a listener whose backlog is full counts as somebody.
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    probe.set_nonblocking(true)?;
    match probe.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            tracing::info!(path = %path.display(), "removing stale socket file");
            std::fs::remove_file(path)
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
        _ => Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens on this socket")),
    }
}

/// Removes the socket file when the listener goes, unless another process has put its own there.
struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    fn new(path: &Path) -> io::Result<SocketFile> {
        Ok(SocketFile { path: path.to_owned(), identity: identity(path)? })
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = std::fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            // Best effort: a file that stays is recognized as stale by the next start.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
