//! Listings to JSON.

use super::{Listing, ListingError, ListingErrorKind, Node, ROOT};

/// An entry, or the end of a directory, that is still to be written.
enum Left<'a> {
    Entry {
        name: &'a [u8],
        number: usize,
        is_first: bool,
    },
    DirectoryEnd,
}

impl Listing {
    /// Returns the listing as the JSON of a `.ls` file.
    ///
    /// Keys are sorted and no space is left between them, as Nix writes it.
    ///
    /// # Errors
    /// Fails on names and targets that are not UTF-8.
    pub fn to_json(&self) -> Result<String, ListingError> {
        Ok(format!(
            "{{\"root\":{},\"version\":1}}",
            self.to_node_json()?
        ))
    }

    /// Returns the root alone as JSON, as Nix prints it for `nix nar ls --json`.
    ///
    /// # Errors
    /// Fails on names and targets that are not UTF-8.
    pub fn to_node_json(&self) -> Result<String, ListingError> {
        let mut printer = Printer {
            listing: self,
            json: String::new(),
            names: Vec::new(),
            left: Vec::new(),
        };
        printer.node(ROOT)?;
        while let Some(left) = printer.left.pop() {
            printer.left(left)?;
        }
        Ok(printer.json)
    }
}

struct Printer<'a> {
    listing: &'a Listing,
    json: String,
    /// The names that lead to the node at hand.
    names: Vec<&'a [u8]>,
    left: Vec<Left<'a>>,
}

impl<'a> Printer<'a> {
    fn left(&mut self, left: Left<'a>) -> Result<(), ListingError> {
        match left {
            Left::Entry {
                name,
                number,
                is_first,
            } => {
                self.names.pop();
                self.names.push(name);
                if !is_first {
                    self.json.push(',');
                }
                self.string(name)?;
                self.json.push(':');
                self.node(number)
            }
            Left::DirectoryEnd => {
                self.names.pop();
                self.json.push_str("},\"type\":\"directory\"}");
                Ok(())
            }
        }
    }

    fn node(&mut self, number: usize) -> Result<(), ListingError> {
        match self.listing.nodes.get(number) {
            Some(Node::Regular {
                executable,
                size,
                nar_offset,
            }) => {
                self.json
                    .push_str(&format!("{{\"executable\":{executable}"));
                let fields = [("narOffset", nar_offset), ("size", size)];
                for (field, value) in fields {
                    if let Some(value) = value {
                        self.json.push_str(&format!(",\"{field}\":{value}"));
                    }
                }
                self.json.push_str(",\"type\":\"regular\"}");
            }
            Some(Node::Symlink(target)) => {
                self.json.push_str("{\"target\":");
                self.string(target)?;
                self.json.push_str(",\"type\":\"symlink\"}");
            }
            Some(Node::Directory(entries)) => {
                self.json.push_str("{\"entries\":{");
                self.names.push(&[]);
                self.left.push(Left::DirectoryEnd);
                let entries = entries.iter().enumerate().rev();
                let entries = entries.map(|(at, (name, number))| Left::Entry {
                    name,
                    number: *number,
                    is_first: at == 0,
                });
                self.left.extend(entries);
            }
            Some(Node::Unlisted) | None => self.json.push_str("{}"),
        }
        Ok(())
    }

    fn string(&mut self, bytes: &[u8]) -> Result<(), ListingError> {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Err(ListingError {
                kind: ListingErrorKind::NotUtf8,
                path: String::from_utf8_lossy(&self.names.join(&b'/')).into_owned(),
                position: self.json.len(),
            });
        };
        self.json
            .push_str(&serde_json::Value::from(text).to_string());
        Ok(())
    }
}
