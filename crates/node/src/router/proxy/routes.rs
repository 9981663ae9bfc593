//! The routes of a proxy, as the management API tells of them, with the roles that they let in.

use std::collections::BTreeMap;

use crossweave_api::proxy::ProxyRoute;
use crossweave_config as config;
use parking_lot::Mutex;

/// Routes by realm and id. Clients can join by a route for as long as it is started.
#[derive(Default)]
pub(super) struct Routes(Mutex<State>);

#[derive(Default)]
struct State {
    by_id: BTreeMap<(String, String), Route>,
    /// The number of the last start.
    last: u64,
}

struct Route {
    told: ProxyRoute,
    start: Start,
    /// Nothing until it has started.
    by_role: Vec<config::ProxyRoute>,
}

/// One start of a route. A route that is stopped meanwhile and started again has another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Start(u64);

impl Routes {
    /// The realms that have routes, sorted.
    pub(super) fn realms(&self) -> Vec<String> {
        let state = self.0.lock();
        let mut realms: Vec<String> = state.by_id.keys().map(|(realm, _)| realm.clone()).collect();
        realms.dedup();
        realms
    }

    pub(super) fn of_realm(&self, realm: &str) -> Vec<ProxyRoute> {
        let state = self.0.lock();
        state.by_id.values().filter(|it| it.told.realm == realm).map(|it| it.told.clone()).collect()
    }

    pub(super) fn get(&self, realm: String, id: String) -> Option<ProxyRoute> {
        self.0.lock().by_id.get(&(realm, id)).map(|it| it.told.clone())
    }

    /// A route starts. One without an id gets the next of `route000`, ...
    ///
    /// # Errors
    /// The realm has one of this id.
    pub(super) fn begin(
        &self,
        realm: &str,
        id: Option<String>,
        config: serde_json::Value,
    ) -> Result<(Start, ProxyRoute), String> {
        let mut state = self.0.lock();
        let is_free = |id: &String| !state.by_id.contains_key(&(realm.to_owned(), id.clone()));
        let mut numbered = (0..).map(|number| format!("route{number:03}"));
        let id = id.or_else(|| numbered.find(&is_free)).unwrap_or_default();
        if !is_free(&id) {
            return Err(format!("realm {realm:?} has a route {id:?}"));
        }
        let (realm, state_told) = (realm.to_owned(), "starting".to_owned());
        let told = ProxyRoute { realm, id, config, started: None, stopped: None, state: state_told };
        state.last += 1;
        let start = Start(state.last);
        let route = Route { told: told.clone(), start, by_role: Vec::new() };
        state.by_id.insert((told.realm.clone(), told.id.clone()), route);
        Ok((start, told))
    }

    /// It has started, and lets these roles in. False if it was stopped meanwhile: then it stays so.
    pub(super) fn has_begun(&self, start: Start, told: ProxyRoute, by_role: Vec<config::ProxyRoute>) -> bool {
        let mut state = self.0.lock();
        let found = state.by_id.get_mut(&(told.realm.clone(), told.id.clone()));
        let Some(route) = found.filter(|it| it.start == start) else { return false };
        (route.told, route.by_role) = (told, by_role);
        true
    }

    /// Nobody joins by it any more. Nothing if there is none of this id.
    pub(super) fn remove(&self, realm: String, id: String) -> Option<ProxyRoute> {
        self.0.lock().by_id.remove(&(realm, id)).map(|it| it.told)
    }

    /// What clients can join.
    pub(super) fn by_role(&self) -> Vec<config::ProxyRoute> {
        self.0.lock().by_id.values().flat_map(|it| it.by_role.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn by_role() -> Vec<config::ProxyRoute> {
        let config = json!({"anonymous": "one"});
        let known = ["one".to_owned()];
        config::part::proxy_routes(&config, "realm1", std::path::Path::new("."), &known)
            .expect("it is right")
            .value
    }

    #[test]
    fn a_route_that_is_stopped_as_it_starts_does_not_come_back() {
        let routes = Routes::default();
        let begin = || routes.begin("realm1", Some("a".to_owned()), json!({}));
        let remove = || routes.remove("realm1".to_owned(), "a".to_owned());
        let (first, told) = begin().expect("it is the only one");
        assert!(begin().is_err());
        assert!(routes.by_role().is_empty(), "it lets nobody in before it has started");
        assert!(remove().is_some());
        assert!(!routes.has_begun(first, told.clone(), by_role()));
        assert!(routes.realms().is_empty() && routes.by_role().is_empty());

        // Nor in the place of one that was started meanwhile.
        let (second, _) = begin().expect("there is none");
        assert!(!routes.has_begun(first, told.clone(), by_role()) && routes.by_role().is_empty());
        assert!(routes.has_begun(second, told, by_role()));
        assert_eq!((routes.realms(), routes.by_role().len()), (vec!["realm1".to_owned()], 1));
        assert!(remove().is_some() && remove().is_none() && routes.by_role().is_empty());
    }

    #[test]
    fn a_route_without_an_id_gets_the_next_number_of_its_realm() {
        let routes = Routes::default();
        let next = |realm| routes.begin(realm, None, json!({})).expect("it is free").1.id;
        assert_eq!([next("a"), next("a"), next("b")], ["route000", "route001", "route000"]);
    }
}
