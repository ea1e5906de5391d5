//! Addresses of this machine.

use std::net::{IpAddr, SocketAddr};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

use super::config::PlaneConfig;
use super::handle::EVERYWHERE;

/// The addresses to listen on.
pub(super) fn listened(config: &PlaneConfig) -> Vec<IpAddr> {
    if config.listen.is_empty() { EVERYWHERE.to_vec() } else { config.listen.clone() }
}

/// The addresses to tell peers: as configured, else those that are listened on, else those of the machine. Where it has none
/// but its loopback, as a laptop in a tunnel, that.
pub(super) fn announced(config: &PlaneConfig, bound: &[SocketAddr]) -> Vec<IpAddr> {
    if !config.announce.is_empty() {
        return config.announce.clone();
    }
    let named: Vec<IpAddr> = config.listen.iter().copied().filter(|ip| !ip.is_unspecified()).collect();
    if !named.is_empty() {
        return named;
    }
    let takes = |ip: &IpAddr| bound.iter().any(|address| address.is_ipv4() == ip.is_ipv4());
    let all: Vec<IpAddr> = own().into_iter().filter(takes).collect();
    let outside: Vec<IpAddr> = all.iter().copied().filter(|ip| !ip.is_loopback()).collect();
    if outside.is_empty() { all } else { outside }
}

/// Addresses of interfaces that are up, without those that only neighbours know.
fn own() -> Vec<IpAddr> {
    let Ok(interfaces) = getifaddrs() else { return Vec::new() };
    let mut found = Vec::new();
    for interface in interfaces.filter(|it| it.flags.contains(InterfaceFlags::IFF_UP)) {
        let Some(address) = interface.address else { continue };
        let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
        let v6 = address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip()));
        let local = |ip: &IpAddr| match ip {
            IpAddr::V4(ip) => ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        };
        found.extend(v4.or(v6).filter(|ip| !local(ip) && !found.contains(ip)));
    }
    found.sort_by_key(|ip: &IpAddr| ip.is_ipv6());
    found
}
