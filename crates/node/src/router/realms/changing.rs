//! A role that changes under its sessions.

use crossweave_api::router::{ChangeRouterRealmRole, ON_ROUTER_REALM_ROLE_CHANGED, RealmRole};
use crossweave_api::{Error, error};
use crossweave_config as config;
use tracing::{info, warn};

use super::super::{Findings, RouterWorker, invalid, no_such, realm};
use crate::service::Caller;

impl RouterWorker {
    pub(super) async fn change_router_realm_role(
        &self,
        caller: Caller,
        asked: ChangeRouterRealmRole,
    ) -> Result<RealmRole, Error> {
        let ChangeRouterRealmRole { realm_id, role_id, config } = asked;
        let mut state = self.shared.state.lock().await;
        let running = state.realm(&realm_id)?;
        let name = running.realm.name.clone();
        let found = running.roles.iter_mut().find(|it| it.id == role_id);
        let role = found.ok_or_else(|| no_such("role", &role_id))?;
        let part = config::part::role(&config, &format!("role {role_id}"), &self.shared.options.cbdir);
        let part = part.map_err(|problems| invalid(&problems))?;
        if part.value.name != role.name {
            let message = format!("role {role_id:?} has the name {:?}, which cannot change", role.name);
            return Err(Error::new(error::INVALID_CONFIGURATION, message));
        }
        caller.warnings(&part.warnings).for_each(|warning| warn!(role = role_id, "{}", warning.message));
        let mut findings = Findings::new(&self.shared.options.extensions);
        let wanted = realm::role(&part.value, &format!("realm {realm_id:?}"), &mut findings);
        findings.settle()?;
        if let Some(wanted) = wanted {
            let set = self.router().set_role(&name, wanted);
            set.map_err(|failure| Error::new(error::RUNTIME_ERROR, failure))?;
        }
        role.config = config;
        let (marshal, role) = (role.marshal(), role.name.clone());
        drop(state);
        info!("Role '{role}' changed on realm '{name}'");
        self.service().tell_others(&ON_ROUTER_REALM_ROLE_CHANGED, caller.session, &marshal).await;
        Ok(marshal)
    }
}
