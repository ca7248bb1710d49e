//! Streams of `nix-store --export`.
//!
//! - Each object: the integer 1, its archive, the integer 0x4558494e, its path, the list of its
//!   references, its deriver or an empty string, and the integer 0 where a signature stood once.
//! - After the last object: the integer 0.

use std::{collections::BTreeMap, io::Write};

use nix_core::{graph::PathGraph, path_info::PathInfo, store_path::StorePath};
use nix_io::wire::Encoder;

use super::LocalStore;
use crate::store::{Error, ReadStore, Result};

/// What stands before an object.
pub(super) const OBJECT: u64 = 1;

/// What stands in the place of an object after the last one.
pub(super) const END: u64 = 0;

/// What stands between the archive of an object and what is known of it.
pub(super) const MAGIC: u64 = 0x4558_494e;

impl LocalStore {
    /// Writes objects as `nix-store --export` does: each once, after those among them that it refers
    /// to. Objects that they refer to beside these are not written.
    ///
    /// # Errors
    /// Fails when a path is not valid, when its files cannot be read or are not what was registered,
    /// and when `writer` fails. What was written by then has no end.
    pub fn export(&self, paths: &[StorePath], writer: &mut dyn Write) -> Result<()> {
        for info in self.in_order(paths)? {
            self.export_object(&info, writer)?;
        }
        write(writer, |encoder| {
            encoder.u64(END);
        })
    }

    fn export_object(&self, info: &PathInfo, writer: &mut dyn Write) -> Result<()> {
        write(writer, |encoder| {
            encoder.u64(OBJECT);
        })?;
        self.write_nar(&info.path, writer)?;
        let print = |path: &StorePath| self.store_dir().print(path);
        let references: Vec<_> = info.references.iter().map(print).collect();
        let deriver = info.deriver.as_ref().map(print).unwrap_or_default();
        write(writer, |encoder| {
            encoder
                .u64(MAGIC)
                .string(print(&info.path).as_bytes())
                .strings(&references)
                .string(deriver.as_bytes())
                .u64(0);
        })
    }

    /// Returns what is known of paths, references first, in the order of Nix.
    fn in_order(&self, paths: &[StorePath]) -> Result<Vec<PathInfo>> {
        let _hold = self.database().hold_to_read()?;
        let mut infos = BTreeMap::new();
        for path in paths {
            let info = self.path_info(path)?;
            let info = info.ok_or_else(|| Error::NotValid { path: path.clone() })?;
            infos.insert(path.clone(), info);
        }
        let objects = infos.iter();
        let objects = objects.map(|(path, info)| (path.clone(), info.references.clone()));
        let graph = PathGraph::new(objects).map_err(Error::Graph)?;
        let mut order = graph.topological_order()?;
        order.reverse();
        Ok(order.iter().filter_map(|path| infos.remove(path)).collect())
    }
}

fn write(writer: &mut dyn Write, encode: impl FnOnce(&mut Encoder<'_>)) -> Result<()> {
    let mut bytes = Vec::new();
    encode(&mut Encoder::new(&mut bytes));
    writer.write_all(&bytes).map_err(Error::Export)
}
