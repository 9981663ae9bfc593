//! What Crossbar.io has in its management API, but for its blockchain parts: each procedure is here, or says that it is not.

use crossweave_api::{ABSENT, Scope, events, procedures};

const PROCEDURES: &[(Scope, &str)] = &[
    (
        Scope::Process,
        "get_cpu_count get_cpus get_cpu_affinity set_cpu_affinity get_process_info get_process_stats get_process_monitor \
         set_process_stats_monitoring trigger_gc start_manhole stop_manhole get_manhole utcnow started uptime",
    ),
    (
        Scope::Node,
        "get_status get_system_stats shutdown get_workers get_worker start_worker stop_worker get_worker_log sign \
         sign_challenge get_public_key get_docker_info get_docker_ping get_docker_version get_docker_df \
         get_docker_containers get_docker_container create_docker_container start_docker_container \
         stop_docker_container restart_docker_container destroy_docker_container pause_docker_container \
         unpause_docker_container request_docker_tty watch_docker_container shell_docker_container \
         backlog_docker_container keystroke_docker_container get_docker_images get_docker_image delete_docker_image \
         remove_docker_image prune_docker_images fs_docker_open fs_docker_get fs_docker_put",
    ),
    (
        Scope::Worker,
        "shutdown set_node_id get_node_id get_profilers start_profiler get_profile get_pythonpath add_pythonpath",
    ),
    (
        Scope::Router,
        "get_router_realms get_router_realm get_router_realm_by_name get_router_realm_stats start_router_realm \
         stop_router_realm get_router_realm_roles get_router_realm_role start_router_realm_role \
         stop_router_realm_role get_router_components get_router_component start_router_component \
         stop_router_component get_router_transports get_router_transport start_router_transport \
         stop_router_transport start_web_transport_service stop_web_transport_service get_web_transport_service \
         get_web_transport_services kill_by_authid get_router_realm_links get_router_realm_link \
         start_router_realm_link stop_router_realm_link get_traces get_trace start_trace stop_trace get_trace_data \
         start_router_realm_interface stop_router_realm_interface get_router_realm_interface",
    ),
    (Scope::Container, "start_component stop_component restart_component get_component get_components"),
    (
        Scope::Proxy,
        "get_proxy_transports get_proxy_transport start_proxy_transport stop_proxy_transport get_proxy_routes \
         list_proxy_realm_routes get_proxy_realm_route start_proxy_realm_route stop_proxy_realm_route \
         get_proxy_connections get_proxy_connection start_proxy_connection stop_proxy_connection",
    ),
    (
        Scope::Testee,
        "get_websocket_testee_transport start_websocket_testee_transport stop_websocket_testee_transport",
    ),
    (Scope::HostMonitor, "get_monitoring start_monitoring stop_monitoring"),
];

/// Not those of manholes, profilers and Docker, which are not here either.
const EVENTS: &[(Scope, &str)] = &[
    (Scope::Node, "on_ready on_shutdown on_stop_requested on_TYPE_starting on_TYPE_started"),
    (Scope::Process, "on_cpu_affinity_set on_process_stats_monitoring_set on_process_stats on_gc_finished"),
    (Scope::Worker, "on_worker_ready on_shutdown_requested on_pythonpath_add on_log"),
    (
        Scope::Router,
        "on_realm_started on_realm_stopped on_router_realm_role_started on_router_realm_role_stopped \
         on_component_start on_component_ready on_component_stop on_router_transport_starting \
         on_router_transport_started on_router_transport_stopping on_router_transport_stopped \
         on_web_transport_service_starting on_web_transport_service_started on_web_transport_service_stopping \
         on_web_transport_service_stopped on_router_realm_link_started on_router_realm_link_stopped \
         on_trace_started on_trace_stopped on_trace_data",
    ),
    (Scope::Container, "on_component_started on_component_stopped on_component_restarted"),
    (
        Scope::Proxy,
        "on_proxy_transport_starting on_proxy_transport_started on_proxy_transport_stopping \
         on_proxy_transport_stopped on_proxy_route_starting on_proxy_route_started on_proxy_route_stopping \
         on_proxy_route_stopped on_proxy_connection_starting on_proxy_connection_started \
         on_proxy_connection_stopping on_proxy_connection_stopped",
    ),
    (Scope::HostMonitor, "on_mon_started on_monitoring_stopped on_SENSOR_sample"),
];

fn listed(list: &'static [(Scope, &'static str)]) -> impl Iterator<Item = (Scope, &'static str)> {
    list.iter().flat_map(|(scope, names)| names.split_whitespace().map(|name| (*scope, name)))
}

#[test]
fn every_procedure_is_here_or_says_that_it_is_not() {
    let is_here = |scope, name| procedures().any(|it| (it.scope, it.name) == (scope, name));
    let says_so = |scope, name| ABSENT.iter().any(|it| it.scope == scope && it.names.contains(&name));
    for (scope, name) in listed(PROCEDURES) {
        assert!(is_here(scope, name) != says_so(scope, name), "{scope:?} {name}");
    }
}

#[test]
fn every_event_is_here() {
    for (scope, name) in listed(EVENTS) {
        assert!(events().any(|it| (it.scope, it.name) == (scope, name)), "{scope:?} {name}");
    }
}
