//! Tables in bytes that nobody has checked.
//!
//! Every offset is followed only to a place within the message, and only as deep as the schema has tables. What is read
//! out of a message is bounded by its length, however many offsets lead to the same bytes.

use std::cell::Cell;

use super::super::Malformed;
use crate::limits::LIST_LEN_MAX;

type Checked<T> = Result<T, Malformed>;

/// A whole message.
#[derive(Debug)]
pub(super) struct Buffer<'b> {
    bytes: &'b [u8],
    /// Bytes that may still be read.
    budget: Cell<usize>,
}

/// A table within a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table<'b, 'a> {
    buffer: &'a Buffer<'b>,
    /// Where it begins.
    at: usize,
    /// Its own length in bytes.
    len: usize,
    /// The offsets of its fields from its beginning, two bytes each.
    slots: &'b [u8],
}

impl<'b> Buffer<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        /// Some writers write equal texts once.
        const SHARES: usize = 4;
        Buffer { bytes, budget: Cell::new(bytes.len().saturating_mul(SHARES)) }
    }

    fn array<const N: usize>(&self, at: usize) -> Checked<[u8; N]> {
        let found = self.bytes.get(at..).and_then(|rest| rest.first_chunk());
        found.copied().ok_or(Malformed::truncated(self.bytes.len()))
    }

    fn u32(&self, at: usize) -> Checked<usize> {
        Ok(u32::from_le_bytes(self.array(at)?) as usize)
    }

    /// Where the offset at `at` leads.
    fn follow(&self, at: usize) -> Checked<usize> {
        match self.u32(at)? {
            offset if offset < self.bytes.len() - at => Ok(at + offset),
            _ => Err(Malformed::new(at, "offset leads out of the message")),
        }
    }

    /// The table that the message begins with.
    pub(super) fn root(&self) -> Checked<Table<'b, '_>> {
        self.table(self.follow(0)?)
    }

    fn table(&self, at: usize) -> Checked<Table<'b, '_>> {
        let back = i64::from(i32::from_le_bytes(self.array(at)?));
        let bad = Malformed::new(at, "table without a list of its fields");
        let vtable = usize::try_from(at as i64 - back).map_err(|_| bad)?;
        let vtable_len = usize::from(u16::from_le_bytes(self.array(vtable)?));
        let len = usize::from(u16::from_le_bytes(self.array(vtable + 2)?));
        let slots = self.bytes.get(vtable..).and_then(|rest| rest.get(4..vtable_len)).ok_or(bad)?;
        if len < 4 || len > self.bytes.len() - at || vtable_len % 2 != 0 {
            return Err(bad);
        }
        Ok(Table { buffer: self, at, len, slots })
    }

    /// The `width` bytes of each element of the vector at `at`.
    fn vector(&self, at: usize, width: usize) -> Checked<&'b [u8]> {
        let len = self.u32(at)?.saturating_mul(width);
        let content = self.bytes.get(at + 4..).and_then(|rest| rest.get(..len));
        let content = content.ok_or(Malformed::new(at, "length leads out of the message"))?;
        match self.budget.get().checked_sub(len) {
            Some(left) => self.budget.set(left),
            None => return Err(Malformed::new(at, "parts of the message overlap")),
        }
        Ok(content)
    }

    fn text(&self, at: usize) -> Checked<&'b str> {
        let content = self.vector(at, 1)?;
        std::str::from_utf8(content).map_err(|_| Malformed::new(at, "text is not utf-8"))
    }

    /// The places of the elements of a vector of offsets, at most [`LIST_LEN_MAX`].
    fn offsets(&self, at: usize) -> Checked<impl Iterator<Item = Checked<usize>> + '_> {
        let len = self.vector(at, 4)?.len() / 4;
        if len > LIST_LEN_MAX {
            return Err(Malformed::new(at, "list is too long"));
        }
        Ok((0..len).map(move |index| self.follow(at + 4 + 4 * index)))
    }
}

impl<'b, 'a> Table<'b, 'a> {
    /// Where the field in a slot is, if it is there, with `width` bytes within the table.
    fn field(&self, slot: u16, width: usize) -> Checked<Option<usize>> {
        let at = usize::from(slot) * 2;
        let Some(offset) = self.slots.get(at..at + 2) else { return Ok(None) };
        match usize::from(u16::from_le_bytes([offset[0], offset[1]])) {
            0 => Ok(None),
            offset if offset >= 4 && offset + width <= self.len => Ok(Some(self.at + offset)),
            _ => Err(Malformed::new(self.at, "field leads out of its table")),
        }
    }

    /// An unsigned integer of `width` bytes: 1, 2, 4 or 8.
    pub(super) fn uint(&self, slot: u16, width: usize) -> Checked<Option<u64>> {
        let Some(at) = self.field(slot, width)? else { return Ok(None) };
        let bytes = self.buffer.bytes.get(at..at + width).unwrap_or_default();
        Ok(Some(bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))))
    }

    /// What the offset in a slot leads to.
    fn followed(&self, slot: u16) -> Checked<Option<usize>> {
        self.field(slot, 4)?.map(|at| self.buffer.follow(at)).transpose()
    }

    pub(super) fn text(&self, slot: u16) -> Checked<Option<&'b str>> {
        self.followed(slot)?.map(|at| self.buffer.text(at)).transpose()
    }

    pub(super) fn bytes(&self, slot: u16) -> Checked<Option<&'b [u8]>> {
        self.followed(slot)?.map(|at| self.buffer.vector(at, 1)).transpose()
    }

    pub(super) fn ids(&self, slot: u16) -> Checked<Option<Vec<u64>>> {
        let Some(at) = self.followed(slot)? else { return Ok(None) };
        let content = self.buffer.vector(at, 8)?;
        if content.len() / 8 > LIST_LEN_MAX {
            return Err(Malformed::new(at, "list is too long"));
        }
        let id = |bytes: &[u8]| bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        Ok(Some(content.chunks_exact(8).map(id).collect()))
    }

    pub(super) fn texts(&self, slot: u16) -> Checked<Option<Vec<&'b str>>> {
        let Some(at) = self.followed(slot)? else { return Ok(None) };
        let texts = self.buffer.offsets(at)?.map(|at| self.buffer.text(at?));
        texts.collect::<Checked<_>>().map(Some)
    }

    pub(super) fn table(&self, slot: u16) -> Checked<Option<Table<'b, 'a>>> {
        self.followed(slot)?.map(|at| self.buffer.table(at)).transpose()
    }

    pub(super) fn tables(&self, slot: u16) -> Checked<Option<Vec<Table<'b, 'a>>>> {
        let Some(at) = self.followed(slot)? else { return Ok(None) };
        let tables = self.buffer.offsets(at)?.map(|at| self.buffer.table(at?));
        tables.collect::<Checked<_>>().map(Some)
    }
}
