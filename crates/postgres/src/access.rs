//! Who may log in: the files that PostgreSQL calls hba and ident.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::site::Site;
use crate::{Account, Error, Settings, directory};

/// The kernel vouches for the user at the other end of the socket; the map says what he may be.
const HBA: &str = "\
# Written at every start.
local all         all peer map=veza
local replication all peer map=veza
";

/// Writes both files beside the data directory, where the server can read but not change them.
pub(crate) fn write(site: &Site, settings: &Settings) -> Result<(), Error> {
    let users = BTreeSet::from([Account::current_name()?, site.account.name().to_owned()]);
    directory::replace(&site.beside("hba"), HBA)?;
    directory::replace(&site.beside("ident"), &ident(&users, &settings.all_roles()?))
}

/// One line per user and role: a keyword for "every role" exists only since PostgreSQL 16.
fn ident(users: &BTreeSet<String>, roles: &[&str]) -> String {
    let mut text = String::from("# Written at every start.\n");
    for (user, role) in users.iter().flat_map(|user| roles.iter().map(move |role| (user, role))) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "veza \"{user}\" \"{role}\"");
    }
    text
}
