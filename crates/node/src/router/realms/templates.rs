//! Templates of realms: their order, and their end.

use crossweave_api::Error;
use crossweave_api::router::{
    GetRouterRealmTemplates, ON_REALM_STOPPED, OrderRouterRealmTemplates, RealmStopped,
};

use super::super::template::RealmTemplate;
use super::super::{RouterWorker, State};
use super::RunningRealm;
use crate::component::Sessions;
use crate::service::Caller;

impl State {
    /// One more, at the place that was said for it.
    pub(super) fn add_template(&mut self, template: RealmTemplate) {
        self.templates.push(template);
        self.sort_templates();
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

    /// A template is none any more.
    pub(super) async fn template_stopped(
        &self,
        template: RealmTemplate,
        with_instances: bool,
    ) -> RealmStopped {
        let (id, name) = (template.id, template.realm.name);
        let mut detached_sessions = Vec::new();
        loop {
            let state = self.shared.state.lock().await;
            let is_its = |it: &&RunningRealm| with_instances && it.template_id.as_ref() == Some(&id);
            let found = state.realms.iter().find(is_its);
            let Some(running) = found else { break };
            running.sessions.iter().for_each(Sessions::stop);
            let (instance, realm) = (running.id.clone(), running.realm.name.clone());
            let detached = self.router().stop_realm(&realm).await.unwrap_or_default();
            detached_sessions.extend(detached.iter().map(|it| it.0));
            self.forget_realm(state, &instance, &realm).await;
        }
        self.service().tell(&ON_REALM_STOPPED, &id).await;
        RealmStopped { id, name, detached_sessions }
    }
}
