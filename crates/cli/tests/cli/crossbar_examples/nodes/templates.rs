//! Nodes whose realms and workers are started as they are needed.

use serde_json::json;

use super::super::shapes::*;
use super::Comes::{Checked, Runs};
use super::{Example, example};

pub(super) fn all() -> Vec<Example> {
    let mut user = realm("^realm-(?P<user>[a-z][a-z0-9_-]{2,8})$", &["anonymous"]);
    user["template"] = json!(true);
    let mut public = realm("public", &["anonymous"]);
    public["template"] = json!(false);
    let anonymous = json!({"anonymous": {"type": "static", "role": "anonymous"}});
    let realms = json!({"type": "router", "realms": [public, user], "transports": with_auth(anonymous)});
    let mut backend = container(&by_websocket(), &["backend.Backend"]);
    backend["template"] = json!(true);
    backend["template-realm"] = json!("^realm-(?P<user>[a-z][a-z0-9_-]{2,8})$");
    backend["components"][0]["realm"] = json!("realm-{user}");
    let asked = json!({"anonymous": {"type": "dynamic", "authenticator": "com.example.authenticate",
        "authenticator-realm": "authenticator"}});
    let mut inner = unix_socket(&["cbor"]);
    inner["auth"] = json!({"anonymous": {"type": "static", "role": "authenticator"}});
    let mut authenticator = container(&by_unix_socket("cbor"), &["authenticator.AuthenticatorSession"]);
    authenticator["components"][0]["realm"] = json!("authenticator");
    let transports = json!([inner, with_auth(asked)[0]]);
    vec![
        example(&["templates/worker-templates"], node(json!([realms, backend])), Checked),
        example(
            &["templates/management-api"],
            node(json!([router(realm("authenticator", &["authenticator"]), transports), authenticator])),
            Runs(&[]),
        ),
    ]
}
