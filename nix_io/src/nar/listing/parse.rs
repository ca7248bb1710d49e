//! JSON to listings.

use serde_json::{Deserializer, Value};

use super::{Listing, ListingError, ListingErrorKind, Node};
use crate::nar::{
    NameError, NarLimits,
    names::{check_name, check_target},
};

type Result<T, E = ListingError> = std::result::Result<T, E>;

impl Listing {
    /// Reads the JSON of a `.ls` file, of version 1.
    ///
    /// Fields that it does not know are ignored. Names and targets follow the rules of archives;
    /// the JSON need not be sorted.
    ///
    /// # Errors
    /// Fails on what is no JSON, lacks fields, or holds what no archive can.
    pub fn from_json(json: &[u8], limits: NarLimits) -> Result<Self> {
        let mut parser = Parser::new(json, limits);
        let mut root = None;
        let mut version = None;
        parser.take(b'{', "an object")?;
        let mut is_first = true;
        while let Some(key) = parser.key(&mut is_first)? {
            match &*key {
                "root" => {
                    let node = parser.node()?;
                    parser.once(&mut root, key, node)?;
                }
                "version" => {
                    let number = parser.u64()?;
                    parser.once(&mut version, key, number)?;
                }
                _ => parser.ignore()?,
            }
        }
        match version {
            Some(1) => {}
            Some(other) => return Err(parser.error(ListingErrorKind::Version(other))),
            None => return Err(parser.error(ListingErrorKind::Missing("version"))),
        }
        let root = root.ok_or_else(|| parser.error(ListingErrorKind::Missing("root")))?;
        parser.finish(root)
    }

    /// Reads the JSON of a node alone, as Nix prints it for `nix nar ls --json`.
    ///
    /// # Errors
    /// Fails as [`from_json`](Self::from_json) does.
    pub fn from_node_json(json: &[u8], limits: NarLimits) -> Result<Self> {
        let mut parser = Parser::new(json, limits);
        let root = parser.node()?;
        parser.finish(root)
    }
}

/// A node that was begun.
#[derive(Default)]
struct Open {
    /// Whether a field of it was read.
    is_begun: bool,
    /// Whether its entries are being read, and one of them was.
    is_in_entries: bool,
    has_entry: bool,
    kind: Option<String>,
    executable: Option<bool>,
    size: Option<u64>,
    nar_offset: Option<u64>,
    target: Option<String>,
    entries: Option<Vec<(Vec<u8>, usize)>>,
}

struct Parser<'a> {
    json: &'a [u8],
    position: usize,
    limits: NarLimits,
    nodes: Vec<Node>,
    /// The nodes around the one at hand and itself, outermost first.
    open: Vec<Open>,
    /// What they are called; the root's name is empty.
    names: Vec<String>,
}

impl<'a> Parser<'a> {
    const fn new(json: &'a [u8], limits: NarLimits) -> Self {
        Self {
            json,
            position: 0,
            limits,
            nodes: Vec::new(),
            open: Vec::new(),
            names: Vec::new(),
        }
    }

    /// Reads a node and all below it, and returns its number.
    fn node(&mut self) -> Result<usize> {
        self.open(String::new())?;
        loop {
            let Some(mut open) = self.open.pop() else {
                return Err(self.error(ListingErrorKind::Expected("a node")));
            };
            let done = if open.is_in_entries {
                self.entry(&mut open)
            } else {
                self.field(&mut open)
            };
            self.open.push(open);
            match done? {
                Done::Field => {}
                Done::Entry(name) => self.open(name)?,
                Done::Node => {
                    if let Some(root) = self.close()? {
                        return Ok(root);
                    }
                }
            }
        }
    }

    fn open(&mut self, name: String) -> Result<()> {
        let max = self.limits.depth_max;
        self.open.push(Open::default());
        self.names.push(name);
        if self.open.len() > max {
            return Err(self.error(ListingErrorKind::TooDeep { max }));
        }
        self.take(b'{', "a node")
    }

    /// Reads a field of a node, or its end.
    fn field(&mut self, open: &mut Open) -> Result<Done> {
        let mut is_first = !open.is_begun;
        let Some(key) = self.key(&mut is_first)? else {
            return Ok(Done::Node);
        };
        open.is_begun = true;
        match &*key {
            "type" => {
                let kind = self.string()?;
                self.once(&mut open.kind, key, kind)?;
            }
            "executable" => {
                let executable = self.bool()?;
                self.once(&mut open.executable, key, executable)?;
            }
            "size" => {
                let size = self.u64()?;
                self.once(&mut open.size, key, size)?;
            }
            "narOffset" => {
                let offset = self.u64()?;
                self.once(&mut open.nar_offset, key, offset)?;
            }
            "target" => {
                let target = self.string()?;
                self.once(&mut open.target, key, target)?;
            }
            "entries" => {
                self.take(b'{', "entries")?;
                self.once(&mut open.entries, key, Vec::new())?;
                open.is_in_entries = true;
            }
            _ => self.ignore()?,
        }
        Ok(Done::Field)
    }

    /// Reads the name of an entry, or the end of them.
    fn entry(&mut self, open: &mut Open) -> Result<Done> {
        let mut is_first = !open.has_entry;
        let Some(name) = self.key(&mut is_first)? else {
            open.is_in_entries = false;
            return Ok(Done::Field);
        };
        open.has_entry = true;
        let checked = check_name(name.as_bytes(), &self.limits);
        checked.map_err(|error| self.error(ListingErrorKind::Name(error)))?;
        Ok(Done::Entry(name))
    }

    /// Ends the innermost node, and returns its number if it is the outermost too.
    fn close(&mut self) -> Result<Option<usize>> {
        let number = self.nodes.len();
        let open = self.open.pop().unwrap_or_default();
        let node = self.build(open).map_err(|kind| self.error(kind))?;
        self.nodes.push(node);
        let name = self.names.pop().unwrap_or_default();
        let Some(directory) = self.open.last_mut() else {
            return Ok(Some(number));
        };
        let entries = directory.entries.get_or_insert_default();
        entries.push((name.into_bytes(), number));
        Ok(None)
    }

    fn build(&self, open: Open) -> Result<Node, ListingErrorKind> {
        match open.kind.as_deref() {
            Some("regular") => Ok(Node::Regular {
                executable: open.executable.unwrap_or(false),
                size: open.size,
                nar_offset: open.nar_offset,
            }),
            Some("symlink") => {
                let target = open.target.ok_or(ListingErrorKind::Missing("target"))?;
                let checked = check_target(target.as_bytes(), &self.limits);
                checked.map_err(ListingErrorKind::Target)?;
                Ok(Node::Symlink(target.into_bytes()))
            }
            Some("directory") => {
                let mut entries = open.entries.ok_or(ListingErrorKind::Missing("entries"))?;
                entries.sort_unstable();
                let mut pairs = entries.iter().zip(entries.iter().skip(1));
                if pairs.any(|((a, _), (b, _))| a == b) {
                    return Err(ListingErrorKind::Name(NameError::Duplicate));
                }
                Ok(Node::Directory(entries))
            }
            Some(other) => Err(ListingErrorKind::Type(other.to_owned())),
            None if open.is_begun => Err(ListingErrorKind::Missing("type")),
            None => Ok(Node::Unlisted),
        }
    }

    /// Confirms that nothing follows.
    fn finish(mut self, root: usize) -> Result<Listing> {
        match self.peek() {
            None => Ok(Listing {
                nodes: in_order(self.nodes, root),
            }),
            Some(_) => Err(self.error(ListingErrorKind::Expected("the end"))),
        }
    }

    /// Reads the next key of an object and the colon, or the end of the object.
    fn key(&mut self, is_first: &mut bool) -> Result<Option<String>> {
        if self.peek() == Some(b'}') {
            self.position += 1;
            return Ok(None);
        }
        if !std::mem::take(is_first) {
            self.take(b',', "a comma or the end of the object")?;
        }
        let key = self.string()?;
        self.take(b':', "a colon")?;
        Ok(Some(key))
    }

    fn once<T>(&self, field: &mut Option<T>, key: String, value: T) -> Result<()> {
        match field.replace(value) {
            None => Ok(()),
            Some(_) => Err(self.error(ListingErrorKind::Duplicate(key))),
        }
    }

    fn take(&mut self, byte: u8, expected: &'static str) -> Result<()> {
        if self.peek() != Some(byte) {
            return Err(self.error(ListingErrorKind::Expected(expected)));
        }
        self.position += 1;
        Ok(())
    }

    /// Returns the next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.rest();
        let spaces = rest.iter().take_while(|byte| b" \n\r\t".contains(byte));
        self.position += spaces.count();
        self.rest().first().copied()
    }

    fn string(&mut self) -> Result<String> {
        let mut values = Deserializer::from_slice(self.rest()).into_iter::<String>();
        let value = values.next().and_then(Result::ok);
        let length = values.byte_offset();
        self.value(value, length, "a string")
    }

    fn u64(&mut self) -> Result<u64> {
        let mut values = Deserializer::from_slice(self.rest()).into_iter::<u64>();
        let value = values.next().and_then(Result::ok);
        let length = values.byte_offset();
        self.value(value, length, "an integer")
    }

    fn bool(&mut self) -> Result<bool> {
        let mut values = Deserializer::from_slice(self.rest()).into_iter::<bool>();
        let value = values.next().and_then(Result::ok);
        let length = values.byte_offset();
        self.value(value, length, "true or false")
    }

    /// Skips a value of any type.
    fn ignore(&mut self) -> Result<()> {
        let mut values = Deserializer::from_slice(self.rest()).into_iter::<Value>();
        let value = values.next().and_then(Result::ok);
        let length = values.byte_offset();
        self.value(value.map(drop), length, "a value")
    }

    fn value<T>(&mut self, value: Option<T>, length: usize, expected: &'static str) -> Result<T> {
        let value = value.ok_or_else(|| self.error(ListingErrorKind::Expected(expected)))?;
        self.position += length;
        Ok(value)
    }

    fn rest(&self) -> &'a [u8] {
        self.json.get(self.position..).unwrap_or_default()
    }

    fn error(&self, kind: ListingErrorKind) -> ListingError {
        let names = self.names.get(1..).unwrap_or_default();
        ListingError {
            kind,
            path: names.join("/"),
            position: self.position,
        }
    }
}

/// What was read of a node.
enum Done {
    Field,
    /// The name of an entry, whose node comes next.
    Entry(String),
    Node,
}

/// Numbers nodes in the order of an archive.
fn in_order(mut nodes: Vec<Node>, root: usize) -> Vec<Node> {
    let mut ordered = Vec::with_capacity(nodes.len());
    // Nodes, and where the number of each is to be put: in which directory at which place.
    let mut left = vec![(root, None)];
    while let Some((number, place)) = left.pop() {
        let Some(node) = nodes.get_mut(number) else {
            continue;
        };
        let node = std::mem::replace(node, Node::Unlisted);
        let number = ordered.len();
        if let Some((directory, at)) = place
            && let Some(Node::Directory(entries)) = ordered.get_mut(directory)
            && let Some((_, below)) = entries.get_mut(at)
        {
            *below = number;
        }
        if let Node::Directory(entries) = &node {
            let below = entries.iter().enumerate().rev();
            left.extend(below.map(|(at, (_, below))| (*below, Some((number, at)))));
        }
        ordered.push(node);
    }
    ordered
}
