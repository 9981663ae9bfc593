//! The node's own key, by which it proves itself to clients: `key.priv` in the node directory, as Crossbar.io has it.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crossweave_auth::cryptosign::PrivateKey;
use tracing::{info, warn};

/// The file of the private key.
pub(crate) const PRIVATE: &str = "key.priv";
const PUBLIC: &str = "key.pub";

/// Reads the key, or makes one if there is none. Nobody but its owner may read the file afterwards, and a `key.pub` that is missing
/// beside it is written again, as at Crossbar.io.
///
/// # Errors
/// Names the file and what is wrong with it, and never what is in it.
pub fn node_key(cbdir: &Path) -> Result<PrivateKey, String> {
    let path = cbdir.join(PRIVATE);
    if is_open(&path) {
        keep_private(&path);
    }
    let Some(key) = read(&path)? else {
        return make(cbdir)
            .map_err(|error| format!("cannot write the node's key {}: {error}", path.display()));
    };
    if !has_public(cbdir, &key)? {
        match write_public(cbdir, &key) {
            Ok(()) => info!("wrote {PUBLIC} again, which was missing beside {PRIVATE}"),
            Err(error) => warn!("cannot write {}: {error}", cbdir.join(PUBLIC).display()),
        }
    }
    Ok(key)
}

/// Looks at the key as [`node_key`] would, and changes nothing. The result is what is to be warned of.
///
/// # Errors
/// Those of [`node_key`] with a key that is there.
pub fn check_node_key(cbdir: &Path) -> Result<Vec<String>, String> {
    let path = cbdir.join(PRIVATE);
    let shown = path.display();
    let Some(key) = read(&path)? else {
        let is_alone = cbdir.join(PUBLIC).exists();
        let warning = format!("there is a {PUBLIC} and no {shown}: the node cannot prove itself");
        return Ok(is_alone.then_some(warning).into_iter().collect());
    };
    has_public(cbdir, &key)?;
    let warning = format!("others can read the node's key {shown}: `crossweave start` takes it from them");
    Ok(is_open(&path).then_some(warning).into_iter().collect())
}

/// The key of a file; none if that is not there.
fn read(path: &Path) -> Result<Option<PrivateKey>, String> {
    let shown = path.display();
    match fs::read_to_string(path) {
        Ok(text) => parse(&text).map(Some).ok_or_else(|| {
            format!(
                "{shown} holds no `private-key-ed25519` of 64 hexadecimal digits, or not the one of its \
                 `public-key-ed25519`"
            )
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("cannot read the node's key {shown}: {error}")),
    }
}

fn parse(text: &str) -> Option<PrivateKey> {
    let key = PrivateKey::from_hex(field(text, "private-key-ed25519")?).ok()?;
    let is_its_own = field(text, "public-key-ed25519").is_none_or(|public| key.public().to_hex() == public);
    is_its_own.then_some(key)
}

/// What stands behind `name:`.
fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    fields.filter(|(key, _)| key.trim() == name).map(|(_, value)| value.trim()).next()
}

/// Whether there is a file with the public key. One with another key is an error: whoever trusts it would trust nobody.
fn has_public(cbdir: &Path, key: &PrivateKey) -> Result<bool, String> {
    let path = cbdir.join(PUBLIC);
    let shown = path.display();
    match fs::read_to_string(&path) {
        Ok(text) if field(&text, "public-key-ed25519") == Some(&key.public().to_hex()) => Ok(true),
        Ok(_) => Err(format!(
            "{shown} does not hold the public key of {PRIVATE} beside it: one of both is of another node"
        )),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(format!("cannot read the node's public key {shown}: {error}")),
    }
}

/// Whether others than its owner can read a file.
fn is_open(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o077 != 0)
}

/// Takes the file of a key from everybody else.
fn keep_private(path: &Path) {
    match fs::set_permissions(path, Permissions::from_mode(0o600)) {
        Ok(()) => warn!("others could read the node's key {}: now they cannot", path.display()),
        Err(error) => warn!("others can read the node's key {}: {error}", path.display()),
    }
}

fn make(cbdir: &Path) -> io::Result<PrivateKey> {
    if cbdir.join(PUBLIC).exists() {
        let message = format!("there is a {PUBLIC}: its private key is missing, or it has to go first");
        return Err(io::Error::new(ErrorKind::AlreadyExists, message));
    }
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
    let key = PrivateKey::from_bytes(&random);
    let public = format!("public-key-ed25519: {}\n", key.public().to_hex());
    let title = "Crossweave node private key - KEEP THIS SAFE!";
    let text = format!("{title}\n\n{public}private-key-ed25519: {}\n", key.to_hex());
    write(&cbdir.join(PRIVATE), 0o600, &text)?;
    write_public(cbdir, &key)?;
    info!(public_key = key.public().to_hex(), "made the node's key {PRIVATE}");
    Ok(key)
}

fn write_public(cbdir: &Path, key: &PrivateKey) -> io::Result<()> {
    let text = format!("Crossweave node public key\n\npublic-key-ed25519: {}\n", key.public().to_hex());
    write(&cbdir.join(PUBLIC), 0o644, &text)
}

/// All of it or, if the disk is full, nothing. A file that is there already is not written over: two nodes may be starting.
fn write(path: &Path, mode: u32, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let permissions = Permissions::from_mode(mode);
    let mut new = tempfile::Builder::new().prefix(".key.").permissions(permissions).tempfile_in(folder)?;
    new.write_all(text.as_bytes())?;
    new.as_file().sync_all()?;
    new.persist_noclobber(path).map(drop).map_err(|refused| refused.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let made = node_key(folder.path()).unwrap();
        assert_eq!(node_key(folder.path()).unwrap().to_hex(), made.to_hex());
        let mode = fs::metadata(folder.path().join(PRIVATE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let public = fs::read_to_string(folder.path().join(PUBLIC)).unwrap();
        assert!(public.contains(&made.public().to_hex()) && !public.contains(&made.to_hex()));
    }

    #[test]
    fn a_key_that_others_can_read_is_taken_from_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(PRIVATE);
        let made = node_key(folder.path()).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert_eq!(node_key(folder.path()).unwrap().to_hex(), made.to_hex());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn beside_the_public_key_of_another_nothing_is_made() {
        let folder = tempfile::tempdir().unwrap();
        node_key(folder.path()).unwrap();
        fs::remove_file(folder.path().join(PRIVATE)).unwrap();
        let error = node_key(folder.path()).unwrap_err();
        assert!(error.contains("there is a key.pub"), "{error}");
        assert!(!folder.path().join(PRIVATE).exists(), "half a pair was written");
    }

    #[test]
    fn a_missing_public_key_is_written_again() {
        let folder = tempfile::tempdir().unwrap();
        node_key(folder.path()).unwrap();
        let public = fs::read_to_string(folder.path().join(PUBLIC)).unwrap();
        fs::remove_file(folder.path().join(PUBLIC)).unwrap();
        assert_eq!(check_node_key(folder.path()), Ok(Vec::new()));
        assert!(!folder.path().join(PUBLIC).exists(), "a check changes nothing");
        node_key(folder.path()).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join(PUBLIC)).unwrap(), public);
    }

    #[test]
    fn the_public_key_of_another_node_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        node_key(folder.path()).unwrap();
        for other in [format!("public-key-ed25519: {}\n", "ab".repeat(32)), String::new()] {
            fs::write(folder.path().join(PUBLIC), &other).unwrap();
            let error = node_key(folder.path()).unwrap_err();
            assert!(error.contains("key.pub does not hold the public key of key.priv"), "{error}");
            assert_eq!(check_node_key(folder.path()), Err(error));
        }
    }

    #[test]
    fn a_check_tells_of_a_key_that_others_can_read_and_leaves_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(PRIVATE);
        assert_eq!(check_node_key(folder.path()), Ok(Vec::new()));
        assert!(!path.exists(), "a check changes nothing");
        node_key(folder.path()).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let warnings = check_node_key(folder.path()).unwrap();
        assert!(warnings.len() == 1 && warnings[0].contains("others can read"), "{warnings:?}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    }

    #[test]
    fn a_file_of_crossbar_is_read_and_a_broken_one_is_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(PRIVATE);
        let private = "4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510";
        let public = PrivateKey::from_hex(private).unwrap().public().to_hex();
        let text = |public: &str| {
            format!(
                "Crossbar.io node private key - KEEP THIS SAFE!\n\ncreator: me@host\nmachine-id: 1\n\
                     public-key-ed25519: {public}\nprivate-key-ed25519: {private}\n"
            )
        };
        fs::write(&path, text(&public)).unwrap();
        assert_eq!(node_key(folder.path()).unwrap().to_hex(), private);
        for broken in [text(&"0".repeat(64)), "private-key-ed25519: 4d57".to_owned(), String::new()] {
            fs::write(&path, broken).unwrap();
            let error = node_key(folder.path()).unwrap_err();
            assert!(error.contains("key.priv") && !error.contains("4d57"), "{error}");
        }
    }
}
