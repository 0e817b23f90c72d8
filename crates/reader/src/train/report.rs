//! Figures of a set of labelled messages, as fates: what became of the orders, and what was registered that must not be.

use std::fmt;

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// An order, registered and all right.
    Through,
    /// An order that a person is asked about.
    Asked,
    /// An order, registered and not right.
    Wrong,
    /// Not to be registered, and not registered.
    Kept,
    /// Not to be registered, and registered.
    Registered,
}

/// Fates of a set.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fates {
    /// Orders wholly on the menu.
    pub orders: usize,
    /// Of them registered, all right.
    pub through: usize,
    /// Of them registered, not right.
    pub wrong: usize,
    /// Messages that are no orders.
    pub others: usize,
    /// Of them registered.
    pub others_registered: usize,
    /// Orders that a person has to see.
    pub off_menu: usize,
    /// Of them registered.
    pub off_menu_registered: usize,
    /// Messages.
    pub messages: usize,
    /// Of them of the right kind.
    pub kinds: usize,
}

impl Fates {
    /// Counts one message.
    pub fn add(&mut self, order: bool, off_menu: bool, kind_right: bool, fate: Fate) {
        self.messages += 1;
        self.kinds += usize::from(kind_right);
        let registered = fate == Fate::Registered;
        match (order, off_menu) {
            (false, _) => {
                self.others += 1;
                self.others_registered += usize::from(registered);
            }
            (true, true) => {
                self.off_menu += 1;
                self.off_menu_registered += usize::from(registered);
            }
            (true, false) => {
                self.orders += 1;
                self.through += usize::from(fate == Fate::Through);
                self.wrong += usize::from(fate == Fate::Wrong);
            }
        }
    }

    /// Adds another set.
    pub fn merge(&mut self, other: &Fates) {
        self.orders += other.orders;
        self.through += other.through;
        self.wrong += other.wrong;
        self.others += other.others;
        self.others_registered += other.others_registered;
        self.off_menu += other.off_menu;
        self.off_menu_registered += other.off_menu_registered;
        self.messages += other.messages;
        self.kinds += other.kinds;
    }
}

fn share(part: usize, of: usize) -> f64 {
    if of == 0 { 0.0 } else { 100.0 * part as f64 / of as f64 }
}

impl fmt::Display for Fates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = self.orders - self.through - self.wrong;
        write!(
            f,
            "{:5} orders: through {:5.1} %, asked {:5.1} %, wrong {:4.1} %; registered: others {}/{}, off-menu {}/{}; kind {:5.1} %",
            self.orders,
            share(self.through, self.orders),
            share(asked, self.orders),
            share(self.wrong, self.orders),
            self.others_registered,
            self.others,
            self.off_menu_registered,
            self.off_menu,
            share(self.kinds, self.messages),
        )
    }
}
