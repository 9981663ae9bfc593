//! Templates of realms: their order, their changes, and their end.

use crossweave_api::router::{
    ChangeRouterRealmTemplate, GetRouterRealmTemplates, ON_REALM_STOPPED, ON_REALM_TEMPLATE_CHANGED,
    OrderRouterRealmTemplates, RealmStopped, RouterRealm,
};
use crossweave_api::{Error, error};
use crossweave_config as config;
use tracing::{info, warn};

use super::super::template::RealmTemplate;
use super::super::{RouterWorker, State, invalid, no_such};
use super::RunningRealm;
use crate::component::Sessions;
use crate::service::Caller;

impl State {
    /// One more, at the place that was said for it.
    pub(super) fn add_template(&mut self, template: RealmTemplate) {
        let template = self.numbered(template);
        self.templates.push(template);
        self.sort_templates();
    }

    /// A template that is about to be one. Realms of one that it replaces count for as long as they run.
    fn numbered(&mut self, mut template: RealmTemplate) -> RealmTemplate {
        self.last_template += 1;
        template.number = self.last_template;
        for running in &self.realms {
            if running.template_id.as_ref() == Some(&template.id) {
                template.adopt(&running.realm.name);
            }
        }
        template
    }

    /// Whether there still is the template of this number.
    pub(in crate::router) fn has_template(&self, number: u64) -> bool {
        self.templates.iter().any(|it| it.number == number)
    }

    fn sort_templates(&mut self) {
        let order = &self.template_order;
        let place = |id: &str| order.iter().position(|it| it == id).unwrap_or(order.len());
        self.templates.sort_by_key(|it| place(&it.id));
    }

    fn template_ids(&self) -> Vec<String> {
        self.templates.iter().map(|it| it.id.clone()).collect()
    }
}

impl RouterWorker {
    pub(in crate::router) async fn get_router_realm_templates(
        &self,
        _: Caller,
        _: GetRouterRealmTemplates,
    ) -> Result<Vec<String>, Error> {
        Ok(self.shared.state.lock().await.template_ids())
    }

    pub(super) async fn order_router_realm_templates(
        &self,
        _: Caller,
        asked: OrderRouterRealmTemplates,
    ) -> Result<Vec<String>, Error> {
        let mut state = self.shared.state.lock().await;
        state.template_order = asked.realm_ids;
        state.sort_templates();
        Ok(state.template_ids())
    }

    /// A template becomes another one.
    pub(in crate::router) async fn change_router_realm_template(
        &self,
        caller: Caller,
        asked: ChangeRouterRealmTemplate,
    ) -> Result<RouterRealm, Error> {
        let ChangeRouterRealmTemplate { realm_id: id, config } = asked;
        let mut state = self.shared.state.lock().await;
        let at = state.templates.iter().position(|it| it.id == id);
        let at = at.ok_or_else(|| no_such("template of realms", &id))?;
        let part = config::part::realm(&config, &format!("realm {id}"), &self.shared.options.cbdir);
        let part = part.map_err(|problems| invalid(&problems))?;
        if part.value.template.is_none() {
            let message =
                format!("realm {id:?} is a template, and would be none: stop it and start it again");
            return Err(Error::new(error::INVALID_CONFIGURATION, message));
        }
        caller.warnings(&part.warnings).for_each(|warning| warn!(realm = id, "{}", warning.message));
        let template = state.numbered(RealmTemplate::new(id, part.value, config));
        let marshal = template.marshal();
        state.templates[at] = template;
        let its_realms = state.realms.iter().filter(|it| it.template_id.as_ref() == Some(&marshal.id));
        let before: Vec<String> = its_realms.map(|it| it.id.clone()).collect();
        drop(state);
        info!("Realm template '{}' changed", marshal.id);
        self.service().tell_others(&ON_REALM_TEMPLATE_CHANGED, caller.session, &marshal).await;
        // Those of the other one may begin meanwhile.
        for realm_id in before {
            self.stop_instance(|it| it.id == realm_id).await;
        }
        Ok(marshal)
    }

    /// A template is none any more.
    pub(super) async fn template_stopped(
        &self,
        template: RealmTemplate,
        with_instances: bool,
    ) -> RealmStopped {
        let (id, name) = (template.id, template.realm.name);
        let mut detached_sessions = Vec::new();
        let is_its = |it: &RunningRealm| with_instances && it.template_id.as_ref() == Some(&id);
        while let Some(detached) = self.stop_instance(is_its).await {
            detached_sessions.extend(detached);
        }
        self.service().tell(&ON_REALM_STOPPED, &id).await;
        RealmStopped { id, name, detached_sessions }
    }

    /// Stops the first realm for which this is so. The result is who was on it.
    pub(in crate::router) async fn stop_instance(
        &self,
        is_it: impl Fn(&RunningRealm) -> bool,
    ) -> Option<Vec<u64>> {
        let state = self.shared.state.lock().await;
        let running = state.realms.iter().find(|it| is_it(it))?;
        running.sessions.iter().for_each(Sessions::stop);
        let (id, name) = (running.id.clone(), running.realm.name.clone());
        self.end_links(&id);
        let detached = self.router().stop_realm(&name).await.unwrap_or_default();
        self.forget_realm(state, &id, &name).await;
        Some(detached.iter().map(|it| it.0).collect())
    }
}
