//! A place for cookies of our own: a file for each, in a folder.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use crossweave_router::{CookieShelf, KeptCookie};
use crossweave_wamp::{AuthMethod, Dict, Serializer, Value};

/// Keeps a cookie as a list in JSON, in a file named by the hash of it.
pub(crate) struct Drawer {
    folder: PathBuf,
}

impl Drawer {
    /// The folder is made when there is something to keep.
    pub(crate) fn new(folder: PathBuf) -> Drawer {
        Drawer { folder }
    }

    fn file(&self, id: &[u8; 32]) -> PathBuf {
        let name: String = id.iter().map(|octet| format!("{octet:02x}")).collect();
        self.folder.join(name)
    }
}

impl CookieShelf for Drawer {
    fn load(&self) -> Result<Vec<KeptCookie>, String> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error.to_string()),
        };
        let mut kept = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| error.to_string())?.path();
            let text = fs::read(&path).map_err(|error| error.to_string())?;
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let cookie = read(name, &text).ok_or_else(|| format!("{} holds no cookie", path.display()))?;
            kept.push(cookie);
        }
        Ok(kept)
    }

    fn keep(&self, cookie: &KeptCookie) -> Result<(), String> {
        let KeptCookie { id, created_s, authid, authrole, authmethod, realm, authextra } = cookie;
        let method = authmethod.map(|method| method.name());
        let list: [Value; 6] = [
            (*created_s).into(),
            authid.as_str().into(),
            authrole.as_str().into(),
            method.map_or(Value::Null, Value::from),
            realm.as_str().into(),
            authextra.clone().into(),
        ];
        let mut text = Vec::new();
        Serializer::Json.encode_value(&Value::List(list.to_vec()), &mut text);
        fs::create_dir_all(&self.folder).map_err(|error| error.to_string())?;
        fs::write(self.file(id), text).map_err(|error| error.to_string())
    }

    fn forget(&self, id: &[u8; 32]) -> Result<(), String> {
        match fs::remove_file(self.file(id)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.to_string()),
            _ => Ok(()),
        }
    }
}

fn read(name: &str, text: &[u8]) -> Option<KeptCookie> {
    let mut id = [0; 32];
    for (index, octet) in id.iter_mut().enumerate() {
        *octet = u8::from_str_radix(name.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    let Value::List(list) = Serializer::Json.decode_value(text).ok()? else { return None };
    let text = |index: usize| list.get(index)?.as_str().map(str::to_owned);
    Some(KeptCookie {
        id,
        created_s: list.first()?.as_u64()?,
        authid: text(1)?,
        authrole: text(2)?,
        authmethod: text(3).and_then(|name| AuthMethod::declare(&name).ok()),
        realm: text(4)?,
        authextra: list.get(5)?.as_dict().cloned().unwrap_or_else(Dict::new),
    })
}
