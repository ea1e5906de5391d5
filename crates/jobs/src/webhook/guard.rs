//! Where webhooks may go: not to what only this server can reach (server-side request forgery).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Decides by address, after the name was resolved: a name can mean anything.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guard {
    pub(super) allow_private: bool,
}

/// The address is none that tenants may have called.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("webhooks go over https only")]
    Plain,
    #[error("webhooks do not go to private addresses")]
    Private,
}

impl Guard {
    /// Checks what is known before the name is resolved.
    pub(super) fn check(self, url: &Url) -> Result<(), Refused> {
        if self.allow_private {
            return Ok(());
        }
        if url.scheme() != "https" {
            return Err(Refused::Plain);
        }
        // An address in the URL is never resolved.
        let literal = url.host_str().and_then(|host| host.trim_matches(['[', ']']).parse::<IpAddr>().ok());
        if literal.is_some_and(|address| !is_public(address)) { Err(Refused::Private) } else { Ok(()) }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> =
                found.filter(|address| allow_private || is_public(address.ip())).collect();
            if allowed.is_empty() {
                return Err(Refused::Private.into());
            }
            Ok::<Addrs, _>(Box::new(allowed.into_iter()))
        })
    }
}

/// Whether an address is somewhere in the internet (IANA's registries of special-purpose addresses).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b))
        // Public by the registries; within Azure, the host that each machine runs on.
        || address == Ipv4Addr::new(168, 63, 129, 16);
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    // Only 2000::/3 is given out; within it, what embeds or tunnels IPv4, and documentation.
    let global = (a & 0xe000) == 0x2000;
    let special = a == 0x2002
        || (a == 0x2001 && b < 0x200)
        || (a == 0x2001 && b == 0xdb8)
        || (a == 0x3fff && b < 0x1000);
    global && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_internet_is_public() {
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "240.0.0.1",
            "168.63.129.16",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "ff02::1",
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001::1"] {
            assert!(is_public(outside.parse().unwrap()), "{outside}");
        }
    }

    #[test]
    fn urls_are_checked_before_names_are_resolved() {
        let check = |url: &str| Guard { allow_private: false }.check(&url.parse().unwrap()).is_ok();
        assert!(check("https://example.com/hook"));
        assert!(!check("http://example.com/hook"));
        // The parser reads all of these as an address.
        for inside in [
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://[::ffff:10.0.0.1]/",
        ] {
            assert!(!check(inside), "{inside}");
        }
        assert!(Guard { allow_private: true }.check(&"http://127.0.0.1/".parse().unwrap()).is_ok());
    }
}
