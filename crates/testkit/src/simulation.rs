//! Seeded simulation of a realm.
