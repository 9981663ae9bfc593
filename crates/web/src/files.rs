//! `"type": "static"`: the files of a folder.
//!
//! Ranges, conditions and the types of files are those of the crate `tower-http`. Which files there are is decided here: those
//! below the folder, which no path and no symbolic link leaves, without hidden ones.

mod beneath;
mod listing;
mod range;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crossweave_router::http::{Answering, ResponseBody, answer, empty};
use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty};
use percent_encoding::utf8_percent_encode;
use tower_http::services::ServeDir;

use self::beneath::Beneath;
use self::listing::NAME;
use self::range::Range;
use crate::cors::{allow_any_origin, preflight};
use crate::plain;
use crate::reply::{Fields as _, NO_STORE, Reply, page, single, without_method};
use crate::service::{Exchange, WebService};

/// Entries of a folder that are listed at most.
pub const ENTRIES_MAX: usize = 10_000;

const METHODS: &str = "GET, HEAD, OPTIONS";
/// The file that stands for its folder.
const INDEX: &str = "index.html";
/// The one hidden folder that is meant to be seen (RFC 8615).
const WELL_KNOWN: &str = ".well-known";

/// What [`Files`] are told. The names and defaults are those of Crossbar.io's `options` of a `static` service.
#[derive(Clone, Debug)]
pub struct FilesOptions {
    /// `enable_directory_listing`: a folder without `index.html` is answered with the list of what is in it. Default no.
    pub enable_directory_listing: bool,
    /// `mime_types`: content types by ending, such as `.md`. Default: what the ending usually means.
    pub mime_types: HashMap<String, String>,
    /// `cache_timeout`: for how many seconds a file may be kept without asking; absent, nothing is said. Default 43,200.
    pub cache_timeout_s: Option<u32>,
    /// `default_file`: a file in the folder that is served where there is none, with status 200, as applications of one page
    /// want it. Default none.
    pub default_file: Option<String>,
    /// `allow_cross_origin`: pages of any origin may read the files. Default yes.
    pub allow_cross_origin: bool,
}

impl Default for FilesOptions {
    fn default() -> Self {
        FilesOptions {
            enable_directory_listing: false,
            mime_types: HashMap::new(),
            cache_timeout_s: Some(43_200),
            default_file: None,
            allow_cross_origin: true,
        }
    }
}

/// Why files cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The folder is not there, or is a file.
    #[error("{0:?} is no folder")]
    NoFolder(PathBuf),
    /// A content type that cannot stand in a header field.
    #[error("{1:?} is no content type (for files that end with {0:?})")]
    ContentType(String, String),
    /// The default file has steps up, or is absolute.
    #[error("default file {0:?} is not in the folder")]
    DefaultFile(String),
}

/// Serves the files of a folder.
pub struct Files {
    beneath: Beneath,
    served: ServeDir<tower_http::services::fs::DefaultServeDirFallback, Beneath>,
    /// By ending, without dot, in small letters.
    content_types: HashMap<String, HeaderValue>,
    cache_control: Option<String>,
    options: FilesOptions,
}

impl Files {
    /// Serves the files of a folder, which must be there. It may be replaced later.
    ///
    /// # Errors
    /// The folder is not there, or an option is wrong.
    pub fn new(folder: &Path, options: FilesOptions) -> Result<Files, FilesError> {
        if !folder.is_dir() {
            return Err(FilesError::NoFolder(folder.to_owned()));
        }
        let mut content_types = HashMap::new();
        for (ending, content_type) in &options.mime_types {
            let value = HeaderValue::from_str(content_type)
                .map_err(|_| FilesError::ContentType(ending.clone(), content_type.clone()))?;
            content_types.insert(ending.trim_start_matches('.').to_lowercase(), value);
        }
        if let Some(file) = &options.default_file
            && !Path::new(file).components().all(|part| matches!(part, std::path::Component::Normal(_)))
        {
            return Err(FilesError::DefaultFile(file.clone()));
        }
        let beneath = Beneath::new(folder);
        // Where a folder is asked for without the slash at its end is answered below.
        let served = ServeDir::with_backend("", beneath.clone())
            .redirect_to_trailing_slash(false)
            .ignore_multi_range_requests(true);
        let cache_control = options.cache_timeout_s.map(|seconds| format!("public, max-age={seconds}"));
        Ok(Files { beneath, served, content_types, cache_control, options })
    }

    async fn reply(&self, exchange: Exchange<'_>) -> Reply {
        let Exchange { request, mount, below, is_folder, .. } = exchange;
        let headers = request.headers();
        let reply = match *request.method() {
            Method::GET | Method::HEAD if below.iter().any(|name| is_hidden(name)) => self.absent(),
            Method::GET | Method::HEAD => self.get(&request, mount, &below, is_folder).await,
            Method::OPTIONS if self.options.allow_cross_origin => return preflight(headers, METHODS),
            ref other => return without_method(other, METHODS),
        };
        let reply = reply.with(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        match self.options.allow_cross_origin {
            true => allow_any_origin(reply, headers),
            false => reply,
        }
    }

    async fn get<B>(&self, request: &Request<B>, mount: &str, below: &[String], is_folder: bool) -> Reply {
        let path: PathBuf = below.iter().collect();
        let has_slash = is_folder || (below.is_empty() && mount == "/");
        if self.is_folder(&path).await {
            if !has_slash {
                return redirect(mount, below, request.uri().query());
            }
            if let Some(reply) = self.file(request, path.join(INDEX)).await {
                return reply;
            }
            if self.options.enable_directory_listing
                && let Ok(entries) = self.beneath.list(path).await
            {
                let page = listing::page(&joined(mount, below), !below.is_empty(), &entries);
                return answer(StatusCode::OK, "text/html; charset=utf-8", page)
                    .with(header::CACHE_CONTROL, NO_STORE)
                    .with(header::CONTENT_SECURITY_POLICY, plain::policy());
            }
        } else if !has_slash && let Some(reply) = self.file(request, path).await {
            return reply;
        }
        match &self.options.default_file {
            Some(file) => self.file(request, file.into()).await.unwrap_or_else(|| self.absent()),
            None => self.absent(),
        }
    }

    async fn is_folder(&self, path: &Path) -> bool {
        use tower_http::services::fs::Backend as _;
        path.as_os_str().is_empty()
            || self.beneath.metadata(path.to_owned()).await.is_ok_and(|metadata| metadata.is_dir())
    }

    /// A file; nothing if there is none.
    async fn file<B>(&self, request: &Request<B>, path: PathBuf) -> Option<Reply> {
        let uri: String = path.iter().map(|name| format!("/{}", encoded(&name.to_string_lossy()))).collect();
        let mut asked = Request::new(Empty::<bytes::Bytes>::new());
        *asked.method_mut() = request.method().clone();
        *asked.uri_mut() = uri.parse().ok()?;
        *asked.headers_mut() = conditions(request.method(), request.headers());
        let range = range(request.method(), request.headers());
        let whole = asked.clone();
        let mut response = self.served.clone().try_call(asked).await.ok()?;
        // The end of a file that is shorter than that is all of it (RFC 9110 section 14.1.2), where the library has none.
        if response.status() == StatusCode::RANGE_NOT_SATISFIABLE && matches!(range, Some(Range::Last(1..))) {
            response = self.served.clone().try_call(without_range(whole)).await.ok()?;
        }
        if response.status() == StatusCode::NOT_FOUND {
            return None;
        }
        let mut reply = response.map(|body| -> ResponseBody { body.boxed_unsync() });
        if reply.status().is_success() {
            self.set_content_type(&mut reply, &path);
        }
        if let Some(cache_control) = &self.cache_control
            && (reply.status().is_success() || reply.status() == StatusCode::NOT_MODIFIED)
        {
            reply = reply.with(header::CACHE_CONTROL, cache_control);
        }
        Some(reply)
    }

    fn set_content_type(&self, reply: &mut Reply, path: &Path) {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        let configured = ending.and_then(|ending| self.content_types.get(&ending).cloned());
        let usual = || {
            let value = reply.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
            let is_text = value.starts_with("text/") && !value.contains(';');
            is_text.then(|| HeaderValue::from_str(&format!("{value}; charset=utf-8")).ok())?
        };
        if let Some(value) = configured.or_else(usual) {
            reply.headers_mut().insert(header::CONTENT_TYPE, value);
        }
    }

    fn absent(&self) -> Reply {
        page(StatusCode::NOT_FOUND, "Not found", "There is no such file.")
    }
}

impl WebService for Files {
    fn respond<'a>(&'a self, exchange: Exchange<'a>) -> Answering<'a> {
        Box::pin(self.reply(exchange))
    }
}

fn is_hidden(name: &str) -> bool {
    name.starts_with('.') && name != WELL_KNOWN
}

fn encoded(name: &str) -> String {
    utf8_percent_encode(name, NAME).to_string()
}

/// The path of a folder, with its slash.
fn joined(mount: &str, below: &[String]) -> String {
    let mut path = mount.trim_end_matches('/').to_owned();
    below.iter().for_each(|name| path.push_str(&format!("/{name}")));
    path.push('/');
    path
}

/// To the folder's own path: links in its page are relative to that.
fn redirect(mount: &str, below: &[String], query: Option<&str>) -> Reply {
    let mount: Vec<String> = mount.split('/').map(encoded).collect();
    let (mount, encoded): (_, Vec<String>) =
        (mount.join("/"), below.iter().map(|name| encoded(name)).collect());
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let location = joined(&mount, &encoded) + &query;
    empty(StatusCode::TEMPORARY_REDIRECT).with(header::LOCATION, &location)
}

/// The header fields that decide over what is sent of a file.
fn conditions(method: &Method, headers: &HeaderMap) -> HeaderMap {
    let lists = [header::IF_MATCH, header::IF_NONE_MATCH].map(|name| (whole(headers, &name), name));
    let times = [header::IF_MODIFIED_SINCE, header::IF_UNMODIFIED_SINCE]
        .map(|name| (headers.get(&name).cloned(), name));
    let range = (range(method, headers).map(Range::field), header::RANGE);
    let fields = lists.into_iter().chain(times).chain([range]);
    fields.filter_map(|(value, name)| Some((name, value?))).collect()
}

/// The range that is asked for. Whoever wants one only of what it knows gets the whole, which is always right, and so does an
/// invalid range (RFC 9110 section 14.2). There is none of HEAD.
fn range(method: &Method, headers: &HeaderMap) -> Option<Range> {
    let is_heeded = *method == Method::GET && !headers.contains_key(header::IF_RANGE);
    single(headers, header::RANGE).filter(|_| is_heeded).and_then(Range::parse)
}

fn without_range<B>(mut request: Request<B>) -> Request<B> {
    request.headers_mut().remove(header::RANGE);
    request
}

/// A list that may be spread over several fields of the same name.
fn whole(headers: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    let values: Vec<&[u8]> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
    (!values.is_empty()).then(|| HeaderValue::from_bytes(&values.join(&b", "[..])).ok())?
}
