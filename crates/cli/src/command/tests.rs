use super::*;

fn parse(line: &str) -> Result<CommandLine, clap::Error> {
    CommandLine::try_parse_from(line.split_whitespace())
}

#[test]
fn the_command_line_is_consistent() {
    CommandLine::command().debug_assert();
}

#[test]
fn what_the_program_starts_itself_as_is_suggested_to_nobody() {
    Part::command().debug_assert();
    let error = parse("crossweave guest").unwrap_err().to_string();
    assert!(!error.contains("_guest"), "{error}");
    assert!(CommandLine::command().get_subcommands().all(|it| !it.get_name().starts_with('_')));
}

#[test]
fn everything_behind_exec_belongs_to_the_command() {
    let line = parse("crossweave register com.x --match prefix --exec ls -l --json -- a").unwrap();
    let Command::Register(register) = line.command else { panic!("{line:?}") };
    let shown = format!("{register:?}");
    assert!(shown.contains(r#"exec: Some(["ls", "-l", "--json", "--", "a"])"#), "{shown}");
    assert!(shown.contains("json: false"), "{shown}");
}

#[test]
fn a_procedure_needs_one_way_to_answer() {
    assert!(parse("crossweave register com.x").is_err());
    assert!(parse("crossweave register com.x --echo --exec ls").is_err());
    assert!(parse("crossweave register com.x --echo").is_ok());
}

#[test]
fn negative_numbers_are_arguments() {
    let line = parse("crossweave call com.x -5 -0.5").unwrap();
    let Command::Call(call) = line.command else { panic!("{line:?}") };
    assert!(format!("{call:?}").contains(r#"args: ["-5", "-0.5"]"#), "{call:?}");
}

#[test]
fn a_misspelt_command_gets_a_suggestion() {
    let error = parse("crossweave strat").unwrap_err().to_string();
    assert!(error.contains("start"), "{error}");
}

#[test]
fn every_command_shows_how_it_is_used() {
    let mut line = CommandLine::command();
    for command in line.get_subcommands_mut() {
        let name = command.get_name().to_owned();
        assert!(command.get_about().is_some(), "{name} has no description");
        let help = command.render_long_help().to_string();
        assert!(help.contains("Usage:"), "{name}");
        let is_simple = command.is_hide_set() || ["version", "init"].contains(&name.as_str());
        assert!(is_simple || help.contains("Examples:"), "{name} has no examples");
    }
}

#[test]
fn no_option_takes_a_secret() {
    // They would be seen in the list of processes and in the shell's history.
    let line = CommandLine::command();
    for command in line.get_subcommands() {
        for option in command.get_arguments().filter_map(clap::Arg::get_long) {
            assert!(!["ticket", "secret", "password"].contains(&option), "{option}");
        }
    }
}

#[test]
fn the_port_is_for_the_built_in_node() {
    assert!(parse("crossweave start --port 0").is_ok());
    assert!(parse("crossweave start --port 0 --config x.json").is_err());
}
