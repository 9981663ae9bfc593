//! Which URIs of a router are used most.

use crossweave_api::router::{GetRouterHotUris, HotUri, HotUris};
use crossweave_api::{Error, error};
use crossweave_router::{HOT_URIS_TOLD_MAX, HotUriKind};

use crate::router::RouterWorker;
use crate::service::Caller;

impl RouterWorker {
    pub(super) async fn get_router_hot_uris(
        &self,
        _: Caller,
        asked: GetRouterHotUris,
    ) -> Result<HotUris, Error> {
        let limit = asked.limit as usize;
        if limit > HOT_URIS_TOLD_MAX {
            let message = format!("get_router_hot_uris: `limit` must be at most {HOT_URIS_TOLD_MAX}");
            return Err(Error::new(error::INVALID_ARGUMENT, message));
        }
        let told = self.router().hot_uris(limit);
        let seconds = told.over.as_secs_f64();
        let per_second = |messages: u64| messages as f64 / seconds.max(f64::MIN_POSITIVE);
        let uri = |it: crossweave_router::HotUri| HotUri {
            realm: it.realm.to_string(),
            kind: match it.kind {
                HotUriKind::Topic => "topic",
                HotUriKind::Procedure => "procedure",
            }
            .to_owned(),
            uri: it.uri.to_string(),
            received_per_second: per_second(it.received),
            sent_per_second: per_second(it.sent),
        };
        let uris = told.uris.into_iter().map(uri).collect();
        Ok(HotUris { seconds, has_forgotten: told.has_forgotten, uris })
    }
}
