//! The text of a configuration file, and where in it something stands.

use std::ops::Range;

/// A configuration file's text with the offsets at which its lines start.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) text: String,
    line_starts: Vec<usize>,
}

/// A place in a configuration file. Lines and columns count from 1, columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl Source {
    pub(crate) fn new(name: &str, text: &str) -> Self {
        // Editors on Windows put a byte order mark at the start of UTF-8 files; it means nothing.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
        let mut line_starts = vec![0];
        line_starts.extend(text.match_indices('\n').map(|(at, _)| at + 1));
        Self { name: name.to_owned(), text, line_starts }
    }

    /// The line and column of a byte offset.
    pub(crate) fn place(&self, offset: usize) -> Place {
        let offset = self.clamp(offset);
        let line = self.line_of(offset);
        let column = self.text[self.line_starts[line - 1]..offset].chars().count() + 1;
        Place { line, column }
    }

    /// The line of a byte offset, from 1.
    pub(crate) fn line_of(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }

    /// The text of a line, counted from 1, without its line end, and the offset at which it starts.
    pub(crate) fn line(&self, line: usize) -> (usize, &str) {
        let start = self.line_starts[line - 1];
        let end = self.line_starts.get(line).map_or(self.text.len(), |next| next - 1);
        (start, self.text[start..end].trim_end_matches('\r'))
    }

    /// A range inside the text, on character boundaries, whatever a parser said.
    pub(crate) fn clamp_range(&self, range: Range<usize>) -> Range<usize> {
        let start = self.clamp(range.start);
        start..self.clamp(range.end).max(start)
    }

    fn clamp(&self, offset: usize) -> usize {
        self.text.floor_char_boundary(offset.min(self.text.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_count_from_one() {
        let source = Source::new("x.json", "a\nöx\r\n");
        assert_eq!(source.place(0), Place { line: 1, column: 1 });
        assert_eq!(source.place(4), Place { line: 2, column: 2 });
        assert_eq!(source.place(999), Place { line: 3, column: 1 });
        assert_eq!(source.line(2), (2, "öx"));
    }

    #[test]
    fn a_byte_order_mark_is_not_part_of_the_text() {
        assert_eq!(Source::new("x.json", "\u{feff}{}").text, "{}");
    }

    #[test]
    fn an_offset_inside_a_character_moves_to_its_start() {
        assert_eq!(Source::new("x", "ö").clamp_range(1..2), 0..2);
    }
}
