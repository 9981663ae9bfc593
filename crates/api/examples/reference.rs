//! Writes `docs/management-api.md` to stdout.

fn main() {
    print!("{}", crossweave_api::reference());
}
