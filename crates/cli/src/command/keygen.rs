//! `crossweave keygen`.

use clap::Args;
use crossweave_auth::cryptosign::PrivateKey;
use curve25519_dalek::montgomery::MontgomeryPoint;
use serde_json::json;

use crate::exit::Failure;
use crate::terminal::Terminal;

const EXAMPLES: &str = "\
Without --cryptosign, the pair is one of Curve25519, for the encryption of
payloads from end to end (cryptobox). With it, the pair is one of Ed25519, by
which a client logs in: its public key goes into the configuration.

Examples:
  crossweave keygen
  crossweave keygen --cryptosign --json | jq -r .private > client.key";

/// Make a pair of keys and print it
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Keygen {
    /// For authentication by cryptosign, instead of encryption by cryptobox
    #[arg(long)]
    cryptosign: bool,
    /// Print one JSON object: type, private, public
    #[arg(long)]
    json: bool,
}

impl Keygen {
    pub(super) fn run(&self, terminal: Terminal) -> Result<(), Failure> {
        let mut random = [0; 32];
        getrandom::fill(&mut random)
            .map_err(|error| Failure::setup(format_args!("the system has no random numbers: {error}")))?;
        let (kind, private, public) = match self.cryptosign {
            true => {
                let key = PrivateKey::from_bytes(&random);
                ("cryptosign", key.to_hex(), key.public().to_hex())
            }
            false => {
                let public = MontgomeryPoint::mul_base_clamped(random).to_bytes();
                ("cryptobox", hexadecimal(&random), hexadecimal(&public))
            }
        };
        if self.json {
            let object = json!({"type": kind, "private": private, "public": public});
            return terminal.print(&object.to_string());
        }
        terminal.print(&format!("  private: {private}"))?;
        terminal.print(&format!("   public: {public}"))
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7748, section 6.1: Alice's keys.
    #[test]
    fn the_public_key_is_that_of_the_private_one() {
        let private = [
            0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1, 0x72, 0x51, 0xb2, 0x66, 0x45,
            0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0, 0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a,
        ];
        let public = MontgomeryPoint::mul_base_clamped(private).to_bytes();
        assert_eq!(hexadecimal(&public), "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    }
}
