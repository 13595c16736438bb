//! `permit`, `deny` and the named lists of `acl.conf`; networks as all keys write them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::item::{Item, Told, canonical, items};
use super::keys::{self, Scope};
use super::{Diagnostic, Rule, Sources, suggest, syntax};

/// The lists of `acl.conf` by name.
pub(super) type NamedLists = HashMap<String, Vec<Rule>>;

/// Reads `acl.conf`, if there is one.
pub(super) fn named_lists(sources: &Sources, told: &mut Told) -> NamedLists {
    let mut lists = NamedLists::new();
    for section in
        syntax::read(sources, "acl.conf", told).iter().filter(|section| !section.template)
    {
        let rules = lists.entry(section.name.clone()).or_default();
        for line in &section.lines {
            let key = keys::find(&line.key, Scope::USER)
                .filter(|key| matches!(key.name, "permit" | "deny"));
            let Some(key) = key else {
                told.push(
                    Diagnostic::error(
                        line.key_place.clone(),
                        format!("acl.conf has no key \"{}\"", line.key),
                    )
                    .help("write permit= or deny="),
                );
                continue;
            };
            rules.extend(self::rules(Item { key, line }, told));
        }
    }
    lists
}

/// The items of a `permit` or `deny` line.
pub(super) fn rules(item: Item<'_>, told: &mut Told) -> Vec<Rule> {
    let mut rules = Vec::new();
    for (written, range) in items(&item.line.value, &[',']) {
        let (text, inverted) = match written.strip_prefix('!') {
            Some(text) => (text, true),
            None => (written, false),
        };
        match net(text) {
            Ok(net) => rules.push(Rule { net, permit: (item.key.name == "permit") != inverted }),
            Err(wrong) => told.push(
                Diagnostic::error(item.part(range), format!("\"{text}\" {wrong}"))
                    .help("write an address, 192.0.2.0/24 or 192.0.2.0/255.255.255.0"),
            ),
        }
    }
    if item.line.value.is_empty() {
        item.refuse::<()>(told);
    }
    rules
}

/// The lists that an `acl` line names.
pub(super) fn lists(
    item: Item<'_>,
    known: &NamedLists,
    told: &mut Told,
) -> Vec<(String, Vec<Rule>)> {
    let mut lists = Vec::new();
    for (name, range) in items(&item.line.value, &[',']) {
        let Some(rules) = known.get(name) else {
            let help = match suggest::nearest(name, known.keys().map(String::as_str)) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("write a section [{name}] with permit and deny lines in acl.conf"),
            };
            let message = format!("acl.conf has no list [{name}]");
            told.push(Diagnostic::error(item.part(range), message).help(help));
            continue;
        };
        lists.push((name.to_owned(), rules.clone()));
    }
    if item.line.value.is_empty() {
        item.refuse::<()>(told);
    }
    lists
}

/// An address, `address/bits` or `address/mask`. The error says what is wrong with it.
pub(super) fn net(text: &str) -> Result<IpNet, &'static str> {
    let (address, mask) = match text.split_once('/') {
        Some((address, mask)) => (address.trim(), Some(mask.trim())),
        None => (text, None),
    };
    let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    let written: IpAddr = bare.parse().map_err(|_| "is not an address")?;
    let all = if written.is_ipv4() { 32 } else { 128 };
    let bits = match mask {
        None => all,
        Some(mask) => bits(mask, written)?,
    };
    let address = canonical(written);
    let bits = match (written, address) {
        (IpAddr::V6(_), IpAddr::V4(_)) => {
            bits.checked_sub(96).ok_or("covers more than the IPv4 addresses")?
        }
        _ => bits,
    };
    IpNet::new(address, bits).map(|net| net.trunc()).map_err(|_| "has more bits than the address")
}

/// The bits of a mask in either notation.
fn bits(mask: &str, address: IpAddr) -> Result<u8, &'static str> {
    if mask.bytes().all(|octet| octet.is_ascii_digit()) {
        return mask.parse().map_err(|_| "has no number of bits after its /");
    }
    let (mask, len) = match address {
        IpAddr::V4(_) => {
            (mask.parse::<Ipv4Addr>().map(|mask| u128::from(mask.to_bits()) << 96), 32)
        }
        IpAddr::V6(_) => (mask.parse::<Ipv6Addr>().map(Ipv6Addr::to_bits), 128),
    };
    let mask = mask.map_err(|_| "has no mask after its /")?;
    let ones = mask.leading_ones();
    if mask.count_ones() != ones || ones > len {
        return Err("has a mask with gaps");
    }
    u8::try_from(ones).map_err(|_| "has a mask with gaps")
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::net;
    use crate::conf::{Acl, Rule};

    #[test]
    fn networks_are_written_in_many_ways() {
        for (text, expected) in [
            ("192.0.2.7", Ok("192.0.2.7/32")),
            ("192.0.2.7/24", Ok("192.0.2.0/24")),
            ("192.0.2.7/255.255.255.0", Ok("192.0.2.0/24")),
            ("0.0.0.0/0.0.0.0", Ok("0.0.0.0/0")),
            ("2001:db8::1/32", Ok("2001:db8::/32")),
            ("2001:db8::1/ffff:ffff::", Ok("2001:db8::/32")),
            ("[::1]", Ok("::1/128")),
            ("::ffff:192.0.2.7/120", Ok("192.0.2.0/24")),
            ("::ffff:192.0.2.7/8", Err("covers more than the IPv4 addresses")),
            ("192.0.2.0/33", Err("has more bits than the address")),
            ("192.0.2.0/", Err("has no number of bits after its /")),
            ("192.0.2.0/255.0.255.0", Err("has a mask with gaps")),
            ("192.0.2.0/x", Err("has no mask after its /")),
            ("example.com", Err("is not an address")),
            ("", Err("is not an address")),
        ] {
            let shown = net(text).map(|net| net.to_string());
            assert_eq!(shown.as_deref().map_err(|wrong| *wrong), expected, "{text}");
        }
    }

    fn acl(rules: &[(&str, bool)]) -> Acl {
        let rule =
            |(net, permit): &(&str, bool)| Rule { net: net.parse().unwrap(), permit: *permit };
        Acl { rules: rules.iter().map(rule).collect(), named: Vec::new() }
    }

    #[test]
    fn a_list_narrows_to_whom_it_names_and_not_to_all_it_leaves_alone() {
        let [inside, outside]: [IpAddr; 2] =
            ["192.0.2.7", "203.0.113.1"].map(|ip| ip.parse().unwrap());
        let narrow = acl(&[("0.0.0.0/0", false), ("192.0.2.0/24", true)]);
        assert!(narrow.narrows_to(inside) && !narrow.narrows_to(outside));
        let shuts_one_out = acl(&[("192.0.2.0/24", false)]);
        assert!(shuts_one_out.allows(outside) && !shuts_one_out.narrows_to(outside));
        let open = acl(&[("192.0.2.0/24", true)]);
        assert!(open.allows(inside) && !open.narrows_to(inside), "it keeps nobody out");
    }
}
