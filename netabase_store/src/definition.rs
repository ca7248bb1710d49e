//! What the definition module's macro says about all models of a store.

use crate::{error::Result, model::NetabaseModelTrait, schema::DefinitionSchema};

/// All models of a store, as one enum.
///
/// Implemented by `#[netabase_definition_module(Def, Keys)]`, together with `From<Model>` and
/// `TryFrom<Def>` for every model.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a definition",
    note = "name the module's definition: `#[netabase_definition_module({Self}, Keys)]`"
)]
pub trait NetabaseDefinitionTrait: Sized + 'static {
    /// The enum of the keys of all models.
    type Keys;

    /// The definition's name.
    const NAME: &'static str;

    /// The names of the models, in the order of declaration.
    const DISCRIMINANTS: &'static [&'static str];

    /// Returns the name of the model that this is a record of.
    fn discriminant(&self) -> &'static str;

    /// Returns the primary key of the record.
    fn primary_key(&self) -> Self::Keys;

    /// Describes the definition.
    fn schema() -> DefinitionSchema;

    /// Calls `visitor` once for each model, in the order of declaration.
    ///
    /// # Errors
    /// Stops at the first error of the visitor.
    #[doc(hidden)]
    fn __visit_models<V: ModelVisitor<Self>>(visitor: &mut V) -> Result<()>;
}

/// Work to be done for every model of a definition.
#[doc(hidden)]
pub trait ModelVisitor<D> {
    /// Does it for `M`.
    fn visit<M: NetabaseModelTrait<D>>(&mut self) -> Result<()>;
}
