//! The WebSocket paths of a transport. They may be others from the next handshake on.

use std::collections::BTreeMap;
use std::sync::Arc;

use crossweave_transport::websocket::Limits;
use crossweave_transport::websocket::handshake::ServerOptions;
use parking_lot::RwLock;

use crate::cookies::{CookieStoreError, Cookies, Jars};
use crate::options::WebSocketOptions;

/// What is offered at one path.
pub(crate) struct Offer {
    pub(super) options: WebSocketOptions,
    /// How handshakes are answered.
    pub(super) server: ServerOptions,
    pub(super) cookies: Option<Cookies>,
}

impl Offer {
    fn open(options: WebSocketOptions, jars: &Jars) -> Result<Arc<Offer>, CookieStoreError> {
        let cookies = options.cookies.as_ref().map(|cookies| jars.open(cookies)).transpose()?;
        Ok(Arc::new(Offer { server: server_options(&options), options, cookies }))
    }
}

/// The paths of a transport, and what is offered there.
pub(crate) struct Paths(RwLock<BTreeMap<String, Arc<Offer>>>);

impl Paths {
    /// Paths with these options.
    ///
    /// # Errors
    /// The place for cookies cannot be used.
    pub(crate) fn open(
        options: BTreeMap<String, WebSocketOptions>,
        jars: &Jars,
    ) -> Result<Paths, CookieStoreError> {
        let open = |(path, options)| Ok((path, Offer::open(options, jars)?));
        options.into_iter().map(open).collect::<Result<_, _>>().map(|paths| Paths(RwLock::new(paths)))
    }

    /// From now on there are these paths. One that was there already stays as it was.
    ///
    /// # Errors
    /// The place for cookies cannot be used; nothing has changed then.
    pub(crate) fn change(
        &self,
        options: BTreeMap<String, WebSocketOptions>,
        jars: &Jars,
    ) -> Result<(), CookieStoreError> {
        let before = self.0.read().clone();
        let keep_or_open = |(path, options): (String, WebSocketOptions)| {
            let offer = before.get(&path).cloned().map_or_else(|| Offer::open(options, jars), Ok)?;
            Ok((path, offer))
        };
        let after = options.into_iter().map(keep_or_open).collect::<Result<_, _>>()?;
        *self.0.write() = after;
        Ok(())
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.read().is_empty()
    }

    /// Whether this is one of them.
    pub(super) fn has(&self, path: &str) -> bool {
        self.0.read().contains_key(path)
    }

    /// What is offered at the longest path that this one begins with, component by component; else at `*`, if it is there.
    pub(super) fn at(&self, path: &str) -> Option<Arc<Offer>> {
        let paths = self.0.read();
        let mut mount = path;
        let found = loop {
            match paths.get(mount) {
                Some(found) => break Some(found),
                // What is before the last component, or before a `/` at the end.
                None => match mount.rfind('/') {
                    None | Some(0) => break None,
                    Some(len) => mount = &mount[..len],
                },
            }
        };
        found.or_else(|| paths.get("*")).cloned()
    }
}

/// What a handshake is told, the same for each.
fn server_options(options: &WebSocketOptions) -> ServerOptions {
    let single = options.serializers.iter().map(|it| it.subprotocol());
    let batched = options.batched_serializers.iter().map(|it| it.batched_subprotocol());
    ServerOptions {
        protocols: single.chain(batched).map(str::to_owned).collect(),
        allows_no_protocol: options.allows_no_subprotocol,
        origins: options.origins.clone(),
        deflate: options.deflate.clone(),
        limits: Limits { max_frame_size: options.max_frame_size, max_message_size: options.max_message_size },
        fragment_len: options.auto_fragment_size,
    }
}
