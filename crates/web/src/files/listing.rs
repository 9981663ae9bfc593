//! The page that lists a folder.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::beneath::Listed;
use crate::plain;
use crate::reply::escape;

/// What of a name is encoded in a URL.
pub(super) const NAME: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_').remove(b'~').remove(b'+').remove(b'@');

/// The page for a folder at this path.
pub(super) fn page(path: &str, has_parent: bool, entries: &[Listed]) -> String {
    let mut list = String::from("<ul>\n");
    if has_parent {
        list.push_str("<li><a href=\"../\">../</a></li>\n");
    }
    for Listed { name, is_folder } in entries {
        let slash = if *is_folder { "/" } else { "" };
        let (link, text) = (utf8_percent_encode(name, NAME), escape(name));
        list.push_str(&format!("<li><a href=\"./{link}{slash}\">{text}{slash}</a></li>\n"));
    }
    list.push_str("</ul>");
    plain::page(path, &list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_links_and_text_and_nothing_else() {
        let entries = [
            Listed { name: "a&b <c>.txt".into(), is_folder: false },
            Listed { name: "?\"x".into(), is_folder: true },
        ];
        let page = page("/files/", false, &entries);
        assert!(page.contains("<a href=\"./a%26b%20%3Cc%3E.txt\">a&amp;b &lt;c&gt;.txt</a>"), "{page}");
        assert!(page.contains("<a href=\"./%3F%22x/\">?&quot;x/</a>"), "{page}");
        assert!(!page.contains("../"));
    }
}
