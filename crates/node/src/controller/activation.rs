//! Starting a realm for its first client, as a router worker asks for it.

use std::sync::Arc;

use crossweave_api::node::{ActivateRealm, ON_REALM_ACTIVATED, RealmActivated};
use crossweave_api::{Error, error};
use crossweave_config::part;
use tracing::info;

use super::Controller;
use super::worker::Worker;
use crate::boot::realm_steps;
use crate::service::to_json;

impl Controller {
    pub(super) async fn activate(&self, worker: &Arc<Worker>, asked: ActivateRealm) -> Result<(), Error> {
        let ActivateRealm { worker_id, template_id, pattern, realm_id, config } = asked;
        let name = config["name"].as_str().unwrap_or_default().to_owned();
        info!("Processing activation request for realm '{name}'");
        info!("Realm '{name}' matched from template '{pattern}'");
        let invalid = |problems: &dyn std::fmt::Display| Error::new(error::INVALID_CONFIGURATION, problems);
        let part = part::realm(&config, &format!("realm {name}"), &self.shared.options.cbdir);
        let mut realm = part.map_err(|problems| invalid(&problems))?.value;
        realm.id.clone_from(&realm_id);
        let steps = realm_steps(&realm, &config, Some(template_id.clone()));
        // It may end before it has begun.
        self.expect_realm(&worker_id, &realm_id, &name);
        let taken = self.take_steps(&worker.id, worker.kind.title(), &steps).await;
        if let Err((what, why)) = taken {
            self.lost_realm(&worker_id, &realm_id);
            self.stop_half(&worker_id, &realm_id, &name).await;
            return Err(Error::new(error::CANNOT_START, format!("{what}: {why}")));
        }
        // They connect as others do, and nobody waits for that: the client that needs the realm could be one of theirs.
        self.start_realm_workers(&worker_id, &realm_id);
        let activated = RealmActivated { worker_id, realm_id, realm: name, template_id };
        self.shared.service.tell(&ON_REALM_ACTIVATED, &activated).await;
        Ok(())
    }

    /// Half a realm is none. One of another name that has the id is somebody else's.
    async fn stop_half(&self, worker_id: &str, realm_id: &str, name: &str) {
        let client = &self.shared.client;
        let on = |procedure: &str| format!("crossbar.worker.{worker_id}.{procedure}");
        let Ok(answer) = client.call(on("get_router_realm")).arg(realm_id).await else { return };
        let answer = answer.args().first().map(to_json).unwrap_or_default();
        if answer["config"]["name"] == name {
            let _ = client.call(on("stop_router_realm")).arg(realm_id).await;
        }
    }
}
