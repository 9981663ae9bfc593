//! How a component's process gets to the router of its own worker: by a socket that only it can find.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crossweave_router::Router;
use crossweave_transport::{ListenEndpoint, Listener, Stream};
use crossweave_wamp::Serializer;
use rustix::fs::{Mode, mkdir};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tracing::debug;

/// What a RawSocket handshake begins with.
const MAGIC: u8 = 0x7f;
/// Messages of up to 16 MiB, both ways.
const LEN_MAX: u8 = 0xf0;
/// One process at a time connects.
const BACKLOG: u32 = 16;
/// A process that has connected says at once how it speaks.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

/// A socket in a directory of its own, which nobody else can enter.
pub(crate) struct LocalTransport {
    folder: PathBuf,
    task: AbortHandle,
}

impl LocalTransport {
    /// Whoever connects is let in under this authrole and authid.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub(crate) async fn open(router: Router, role: String, authid: String) -> io::Result<LocalTransport> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let name: String = random.iter().map(|octet| format!("{octet:02x}")).collect();
        let folder = std::env::temp_dir().join(format!("crossweave-{name}"));
        mkdir(&folder, Mode::RWXU)?;
        let endpoint = ListenEndpoint::Unix { path: folder.join("s"), mode: None, backlog: BACKLOG };
        let listener = match Listener::bind(&endpoint).await {
            Ok(listener) => listener,
            Err(error) => {
                let _ = std::fs::remove_dir(&folder);
                return Err(error.cause);
            }
        };
        let task = tokio::spawn(async move {
            // Also when this process was out of descriptors for a while.
            loop {
                let (Stream::Unix(stream), _) = listener.accept().await else { continue };
                let (router, role, authid) = (router.clone(), role.clone(), authid.clone());
                tokio::spawn(async move {
                    match timeout(HANDSHAKE_DEADLINE, greet(stream)).await {
                        Ok(Ok((stream, serializer))) => {
                            let _ = router.serve(stream, serializer, &role, &authid);
                        }
                        Ok(Err(error)) => debug!(%error, "no component has connected"),
                        Err(_) => debug!("a component has connected and said nothing"),
                    }
                });
            }
        });
        Ok(LocalTransport { folder, task: task.abort_handle() })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join("s")
    }
}

impl Drop for LocalTransport {
    fn drop(&mut self) {
        self.task.abort();
        // What is left behind is an empty folder at worst.
        let _ = std::fs::remove_file(self.path());
        let _ = std::fs::remove_dir(&self.folder);
    }
}

/// Takes the RawSocket handshake of a client.
async fn greet(mut stream: UnixStream) -> io::Result<(UnixStream, Serializer)> {
    let mut hello = [0; 4];
    stream.read_exact(&mut hello).await?;
    let serializer = match hello[1] & 0x0f {
        1 => Serializer::Json,
        2 => Serializer::MsgPack,
        3 => Serializer::Cbor,
        other => return Err(io::Error::other(format!("serializer {other} is not spoken here"))),
    };
    if hello[0] != MAGIC {
        return Err(io::Error::other("this is not RawSocket"));
    }
    stream.write_all(&[MAGIC, LEN_MAX | (hello[1] & 0x0f), 0, 0]).await?;
    Ok((stream, serializer))
}
