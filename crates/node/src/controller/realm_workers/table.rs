//! Which workers realms want. Pure, but for telling the tasks.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use crate::boot::WorkerPlan;

/// The longest id that is made for a worker, in octets.
const ID_LEN_MAX: usize = 64;

/// The place of a worker: of one template, for the realms of one name on one router.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The router's id.
    pub(super) router: String,
    /// The realm's name.
    pub(super) realm: String,
    /// The template's id.
    pub(super) template: String,
}

/// What is wanted in a place.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// Which run of the realm wants it: each has a number.
    pub(super) run: u64,
    /// The worker.
    pub(super) plan: Arc<WorkerPlan>,
}

/// A task is to keep a place.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) place: Place,
    pub(super) wanted: watch::Receiver<Option<Wanted>>,
}

/// A realm does without a worker. The text is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Realm '{realm}' goes on without a worker of template '{template}': {why}")]
pub(super) struct Refusal {
    realm: String,
    template: String,
    why: String,
}

/// A realm that was started by a template of a router.
struct Realm {
    name: String,
    run: u64,
    /// It is there, with its roles.
    has_begun: bool,
}

/// A worker that a task keeps.
struct Kept {
    /// The id of the worker.
    id: String,
    wanted: watch::Sender<Option<Wanted>>,
}

#[derive(Default)]
pub(super) struct Table {
    runs: u64,
    templates: BTreeMap<String, WorkerPlan>,
    /// By router and id.
    realms: BTreeMap<(String, String), Realm>,
    kept: BTreeMap<Place, Kept>,
    is_closed: bool,
}

impl Table {
    /// Adds a template. What is to be done for the realms that run; `is_taken` says which workers there are.
    pub(super) fn add(
        &mut self,
        plan: WorkerPlan,
        is_taken: &dyn Fn(&str) -> bool,
    ) -> Vec<Result<Order, Refusal>> {
        let id = plan.id.clone();
        self.templates.insert(id.clone(), plan);
        let running = self.realms.iter().filter(|(_, realm)| realm.has_begun);
        let running: Vec<(String, String, u64)> =
            running.map(|((router, _), realm)| (router.clone(), realm.name.clone(), realm.run)).collect();
        let want =
            |(router, realm, run)| self.want(Place { router, realm, template: id.clone() }, run, is_taken);
        running.into_iter().filter_map(want).collect()
    }

    /// Removes a template. The places of its workers, which end; none if there is no such template.
    pub(super) fn remove(&mut self, id: &str) -> Option<Vec<watch::Receiver<Option<Wanted>>>> {
        self.templates.remove(id)?;
        Some(self.unwant(|place| place.template == id))
    }

    /// The templates, in the order of their ids.
    pub(super) fn templates(&self) -> Vec<WorkerPlan> {
        self.templates.values().cloned().collect()
    }

    /// A realm is about to be there.
    pub(super) fn expect(&mut self, router: &str, realm_id: &str, name: &str) {
        self.runs += 1;
        let realm = Realm { name: name.to_owned(), run: self.runs, has_begun: false };
        self.realms.insert((router.to_owned(), realm_id.to_owned()), realm);
    }

    /// It is there, unless it has ended meanwhile.
    pub(super) fn begin(
        &mut self,
        router: &str,
        realm_id: &str,
        is_taken: &dyn Fn(&str) -> bool,
    ) -> Vec<Result<Order, Refusal>> {
        let Some(realm) = self.realms.get_mut(&(router.to_owned(), realm_id.to_owned())) else {
            return Vec::new();
        };
        realm.has_begun = true;
        let (name, run) = (realm.name.clone(), realm.run);
        let templates: Vec<String> = self.templates.keys().cloned().collect();
        let want = |template| {
            self.want(Place { router: router.to_owned(), realm: name.clone(), template }, run, is_taken)
        };
        templates.into_iter().filter_map(want).collect()
    }

    /// A realm of a router has ended; none: all of them.
    pub(super) fn end(&mut self, router: &str, realm_id: Option<&str>) {
        let ended: Vec<Realm> = match realm_id {
            Some(id) => self.realms.remove(&(router.to_owned(), id.to_owned())).into_iter().collect(),
            None => self.realms.extract_if(.., |(of, _), _| of == router).map(|(_, realm)| realm).collect(),
        };
        for realm in ended {
            for (place, kept) in &self.kept {
                if place.router == router && place.realm == realm.name {
                    // Another run of the realm may want it already.
                    kept.wanted.send_if_modified(|wanted| {
                        wanted.take_if(|wanted| wanted.run == realm.run).is_some()
                    });
                }
            }
        }
    }

    /// Nothing is wanted any more, whatever begins.
    pub(super) fn clear(&mut self) -> Vec<watch::Receiver<Option<Wanted>>> {
        self.is_closed = true;
        self.unwant(|_| true)
    }

    /// The routers with such realms, and the ids of those.
    pub(super) fn routers(&self) -> BTreeMap<String, Vec<String>> {
        let mut routers: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (router, realm_id) in self.realms.keys() {
            routers.entry(router.clone()).or_default().push(realm_id.clone());
        }
        routers
    }

    /// Nobody keeps the place any more, unless it is wanted again: then false.
    pub(super) fn close(&mut self, place: &Place) -> bool {
        let is_wanted = self.kept.get(place).is_some_and(|kept| kept.wanted.borrow().is_some());
        if !is_wanted {
            self.kept.remove(place);
        }
        !is_wanted
    }

    fn unwant(&self, which: impl Fn(&Place) -> bool) -> Vec<watch::Receiver<Option<Wanted>>> {
        let kept = self.kept.iter().filter(|(place, _)| which(place));
        kept.map(|(_, kept)| {
            kept.wanted.send_replace(None);
            kept.wanted.subscribe()
        })
        .collect()
    }

    /// What is to be done so that the place has its worker. None: the template is not for this realm, or a task is there.
    fn want(
        &mut self,
        place: Place,
        run: u64,
        is_taken: &dyn Fn(&str) -> bool,
    ) -> Option<Result<Order, Refusal>> {
        let template = self.templates.get(&place.template).filter(|_| !self.is_closed)?;
        let refusal =
            |why: String| Refusal { realm: place.realm.clone(), template: place.template.clone(), why };
        let plan = match template.for_realm(&place.realm)? {
            Ok(plan) => plan,
            Err(misleading) => return Some(Err(refusal(misleading.to_string()))),
        };
        if let Some(kept) = self.kept.get(&place) {
            let plan = Arc::new(WorkerPlan { id: kept.id.clone(), ..plan });
            kept.wanted.send_replace(Some(Wanted { run, plan }));
            return None;
        }
        let of_template = self.kept.keys().filter(|it| it.template == place.template).count();
        let max = template.template.as_ref().map_or(0, |it| it.max_workers);
        if of_template >= max as usize {
            return Some(Err(refusal(format!(
                "{of_template} run, and there may be no more (`max_workers`)"
            ))));
        }
        let id = self.free_id(&place, is_taken);
        let plan = Arc::new(WorkerPlan { id: id.clone(), ..plan });
        let (wanted, receiver) = watch::channel(Some(Wanted { run, plan }));
        self.kept.insert(place.clone(), Kept { id, wanted });
        Some(Ok(Order { place, wanted: receiver }))
    }

    /// `backend_realm_joe` for template `backend` and realm `realm-joe`; with a number behind it if that is taken.
    fn free_id(&self, place: &Place, is_taken: &dyn Fn(&str) -> bool) -> String {
        let word = |byte: u8| match byte.to_ascii_lowercase() {
            byte @ (b'a'..=b'z' | b'0'..=b'9') => char::from(byte),
            _ => '_',
        };
        let name: String = place.realm.bytes().map(word).collect();
        let stem = format!("{}_{name}", place.template);
        let is_free = |id: &String| {
            !is_taken(id)
                && !self.templates.contains_key(id)
                && !self.kept.values().any(|kept| kept.id == *id)
        };
        let numbered = (2..).map(|number| shortened(&stem, &format!("_{number}")));
        std::iter::once(shortened(&stem, "")).chain(numbered).find(is_free).expect("numbers do not end")
    }
}

/// As much of `stem` as there is room for before `end`.
fn shortened(stem: &str, end: &str) -> String {
    let len = stem.len().min(ID_LEN_MAX - end.len());
    format!("{}{end}", &stem[..len])
}

#[cfg(test)]
mod tests;
