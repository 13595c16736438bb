//! Whole files and what they mean.

mod fits;
mod seeds;
mod told;

use std::net::SocketAddr;
use std::time::Duration;

use super::general::GeneralDraft;
use super::item::Item;
use super::keys::{self, Mark, Scope};
use super::*;
use dataplane::wire::{Capability, MediaFormat};

/// `iax.conf` alone, read with all that is told.
fn read(iax: &str) -> (Option<Config>, Vec<Diagnostic>) {
    read_files(&[("iax.conf", iax)])
}

fn read_files(files: &[(&str, &str)]) -> (Option<Config>, Vec<Diagnostic>) {
    let mut sources = Sources::new();
    for (name, text) in files {
        sources.add(*name, *text);
    }
    parse(&sources)
}

/// A configuration about which nothing is told.
fn silent(iax: &str) -> Config {
    let (config, told) = read(iax);
    assert_eq!(told, [], "{iax}");
    config.expect("no error")
}

/// `error 2 "marked": message (help)`, one for each diagnostic.
fn shown(files: &[(&str, &str)], told: &[Diagnostic]) -> Vec<String> {
    told.iter()
        .map(|diagnostic| {
            let level = match diagnostic.level {
                Level::Error => "error",
                Level::Warning => "warning",
            };
            let help =
                diagnostic.help.as_deref().map(|help| format!(" ({help})")).unwrap_or_default();
            let Some(place) = &diagnostic.place else {
                return format!("{level}: {}{help}", diagnostic.message);
            };
            let text =
                files.iter().find(|(name, _)| *name == &*place.file).expect("a file of ours").1;
            let marked = text.get(place.span.clone()).expect("a span within the file");
            format!(
                "{level} {}:{} `{marked}`: {}{help}",
                place.file, place.line, diagnostic.message
            )
        })
        .collect()
}

#[test]
fn every_default_of_the_table_is_what_holds_without_it() {
    let told = &mut Vec::new();
    for key in keys::all().filter(|key| key.mark == Mark::Honour && !key.default.is_empty()) {
        let (file, section, head) = match key.scope {
            scope if scope.meets(Scope::GENERAL) => ("iax.conf", "general", ""),
            scope if scope.meets(Scope::BOTH) => {
                ("iax.conf", "x", "type=friend\nhost=192.0.2.1\nsecret=s\n")
            }
            Scope::SWITCH => ("trunkline.conf", "general", ""),
            Scope::TERMS => ("trunkline.conf", "x", ""),
            Scope::DATAPLANE => ("trunkline.conf", "dataplane", ""),
            _ => ("trunkline.conf", "log", ""),
        };
        let read_with = |line: &str| {
            let text = format!("[{section}]\n{head}{line}\n");
            let iax = if file == "iax.conf" { "" } else { "[x]\ntype=user\nsecret=s\n" };
            let (config, diagnostics) = read_files(&[("iax.conf", iax), (file, &text)]);
            told.extend(diagnostics);
            config.map(|config| format!("{config:?}")).expect("no error")
        };
        let mut read_with = read_with;
        let with = read_with(&format!("{} = {}", key.name, key.default));
        let without = read_with("");
        let expected = match key.name {
            // Written, the level is a filter.
            "level" => without.replace("filter: \"\"", "filter: \"info\""),
            _ => without,
        };
        assert_eq!(with, expected, "{}", key.name);
    }
    assert_eq!(*told, []);
}

#[test]
fn every_honoured_key_is_known_to_a_reader() {
    let named = access::NamedLists::new();
    let mut draft = GeneralDraft::new();
    let place = Place { file: "iax.conf".into(), line: 1, span: 0..0 };
    let mut user = user::UserDraft::new("x", place.clone(), &draft.shared);
    let mut peer = peer::PeerDraft::new("x", place, &draft.shared);
    let mut sources = Sources::new();
    for key in keys::all().filter(|key| key.mark == Mark::Honour && key.name != "type") {
        sources.add("a", format!("[a]\n{}={}\n", key.name, key.default));
        let sections = syntax::read(&sources, "a", &mut Vec::new());
        let item = Item { key, line: &sections[0].lines[0] };
        let told = &mut Vec::new();
        for scope in key.scope.iter() {
            let known = match scope {
                Scope::GENERAL | Scope::SWITCH => draft.set(item, told),
                Scope::USER => user.set(item, &named, told),
                Scope::PEER => peer.set(item, &named, told),
                _ => trunkline::knows(item, told),
            };
            assert!(known, "{} in {scope:?}", key.name);
        }
    }
}

#[test]
fn an_empty_file_is_a_switch_with_defaults() {
    let config = silent("");
    let bind: SocketAddr = "0.0.0.0:4569".parse().expect("an address");
    assert_eq!(config.general.binds, [bind]);
    assert_eq!(config.general.trunk_freq, Duration::from_millis(20));
    assert_eq!(config.general.new_timeout, Duration::from_secs(2));
    assert!(config.users.is_empty() && config.peers.is_empty());
    assert_eq!(config.dataplane.legs_max, 65_536);
}

#[test]
fn without_iax_conf_there_is_nothing() {
    let files = [("extensions.conf", "[default]\n")];
    let (config, told) = read_files(&files);
    assert!(config.is_none());
    assert_eq!(
        shown(&files, &told),
        ["error: there is no iax.conf (give the directory that holds it)"]
    );
}

#[test]
fn general_is_read_key_by_key() {
    let config = silent(
        "[general]\nbindport=4570\nbindaddr=127.0.0.1\nbindaddr=[::1]:4571\nbindaddr=::1\ntos=ef\ncos=5\nsrvlookup=yes\n\
         trunkfreq=30\ntrunkmtu=1400\ntrunktimestamps=no\nmaxregexpire=3600\ncalltokenoptional=192.0.2.7/24\n\
         calltokenoptional=::ffff:192.0.2.9\nmaxcallnumbers=100\ndelayreject=on\nautokill=yes\nlagrqtime=0\n",
    );
    let general = &config.general;
    let binds: Vec<String> = general.binds.iter().map(SocketAddr::to_string).collect();
    assert_eq!(binds, ["127.0.0.1:4570", "[::1]:4571", "[::1]:4570"]);
    assert_eq!((general.tos, general.cos, general.srv_lookup), (0xb8, 5, true));
    assert_eq!((general.trunk_mtu, general.trunk_timestamps), (1400, false));
    assert_eq!(general.trunk_freq, Duration::from_millis(30));
    assert_eq!(general.min_reg_expire, Duration::from_secs(60));
    assert_eq!(general.max_reg_expire, Duration::from_secs(3600));
    let optional: Vec<String> =
        general.call_token_optional.iter().map(ToString::to_string).collect();
    assert_eq!(optional, ["192.0.2.0/24", "192.0.2.9/32"]);
    assert_eq!(general.max_call_numbers, MaxCallNumbers::Limit(100));
    assert_eq!(general.autokill, Some(Duration::from_secs(2)));
    assert_eq!(general.lagrq_time, Duration::ZERO);
}

#[test]
fn a_friend_is_a_user_and_a_peer() {
    let config = silent(
        "[general]\nlanguage=fr\n[east]\ntype=friend\nport=4570\nhost=192.0.2.1\nusername=west\nsecret=a\nsecret=b\\;c\n\
         context=one\ncontext=two\ncontext=*\ntrunk=yes\nqualify=500\nqualifysmoothing=yes\ndisallow=all\nallow=alaw,gsm\n\
         setvar=A=1\nsetvar=A=2\nsetvar=B=\ncallerid=\"East (1)\" <(02) 34-5.6>\npeercontext=in\nlanguage=de\n",
    );
    let (user, peer) = (&config.users[0], &config.peers[0]);
    let secrets = |credentials: &Credentials| -> Vec<Vec<u8>> {
        credentials.secrets.iter().map(|secret| secret.reveal().to_vec()).collect()
    };
    assert_eq!(secrets(&user.credentials), [b"a".to_vec(), b"b;c".to_vec()]);
    assert_eq!(secrets(&peer.credentials), [b"b;c".to_vec()]);
    assert_eq!(user.credentials.methods, Methods::MD5);
    assert_eq!(
        (user.contexts.as_slice(), user.any_context),
        (["one".to_owned(), "two".to_owned()].as_slice(), true)
    );
    assert_eq!(peer.host, Host::Address("192.0.2.1:4570".parse().expect("an address")));
    assert_eq!(user.host.as_ref(), Some(&peer.host));
    assert_eq!(peer.codecs.order, [MediaFormat::ALAW, MediaFormat::GSM]);
    assert_eq!(user.variables, [("A".to_owned(), "2".to_owned()), ("B".to_owned(), String::new())]);
    let id = CallerId { number: Some("023456".to_owned()), name: Some("East (1)".to_owned()) };
    assert_eq!(user.caller_id.as_ref(), Some(&id));
    assert_eq!(user.max_auth_req, 1000, "a trunk peer's");
    assert_eq!(
        (user.language.as_deref(), user.default_language.as_deref()),
        (Some("de"), Some("fr"))
    );
    let qualify = peer.qualify.expect("on");
    assert_eq!((qualify.max, qualify.smoothing), (Duration::from_millis(500), true));
    assert_eq!(
        (peer.trunk, peer.username.as_deref(), peer.peer_context.as_deref()),
        (true, Some("west"), Some("in"))
    );
}

#[test]
fn sections_inherit_what_they_do_not_say() {
    let config = silent(
        "[general]\ndisallow=all\nallow=ulaw\nconnectedline=yes\nrequirecalltoken=no\n"
            .replace("requirecalltoken=no\n", "")
            .as_str(),
    );
    assert!(config.users.is_empty());
    let config = silent(
        "[general]\ndisallow=all\nallow=ulaw\nconnectedline=send\ncodecpriority=caller\nmaxauthreq=7\n\
         [t](!)\ntype=friend\nhost=dynamic\nsecret=s\nallow=gsm\n[a](t)\ncodecpriority=host\n[b](t)\nsecret=t\nallow=!all,alaw\n",
    );
    let [a, b] = config.users.as_slice() else { panic!("two users") };
    assert_eq!(a.codecs.order, [MediaFormat::ULAW, MediaFormat::GSM]);
    assert_eq!(b.codecs.set, Capability::from(MediaFormat::ALAW));
    assert_eq!((a.codec_priority, b.codec_priority), (CodecPriority::Host, CodecPriority::Caller));
    assert_eq!((a.max_auth_req, b.credentials.secrets.len()), (7, 2));
    assert_eq!(a.connected_line, ConnectedLine { send: true, receive: false });
    assert_eq!(config.peers[1].credentials.secrets, [Secret::new("t")]);
}

#[test]
fn the_last_rule_that_covers_a_source_decides() {
    let files = [
        (
            "iax.conf",
            "[x]\ntype=user\nsecret=s\ndeny=0.0.0.0/0.0.0.0\npermit=192.0.2.0/24,!192.0.2.9\nacl=office\n",
        ),
        ("acl.conf", "[office]\ndeny=192.0.2.8/255.255.255.255\n"),
    ];
    let (config, told) = read_files(&files);
    assert_eq!(shown(&files, &told), [""; 0]);
    let acl = &config.expect("no error").users[0].acl;
    for (source, allowed) in
        [("192.0.2.1", true), ("192.0.2.9", false), ("192.0.2.8", false), ("198.51.100.1", false)]
    {
        assert_eq!(acl.allows(source.parse().expect("an address")), allowed, "{source}");
    }
}

#[test]
fn trunkline_conf_is_strict() {
    let files = [
        ("iax.conf", ""),
        (
            "trunkline.conf",
            "[general]\nnew_timeout=1500\n[dataplane]\ncores=2\nio=mmsg\nlegsmax=5\nlegs_max=1\n[lag]\n[log]\nlevel=debug\nformat=json\n",
        ),
    ];
    let (config, told) = read_files(&files);
    assert!(config.is_none());
    assert_eq!(
        shown(&files, &told),
        [
            "error trunkline.conf:6 `legsmax`: [dataplane] of trunkline.conf has no key \"legsmax\" (did you mean legs_max?)",
            "error trunkline.conf:7 `1`: legs_max cannot be \"1\" (write 2 to 1048576 legs)",
            "error trunkline.conf:8 `lag`: trunkline.conf says something of [lag], which iax.conf does not have (did you mean [log]?)",
        ]
    );
    let good = "[general]\nnew_timeout=1500\n[dataplane]\ncores=2\nio=mmsg\n[log]\nlevel=debug\nformat=json\n";
    let (config, told) = read_files(&[("iax.conf", ""), ("trunkline.conf", good)]);
    assert_eq!(told, []);
    let config = config.expect("no error");
    assert_eq!(config.general.new_timeout, Duration::from_millis(1500));
    assert_eq!((config.dataplane.cores, config.dataplane.io), (Some(2), IoBackend::Mmsg));
    assert_eq!((config.log.filter.as_str(), config.log.format), ("debug", LogFormat::Json));
}

#[test]
fn limits_are_written_in_sections_of_the_same_name() {
    let iax = "[a]\ntype=friend\nhost=192.0.2.1\nsecret=s\ncall-limit=7\n[b]\ntype=user\nsecret=s\ncall-limit=9\n";
    let terms = "[a]\ncalls_max_in=3\ncalls_max_out=2\ncps_max_in=5\ncps_max_out=4\ncall_seconds_max=60\ntrusted=yes\ndialplan_queries=yes\n";
    let (config, told) = read_files(&[("iax.conf", iax), ("trunkline.conf", terms)]);
    assert_eq!(told, []);
    let config = config.expect("no error");
    let duration_max = Some(Duration::from_secs(60));
    let (a, b, peer) = (&config.users[0], &config.users[1], &config.peers[0]);
    assert_eq!(a.limits, Limits { calls_max: Some(3), cps_max: Some(5), duration_max });
    assert_eq!(b.limits, Limits { calls_max: Some(9), ..Limits::default() });
    assert_eq!(peer.limits, Limits { calls_max: Some(2), cps_max: Some(4), duration_max });
    assert_eq!((peer.trusted, a.dialplan_queries, b.dialplan_queries), (true, true, false));
}

#[test]
fn what_freepbx_writes_is_read() {
    let files = [
        (
            "iax.conf",
            ";--------------------------------------------------------------------------------;\n\
             ; Do NOT edit this file as it is auto-generated by FreePBX. ;\n\
             ;--------------------------------------------------------------------------------;\n\
             [general]\n#include iax_general_additional.conf\n#include iax_general_custom.conf\n\
             #include iax_registrations_custom.conf\n#include iax_registrations.conf\n\
             #include iax_custom.conf\n#include iax_additional.conf\n#include iax_custom_post.conf\n",
        ),
        (
            "iax_general_additional.conf",
            "bindport=4569\nbindaddr=0.0.0.0\ndelayreject=yes\ndisallow=all\nallow=ulaw\nallow=alaw\nallow=gsm\n\
             jitterbuffer=no\nbandwidth=\nmaxregexpire=3600\nminregexpire=60\ncodecpriority=host\n",
        ),
        ("iax_general_custom.conf", ""),
        ("iax_registrations_custom.conf", ""),
        ("iax_registrations.conf", "register=west:pa\\;ss@192.0.2.1\n"),
        ("iax_custom.conf", ""),
        (
            "iax_additional.conf",
            "[east]\ndisallow=all\nusername=west\ntype=friend\ntrunk=yes\nsecret=pa\\;ss\nqualify=yes\nhost=192.0.2.1\n\
             context=from-trunk-iax2-east\nallow=ulaw\n\n[2001]\ndeny=0.0.0.0/0.0.0.0\nsecret=s3cret\n\
             notransfer=yes\ncontext=from-internal\nhost=dynamic\ntype=friend\nport=4569\nqualify=yes\n\
             disallow=\nallow=\ndial=IAX2/2001\naccountcode=\npermit=0.0.0.0/0.0.0.0\nrequirecalltoken=yes\n\
             callerid=Two <2001>\nsetvar=REALCALLERIDNUM=2001\nsetvar=EMPTY=\n",
        ),
        ("iax_custom_post.conf", "[east](+)\nqualifyfreqok=30000\n"),
    ];
    let (config, told) = read_files(&files);
    assert_eq!(
        shown(&files, &told),
        [
            "warning iax_general_additional.conf:9 `bandwidth=`: bandwidth has no value: the line is ignored (write a value, or remove the line)",
            "warning iax_additional.conf:15 `notransfer`: notransfer is an old key of Asterisk's (write transfer=no)",
            "warning iax_additional.conf:21 `disallow=`: disallow has no value: the line is ignored (write a value, or remove the line)",
            "warning iax_additional.conf:22 `allow=`: allow has no value: the line is ignored (write a value, or remove the line)",
            "warning iax_additional.conf:23 `dial`: dial has no effect: it is a column of FreePBX, not a key (remove it)",
        ]
    );
    let config = config.expect("no error");
    assert_eq!(config.registers[0].secret, Some(Secret::new("pa;ss")));
    assert_eq!(config.peers[0].qualify.expect("on").freq_ok, Duration::from_secs(30));
    assert_eq!(config.users[0].contexts, ["from-trunk-iax2-east"]);
}
