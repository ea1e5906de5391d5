//! The host a request is for, and the tenant in it.

use crate::codes::HOST_INVALID;
use crate::problem::Problem;

/// The host name in an authority such as `Acme.Example.com.:443`: in lower case, without the port
/// and the root's dot. An IP address passes, a name with other than ASCII characters does not.
pub(crate) fn normalise(authority: &str) -> Result<String, Problem> {
    let refuse = || Problem::new(&HOST_INVALID, "the host is not a host name with an optional port");
    let name = if authority.starts_with('[') {
        let (name, port) = authority.rsplit_once(']').ok_or_else(refuse)?;
        if !(port.is_empty() || port.strip_prefix(':').is_some_and(is_port)) {
            return Err(refuse());
        }
        return name.get(1..).map(str::to_ascii_lowercase).ok_or_else(refuse);
    } else if let Some((name, port)) = authority.split_once(':') {
        if !is_port(port) {
            return Err(refuse());
        }
        name
    } else {
        authority
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() || name.len() > 253 || !name.split('.').all(is_label) {
        return Err(refuse());
    }
    Ok(name.to_ascii_lowercase())
}

/// The tenant that `host` names below `base`: one label, in front of it. An internationalised label
/// is refused: two that look the same are different tenants.
pub(crate) fn slug(host: &str, base: Option<&str>) -> Result<Option<String>, Problem> {
    let below = base.and_then(|base| host.strip_suffix(base)).and_then(|rest| rest.strip_suffix('.'));
    match below {
        Some(label) if label.split('.').any(|part| part.starts_with("xn--")) => Err(Problem::new(
            &HOST_INVALID,
            "the name of a tenant has only ASCII letters, digits and hyphens",
        )),
        Some(label) if !label.contains('.') => Ok(Some(label.to_owned())),
        _ => Ok(None),
    }
}

fn is_port(text: &str) -> bool {
    text.is_empty() || (text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok())
}

fn is_label(label: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !label.is_empty()
        && label.len() <= 63
        && label.bytes().all(inside)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_normalised() {
        for (authority, host) in [
            ("example.com", "example.com"),
            ("Acme.Example.COM.:8443", "acme.example.com"),
            ("127.0.0.1:80", "127.0.0.1"),
            ("[2001:DB8::1]:80", "2001:db8::1"),
            ("localhost:", "localhost"),
        ] {
            assert_eq!(normalise(authority).unwrap(), host);
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        let long = format!("{}.com", "a".repeat(64));
        for authority in [
            "",
            ".",
            "a..b",
            "exämple.com",
            "a b",
            "user@host",
            "a/b",
            "host:port",
            "host:99999",
            "-a.com",
            "a:1:2",
            "[::1",
            "[::1]x",
            "a\u{200b}.com",
            &long,
        ] {
            assert!(normalise(authority).is_err(), "{authority}");
        }
    }

    #[test]
    fn one_label_below_the_base_is_a_tenant() {
        let slug = |host| slug(host, Some("example.com"));
        assert_eq!(slug("acme.example.com").unwrap().as_deref(), Some("acme"));
        for host in ["example.com", "a.b.example.com", "evilexample.com", "acme.example.org"] {
            assert_eq!(slug(host).unwrap(), None, "{host}");
        }
        assert!(slug("xn--acm-epa.example.com").is_err());
    }
}
