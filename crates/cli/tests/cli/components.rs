//! Components in containers and routers.
//!
//! Those in Python need an interpreter with Autobahn and Twisted: `CROSSWEAVE_PYTHON`, else the one that `cargo xtask test` has
//! made. Without it those tests say so and show nothing.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::managed::{Managed, router};

const APP: &str = r#"
import os, sys
from autobahn.twisted.wamp import ApplicationSession
from autobahn.twisted.util import sleep
from autobahn.wamp.exception import ApplicationError
from twisted.internet.defer import inlineCallbacks


class Greeter(ApplicationSession):
    @inlineCallbacks
    def onJoin(self, details):
        print("greeter prints", details.realm)
        self.details = details
        yield self.register(self.greet, "com.example.greet")
        yield self.register(self.leave_now, "com.example.leave")
        yield self.register(lambda: os._exit(7), "com.example.crash")
        yield self.register(lambda: os.getpid(), "com.example.pid")

    def greet(self, name):
        return [self.config.extra["greeting"] + " " + name, self.details.authrole, self.details.authid]

    def leave_now(self):
        from twisted.internet import reactor
        reactor.callLater(0.05, self.leave)


class Endless(ApplicationSession):
    @inlineCallbacks
    def onJoin(self, details):
        yield self.register(lambda: 1, "com.example.endless")
        while True:
            yield sleep(0.1)


class Failing(ApplicationSession):
    def onJoin(self, details):
        raise RuntimeError("no luck today")


def joined(session, details):
    return session.register(lambda: "by a function", "com.example.function")
"#;

const ASYNCIO: &str = r#"
import asyncio
from autobahn.asyncio.wamp import ApplicationSession


class Adder(ApplicationSession):
    async def onJoin(self, details):
        await self.register(lambda a, b: a + b, "com.example.add")


class Failing(ApplicationSession):
    async def onJoin(self, details):
        await self.register(lambda: 1, "com.example.failing")
        raise RuntimeError("no luck with asyncio")


class FailingAtOnce(ApplicationSession):
    def onJoin(self, details):
        raise RuntimeError("no luck at once")


class FailingBefore(ApplicationSession):
    def onConnect(self):
        raise RuntimeError("no luck before")


class Patient(ApplicationSession):
    async def onJoin(self, details):
        await asyncio.sleep(0.3)
        await self.register(lambda: "at last", "com.example.patient")
"#;

/// The interpreter, if there is one.
pub(crate) fn python() -> Option<PathBuf> {
    let named = std::env::var_os("CROSSWEAVE_PYTHON").map(PathBuf::from);
    let target = Path::new(env!("CARGO_BIN_EXE_crossweave")).ancestors().nth(2).expect("<target>/<profile>");
    let python = named.unwrap_or_else(|| target.join("interop/python/bin/python3"));
    let imports = std::process::Command::new(&python).args(["-c", "import autobahn, twisted"]).output();
    let is_there = imports.is_ok_and(|output| output.status.success());
    if !is_there {
        eprintln!("skipped: {} has no Autobahn with Twisted", python.display());
    }
    is_there.then_some(python)
}

fn class(id: &str, classname: &str, extra: Value) -> Value {
    let endpoint = json!({"type": "unix", "path": "router"});
    let transport = json!({"type": "rawsocket", "serializer": "json", "endpoint": endpoint});
    json!({"id": id, "type": "class", "classname": classname, "realm": "realm1", "transport": transport,
        "extra": extra})
}

fn container(options: Value, python: &Path, components: Value) -> Value {
    let mut options = options;
    options["python"] = json!(python);
    options["pythonpath"] = json!(["modules", "."]);
    json!({"type": "container", "id": "container", "options": options, "components": components})
}

fn start(workers: &Value) -> Managed {
    Managed::start(workers, &[("app.py", APP), ("aio.py", ASYNCIO)])
}

fn greeter(id: &str) -> Value {
    class(id, "app.Greeter", json!({"greeting": "hello"}))
}

#[test]
fn python_classes_run_in_a_container_and_are_managed() {
    let Some(python) = python() else { return };
    let adder = class("adder", "aio.Adder", Value::Null);
    let node = start(&json!([router(), container(json!({}), &python, json!([greeter("greeter"), adder]))]));
    let greeting = node.call_realm1("com.example.greet", &[json!("world")]).unwrap();
    assert_eq!((&greeting[0], &greeting[1]), (&json!("hello world"), &json!("anonymous")));
    assert_eq!(node.call_realm1("com.example.add", &[json!(2), json!(3)]), Ok(json!(5)));
    let on = |name: &str| format!("crossbar.worker.container.{name}");
    assert_eq!(node.call(&on("get_components"), &[]).unwrap(), json!(["adder", "greeter"]));
    let info = node.call(&on("get_component"), &[json!("greeter")]).unwrap();
    assert_eq!((&info["id"], &info["config"]["classname"]), (&json!("greeter"), &json!("app.Greeter")));
    let log = node.call("crossbar.get_worker_log", &[json!("container")]).unwrap().to_string();
    assert!(log.contains("\"greeter prints realm1"), "without a time of txaio's: {log}");

    let (started, stopped) =
        (node.subscribe(&on("on_component_started")), node.subscribe(&on("on_component_stopped")));
    let restarted = node.subscribe(&on("on_component_restarted"));
    let pid = node.call_realm1("com.example.pid", &[]).unwrap().as_u64().unwrap();
    let answer = node.call(&on("restart_component"), &[json!("greeter"), json!(true)]).unwrap();
    assert_eq!(answer["stopped"]["component_id"], "greeter");
    assert_eq!(answer["started"]["config"]["classname"], "app.Greeter");
    assert!(answer["caller"]["session"].is_u64(), "{answer}");
    let event = restarted.line();
    assert!(event.contains("\"stopped\"") && event.contains("\"started\""), "{event}");
    assert!(stopped.line().contains("greeter") && started.line().contains("greeter"));
    assert!(!Managed::lives(pid));
    assert_ne!(node.call_realm1("com.example.pid", &[]).unwrap().as_u64(), Some(pid));
    let told = node.call(&on("stop_component"), &[json!("greeter")]).unwrap();
    assert!(told["uptime"].as_f64().unwrap() > 0.0 && told["caller"]["session"].is_u64(), "{told}");
    assert!(stopped.line().contains("\"authrole\""));
    assert!(node.call_realm1("com.example.greet", &[json!("x")]).is_err());
    let again = node.call(&on("stop_component"), &[json!("greeter")]).unwrap_err();
    assert!(again.contains("there is no component \"greeter\""), "{again}");
    let twice =
        node.call(&on("start_component"), &[json!("adder"), class("adder", "aio.Adder", Value::Null)]);
    assert!(twice.unwrap_err().contains("there is a component \"adder\""));
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn component_for_asyncio_has_started_when_its_on_join_is_done() {
    let Some(python) = python() else { return };
    let node = start(&json!([router(), container(json!({}), &python, json!([]))]));
    let start = "crossbar.worker.container.start_component";
    node.call(start, &[json!("patient"), class("patient", "aio.Patient", Value::Null)]).unwrap();
    assert_eq!(node.call_realm1("com.example.patient", &[]), Ok(json!("at last")));
}

#[test]
fn python_functions_are_called_when_a_session_joins() {
    let Some(python) = python() else { return };
    let mut function = class("function", "x.Y", Value::Null);
    function["type"] = json!("function");
    function["callbacks"] = json!({"join": "app.joined"});
    function.as_object_mut().unwrap().remove("classname");
    let node = start(&json!([router(), container(json!({}), &python, json!([function]))]));
    assert_eq!(node.call_realm1("com.example.function", &[]), Ok(json!("by a function")));
    function["callbacks"] = json!({"join": "aio.joined"});
    let start = "crossbar.worker.container.start_component";
    let error = node.call(start, &[json!("mixed"), function]).unwrap_err();
    assert!(error.contains("module 'aio' is for asyncio, and functions run with Twisted"), "{error}");
}

#[test]
fn python_that_cannot_be_started_is_told_and_nothing_is_left() {
    let Some(python) = python() else { return };
    let node = start(&json!([router(), container(json!({}), &python, json!([]))]));
    let start = "crossbar.worker.container.start_component";
    for (classname, told) in [
        ("app.Missing", "has no 'Missing'"),
        ("nowhere.Class", "No module named 'nowhere'"),
        ("app.Failing", "no luck today"),
        ("aio.Failing", "no luck with asyncio"),
        ("aio.FailingAtOnce", "no luck at once"),
        ("aio.FailingBefore", "no luck before"),
    ] {
        let error = node.call(start, &[json!("bad"), class("bad", classname, Value::Null)]).unwrap_err();
        assert!(error.contains(told), "{error}");
    }
    let mut lost = greeter("bad");
    lost["realm"] = json!("elsewhere");
    let refused = node.call(start, &[json!("bad"), lost]).unwrap_err();
    assert!(
        refused.contains("it cannot join 'elsewhere' at unix:") && !refused.contains("forward_for"),
        "{refused}"
    );
    assert!(refused.contains("wamp.error.no_such_realm: "), "{refused}");
    let mut lost = greeter("bad");
    lost["transport"]["endpoint"]["path"] = json!("nobody");
    let unreachable = node.call(start, &[json!("bad"), lost]).unwrap_err();
    assert!(unreachable.contains("/nobody: "), "where it wanted to: {unreachable}");
    assert_eq!(node.call("crossbar.worker.container.get_components", &[]).unwrap(), json!([]));
}

#[test]
fn python_components_that_do_not_return_from_joining_count_as_started() {
    let Some(python) = python() else { return };
    let endless = class("endless", "app.Endless", Value::Null);
    let node = start(&json!([router(), container(json!({}), &python, json!([endless]))]));
    assert_eq!(node.call_realm1("com.example.endless", &[]), Ok(json!(1)));
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn python_components_that_fail_at_first_are_not_told_to_have_started() {
    let Some(python) = python() else { return };
    let options = json!({"restart": "restart-on-failed"});
    let mut lost = greeter("greeter");
    lost["transport"]["endpoint"]["path"] = json!("nobody");
    let workers = json!([router(), container(options, &python, json!([lost]))]);
    let node = Managed::start_unready(&workers, &[("app.py", APP)]);
    node.wait_for_log("component 'greeter' has failed and is being started again");
}

#[test]
fn python_components_that_fail_are_started_again() {
    let Some(python) = python() else { return };
    let options = json!({"restart": "restart-on-failed"});
    let node = start(&json!([router(), container(options, &python, json!([greeter("greeter")]))]));
    let pid = || node.call_realm1("com.example.pid", &[]).ok()?.as_u64();
    let before = pid().unwrap();
    let _ = node.call_realm1("com.example.crash", &[]);
    node.until("it runs again", || pid().filter(|now| *now != before));
    // What leaves by itself has not failed.
    node.call_realm1("com.example.leave", &[]).unwrap();
    node.until("it is gone", || {
        let left = node.call("crossbar.worker.container.get_components", &[]).ok()?;
        (left == json!([])).then_some(())
    });
}

#[test]
fn python_components_whose_realm_is_stopped_have_not_failed() {
    let Some(python) = python() else { return };
    let adder = class("adder", "aio.Adder", Value::Null);
    let node = start(&json!([router(), container(json!({}), &python, json!([greeter("greeter"), adder]))]));
    node.call("crossbar.worker.router.stop_router_realm", &[json!("realm001")]).unwrap();
    let log = node.until("both have ended", || {
        let log = node.call("crossbar.get_worker_log", &[json!("container")]).ok()?.to_string();
        let is_told = |id: &str, what: &str| log.contains(&format!("component '{id}' has {what}"));
        let has_ended = |id: &str| is_told(id, "ended") || is_told(id, "failed");
        (has_ended("greeter") && has_ended("adder")).then_some(log)
    });
    for id in ["greeter", "adder"] {
        assert!(log.contains(&format!("component '{id}' has ended: its realm was stopped")), "{log}");
    }
}

#[test]
fn python_containers_end_with_their_last_component_if_they_are_to() {
    let Some(python) = python() else { return };
    let options = json!({"shutdown": "shutdown-on-last-component-stopped"});
    let mut node = start(&json!([router(), container(options, &python, json!([greeter("greeter")]))]));
    node.call_realm1("com.example.leave", &[]).unwrap();
    // A node without anything else said ends with the first worker that does.
    assert_eq!(node.process.end(), Some(0));
}

#[test]
fn a_container_that_is_shut_down_answers_which_components_it_has_stopped() {
    let Some(python) = python() else { return };
    // It would end with its first component, before it had answered.
    let options = json!({"shutdown": "shutdown-on-any-component-stopped"});
    let adder = class("adder", "aio.Adder", Value::Null);
    let node = start(&json!([router(), container(options, &python, json!([greeter("greeter"), adder]))]));
    let on = |name: &str| format!("crossbar.worker.container.{name}");
    let (told, stopped) =
        (node.subscribe(&on("container.on_component_stop")), node.subscribe(&on("on_component_stopped")));
    assert_eq!(node.call(&on("shutdown"), &[]).unwrap(), json!(["adder", "greeter"]));
    for _ in 0..2 {
        let line = told.line();
        assert!(line.contains("\"config\"") && line.contains("\"uptime\""), "{line}");
        let line = stopped.line();
        assert!(line.contains("\"session\""), "who has asked for it is told: {line}");
    }
    node.until("the container has ended", || {
        let workers = node.call("crossbar.get_workers", &[]).ok()?;
        (workers == json!(["router"])).then_some(())
    });
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn python_components_of_a_router_have_the_role_they_are_given() {
    let Some(python) = python() else { return };
    let mut worker = router();
    worker["options"] = json!({"python": python, "pythonpath": ["."]});
    let component = |id: &str, role: &str| {
        json!({"id": id, "type": "class", "classname": "app.Greeter", "realm": "realm1", "role": role,
            "extra": {"greeting": "hi"}})
    };
    worker["components"] = json!([component("inner", "trusted")]);
    let node = start(&json!([worker]));
    let greeting = node.call_realm1("com.example.greet", &[json!("you")]);
    assert_eq!(greeting, Ok(json!(["hi you", "trusted", "inner"])));
    let on = |name: &str| format!("crossbar.worker.router.{name}");
    assert_eq!(node.call(&on("get_router_components"), &[]).unwrap()[0]["id"], "inner");
    let (start, ready, stop) = (
        node.subscribe(&on("on_component_start")),
        node.subscribe(&on("on_component_ready")),
        node.subscribe(&on("on_component_stop")),
    );
    node.call(&on("stop_router_component"), &[json!("inner")]).unwrap();
    assert!(stop.line().contains("inner"));
    assert!(node.call(&on("get_router_component"), &[json!("inner")]).is_err());
    node.call(&on("start_router_component"), &[json!("second"), component("second", "anonymous")]).unwrap();
    assert!(start.line().contains("second") && ready.line().contains("second"));
    assert_eq!(node.call_realm1("com.example.greet", &[json!("you")]).unwrap()[1], "anonymous");
    let pid = node.call_realm1("com.example.pid", &[]).unwrap().as_u64().unwrap();
    assert_eq!(node.stop(), Some(0));
    assert!(!Managed::lives(pid));
}

#[test]
fn a_component_that_is_not_linked_into_this_program_is_told() {
    let node = Managed::start(&json!([router(), {"type": "container", "id": "container"}]), &[]);
    let mut component = greeter("linked");
    component["type"] = json!("rust");
    component["name"] = json!("greeter");
    component.as_object_mut().unwrap().remove("classname");
    let error =
        node.call("crossbar.worker.container.start_component", &[json!("linked"), component]).unwrap_err();
    assert!(error.contains("there is no component \"greeter\": none is linked into this program"), "{error}");
}

#[test]
fn a_component_that_hears_nothing_does_not_outlive_its_container() {
    let hanging = "import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(600)\n";
    let endpoint = json!({"type": "unix", "path": "router"});
    let transport = json!({"type": "rawsocket", "serializer": "json", "endpoint": endpoint});
    let component =
        json!({"type": "class", "classname": "hanging.Component", "realm": "realm1", "transport": transport});
    let options = json!({"python": "python3"});
    let container = json!({"type": "container", "id": "box", "options": options, "components": [component]});
    let node = Managed::start_unready(&json!([router(), container]), &[("hanging.py", hanging)]);
    let component: u64 =
        node.until("a component", || std::fs::read_to_string(node.path("pid")).ok()?.parse().ok());
    let container = node.call("crossbar.get_worker", &[json!("box")]).unwrap()["pid"].as_i64().unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(container).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    node.until("the end of the component", || (!Managed::lives(component)).then_some(()));
}
