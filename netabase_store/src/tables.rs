//! Which tables a definition has, and what their rows need to be read and written.

use std::sync::Arc;

use crate::{
    backends::{TableId, TableSet},
    checksum::TableSeed,
    schema::{DefinitionSchema, ModelSchema, NamedType, Shape},
};

/// The table that holds the store's description.
pub(crate) const META_TABLE: &str = "__netabase_meta__";

/// The table of the records that Kademlia keeps here.
pub(crate) const RECORDS_TABLE: &str = "__libp2p_records__";

/// The description's place in every table set.
pub(crate) const META: TableId = TableId(0);

/// The tables of a store: all names, and the models that own them.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) tables: Arc<TableSet>,
    pub(crate) models: Vec<Arc<ModelTables>>,
}

/// The tables of one model.
#[derive(Debug)]
pub struct ModelTables {
    pub(crate) rows: RowTable,
    pub(crate) indexes: Vec<IndexTable>,
    /// Whether one of the indexes is unique.
    pub(crate) has_unique: bool,
}

/// The table of a model's records.
#[derive(Debug)]
pub(crate) struct RowTable {
    pub(crate) id: TableId,
    pub(crate) name: String,
    pub(crate) seed: TableSeed,
    pub(crate) version: u16,
    key: Shape,
    types: Arc<[NamedType]>,
}

/// The table of an index.
///
/// Layout of an entry:
/// - plain: key `encode(value) || primary key`, value: 4 bytes of checksum
/// - unique: key `encode(value)`, value: `primary key || 4 bytes of checksum`
#[derive(Debug)]
pub(crate) struct IndexTable {
    pub(crate) id: TableId,
    pub(crate) name: String,
    pub(crate) table: String,
    pub(crate) seed: TableSeed,
    pub(crate) unique: bool,
}

impl Layout {
    /// Numbers the tables of a definition; the description comes first.
    pub(crate) fn new(schema: &DefinitionSchema) -> Self {
        Self::of_store(schema, &[])
    }

    /// Numbers the tables of a definition in a store that has the tables `names`. Last, where there
    /// are any or can be, come Kademlia's records: a copy of the store has them too.
    pub(crate) fn of_store(schema: &DefinitionSchema, names: &[String]) -> Self {
        let has_records =
            cfg!(feature = "libp2p") || names.iter().any(|name| name == RECORDS_TABLE);
        let mut names = vec![META_TABLE.to_owned()];
        let mut number = |name: &str| {
            names.push(name.to_owned());
            let last = u16::try_from(names.len() - 1);
            TableId(last.expect("a definition has fewer than 65,535 tables"))
        };
        let types: Arc<[NamedType]> = schema.types.clone().into();
        let models = schema.models.iter();
        let models = models.map(|model| Arc::new(ModelTables::new(model, &types, &mut number)));
        let models = models.collect();
        if has_records {
            number(RECORDS_TABLE);
        }
        Self {
            tables: Arc::new(TableSet::new(names)),
            models,
        }
    }

    /// Returns the table of Kademlia's records.
    #[cfg(feature = "libp2p")]
    pub(crate) fn records(&self) -> TableId {
        let last = u16::try_from(self.tables.len() - 1);
        TableId(last.expect("a definition has fewer than 65,535 tables"))
    }

    /// Returns the tables of a model.
    pub(crate) fn model(&self, discriminant: &str) -> Option<&Arc<ModelTables>> {
        self.models
            .iter()
            .find(|model| model.rows.name == discriminant)
    }
}

impl ModelTables {
    fn new(
        model: &ModelSchema,
        types: &Arc<[NamedType]>,
        number: &mut dyn FnMut(&str) -> TableId,
    ) -> Self {
        let name = model.discriminant.clone();
        let rows = RowTable {
            id: number(&name),
            seed: TableSeed::of(&name),
            version: model.version,
            key: model.primary_shape.clone(),
            types: Arc::clone(types),
            name,
        };
        let indexes = model.indexes.iter().map(|index| {
            let table = index_table_name(&model.discriminant, &index.name);
            IndexTable {
                id: number(&table),
                name: index.name.clone(),
                seed: TableSeed::of(&table),
                table,
                unique: index.unique,
            }
        });
        Self {
            rows,
            indexes: indexes.collect(),
            has_unique: model.indexes.iter().any(|index| index.unique),
        }
    }
}

impl RowTable {
    /// Returns the primary key as a person would write it, or its bytes where they are no key.
    pub(crate) fn display_key(&self, key: &[u8]) -> String {
        crate::dynamic::display_key(&self.key, &self.types, key)
    }
}

/// Returns the name of an index's table; a model's name has no `/`.
pub(crate) fn index_table_name(model: &str, index: &str) -> String {
    format!("{model}/{index}")
}
