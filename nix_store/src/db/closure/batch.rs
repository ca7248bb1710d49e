//! Paths with what they refer to, many in one piece of memory.

use netabase_store::{ValueError, ValueReader};

/// How many bytes of text one batch has, before the row that exceeds them.
const BATCH_BYTES_MAX: usize = 1 << 16;

/// How long most rows are.
const ROW_BYTES: usize = 1 << 12;

/// The paths of some rows, each followed by those that it refers to.
pub(super) struct Batch {
    /// The texts, one after the other.
    text: String,
    /// Where each ends.
    ends: Vec<usize>,
    /// How many references each path has.
    references: Vec<usize>,
}

impl Batch {
    pub(super) fn new() -> Self {
        Self {
            text: String::with_capacity(BATCH_BYTES_MAX + ROW_BYTES),
            ends: Vec::new(),
            references: Vec::new(),
        }
    }

    /// Adds what the first fields of a `StorePath` say: its path, and past the hash, the size, the
    /// time and the deriver, its references.
    pub(super) fn push(&mut self, fields: &mut ValueReader<'_>) -> Result<(), ValueError> {
        self.push_text(fields.get_text()?);
        skip_text(fields)?;
        fields.get_u64()?;
        fields.get_u64()?;
        match fields.get_u8()? {
            0 => {}
            1 => skip_text(fields)?,
            byte => return Err(fields.error(format!("{byte} is not the start of an option"))),
        }
        let references = fields.len(1)?;
        for _ in 0..references {
            self.push_text(fields.get_text()?);
        }
        self.references.push(references);
        Ok(())
    }

    fn push_text(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len());
    }

    pub(super) fn is_full(&self) -> bool {
        self.text.len() >= BATCH_BYTES_MAX
    }

    /// Returns how many bytes of text there are.
    pub(super) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Yields all texts: every path, and behind each its references.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> + Clone {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let text = self.text.get(start..*end);
            start = *end;
            text.expect("texts end where they were pushed")
        })
    }

    /// Yields how many references each path has.
    pub(super) fn references(&self) -> impl Iterator<Item = usize> {
        self.references.iter().copied()
    }
}

fn skip_text(fields: &mut ValueReader<'_>) -> Result<(), ValueError> {
    let count = fields.len(1)?;
    fields.take(count).map(drop)
}

#[cfg(test)]
mod tests {
    use netabase_store::{EncodingDecodingError, MemoryStore, NetabaseError, NetabaseValue};

    use super::*;
    use crate::db::models::{StoreDefinition, StorePath};

    fn row(path: &str, deriver: Option<&str>, references: &[&str]) -> StorePath {
        StorePath {
            path: path.to_owned(),
            nar_hash: "a hash".to_owned(),
            nar_size: u64::MAX,
            registration_time: 300,
            deriver: deriver.map(str::to_owned),
            references: references.iter().map(|path| (*path).to_owned()).collect(),
            signatures: vec!["a signature".to_owned()],
            content_address: Some("an address".to_owned()),
            ultimate: true,
        }
    }

    #[test]
    fn a_batch_has_the_paths_and_references_of_its_rows() {
        let rows = [
            row("/a", None, &[]),
            row("/b", Some("/d.drv"), &["/a", "/b", "/gone"]),
            row("", Some(""), &["", "/\u{e4}"]),
        ];
        let tree = MemoryStore::<StoreDefinition>::new().open_tree::<StorePath>();
        let (mut wanted, mut counts) = (Vec::new(), Vec::new());
        for row in rows.iter().rev() {
            tree.put(row.clone()).unwrap();
        }
        for row in tree.iter().values() {
            let row = row.unwrap();
            counts.push(row.references.len());
            wanted.push(row.path);
            wanted.extend(row.references);
        }

        let (mut batch, mut query) = (Batch::new(), tree.iter());
        while let Some(()) = query.next_fields(|fields| batch.push(fields)).unwrap() {}
        assert!(batch.texts().eq(wanted));
        assert!(batch.references().eq(counts));
        assert_eq!(batch.bytes(), "/a/b/a/b/gone/\u{e4}".len());
    }

    #[test]
    fn fields_that_are_no_path_and_references_are_refused() {
        let refused = |bytes: &[u8]| {
            let error = Batch::new().push(&mut ValueReader::new(bytes));
            error.unwrap_err().to_string()
        };
        let mut bytes = Vec::new();
        let mut writer = netabase_store::ValueWriter::new(&mut bytes);
        "/a".to_owned().encode_value(&mut writer).unwrap();
        "hash".to_owned().encode_value(&mut writer).unwrap();
        for end in 0..bytes.len() {
            refused(&bytes[..end]);
        }
        bytes.extend([1, 1, 2]);
        assert!(refused(&bytes).contains("not the start of an option"));
        bytes.pop();
        // More references than can follow.
        bytes.extend([0, 250, 1]);
        assert!(
            refused(&bytes).contains("a length of 250"),
            "{}",
            refused(&bytes)
        );
    }

    #[test]
    fn a_row_whose_fields_cannot_be_read_is_named() {
        let tree = MemoryStore::<StoreDefinition>::new().open_tree::<StorePath>();
        tree.put(row("/a", None, &[])).unwrap();
        let read = tree.iter().next_fields(|fields| {
            fields.get_text()?;
            Err::<(), _>(fields.error("not wanted"))
        });
        let Err(NetabaseError::Encoding(error)) = read else {
            panic!("{read:?}");
        };
        let is_decoding = matches!(error, EncodingDecodingError::BincodeDecode { .. });
        assert!(is_decoding && error.to_string().contains("/a"), "{error}");
    }
}
