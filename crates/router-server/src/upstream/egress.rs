//! Which addresses the router may dial. The judgement falls on the socket address about to be dialled,
//! at every connect, for names and for literals alike.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::Proxy;

/// Scheme, host and port: what an allowance names and what a provider key belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// `http` or `https`.
    pub scheme: String,
    /// Host as written, lower case, IPv6 literals without brackets.
    pub host: String,
    /// Explicit, or the scheme's own.
    pub port: u16,
}

impl Origin {
    /// The origin of an absolute URI; `None` if it is not http or https, or has no host.
    #[must_use]
    pub fn of(uri: &http::Uri) -> Option<Self> {
        let scheme = uri.scheme_str()?.to_ascii_lowercase();
        let default_port = match scheme.as_str() {
            "http" => 80,
            "https" => 443,
            _ => return None,
        };
        let host = uri.host()?.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        Some(Self { scheme, host, port: uri.port_u16().unwrap_or(default_port) })
    }
}

/// What may be dialled beyond public addresses over https.
#[derive(Clone, Debug, Default)]
pub struct EgressPolicy {
    /// Origins named in files or environment: allowed by that, wherever they point, cloud metadata excepted.
    pub origins: HashSet<Origin>,
    /// Plain http to public hosts (`egress.allow_insecure_http`).
    pub allow_insecure_http: bool,
    /// Through which all connections go (`egress.proxy`).
    pub proxy: Option<Arc<Proxy>>,
}

/// Why an address is not dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Not a public address, and the origin is not allowed.
    #[error("the address is not public and its origin is not allowed")]
    NotPublic,
    /// Cloud metadata is closed whatever is allowed.
    #[error("cloud metadata addresses are closed")]
    Metadata,
    /// Plain http to a public host.
    #[error("plain http to a public host needs egress.allow_insecure_http")]
    InsecureHttp,
}

impl EgressPolicy {
    /// Judges one address that `origin` resolved to.
    ///
    /// # Errors
    /// The reason for a refusal.
    pub fn judge(&self, origin: &Origin, address: IpAddr) -> Result<(), Denied> {
        let address = unmapped(address);
        if is_metadata(address) {
            return Err(Denied::Metadata);
        }
        if self.origins.contains(origin) {
            return Ok(());
        }
        if !is_public(address) {
            return Err(Denied::NotPublic);
        }
        if origin.scheme == "http" && !self.allow_insecure_http {
            return Err(Denied::InsecureHttp);
        }
        Ok(())
    }
}

/// The IPv4 address inside an IPv6 form that embeds one (mapped, compatible, 6to4, NAT64), else the address itself.
fn unmapped(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let segments = v6.segments();
    let pair = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => pair(high, low),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => pair(high, low),
        [0x2002, high, low, ..] => pair(high, low),
        _ => address,
    }
}

fn is_metadata(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => matches!(v4.octets(), [169, 254, 169, 254 | 253] | [169, 254, 170, 2] | [100, 100, 100, 200]),
        IpAddr::V6(v6) => v6.segments() == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254],
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

/// Special ranges of the IANA IPv4 special-purpose registry are closed.
fn is_public_v4(v4: Ipv4Addr) -> bool {
    let closed = v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_broadcast()
        || v4.is_documentation()
        || v4.is_multicast()
        || matches!(
            v4.octets(),
            [0, ..] | [100, 64..=127, ..] | [192, 0, 0, _] | [192, 88, 99, _] | [198, 18..=19, ..] | [240..=255, ..]
        );
    !closed
}

/// Only global unicast (2000::/3) without the documentation and benchmarking ranges is public.
fn is_public_v6(v6: Ipv6Addr) -> bool {
    let segments = v6.segments();
    let [first, second, ..] = segments;
    let documentation = first == 0x2001 && (second == 0xdb8 || second == 0x2 || second == 0);
    (first & 0xe000) == 0x2000 && !documentation && first != 0x3fff
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        Origin::of(&text.parse().unwrap()).unwrap()
    }

    #[test]
    fn public_https_is_open_and_everything_special_is_closed() {
        let policy = EgressPolicy::default();
        let https = origin("https://api.example.com/v1");
        for (address, open) in [
            ("93.184.216.34", true),
            ("2606:4700::1111", true),
            ("127.0.0.1", false),
            ("10.1.2.3", false),
            ("172.16.0.1", false),
            ("192.168.1.1", false),
            ("169.254.1.1", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("100.100.100.200", false),
            ("0.0.0.0", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("198.18.0.1", false),
            ("::1", false),
            ("::", false),
            ("fe80::1", false),
            ("fc00::1", false),
            ("ff02::1", false),
            ("2001:db8::1", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:93.184.216.34", true),
            ("64:ff9b::7f00:1", false),
            ("2002:7f00:1::", false),
            ("::7f00:1", false),
            ("fd00:ec2::254", false),
        ] {
            assert_eq!(policy.judge(&https, address.parse().unwrap()).is_ok(), open, "{address}");
        }
    }

    #[test]
    fn an_allowance_is_exact() {
        let mut policy = EgressPolicy::default();
        policy.origins.insert(origin("http://127.0.0.1:8001/v1"));
        let loopback = "127.0.0.1".parse().unwrap();
        assert_eq!(policy.judge(&origin("http://127.0.0.1:8001/x"), loopback), Ok(()));
        for other in ["http://127.0.0.1:8002", "https://127.0.0.1:8001", "http://localhost:8001"] {
            assert_eq!(policy.judge(&origin(other), loopback), Err(Denied::NotPublic), "{other}");
        }
    }

    #[test]
    fn metadata_stays_closed_even_when_named() {
        let mut policy = EgressPolicy::default();
        policy.origins.insert(origin("http://169.254.169.254/latest"));
        let address = "169.254.169.254".parse().unwrap();
        assert_eq!(policy.judge(&origin("http://169.254.169.254/"), address), Err(Denied::Metadata));
    }

    #[test]
    fn plain_http_to_public_hosts_needs_a_switch() {
        let mut policy = EgressPolicy::default();
        let address = "93.184.216.34".parse().unwrap();
        assert_eq!(policy.judge(&origin("http://example.com"), address), Err(Denied::InsecureHttp));
        policy.allow_insecure_http = true;
        assert_eq!(policy.judge(&origin("http://example.com"), address), Ok(()));
    }
}
