//! What a whole store should hold.

use netabase_tests::{Customer, Order, Picture, Setting};

use super::table::Table;

/// The table of each model.
#[derive(Debug, Clone, Default)]
pub(super) struct Reference {
    pub(super) customers: Table<Customer>,
    pub(super) orders: Table<Order>,
    pub(super) settings: Table<Setting>,
    pub(super) pictures: Table<Picture>,
}

impl Reference {
    /// Makes all changes since the last time for good.
    pub(super) fn keep(&mut self) {
        self.customers.keep();
        self.orders.keep();
        self.settings.keep();
        self.pictures.keep();
    }

    /// Takes back all changes that were not made for good.
    pub(super) fn undo(&mut self) {
        self.customers.undo_to(0);
        self.orders.undo_to(0);
        self.settings.undo_to(0);
        self.pictures.undo_to(0);
    }
}
