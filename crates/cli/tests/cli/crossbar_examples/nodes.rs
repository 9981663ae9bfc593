//! The nodes: which examples have which shape, and what becomes of it here.

mod logins;
mod proxies;
mod templates;

use serde_json::{Value, json};

use super::shapes::*;

/// What comes of a node.
pub(crate) enum Comes {
    /// It runs. These paths answer 501.
    Runs(&'static [&'static str]),
    /// It is correct, and does not start: a part that is named so is not built yet.
    NotBuilt(&'static str),
    /// It is correct. Who builds the part that it is about tests how it starts.
    Checked,
    /// It is correct, and ends at the start with this sentence: most of these examples are there to show that.
    Fails(&'static str),
    /// It is refused with this sentence.
    Refused(&'static str),
}

use Comes::{Checked, Fails, NotBuilt, Refused, Runs};

/// Examples of one shape.
pub(crate) struct Example {
    /// Their folders; with the file's name where it is not `config.json`.
    pub(crate) of: &'static [&'static str],
    pub(crate) config: Value,
    pub(crate) comes: Comes,
}

fn example(of: &'static [&'static str], config: Value, comes: Comes) -> Example {
    Example { of, config, comes }
}

pub(crate) fn all() -> Vec<Example> {
    [
        pages(),
        services(),
        rest(),
        logins::all(),
        components(),
        containers(),
        guests(),
        benchmarks(),
        others(),
        proxies::all(),
        templates::all(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn pages() -> Vec<Example> {
    let shared = json!({"shared": files("../../../_shared-web-resources")});
    let polled = json!({"shared": files("../../../_shared-web-resources"), "lp": {"type": "longpoll"}});
    let mut disclosing = open(page());
    disclosing["realms"][0]["roles"][0]["permissions"][0]["disclose"] =
        json!({"caller": true, "publisher": true});
    let quiet = json!({"ws": {"type": "websocket", "options": {"require_websocket_subprotocol": false}}});
    vec![
        example(&["hello/browser", "iotcookbook/device/yun/tilt"], node(json!([open(page())])), Runs(&[])),
        example(&["docker/disclose/crossbar"], node(json!([disclosing])), Runs(&[])),
        example(
            &[
                "iotcookbook/device/browser/livewidgets",
                "iotcookbook/device/yun/tutorial",
                "iotcookbook/app/weights/wpadeuro",
                "demos/spread",
                "demos/editform/config_node_external",
            ],
            node(json!([open(json!([web("..", shared.clone())]))])),
            Runs(&[]),
        ),
        example(
            &[
                "demos/dashboard",
                "demos/videocontrol",
                "demos/colorama",
                "demos/3dgyrocontrol",
                "demos/votes/browser",
            ],
            node(json!([open(json!([web("../board", polled)]))])),
            Runs(&[]),
        ),
        example(
            &["iotcookbook/device/tessel/camera", "iotcookbook/device/tessel/accelerometer", "hello/tessel"],
            node(json!([open(json!([web("..", quiet)]))])),
            Runs(&[]),
        ),
        example(
            &[
                "browserremote",
                "demos/beatbox",
                "demos/notification",
                "iotcookbook/device/browser/revealremote",
                "work/metaevents",
            ],
            of_version_1(node(json!([open(page())]))),
            Runs(&[]),
        ),
        example(
            &["getting-started", "nodeinfo", "payloadcodec"],
            node(json!([open(universal(json!({})))])),
            Runs(&[]),
        ),
        example(
            &["pubsub/retained"],
            node(json!([open(universal(json!({"websocket": {"ws": {"type": "websocket",
                "cookie": {"store": {"type": "file", "filename": "cookies.dat"}}}}})))])),
            Runs(&[]),
        ),
        example(
            &["work/uplink2/edge1", "work/uplink2/edge2", "work/uplink3/core"],
            of_version_1(node(json!([open(page())]))),
            Runs(&[]),
        ),
        example(&["work/uplink/router"], of_version_1(node(json!([uplink("uplink")]))), Runs(&[])),
        example(
            &["work/uplink3/edge1", "work/uplink3/edge2"],
            of_version_1(node(json!([uplink("uplinks")]))),
            Runs(&[]),
        ),
        example(
            &["work/cdc/cdc"],
            of_version_1(node(json!([open(
                json!([{"type": "websocket", "endpoint": {"type": "tcp", "port": 9000}}])
            )]))),
            Runs(&[]),
        ),
        example(
            &["expressjs"],
            node(json!([open(json!([{"type": "websocket", "endpoint": {"type": "tcp", "port": 9000}}]))])),
            Runs(&[]),
        ),
        example(
            &["sharedregs/cpp"],
            node(json!([open(json!([
                web("..", json!({"ws": {"type": "websocket", "debug": false}})),
                {"type": "rawsocket", "endpoint": {"type": "tcp", "port": 8090}, "debug": false}
            ]))])),
            Runs(&[]),
        ),
    ]
}

/// A router whose realm has a link as it was tried before there were `rlinks`.
fn uplink(key: &str) -> Value {
    let mut router = open(page());
    let link = json!({"transport": by_websocket()});
    router["realms"][0][key] = if key == "uplinks" { json!([link]) } else { link };
    router
}

fn services() -> Vec<Example> {
    let archive = json!({"type": "archive", "archive": "autobahn.zip", "origin": "https://example.com/autobahn.zip",
        "object_prefix": "autobahn", "default_object": "autobahn.min.js", "download": true, "cache": true,
        "hashes": ["f".repeat(64)], "mime_types": {".min.js": "text/javascript", ".jgz": "text/javascript"}});
    let django = json!({"/": {"type": "wsgi", "module": "django_project.wsgi", "object": "application"},
        "notify": {"type": "publisher", "realm": "realm1", "role": "anonymous"}, "shared": archive});
    let zipped = || {
        json!({"/": {"type": "archive", "archive": "home.zip", "default_object": "index.html", "cache": true,
            "mime_types": {".ttf": "font/ttf"}}})
    };
    let inner = |more: Value| {
        let mut paths = zipped();
        paths["info"] = json!({"type": "nodeinfo"});
        paths["ws"] = json!({"type": "websocket"});
        more.as_object().unwrap().iter().for_each(|(path, service)| paths[path] = service.clone());
        paths
    };
    let below = json!({"nested": {"type": "path", "paths": inner(json!({}))}});
    let mut nested = inner(below.clone());
    nested["nested"] = below["nested"].clone();
    nested["double-nested"] = json!({"type": "path", "paths": inner(below)});
    let mut validating =
        open(json!([web("../web", json!({"catalog1": {"type": "catalog", "filename": "home.zip"}}))]));
    validating["realms"][0]["inventory"] = json!({"type": "wamp.eth", "catalogs": [{"archive": "home.zip"}]});
    validating["realms"][0]["roles"][0]["activations"] =
        json!([{"interface": "1b7d8a1c-0000-4000-8000-000000000001", "allow": {"provide": true}}]);
    let reports = json!({"reports": {"type": "wap", "templates": "../web", "sandbox": true, "wamp": {"realm": "realm1", "authrole": "anonymous"},
        "routes": [{"path": "/greeting/<name>", "method": "GET", "call": "com.example.greeting", "render": "greeting.html"}]}});
    let hooks = json!({"webhook": {"type": "webhook", "realm": "realm1", "role": "anonymous",
        "options": {"topic": "com.myapp.topic1", "success_response": "OK", "error_response": "NOT OK"}}});
    let uploads = json!({"upload": {"type": "upload", "realm": "realm1", "role": "anonymous", "directory": "../uploaded",
        "temp_directory": "../temp", "form_fields": {"file_name": "name", "mime_type": "type", "total_size": "size",
            "chunk_number": "n", "chunk_size": "s", "total_chunks": "t", "content": "file", "on_progress": "com.example.progress"},
        "options": {"max_file_size": 209_715_200, "file_types": [".csv", ".pdf"]}}});
    let info =
        json!({"info": {"type": "nodeinfo"}, "config": {"type": "json", "value": {"nodes": ["a", "b"]}}});
    let demo = json!({"ws": {"type": "websocket", "url": "ws://localhost:8080/ws", "options": {"enable_webstatus": true,
        "enable_hixie76": false, "max_frame_size": 1_048_576, "max_message_size": 1_048_576, "auto_fragment_size": 65536,
        "fail_by_drop": true, "open_handshake_timeout": 2500, "close_handshake_timeout": 1000}}});
    let elsewhere = json!({"type": "web", "endpoint": {"type": "tcp", "port": 80},
        "paths": {"/": {"type": "redirect", "url": "https://demo.example.com"}}});
    let known = json!({"ws": {"type": "websocket", "serializers": ["cbor", "msgpack", "json"], "options": {
        "allowed_origins": ["http://localhost:*", "https://demo.example.com:*", "file://", "http://192.168.*.*:*"],
        "allow_null_origin": true, "enable_webstatus": true, "max_frame_size": 1_048_576, "max_message_size": 1_048_576,
        "auto_fragment_size": 65536, "fail_by_drop": true, "open_handshake_timeout": 2500, "close_handshake_timeout": 1000,
        "auto_ping_interval": 10000, "auto_ping_timeout": 5000, "auto_ping_size": 12, "compression": {"deflate": {
            "request_no_context_takeover": false, "request_max_window_bits": 13, "no_context_takeover": false,
            "max_window_bits": 13, "memory_level": 5}}}}});
    let short_ping = |mut paths: Value| {
        paths["ws"]["options"]["auto_ping_size"] = json!(4);
        paths
    };
    vec![
        example(
            &["django/realtimemonitor"],
            node(json!([open(json!([web("..", django)]))])),
            Runs(&["/", "/shared"]),
        ),
        example(
            &["wsgi"],
            node(json!([open(json!([web(
                "..",
                json!({"/": {"type": "wsgi", "module": "myapp", "object": "app"}})
            )]))])),
            Runs(&["/"]),
        ),
        example(&["webservices/archive"], node(json!([open(json!([web("..", zipped())]))])), Runs(&["/"])),
        example(
            &["webservices/path"],
            node(json!([open(json!([web("..", nested)]))])),
            Runs(&["/", "/nested", "/double-nested"]),
        ),
        example(&["payload-validation"], node(json!([validating])), NotBuilt("validation of payloads")),
        example(
            &["webservices/wap"],
            node(json!([
                open(json!([web("../web", reports)])),
                container(&by_websocket(), &["reports.ReportsBackend"])
            ])),
            Runs(&["/reports"]),
        ),
        example(&["rest/webhooks"], node(json!([open(json!([web("../web", hooks)]))])), Runs(&[])),
        example(
            &["fileupload"],
            of_version_1(node(json!([open(json!([web("../web", uploads)]))]))),
            Runs(&["/upload"]),
        ),
        example(
            &["fileupload_node"],
            of_version_1(node(json!([open(json!([web(
                "..",
                json!({"upload": {"type": "fileupload",
                "directory": "../web_upload", "temp_directory": "../temp", "progress_realm": "realm1"}})
            )]))]))),
            Refused("web service type `fileupload` is called `upload` now"),
        ),
        example(&["work/jsonresource"], node(json!([open(json!([web("../web", info)]))])), Runs(&[])),
        example(
            &["demos/_demo_launcher"],
            node(json!([open(json!([elsewhere, web("../web", short_ping(known.clone()))]))])),
            Runs(&[]),
        ),
        example(
            &["stats"],
            node(json!([with_components(
                open(
                    json!([{"type": "rawsocket", "endpoint": {"type": "tcp", "port": 8081, "backlog": 1024},
                    "serializers": ["cbor", "msgpack", "json"]}, web("../web", short_ping(known.clone()))])
                ),
                &["monitor.ClientSession"],
                "anonymous"
            )])),
            Runs(&[]),
        ),
        example(
            &["demos/_demo_launcher/config_prod"],
            of_version_1(node(json!([open(json!([elsewhere, web("../web", demo)]))]))),
            Refused("unknown key `enable_hixie76`"),
        ),
        example(
            &["demos/salesman"],
            node(json!([open(json!([elsewhere, web("../web", known)]))])),
            Runs(&[]),
        ),
    ]
}

fn rest() -> Vec<Example> {
    let signed = |kind: &str| {
        json!({"type": kind, "realm": "realm1", "role": "anonymous", "options": {"key": "foobar", "secret": "secret",
            "post_body_limit": 8192, "timestamp_delta_limit": 10, "require_ip": ["192.168.1.1/255.255.255.0", "127.0.0.1"],
            "require_tls": false}})
    };
    let plain = |kind: &str| json!({"type": kind, "realm": "realm1", "role": "anonymous", "options": {"debug": true}});
    let publishers = json!({"publish": plain("publisher"), "publish-signed": signed("publisher")});
    let callers = json!({"call": plain("caller"), "callsigned": signed("caller")});
    let mut fast = json!([unix_socket(&["json", "msgpack"]), web("..", json!({"call": plain("caller")}))]);
    fast[1]["endpoint"]["backlog"] = json!(2000);
    let add = || {
        with_options(
            container(&by_unix_socket("msgpack"), &["add_shared.AppSession"]),
            json!({"pythonpath": ["../components"]}),
        )
    };
    vec![
        example(&["rest/publisher"], node(json!([open(json!([web("../web", publishers)]))])), Runs(&[])),
        example(
            &["work/wpad"],
            of_version_1(node(json!([open(json!([web("../web", json!({"call": plain("caller")}))]))]))),
            Runs(&[]),
        ),
        example(
            &["iotcookbook/app/weights/wpadlab"],
            node(json!([open(json!([web("../web", json!({"call": plain("caller")}))]))])),
            Runs(&[]),
        ),
        example(
            &["rest/caller", "database/postgresql/caller"],
            node(json!([with_components(
                open(json!([web("../web", callers)])),
                &["backend.AppSession"],
                "anonymous"
            )])),
            Runs(&[]),
        ),
        example(
            &["rest/caller_performance/config_multi_worker"],
            of_version_1(node(json!([open(fast.clone()), add(), add(), add(), add()]))),
            Runs(&[]),
        ),
        example(
            &["rest/caller_performance"],
            of_version_1(node(json!([
                with_components(open(fast), &["add.AppSession"], "anonymous"),
                container(&by_websocket(), &["sub.AppSession"]),
                container(&by_unix_socket("msgpack"), &["mul.AppSession"]),
                container(&by_unix_socket("json"), &["div.AppSession"])
            ]))),
            Runs(&[]),
        ),
    ]
}

fn components() -> Vec<Example> {
    let classes = |router: Value, classes: &[&str]| {
        let mut router = with_components(router, classes, "anonymous");
        let components = router["components"].as_array_mut().unwrap();
        components.iter_mut().for_each(|component| drop(component.as_object_mut().unwrap().remove("role")));
        router
    };
    let without_options = |mut worker: Value| {
        worker.as_object_mut().unwrap().remove("options");
        worker
    };
    let polled = json!({"lp": {"type": "longpoll", "options": {"debug": true, "session_timeout": 30}}});
    let one_serializer = json!({"websocket": {"ws": {"type": "websocket", "serializers": ["cbor"]}}});
    let mut alone = open(json!([]));
    alone.as_object_mut().unwrap().remove("transports");
    let exposing =
        with_options(classes(open(page()), &["myapp.MySession"]), json!({"expose_controller": true}));
    let votes = with_components(
        router(realm("votesapp", &["anonymous"]), page()),
        &["votes.VotesBackend"],
        "anonymous",
    );
    let mut database = open(page());
    database["components"] = json!([{"type": "class", "classname": "crossbar.adapter.postgres.PostgreSQLPublisher", "realm": "realm1",
        "role": "anonymous", "extra": {"database": {"host": "127.0.0.1", "port": 5432, "user": "crossbar", "password": "crossbar"}}}]);
    vec![
        example(
            &["containers/failures/router/failure2", "containers/failures/router/failure4"],
            node(json!([classes(open(page()), &["myapp.MySession2"])])),
            Runs(&[]),
        ),
        example(&["containers/failures/router/working"], node(json!([exposing])), Runs(&[])),
        example(&["votes/python"], of_version_1(node(json!([votes]))), Runs(&[])),
        example(
            &["containers/failures/router/failure1"],
            node(json!([without_options(classes(open(page()), &["myapp.MySession"]))])),
            Fails("myapp.MySession cannot be imported"),
        ),
        example(
            &["containers/failures/router/failure5"],
            of_version_1(node(json!([classes(open(page()), &["myapp.MySession"])]))),
            Runs(&[]),
        ),
        example(
            &["containers/restart/restart1/config-pubsub-router"],
            node(json!([classes(alone, &["subscriber.MySubscriber", "publisher.MyPublisher"])])),
            Runs(&[]),
        ),
        example(
            &["patternsubs"],
            node(json!([with_components(open(page()), &["backend.MyComponent"], "anonymous")])),
            Runs(&[]),
        ),
        example(
            &["prompt"],
            node(json!([classes(open(universal(one_serializer)), &["backend.Backend"])])),
            Runs(&[]),
        ),
        example(
            &["serializers"],
            node(json!([
                open(json!([web(
                    "..",
                    json!({"ws": {"type": "websocket", "serializers": ["msgpack", "json"]}})
                )])),
                container(&by_websocket(), &["backend.Backend"])
            ])),
            Runs(&[]),
        ),
        example(
            &["longpoll", "demos/votes/kivy"],
            node(json!([with_components(
                open(json!([web("../web", polled)])),
                &["backend.AppSession"],
                "anonymous"
            )])),
            Runs(&[]),
        ),
        example(
            &["postgresql/publisher"],
            of_version_1(node(json!([database.clone()]))),
            Fails("crossbar.adapter.postgres.PostgreSQLPublisher cannot be imported"),
        ),
        example(
            &["pg/publisher", "pg/publisher/config_using_container"],
            of_version_1(node(json!([
                open(page()),
                with_options(
                    container(&by_websocket(), &["crossbar.adapter.postgres.PostgreSQLPublisher"]),
                    json!({"reactor": {"win32": "select"}})
                )
            ]))),
            Fails("crossbar.adapter.postgres.PostgreSQLPublisher cannot be imported"),
        ),
        example(
            &["database/postgresql/publisher"],
            node(json!([database])),
            Fails("crossbar.adapter.postgres.PostgreSQLPublisher cannot be imported"),
        ),
        example(
            &["fabric/controller"],
            json!({"version": 2, "controller": {"options": {"pythonpath": [".."], "expose_shared": true},
                "components": [{"type": "class", "classname": "myapp.MySession", "extra": {"foo": [1, 2, 3]}}]}}),
            Refused("unknown key `components`"),
        ),
    ]
}

fn containers() -> Vec<Example> {
    let endings =
        |restart: &str| json!({"shutdown": "shutdown-on-last-component-stopped", "restart": restart});
    let wrong_path = {
        let mut transport = by_websocket();
        transport["url"] = json!("ws://127.0.0.1:8080");
        transport
    };
    let mut unreachable = by_websocket();
    unreachable["endpoint"]["port"] = json!(8090);
    unreachable["url"] = json!("ws://127.0.0.1:8090/ws");
    let mut bare = container(&by_websocket(), &["myapp.MySession"]);
    bare.as_object_mut().unwrap().remove("options");
    let mut asking = realm("realm1", &["authorizer"]);
    asking["roles"].as_array_mut().unwrap().push(json!({"name": "app", "authorizer": "com.example.auth"}));
    let tickets = json!({"ticket": {"type": "static", "principals": {
        "authorizer": {"ticket": "secret123", "role": "authorizer"}, "app": {"ticket": "secret456", "role": "app"}}}});
    let exposed = json!({"expose_shared": true, "expose_controller": true});
    let mut win32 = bare.clone();
    win32["options"] = json!({"reactor": {"win32": "select"}});
    vec![
        example(
            &["containers/failures/container/failure1"],
            node(json!([open(page()), bare.clone()])),
            Fails("myapp.MySession cannot be imported"),
        ),
        example(
            &[
                "containers/failures/container/failure2",
                "containers/failures/container/failure5",
                "containers/failures/container/working",
                "hello/python",
            ],
            node(json!([open(page()), container(&by_websocket(), &["myapp.MySession"])])),
            Runs(&[]),
        ),
        example(
            &["containers/failures/failure1"],
            of_version_1(node(json!([open(page()), bare]))),
            Fails("myapp.MySession cannot be imported"),
        ),
        example(
            &["containers/failures/container/failure8"],
            node(json!([open(page()), container(&wrong_path, &["myapp.MySession"])])),
            Fails("did not open a WAMP connection"),
        ),
        example(
            &["containers/failures/container/failure7"],
            node(json!([open(page()), container(&unreachable, &["myapp.MySession"])])),
            Fails("component \"component001\""),
        ),
        example(
            &["database/oracle/publisher", "database/postgresql/publisher/config_using_container"],
            node(json!([open(page()), win32])),
            Fails("myapp.MySession cannot be imported"),
        ),
        example(
            &["work/call_from_handler", "disclose", "disclose/config2"],
            of_version_1(node(json!([
                open(page()),
                container(&by_websocket(), &["callee.MyCallee", "subscriber.MySubscriber"])
            ]))),
            Runs(&[]),
        ),
        example(
            &["fabric/expose"],
            node(json!([
                open(page()),
                with_options(container(&by_websocket(), &["myapp.MySession", "myapp.MySession"]), exposed)
            ])),
            Runs(&[]),
        ),
        example(
            &["authorization/dynamic/container"],
            node(json!([
                router(asking, with_auth(tickets)),
                container(&by_websocket(), &["authorizer.Authorizer", "app.App"])
            ])),
            Checked,
        ),
        example(
            &[
                "containers/failures/container/restart1/config-rawsocket",
                "containers/max_message_size/config-pubsub-rawsocket-2",
                "containers/restart/config-invalid-uri",
            ],
            node(json!([
                open(short_messages()),
                with_options(container(&by_rawsocket(), &["myapp.MySession"]), endings("restart-always"))
            ])),
            Refused("this `shutdown` never happens with this `restart`"),
        ),
        example(
            &["containers/restart/restart1/config-websocket-2"],
            node(json!([
                open(short_messages()),
                with_options(
                    container(&by_short_websocket(), &["myapp.MySession"]),
                    endings("restart-always")
                )
            ])),
            Refused("this `shutdown` never happens with this `restart`"),
        ),
        example(
            &["containers/max_message_size/config-rpc-router-websocket-2"],
            node(json!([
                with_components(open(short_messages()), &["caller.MyCaller"], "anonymous"),
                with_options(
                    container(&by_short_websocket(), &["callee.MyCallee"]),
                    endings("restart-on-failed")
                )
            ])),
            Runs(&[]),
        ),
    ]
}

fn guests() -> Vec<Example> {
    let polled = json!({"lp": {"type": "longpoll"}});
    let two = |transports: Value, guests: Value| {
        let mut workers = vec![open(transports)];
        workers.extend(guests.as_array().unwrap().iter().cloned());
        node(Value::from(workers))
    };
    let users = json!({"wampcra": {"type": "static", "users": {"authenticator1": {"secret": "secret123", "role": "authenticator"}}}});
    let asked = json!({"wampcra": {"type": "dynamic", "authenticator": "com.example.authenticate"}});
    let inner = json!({"type": "websocket", "endpoint": {"type": "tcp", "port": 9000, "interface": "127.0.0.1"}, "auth": users});
    let outer = with_auth(asked)[0].clone();
    let php = |script: &str| json!({"type": "guest", "executable": "/usr/bin/env", "arguments": ["php", script, "ws://127.0.0.1:9000"]});
    let older = json!([{"type": "unisocket", "endpoint": {"type": "tcp", "port": 8080}, "rawsocket": {},
        "websocket": {"/ws": {"type": "websocket"}}, "web": {"paths": {"/": files("..")}}}]);
    let python = json!({"type": "guest", "executable": "python", "arguments": ["backend.py"], "options": {"workdir": ".."}});
    let bare = json!({"type": "guest", "executable": "python", "arguments": ["netmonitor.py"], "options": {
        "workdir": "../netmonitor", "env": {"inherit": false, "vars": {"WS": "ws://localhost:8080/ws"}}}});
    vec![
        example(&["kivy"], two(page(), json!([python])), Runs(&[])),
        example(&["reactjs"], two(page(), json!([bare])), Runs(&[])),
        example(
            &["demos/votes/nodejs"],
            two(page(), json!([guest("node", &["backend.js"], "../node")])),
            Runs(&[]),
        ),
        example(
            &["demos/visitors_counter", "demos/editform"],
            two(json!([web("../web", polled)]), json!([guest("node", &["backend.js"], "../js")])),
            Runs(&[]),
        ),
        example(
            &["authentication/wampcra/dynamic/php"],
            node(json!([
                router(realm("realm1", &["authenticator", "backend", "frontend"]), json!([inner, outer])),
                php("../authenticator.php"),
                php("../backend.php"),
                php("../client.php")
            ])),
            Runs(&[]),
        ),
        example(
            &["sharedregs/leastbusy", "sharedregs", "sharedregs/python"],
            of_version_1(node(json!([
                with_components(open(page()), &["backend.MyComponent", "backend.MyComponent"], "anonymous"),
                container(&by_websocket(), &["backend.MyComponent", "backend.MyComponent"]),
                container(&by_websocket(), &["backend.MyComponent", "backend.MyComponent"]),
                python,
                python
            ]))),
            Runs(&[]),
        ),
        example(
            &["unitransport", "unitransport/crossbar/node", "unitransport/crossbar/node/config-with-guests"],
            two(older, json!([guest("node", &["service3.js"], "../service3")])),
            Refused("`unisocket` is called `universal` now"),
        ),
    ]
}

fn benchmarks() -> Vec<Example> {
    let value = json!({"param1": "foobar", "param2": [1, 2, 3], "param3": {"awesome": true}});
    let web = |cpu: u32| {
        json!({"type": "router", "options": {"cpu_affinity": [cpu], "pythonpath": [".."]}, "transports": [{"type": "web",
            "endpoint": {"type": "tcp", "port": 8080, "backlog": 2048, "shared": true}, "paths": {"/": files(".."),
                "json": {"type": "json", "value": value}, "resource": {"type": "resource", "classname": "myresource.MyResource"}}}]})
    };
    let testee = json!({"type": "websocket-testee", "options": {"cpu_affinity": [0]}, "transport": {"type": "websocket",
        "endpoint": {"type": "tcp", "port": 9001, "backlog": 2048, "shared": true}, "url": "ws://localhost:9001",
        "options": {"compression": {"deflate": {}}}}});
    let mut by_websocket = by_websocket();
    by_websocket["endpoint"]["port"] = json!(9000);
    by_websocket["url"] = json!("ws://localhost:9000");
    let both = |serializer: &str| {
        json!([
        {"type": "websocket", "endpoint": {"type": "tcp", "port": 9000}, "serializers": ["json"]}, unix_socket(&[serializer])])
    };
    vec![
        example(
            &["benchmark/web/config_w4", "work/mcweb/config_w1"],
            node(json!([web(0), web(1)])),
            Runs(&["/resource"]),
        ),
        example(&["work/testee/config_w1", "benchmark/websocket"], node(json!([testee])), Runs(&[])),
        example(
            &["benchmark/rpc_roundtrip/config_2x_uds_rawsocket_cbor"],
            node(json!([
                open(json!([unix_socket(&["cbor"])])),
                container(&by_unix_socket("cbor"), &["callee.AppSession"]),
                container(&by_unix_socket("cbor"), &["caller.AppSession"])
            ])),
            Runs(&[]),
        ),
        example(
            &["benchmark/rpc_roundtrip/config_callee_only"],
            of_version_1(node(json!([
                open(both("msgpack")),
                container(&by_unix_socket("msgpack"), &["callee.AppSession"]),
                container(&by_websocket, &["callee.AppSession"])
            ]))),
            Runs(&[]),
        ),
        example(
            &["benchmark/rpc_roundtrip/config-v2"],
            node(json!([
                open(both("cbor")),
                container(&by_unix_socket("cbor"), &["callee.AppSession"]),
                container(&by_websocket, &["caller.AppSession"])
            ])),
            Runs(&[]),
        ),
    ]
}

fn others() -> Vec<Example> {
    let mut traced = open(
        json!([{"type": "websocket", "endpoint": {"type": "tcp", "port": 8080}, "serializers": ["json"]}]),
    );
    traced["realms"][0] =
        json!({"name": "realm1", "roles": [{"name": "anonymous", "allow-by-default": true}], "trace": true});
    let mapped =
        |mapping: Value| json!({"realm": "realm1", "role": "anonymous", "payload_mapping": {"": mapping}});
    let mqtt = |mapping: Value| {
        let alone = json!({"type": "mqtt", "endpoint": {"type": "tcp", "port": 1883}, "options": mapped(mapping.clone())});
        let mut all = universal(json!({"mqtt": {"options": mapped(mapping)},
            "rawsocket": {"serializers": ["cbor", "msgpack", "ubjson", "json"]}}))[0]
            .clone();
        all["web"]["paths"]["/"]["options"] = json!({"enable_directory_listing": true});
        node(json!([open(json!([alone, all]))]))
    };
    let flash = json!({"type": "flashpolicy", "allowed_domain": "*", "allowed_ports": [8080], "endpoint": {"type": "tcp", "port": 843}});
    let link = json!({"id": "rlink_1_2", "realm": "realm1", "transport": by_rawsocket(), "forward_local_events": false,
        "forward_remote_events": true, "forward_local_invocations": false, "forward_remote_invocations": true});
    let mut linked = open(short_messages());
    linked["realms"][0]["rlinks"] = json!([link]);
    let mut cluster = node(json!([linked, container(&by_websocket(), &["backend.Backend"])]));
    cluster["controller"] = json!({"options": {"shutdown": ["shutdown_on_shutdown_requested",
        "shutdown_on_worker_exit_with_error", "shutdown_on_worker_exit", "shutdown_on_last_worker_exit"]}});
    let mut edge = cluster.clone();
    edge["controller"]["fabric"] = json!({});
    let mut unconnected = cluster.clone();
    unconnected["controller"] = json!({"id": "node005", "fabric": {"transport": null}});
    let mut stored = open(page());
    stored["realms"][0]["store"] = json!({"type": "cfxdb", "path": ".realm1db", "maxsize": 1_073_741_824, "buffer-flush": 250,
        "event-history": [{"uri": "", "match": "prefix"}]});
    let mut extra = node(json!([open(universal(json!({})))]));
    extra["controller"] = json!({"extra": {"foo": "bar"}});
    vec![
        example(&["encryption/payload-encryption"], json!({"workers": [traced]}), Runs(&[])),
        example(
            &["mqtt/basic/native", "mqtt/native"],
            mqtt(json!({"type": "native", "serializer": "cbor"})),
            NotBuilt("transport type `mqtt`"),
        ),
        example(
            &["mqtt/passthrough"],
            mqtt(json!({"type": "passthrough"})),
            NotBuilt("transport type `mqtt`"),
        ),
        example(
            &["mqtt/failures", "mqtt/dynamic"],
            mqtt(
                json!({"type": "dynamic", "realm": "realm1", "encoder": "com.example.encode", "decoder": "com.example.decode"}),
            ),
            NotBuilt("transport type `mqtt`"),
        ),
        example(
            &["flash"],
            node(json!([open(json!([web("../web", json!({})), flash]))])),
            NotBuilt("transport type `flashpolicy`"),
        ),
        example(&["rlinks/_work/node5", "rlinks/tree/node2"], unconnected, Runs(&[])),
        example(&["rlinks/ha_setup/node1"], cluster, Runs(&[])),
        example(&["rlinks/router_cluster/ha_setup/edge1"], edge, Runs(&[])),
        example(
            &["authentication/wampcra/static/config-realmstore"],
            node(json!([stored])),
            Refused("`cfxdb`, cannot be read"),
        ),
        example(&["fabric/basic"], extra, Refused("unknown key `extra`")),
    ]
}
