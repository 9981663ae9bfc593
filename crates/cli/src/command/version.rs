//! `crossweave version`.

use clap::Args;
use crossweave_wamp::Serializer;
use serde_json::json;

use crate::exit::Failure;
use crate::terminal::Terminal;

/// Say which version this is
#[derive(Debug, Args)]
pub(super) struct Version {
    /// Print one JSON object: name, version, platform, serializers
    #[arg(long)]
    json: bool,
}

impl Version {
    pub(super) fn run(&self, terminal: Terminal) -> Result<(), Failure> {
        let (version, platform) = (env!("CARGO_PKG_VERSION"), platform());
        let mut serializers: Vec<&str> = Serializer::ALL.iter().map(|it| it.name()).collect();
        // One of them has two encodings.
        serializers.dedup();
        if self.json {
            let object = json!({
                "name": "crossweave", "version": version, "platform": platform, "serializers": serializers,
            });
            return terminal.print(&object.to_string());
        }
        terminal.print(&format!("crossweave {version}"))?;
        terminal.print(&format!("  platform     {platform}"))?;
        terminal.print(&format!("  serializers  {}", serializers.join(", ")))
    }
}

fn platform() -> String {
    format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS)
}
