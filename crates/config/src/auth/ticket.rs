//! `auth.ticket`.

use super::By;
use super::principals::{self, Who};
use crate::reading::{Fields, Reading};
use crate::secrets::Secret;

/// A client with a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketPrincipal {
    /// The key in `principals`.
    pub authid: String,
    /// `role`. Needed.
    pub role: String,
    /// `realm`: the realm it joins. Default: the one it asks for.
    pub realm: Option<String>,
    /// `ticket`: the ticket, or `${NAME}` for an environment variable. Needed.
    pub ticket: Secret,
}

pub(super) fn read(reading: &mut Reading<'_>, fields: &mut Fields<'_>, by: &By<'_>) -> Vec<TicketPrincipal> {
    principals::read(reading, fields, "principals", by, |reading, fields, who| {
        let ticket = fields.required(reading, "ticket").and_then(|at| reading.secret(&at))?;
        let Who { authid, role, realm } = who;
        Some(TicketPrincipal { authid, role, realm, ticket })
    })
}
