//! Procedures of Crossbar.io that are not here: they can be called, and say why.

use crate::Scope;

/// Procedures that answer `crossbar.error.feature_unavailable`, whatever they are given.
#[derive(Debug)]
pub struct Absent {
    /// Who answers.
    pub scope: Scope,
    /// Their names, behind the prefix of the scope.
    pub names: &'static [&'static str],
    /// Why they are not here.
    pub why: &'static str,
}

/// All of them.
pub const ABSENT: &[Absent] = &[
    Absent {
        scope: Scope::Node,
        names: &[
            "get_docker_info",
            "get_docker_ping",
            "get_docker_version",
            "get_docker_df",
            "get_docker_containers",
            "get_docker_container",
            "create_docker_container",
            "start_docker_container",
            "stop_docker_container",
            "restart_docker_container",
            "destroy_docker_container",
            "pause_docker_container",
            "unpause_docker_container",
            "request_docker_tty",
            "watch_docker_container",
            "shell_docker_container",
            "backlog_docker_container",
            "keystroke_docker_container",
            "get_docker_images",
            "get_docker_image",
            "delete_docker_image",
            "remove_docker_image",
            "prune_docker_images",
            "fs_docker_open",
            "fs_docker_get",
            "fs_docker_put",
        ],
        why: "this node does not manage Docker",
    },
    Absent {
        scope: Scope::Process,
        names: &["start_manhole", "stop_manhole", "get_manhole"],
        why: "a manhole is a shell into a Python process, and this is none",
    },
    Absent {
        scope: Scope::Worker,
        names: &["get_profilers", "start_profiler", "get_profile"],
        why: "the profilers of Crossbar.io are for Python; `perf` works with this program",
    },
    Absent {
        scope: Scope::Router,
        names: &["start_router_realm_interface", "stop_router_realm_interface", "get_router_realm_interface"],
        why: "realms have no interfaces, at Crossbar.io neither",
    },
];
