//! Whether two hosts fit.

use super::shown;
use crate::conf::{Config, Sources, fit, parse_despite_errors};

fn config(iax: &str) -> Config {
    let mut sources = Sources::new();
    sources.add("iax.conf", iax);
    parse_despite_errors(&sources).0.expect("an iax.conf")
}

/// All that is told about two hosts A and B.
#[track_caller]
fn fits(a: &str, b: &str, expected: &[&str]) {
    let told = fit(&config(a), &config(b), "A", "B");
    let shown = shown(&[("A/iax.conf", a), ("B/iax.conf", b)], &told);
    let shown: Vec<String> = shown.iter().map(|line| line.replace("/iax.conf:", ":")).collect();
    assert_eq!(shown, expected, "{a}\n{b}");
}

#[test]
fn two_hosts_that_register_at_each_other() {
    fits(
        "[general]\nregister => B:B@192.168.1.2\n[B]\ntype=friend\nhost=dynamic\ntrunk=yes\nsecret=B\ncontext=iaxinbound\n",
        "[general]\nregister => A:A@192.168.1.2\n[A]\ntype=friend\nhost=dynamic\ntrunk=yes\nsecret=A\ncontext=iaxinbound\n",
        &[
            "error A:2 `B:B@192.168.1.2`: A registers as \"B\" at B, which has no peer of that name (name the section there: register => A:...)",
            "error A:3 `B`: calls to [B] fail with cause 20: B never registers as \"B\" here (write register => B:... at B, or its address as host=)",
            "warning A:3 `B`: A calls [B] without USERNAME: B has to guess, and takes it for [A] (write username=A in [B])",
            "error A:3 `B`: calls of A to [B] are refused: [A] of B has another secret than [B] (write the same secret and auth=md5 at both ends)",
            "error B:2 `A:A@192.168.1.2`: B registers as \"A\" at A, which has no peer of that name (name the section there: register => B:...)",
            "error B:3 `A`: calls to [A] fail with cause 20: A never registers as \"A\" here (write register => A:... at A, or its address as host=)",
            "warning B:3 `A`: B calls [A] without USERNAME: A has to guess, and takes it for [B] (write username=B in [A])",
            "error B:3 `A`: calls of B to [A] are refused: [B] of A has another secret than [A] (write the same secret and auth=md5 at both ends)",
            "warning A:2 `B:B@192.168.1.2`: A and B both register at 192.168.1.2: one of them registers at itself (write the address of the other host in each)",
        ],
    );
}

#[test]
fn the_same_two_hosts_put_right() {
    fits(
        "[general]\nregister => A:s@192.168.1.2\n[B]\ntype=friend\nhost=dynamic\ntrunk=yes\nsecret=s\nusername=A\n",
        "[general]\nregister => B:s@192.168.1.1\n[A]\ntype=friend\nhost=dynamic\ntrunk=yes\nsecret=s\nusername=B\n",
        &[],
    );
}

#[test]
fn two_hosts_by_misspelt_key_pairs() {
    fits(
        "[VOIP2]\ntype=friend\nhost=voip2.domaine.com\nauth=rsa\ninkey=voip1\noutkey=voip2\ntrunk=yes\n",
        "[VOIP1]\ntype=friend\nhost=voip1.domaine.com\nauth=rsa\ninkey=voip2\noutkey=voip1\ntrunk=yes\n",
        &[
            "warning A:1 `VOIP2`: A calls [VOIP2] without USERNAME: B has to guess, and takes it for [VOIP1] (write username=VOIP1 in [VOIP2])",
            "warning A:1 `VOIP2`: [VOIP1] of B asks nothing of callers: what [VOIP2] would prove itself by is never used (write the same secret at both ends)",
            "warning B:1 `VOIP1`: B calls [VOIP1] without USERNAME: A has to guess, and takes it for [VOIP2] (write username=VOIP2 in [VOIP1])",
            "warning B:1 `VOIP1`: [VOIP2] of A asks nothing of callers: what [VOIP1] would prove itself by is never used (write the same secret at both ends)",
        ],
    );
}

#[test]
fn each_end_says_what_the_other_lacks() {
    let far = "[general]\nbindaddr=192.0.2.2\n[west]\ntype=friend\nhost=192.0.2.1\nusername=east\nsecret=s\ndisallow=all\nallow=ulaw\ncontext=in\ntrunk=yes\n";
    for (lines, expected) in [
        ("username=west\nsecret=s\ntrunk=yes", &[][..]),
        (
            "username=West\nsecret=s\ntrunk=yes",
            &[
                "error A:3 `east`: A calls [east] as \"West\", but B has no user of that name (write username=west: names are compared with case)",
            ],
        ),
        (
            "username=other\nsecret=s\ntrunk=yes",
            &[
                "error A:3 `east`: A calls [east] as \"other\", but B has no user of that name (write a section [other] of type user or friend at B)",
            ],
        ),
        (
            "username=west\nsecret=t\ntrunk=yes",
            &[
                "error A:3 `east`: calls of A to [east] are refused: [west] of B has another secret than [east] (write the same secret and auth=md5 at both ends)",
                "error B:3 `west`: calls of B to [west] are refused: [east] of A has another secret than [west] (write the same secret and auth=md5 at both ends)",
            ],
        ),
        (
            "username=west\ntrunk=yes",
            &[
                "error A:3 `east`: calls of A to [east] are refused: [west] of B asks for a secret, and [east] has none (write the same secret and auth=md5 at both ends)",
                "warning B:3 `west`: [east] of A asks nothing of callers: what [west] would prove itself by is never used (write the same secret at both ends)",
            ],
        ),
        (
            "username=west\nsecret=s",
            &[
                "warning B:3 `west`: [west] trunks, but [east] of A does not (write trunk=yes at both ends: voice from there comes in a datagram a frame)",
            ],
        ),
        (
            "username=west\nsecret=s\ntrunk=yes\ndisallow=all\nallow=gsm",
            &[
                "error A:3 `east`: [east] and [west] of B have no codec in common (allow one of gsm there, or one of ulaw here)",
                "error B:3 `west`: [west] and [east] of A have no codec in common (allow one of ulaw there, or one of gsm here)",
            ],
        ),
        (
            "username=west\nsecret=s\ntrunk=yes\npeercontext=out",
            &[
                "error A:3 `east`: [east] asks for context \"out\", which [west] of B does not allow (write context=out there, or remove peercontext)",
            ],
        ),
        (
            "username=west\nsecret=s\ntrunk=yes\nport=4570",
            &[
                "warning A:3 `east`: [east] calls port 4570, but B is bound to 4569 (write the far end's port, unless an address translator on the way changes it)",
            ],
        ),
    ] {
        fits(
            &format!(
                "[general]\nbindaddr=192.0.2.1\n[east]\ntype=friend\nhost=192.0.2.2\n{lines}\n"
            ),
            far,
            expected,
        );
    }
}

#[test]
fn a_registration_needs_a_dynamic_peer_and_its_secret() {
    let far = "[west]\ntype=friend\nhost=dynamic\nsecret=s\n[fixed]\ntype=peer\nhost=192.0.2.1\nsecret=s\n[open]\ntype=peer\nhost=dynamic\n";
    for (line, expected) in [
        ("west:s@192.0.2.2", &[][..]),
        (
            "west:t@192.0.2.2",
            &[
                "error A:2 `west:t@192.0.2.2`: A cannot register at B: [west] there has another secret (write the same secret at both ends)",
            ],
        ),
        (
            "west@192.0.2.2",
            &[
                "error A:2 `west@192.0.2.2`: A cannot register at B: [west] there asks for a secret, and this line has none (write the same secret at both ends)",
            ],
        ),
        (
            "fixed:s@192.0.2.2",
            &[
                "error A:2 `fixed:s@192.0.2.2`: B refuses to register [fixed]: its host is not dynamic (write host=dynamic there, or remove this line)",
            ],
        ),
        ("open@192.0.2.2", &[]),
        (
            "WEST:s@192.0.2.2",
            &[
                "error A:2 `WEST:s@192.0.2.2`: A registers as \"WEST\" at B, which has no peer of that name (name the section there: register => west:...)",
            ],
        ),
    ] {
        fits(&format!("[general]\nregister => {line}\n"), far, expected);
    }
}

#[test]
fn only_sections_that_mean_the_other_host_are_judged() {
    fits(
        "[east]\ntype=friend\nhost=192.0.2.2\nusername=west\nsecret=s\n[carrier]\ntype=peer\nhost=203.0.113.1\nusername=us\nsecret=x\n",
        "[west]\ntype=friend\nhost=192.0.2.1\nusername=east\nsecret=s\n[other]\ntype=friend\nhost=198.51.100.1\nsecret=y\n",
        &[],
    );
    fits(
        "[a]\ntype=user\nsecret=s\n",
        "[b]\ntype=user\nsecret=s\n",
        &[
            "warning: no section of A means B, and none of B means A (write username= in each peer section: the section at the far end)",
        ],
    );
}
