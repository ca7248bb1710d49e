//! What a disk holds, as pages that copies share until one is written.

use std::sync::Arc;

/// The bytes of a page.
pub const PAGE_BYTES: usize = 4096;

type Page = [u8; PAGE_BYTES];

/// The bytes of a disk. A clone costs a pointer a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    /// A page that is missing is zero.
    pages: Vec<Option<Arc<Page>>>,
    len: usize,
}

impl Image {
    /// Returns the length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether there is no byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Copies the bytes from `start` on into `out`; returns false where they reach over the end.
    #[must_use]
    pub fn read(&self, start: usize, out: &mut [u8]) -> bool {
        let is_inside = start
            .checked_add(out.len())
            .is_some_and(|end| end <= self.len);
        if is_inside {
            let mut at = start;
            for part in split(out, start) {
                let inside = at % PAGE_BYTES;
                match self.pages.get(at / PAGE_BYTES).and_then(Option::as_deref) {
                    Some(page) => {
                        let found = page.get(inside..inside + part.len());
                        part.copy_from_slice(found.expect("a part lies within its page"));
                    }
                    None => part.fill(0),
                }
                at += part.len();
            }
        }
        is_inside
    }

    /// Writes `data` from `start` on; the image grows where it has to.
    pub fn write(&mut self, start: usize, data: &[u8]) {
        if self.len < start + data.len() {
            self.resize(start + data.len());
        }
        let (mut at, mut rest) = (start, data);
        while !rest.is_empty() {
            let inside = at % PAGE_BYTES;
            let (part, later) = rest.split_at(rest.len().min(PAGE_BYTES - inside));
            let slot = self.pages.get_mut(at / PAGE_BYTES);
            let slot = slot.expect("the image has grown to the end of what is written");
            let page = Arc::make_mut(slot.get_or_insert_with(|| Arc::new([0; PAGE_BYTES])));
            let to = page.get_mut(inside..inside + part.len());
            to.expect("a part lies within its page")
                .copy_from_slice(part);
            (at, rest) = (at + part.len(), later);
        }
    }

    /// Sets the length; new bytes are zero.
    pub fn resize(&mut self, len: usize) {
        self.pages.resize(len.div_ceil(PAGE_BYTES), None);
        if len < self.len
            && let Some(page) = self
                .pages
                .get_mut(len / PAGE_BYTES)
                .and_then(Option::as_mut)
        {
            let tail = Arc::make_mut(page).get_mut(len % PAGE_BYTES..);
            tail.expect("a remainder lies within the page").fill(0);
        }
        self.len = len;
    }

    /// Returns the numbers of the pages in which something stands.
    #[must_use]
    pub fn used(&self) -> Vec<usize> {
        let pages = self.pages.iter().enumerate();
        let is_used = |page: &Option<Arc<Page>>| {
            page.as_deref()
                .is_some_and(|page| page.iter().any(|byte| *byte != 0))
        };
        pages
            .filter(|(_, page)| is_used(page))
            .map(|(at, _)| at)
            .collect()
    }

    /// Returns a page; zeros where there is none.
    #[must_use]
    pub fn page(&self, number: usize) -> Vec<u8> {
        let page = self.pages.get(number).and_then(Option::as_deref);
        page.map_or_else(|| vec![0; PAGE_BYTES], |page| page.to_vec())
    }

    /// Flips one bit, counted within the byte at `at`.
    pub fn flip(&mut self, at: usize, bit: u64) {
        let mut byte = [0];
        if self.read(at, &mut byte) {
            self.write(at, &byte.map(|byte| byte ^ (1 << (bit % 8))));
        }
    }
}

/// Splits a buffer that begins at `start` of an image where pages end.
fn split(mut rest: &mut [u8], start: usize) -> impl Iterator<Item = &mut [u8]> {
    let mut inside = start % PAGE_BYTES;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let bytes = rest.len().min(PAGE_BYTES - inside);
        inside = 0;
        let (part, later) = std::mem::take(&mut rest).split_at_mut(bytes);
        rest = later;
        Some(part)
    })
}
