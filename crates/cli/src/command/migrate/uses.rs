//! What a node uses.

use std::collections::BTreeMap;

use crossweave_config::{Auth, Node, Protocol, RouterWorker, Transport, Web, Worker};

/// The parts of a node that are built, each with how often it is there.
pub(super) fn uses(node: &Node) -> Vec<(String, usize)> {
    let mut uses = Uses::default();
    for router in node.workers.iter().filter_map(Worker::as_router) {
        uses.router(router);
    }
    uses.0.into_iter().collect()
}

#[derive(Default)]
struct Uses(BTreeMap<String, usize>);

impl Uses {
    fn add(&mut self, what: impl Into<String>) {
        *self.0.entry(what.into()).or_default() += 1;
    }

    fn router(&mut self, router: &RouterWorker) {
        self.add("router worker");
        for realm in router.realms.iter().filter(|realm| realm.template.is_none()) {
            self.add("realm");
            if realm.store.as_ref().is_some_and(|store| !store.event_history.is_empty()) {
                self.add("event history");
            }
            if realm.store.as_ref().is_some_and(|store| !store.call_queue.is_empty()) {
                self.add("call queue");
            }
            for role in &realm.roles {
                self.add(if role.authorizer.is_some() {
                    "role with an authorizer"
                } else {
                    "role with permissions"
                });
            }
        }
        router.transports.iter().for_each(|transport| self.transport(transport));
    }

    fn transport(&mut self, transport: &Transport) {
        match &transport.protocol {
            Protocol::WebSocket(_) => self.add("transport `websocket`"),
            Protocol::RawSocket(_) => self.add("transport `rawsocket`"),
            Protocol::Universal(universal) => {
                self.add("transport `universal`");
                universal.web.iter().for_each(|web| self.web(web));
            }
            Protocol::Web(web) => {
                self.add("transport `web`");
                self.web(web);
            }
            // Not built, and named as that.
            Protocol::Mqtt(_)
            | Protocol::FlashPolicy(_)
            | Protocol::WebSocketTestee(_)
            | Protocol::Linked(_)
            | Protocol::StreamTestee => return,
        }
        transport.auths().into_iter().for_each(|auth| self.auth(auth));
    }

    fn web(&mut self, web: &Web) {
        for path in web.paths.iter().filter(|path| path.service.is_built()) {
            self.add(format!("web service `{}`", path.service.type_name()));
        }
    }

    fn auth(&mut self, auth: &Auth) {
        for (name, is_there) in [
            ("anonymous", auth.anonymous.is_some()),
            ("ticket", auth.ticket.is_some()),
            ("wampcra", auth.wampcra.is_some()),
            ("scram", auth.scram.is_some()),
            ("cryptosign", auth.cryptosign.is_some()),
            ("tls", auth.tls.is_some()),
            ("cookie", auth.cookie),
        ] {
            if is_there {
                self.add(format!("authentication `{name}`"));
            }
        }
    }
}
