//! Connection URLs for libpq.

use std::path::Path;

use crate::socket::PORT;

/// `postgresql://role@/database?host=%2Fdir&port=5432`. The port is named because the variable
/// `PGPORT` would otherwise choose another socket.
pub(crate) fn url(socket_dir: &Path, role: &str, database: &str) -> String {
    let host = encode(socket_dir.as_os_str().as_encoded_bytes());
    let (role, database) = (encode(role.as_bytes()), encode(database.as_bytes()));
    format!("postgresql://{role}@/{database}?host={host}&port={PORT}")
}

/// Keeps the unreserved characters of RFC 3986 section 2.3.
fn encode(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            text + &char::from(*byte).to_string()
        }
        _ => format!("{text}%{byte:02X}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_what_a_url_cannot_hold() {
        assert_eq!(
            url(Path::new("/run/a b"), "veza_app", "veza"),
            "postgresql://veza_app@/veza?host=%2Frun%2Fa%20b&port=5432"
        );
    }
}
