//! `cryptosign`: a challenge is signed with a private key (Ed25519) whose public key is known.
//!
//! With channel binding, what is signed is the challenge XOR the channel's bytes. A client may challenge the router in the
//! same way.

use ed25519_dalek::{Signature, Signer as _, SigningKey, Verifier as _, VerifyingKey};
use subtle::ConstantTimeEq as _;

use crate::hexadecimal;

/// A challenge, and the bytes of a channel: 32 octets.
pub type Block = [u8; 32];

/// A public key, as a point of the curve: it is computed once, and not for each signature.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(VerifyingKey);

/// A private key. Wiped when it is dropped.
#[derive(Clone)]
pub struct PrivateKey(Box<SigningKey>);

/// What is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an ed25519 key of 64 hexadecimal digits")]
pub struct NoKey;

impl PublicKey {
    /// From 64 hexadecimal digits.
    ///
    /// # Errors
    /// Other digits, or not a point of the curve.
    pub fn from_hex(text: &str) -> Result<PublicKey, NoKey> {
        PublicKey::from_bytes(&hexadecimal::decode(text).ok_or(NoKey)?)
    }

    /// From 32 octets.
    ///
    /// # Errors
    /// They are not a point of the curve, or a weak one: anybody can sign for it.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<PublicKey, NoKey> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| NoKey)?;
        if key.is_weak() { Err(NoKey) } else { Ok(PublicKey(key)) }
    }

    /// 64 hexadecimal digits.
    pub fn to_hex(self) -> String {
        hexadecimal::encode(self.0.as_bytes())
    }

    /// Whether `signed`, 192 hexadecimal digits, is the signature of exactly `message` with it, followed by the message.
    /// Malleable signatures are refused, as weak keys are already when they are read: nothing is left for the strict check to find
    /// that matters for a login, and it takes a quarter longer.
    pub fn is_signed(self, signed: &str, message: &Block) -> bool {
        let Some(signed) = hexadecimal::decode::<96>(signed) else { return false };
        let (signature, given) = signed.split_at(64);
        let Ok(signature) = Signature::from_slice(signature) else { return false };
        let is_genuine = self.0.verify(message, &signature).is_ok();
        is_genuine & bool::from(given.ct_eq(message))
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl PrivateKey {
    /// From 32 octets, which must be random.
    pub fn from_bytes(bytes: &[u8; 32]) -> PrivateKey {
        PrivateKey(Box::new(SigningKey::from_bytes(bytes)))
    }

    /// From 64 hexadecimal digits.
    ///
    /// # Errors
    /// Anything else.
    pub fn from_hex(text: &str) -> Result<PrivateKey, NoKey> {
        hexadecimal::decode(text).map(|bytes| PrivateKey::from_bytes(&bytes)).ok_or(NoKey)
    }

    /// 64 hexadecimal digits, to be kept secret.
    pub fn to_hex(&self) -> String {
        hexadecimal::encode(self.0.as_bytes())
    }

    /// Its public key.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// The signature of a message followed by the message, 192 hexadecimal digits: what AUTHENTICATE and the router's
    /// `signature` carry.
    pub fn sign(&self, message: &Block) -> String {
        hexadecimal::encode(&[self.signature(message).as_slice(), message].concat())
    }

    /// The signature of any octets, Ed25519.
    pub fn signature(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PrivateKey")
    }
}

/// A challenge from 64 hexadecimal digits.
pub fn challenge_from_hex(text: &str) -> Option<Block> {
    hexadecimal::decode(text)
}

/// A challenge as 64 hexadecimal digits.
pub fn challenge_to_hex(challenge: &Block) -> String {
    hexadecimal::encode(challenge)
}

/// What is to be signed: the challenge, XOR the channel's bytes if it is bound to one.
pub fn message(challenge: &Block, channel: Option<&Block>) -> Block {
    let zero = [0; 32];
    let channel = channel.unwrap_or(&zero);
    std::array::from_fn(|at| challenge[at] ^ channel[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The specification's test vectors: private key, challenge, channel, what AUTHENTICATE carries.
    const VECTORS: [(&str, &str, Option<&str>, &str); 6] = [
        (
            "4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510",
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            None,
            "b32675b221f08593213737bef8240e7c15228b07028e19595294678c90d11c0cae80a357331bfc5cc9fb71081464e6e75013517c2cf067ad566a6b7b728e5d03ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        ),
        (
            "d511fe78e23934b3dadb52fcd022974b80bd92bccc7c5cf404e46cc0a8a2f5cd",
            "b26c1f87c13fc1da14997f1b5a71995dff8fbe0a62fae8473c7bdbd05bfb607d",
            None,
            "d4209ad10d5aff6bfbc009d7e924795de138a63515efc7afc6b01b7fe5201372190374886a70207b042294af5bd64ce725cd8dceb344e6d11c09d1aaaf4d660fb26c1f87c13fc1da14997f1b5a71995dff8fbe0a62fae8473c7bdbd05bfb607d",
        ),
        (
            "6e1fde9cf9e2359a87420b65a87dc0c66136e66945196ba2475990d8a0c3a25b",
            "b05e6b8ad4d69abf74aa3be3c0ee40ae07d66e1895b9ab09285a2f1192d562d2",
            None,
            "7beb282184baadd08f166f16dd683b39cab53816ed81e6955def951cb2ddad1ec184e206746fd82bda075af03711d3d5658fc84a76196b0fa8d1ebc92ef9f30bb05e6b8ad4d69abf74aa3be3c0ee40ae07d66e1895b9ab09285a2f1192d562d2",
        ),
        (
            "4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510",
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            Some("62e935ae755f3d48f80d4d59f6121358c435722a67e859cc0caa8b539027f2ff"),
            "9b6f41540c9b95b4b7b281c3042fa9c54cef43c842d62ea3fd6030fcb66e70b3e80d49d44c29d1635da9348d02ec93f3ed1ef227dfb59a07b580095c2b82f80f9d16ca518aa0c2b707f2b2a609edeca73bca8dd59817a633f35574ac6fd80d00",
        ),
        (
            "d511fe78e23934b3dadb52fcd022974b80bd92bccc7c5cf404e46cc0a8a2f5cd",
            "b26c1f87c13fc1da14997f1b5a71995dff8fbe0a62fae8473c7bdbd05bfb607d",
            Some("62e935ae755f3d48f80d4d59f6121358c435722a67e859cc0caa8b539027f2ff"),
            "305aaa3ac25e98f651427688b3fc43fe7d8a68a7ec1d7d61c61517c519bd4a427c3015599d83ca28b4c652333920223844ef0725eb5dc2febfd6af7677b73f01d0852a29b460fc92ec943242ac638a053bbacc200512b18b30d15083cbdc9282",
        ),
        (
            "6e1fde9cf9e2359a87420b65a87dc0c66136e66945196ba2475990d8a0c3a25b",
            "b05e6b8ad4d69abf74aa3be3c0ee40ae07d66e1895b9ab09285a2f1192d562d2",
            Some("62e935ae755f3d48f80d4d59f6121358c435722a67e859cc0caa8b539027f2ff"),
            "ee3c7644fd8070532bc1fde3d70d742267da545d8c8f03e63bda63f1ad4214f4d2c4bfdb4eb9526def42deeb7e31602a6ff99eba893e0a4ad4d45892ca75e608d2b75e24a189a7f78ca776ba36fc53f6c3e31c32f251f2c524f0a44202f2902d",
        ),
    ];

    #[test]
    fn the_vectors_of_the_specification() {
        for (key, challenge, channel, signed) in VECTORS {
            let key = PrivateKey::from_hex(key).unwrap();
            let channel = channel.map(|text| challenge_from_hex(text).unwrap());
            let message = message(&challenge_from_hex(challenge).unwrap(), channel.as_ref());
            assert_eq!(key.sign(&message), signed);
            assert!(key.public().is_signed(signed, &message));
        }
    }

    #[test]
    fn what_is_not_the_signature_of_this_challenge_is_refused() {
        let key = PrivateKey::from_bytes(&[7; 32]);
        let (challenge, signed) = ([1; 32], key.sign(&[1; 32]));
        assert!(key.public().is_signed(&signed, &challenge));
        assert!(!key.public().is_signed(&signed, &[2; 32]), "of another challenge");
        assert!(!key.public().is_signed(&signed[..128], &challenge), "truncated");
        assert!(!key.public().is_signed("", &challenge));
        assert!(!PrivateKey::from_bytes(&[8; 32]).public().is_signed(&signed, &challenge), "another's");
        let other_text = format!("{}{}", &signed[..128], challenge_to_hex(&[2; 32]));
        assert!(!key.public().is_signed(&other_text, &challenge), "with another text behind it");
        // The neutral element as a key would sign anything.
        let weak = format!("01{}", "0".repeat(62));
        assert_eq!(PublicKey::from_hex(&weak), Err(NoKey));
    }

    #[test]
    fn keys_are_64_digits_and_private_ones_are_not_shown() {
        assert_eq!(PublicKey::from_hex("545efb0a"), Err(NoKey));
        let key = PrivateKey::from_bytes(&[7; 32]);
        assert_eq!(PublicKey::from_hex(&key.public().to_hex()), Ok(key.public()));
        assert_eq!(format!("{key:?}"), "PrivateKey");
    }
}
