//! What the check of a configuration asks: whether certificates can be used, programs run, and components are there.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crossweave_config::{Host, Tls, UnusableFile};
use rustix::fs::{Access, access};

use crate::extension::Extensions;
use crate::router::unusable;

impl Host for Extensions {
    fn unusable(&self, tls: &Tls) -> Vec<UnusableFile> {
        unusable(tls)
    }

    fn program(&self, name: &Path, directory: &Path, path: &str) -> Result<(), String> {
        find(name, directory, OsStr::new(path)).map(drop)
    }

    fn component(&self, name: &str) -> Result<(), String> {
        self.components.find("component", name).map(drop)
    }

    fn login_methods(&self) -> Vec<String> {
        self.login_methods.iter().map(|(name, _)| name.to_owned()).collect()
    }
}

/// The program of this name: a path from the directory, else in one of the directories of `PATH`.
///
/// # Errors
/// There is none that may be run. The text says where it was looked for.
pub(crate) fn find(name: &Path, directory: &Path, path: &OsStr) -> Result<PathBuf, String> {
    let is_program = |path: &PathBuf| path.is_file() && access(path, Access::EXEC_OK).is_ok();
    let here = directory.join(name);
    if is_program(&here) {
        return Ok(here);
    }
    if name.is_absolute() {
        return Err(format!("there is no program {name:?} that can be run"));
    }
    let directory = directory.display();
    if name.components().count() > 1 {
        return Err(format!("{name:?} is no program in {directory}"));
    }
    let found = std::env::split_paths(path).map(|directory| directory.join(name)).find(is_program);
    found.ok_or_else(|| format!("{name:?} is no program in {directory}, nor one of the directories of PATH"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crossweave_router::{AuthenticateRequest, Login, LoginMethod};
    use crossweave_wamp::authmethod::OwnMethod;

    use super::*;
    use crate::extension::Registry;

    #[test]
    fn programs_are_looked_for_in_the_working_directory_first() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::TempDir::new().unwrap();
        let own = folder.path().join("sh");
        std::fs::write(&own, "#!/bin/sh\n").unwrap();
        let find = |name: &str| find(Path::new(name), folder.path(), OsStr::new("/nowhere:/bin"));
        // It cannot be run yet.
        assert_eq!(find("sh"), Ok("/bin/sh".into()));
        std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find("sh"), Ok(own.clone()));
        assert_eq!(find("./sh"), Ok(folder.path().join("./sh")));
        for name in ["bin/sh", "no-such-program", "/no-such-program"] {
            assert!(find(name).unwrap_err().contains(name), "{name}");
        }
    }

    #[derive(Debug)]
    struct Nobody;

    impl LoginMethod for Nobody {
        fn begin(&self, _: AuthenticateRequest) -> Box<dyn Login> {
            unreachable!("nobody logs in")
        }
    }

    /// What a check in a program with these extensions says of a transport with this `auth`, and of a role for this method.
    fn said_of(extensions: &Extensions, auth: &str, authmethod: &str) -> String {
        let folder = tempfile::TempDir::new().unwrap();
        let config = format!(
            r#"{{"version": 2, "workers": [{{"type": "router",
                "realms": [{{"name": "realm1", "roles": [
                    {{"name": "user", "allow-by-default": true, "authmethods": ["{authmethod}"]}}]}}],
                "transports": [{{"type": "rawsocket", "endpoint": {{"type": "unix", "path": "s"}}, "auth": {{{auth}}}}}]}}]}}"#
        );
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        match crossweave_config::load_checking(folder.path(), None, extensions) {
            Ok(loaded) => loaded.warnings.to_string(),
            Err(problems) => problems.to_string(),
        }
    }

    #[test]
    fn a_method_that_is_none_of_wamp_s_is_known_only_to_a_program_that_has_such() {
        let (plain, login_methods) =
            (Extensions::default(), Registry::default().with("otp", Arc::new(Nobody) as _));
        let extended = Extensions { login_methods, ..Extensions::default() };
        let auth = |create: &str| format!(r#""one-time": {{"type": "function", "create": "{create}"}}"#);
        let said = said_of(&plain, &auth("otp"), "one-time");
        for unknown in ["unknown key `one-time` in `auth`", "unknown authmethod `one-time`"] {
            assert!(said.contains(unknown) && said.contains("one of `anonymous`"), "{said}");
        }
        assert_eq!(said_of(&extended, &auth("otp"), "one-time"), "");
        let said = said_of(&extended, &auth("opt"), "one-time");
        assert!(
            said.contains("no login method `opt` is part of this program") && said.contains("`otp`"),
            "{said}"
        );
        let said = said_of(&extended, &auth("otp"), "one-tine");
        assert!(said.contains("unknown authmethod `one-tine`"), "{said}");
        assert!(said.contains("did you mean `one-time`?"), "{said}");
        let said = said_of(&extended, r#""one-time": {"type": "static"}"#, "ticket");
        assert!(said.contains("unknown key `one-time` in `auth`"), "{said}");
    }

    #[test]
    fn the_configuration_and_the_router_agree_on_the_names_of_methods() {
        let login_methods = Registry::default().with("otp", Arc::new(Nobody) as _);
        let extended = Extensions { login_methods, ..Extensions::default() };
        let long = "a".repeat(65);
        for name in ["otp", "a", "one.time_pass-word2", "Otp", "1time", "a b", "trusted", "wamp-scram", &long]
        {
            let said = said_of(
                &extended,
                &format!(r#""{name}": {{"type": "function", "create": "otp"}}"#),
                "ticket",
            );
            let is_name = !said.contains("no authentication method can be called");
            assert_eq!(is_name, OwnMethod::is_name(name), "{name}: {said}");
        }
    }
}
