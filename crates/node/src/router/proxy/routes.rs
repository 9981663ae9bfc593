//! The routes of a proxy, as the management API tells of them.

use std::collections::BTreeMap;

use crossweave_api::Config;
use crossweave_api::proxy::ProxyRoute;
use crossweave_config as config;
use parking_lot::Mutex;

/// Routes by realm and id.
#[derive(Default)]
pub(super) struct Routes(Mutex<State>);

#[derive(Default)]
struct State {
    by_place: BTreeMap<(String, String), Route>,
    /// The number of the last start.
    last: u64,
}

struct Route {
    told: ProxyRoute,
    by_role: Vec<config::ProxyRoute>,
    start: Start,
}

/// One start of a route. A route that is stopped meanwhile and started again has another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Start(u64);

impl Routes {
    /// The realms that have any.
    pub(super) fn realms(&self) -> Vec<String> {
        let mut realms: Vec<String> = self.0.lock().by_place.keys().map(|(realm, _)| realm.clone()).collect();
        realms.dedup();
        realms
    }

    pub(super) fn of_realm(&self, realm: &str) -> Vec<ProxyRoute> {
        let state = self.0.lock();
        let of_realm = state.by_place.values().filter(|it| it.told.realm == realm);
        of_realm.map(|it| it.told.clone()).collect()
    }

    pub(super) fn get(&self, realm: &str, id: &str) -> Option<ProxyRoute> {
        self.0.lock().by_place.get(&(realm.to_owned(), id.to_owned())).map(|it| it.told.clone())
    }

    /// Where clients can go.
    pub(super) fn all(&self) -> Vec<config::ProxyRoute> {
        self.0.lock().by_place.values().flat_map(|it| it.by_role.clone()).collect()
    }

    /// A route of this realm starts, under this id or else one that is free.
    ///
    /// # Errors
    /// There is one of this id.
    pub(super) fn begin(
        &self,
        realm: &str,
        id: Option<String>,
        config: Config,
        by_role: Vec<config::ProxyRoute>,
    ) -> Result<(Start, ProxyRoute), String> {
        let mut state = self.0.lock();
        let place = |id: &str| (realm.to_owned(), id.to_owned());
        let is_free = |id: &String| !state.by_place.contains_key(&place(id));
        let mut numbered = (0..).map(|number| format!("route{number:03}"));
        let id = id.or_else(|| numbered.find(&is_free)).unwrap_or_default();
        if !is_free(&id) {
            return Err(format!("realm {realm:?} has a route {id:?}"));
        }
        let (place, state_told) = (place(&id), "starting".to_owned());
        let realm = realm.to_owned();
        let told = ProxyRoute { realm, id, config, started: None, stopped: None, state: state_told };
        state.last += 1;
        let start = Start(state.last);
        state.by_place.insert(place, Route { told: told.clone(), by_role, start });
        Ok((start, told))
    }

    /// It has started. False if it was stopped meanwhile: then it stays so.
    pub(super) fn has_begun(&self, start: Start, told: &ProxyRoute) -> bool {
        let mut state = self.0.lock();
        let place = (told.realm.clone(), told.id.clone());
        let route = state.by_place.get_mut(&place).filter(|it| it.start == start);
        route.map(|it| it.told.clone_from(told)).is_some()
    }

    /// Nobody gets anywhere by it any more. Nothing if there is none of this id.
    pub(super) fn remove(&self, realm: &str, id: &str) -> Option<ProxyRoute> {
        self.0.lock().by_place.remove(&(realm.to_owned(), id.to_owned())).map(|it| it.told)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_route_that_is_stopped_as_it_starts_does_not_come_back() {
        let routes = Routes::default();
        let begin = |connection: &str| {
            routes.begin("realm1", Some("one".to_owned()), json!({"anonymous": connection}), Vec::new())
        };
        let (first, told) = begin("conn1").expect("it is the only one");
        assert!(begin("conn1").is_err());
        assert!(routes.remove("realm1", "one").is_some());
        assert!(!routes.has_begun(first, &told));
        assert_eq!(routes.get("realm1", "one"), None);

        // Nor in the place of one that was started meanwhile.
        let (second, now) = begin("conn2").expect("there is none");
        assert!(!routes.has_begun(first, &told));
        assert_eq!(routes.get("realm1", "one"), Some(now.clone()));
        assert!(routes.has_begun(second, &ProxyRoute { state: "started".to_owned(), ..now }));
        assert_eq!(routes.get("realm1", "one").map(|it| it.state), Some("started".to_owned()));
        let (_, other) = routes.begin("realm1", None, json!({}), Vec::new()).expect("it gets an id");
        assert_eq!((&*other.id, routes.of_realm("realm1").len()), ("route000", 2));
    }
}
