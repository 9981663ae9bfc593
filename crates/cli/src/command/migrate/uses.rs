//! What a node uses.

use std::collections::BTreeMap;

use crossweave_config::{Auth, Code, Node, Protocol, RouterWorker, Transport, Web, Worker};

/// The parts of a node that are built, each with how often it is there.
pub(super) fn uses(node: &Node) -> Vec<(String, usize)> {
    let mut uses = Uses::default();
    node.workers.iter().for_each(|worker| uses.worker(worker));
    uses.0.into_iter().collect()
}

#[derive(Default)]
struct Uses(BTreeMap<String, usize>);

impl Uses {
    fn add(&mut self, what: impl Into<String>) {
        *self.0.entry(what.into()).or_default() += 1;
    }

    fn worker(&mut self, worker: &Worker) {
        // A proxy is not built, and named as that.
        if !matches!(worker, Worker::Proxy(_)) {
            self.add(format!("{} worker", worker.type_name()));
        }
        match worker {
            Worker::Router(router) => self.router(router),
            Worker::Container(container) => {
                container.components.iter().for_each(|it| self.component(&it.code))
            }
            Worker::Guest(guest) if guest.options.watch.is_some() => {
                self.add("guest that is started again when files change")
            }
            Worker::HostMonitor(monitor) => {
                monitor.monitors.iter().for_each(|(name, _)| self.add(format!("monitor `{name}`")));
            }
            _ => {}
        }
    }

    fn component(&mut self, code: &Code) {
        self.add(match code {
            Code::Class { .. } => "component in Python, `class`",
            Code::Function { .. } => "component in Python, `function`",
            Code::Rust { .. } => "component in Rust",
        });
    }

    fn router(&mut self, router: &RouterWorker) {
        router.components.iter().for_each(|it| self.component(&it.code));
        for realm in &router.realms {
            self.add(if realm.template.is_some() { "template of realms" } else { "realm" });
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
