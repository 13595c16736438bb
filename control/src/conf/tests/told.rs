//! What is told about mistakes, rule by rule: level, line, marked text, message and help.

use proptest::prelude::*;

use super::{read_files, shown};
use crate::conf::{Sources, keys, parse};

/// Lines of `[general]`.
#[rustfmt::skip]
const OF_GENERAL: &[(&str, &[&str])] = &[
    ("pingtime=abc", &[
        "error 2 `abc`: pingtime cannot be \"abc\" (write 1 to 3600 s)",
    ]),
    ("pingtime=0", &[
        "error 2 `0`: pingtime cannot be \"0\" (write 1 to 3600 s)",
    ]),
    ("delayreject=maybe", &[
        "error 2 `maybe`: delayreject cannot be \"maybe\" (write yes or no)",
    ]),
    ("bindaddr=example.com", &[
        "error 2 `example.com`: bindaddr cannot be \"example.com\" (write an address, or an address with :port, IPv6 in brackets)",
    ]),
    ("bindaddr=127.0.0.1\nbindport=5000", &[
        "warning 2 `127.0.0.1`: bindport holds for the bindaddr lines below it: this one stays at port 4569 (move bindport above bindaddr)",
    ]),
    ("bindaddr=127.0.0.1\nbindaddr=127.0.0.1:4569", &[
        "error 3 `127.0.0.1:4569`: 127.0.0.1:4569 is bound twice (remove this line)",
    ]),
    ("tos=af44", &[
        "error 2 `af44`: tos cannot be \"af44\" (write CS0 to CS7, AF11 to AF43, EF, or the octet as a number up to 255)",
    ]),
    ("tos=lowdelay", &[
        "warning 2 `lowdelay`: lowdelay is an old name of a TOS octet (write 0x10)",
    ]),
    ("trunkmtu=100", &[
        "error 2 `100`: trunkmtu cannot be \"100\" (write 172 to 3999 octets)",
    ]),
    ("trunkmtu=0", &[
        "warning 2 `0`: trunkmtu=0 is taken as 1240: a trunk frame without a bound would be cut up on the way (write 172 to 3999 octets)",
    ]),
    ("calltokenoptional=nowhere", &[
        "error 2 `nowhere`: \"nowhere\" is not an address (write one address, 192.0.2.0/24 or 192.0.2.0/255.255.255.0 a line)",
    ]),
    ("calltokenoptional=10.0.0.0/255.0.255.0", &[
        "error 2 `10.0.0.0/255.0.255.0`: \"10.0.0.0/255.0.255.0\" has a mask with gaps (write one address, 192.0.2.0/24 or 192.0.2.0/255.255.255.0 a line)",
    ]),
    ("minregexpire=120", &[
        "warning 2 `120`: minregexpire is above maxregexpire (60 s) and is lowered to it (write a maxregexpire that is not below it)",
    ]),
    ("autokill=50", &[
        "error 2 `50`: autokill cannot be \"50\" (write yes, no, or 100 to 60000 ms)",
    ]),
    ("amaflags=free", &[
        "error 2 `free`: amaflags cannot be \"free\" (write default, omit, billing or documentation)",
    ]),
    ("allow=g723.1,slinear,foo\ndisallow=bar", &[
        "warning 2 `g723.1`: \"g723.1\" is an old name of g723 (write g723)",
        "warning 2 `slinear`: \"slinear\" is an old name of slin (write slin)",
        "error 2 `foo`: there is no codec \"foo\" in IAX2 (IAX2 carries ulaw, alaw, gsm, g722, g726, g729, ilbc, speex, opus and others)",
        "warning 3 `bar`: there is no codec \"bar\" in IAX2 (IAX2 carries ulaw, alaw, gsm, g722, g726, g729, ilbc, speex, opus and others)",
    ]),
    ("allow=gsm\nbandwidth=low", &[
        "warning 3 `low`: bandwidth undoes the allow and disallow lines above it (move bandwidth above them, or remove it)",
    ]),
    ("encryption=yes,aes128", &[
        "error 2 `yes,aes128`: encryption cannot be \"yes,aes128\" (write yes, no or aes128)",
    ]),
    ("encryption=yes", &[
    ]),
    ("forceencryption=yes", &[
    ]),
    ("forceencryption=foo", &[
        "error 2 `foo`: forceencryption cannot be \"foo\" (write yes, no or aes128)",
    ]),
    ("requirecalltoken=no", &[
        "warning 2 `requirecalltoken`: requirecalltoken in [general] is no key of Asterisk's (here it holds for all sections that do not say; write it in each for both)",
    ]),
    ("qualify=yes", &[
        "warning 2 `qualify`: qualify is not read in [general] (write it in each section, or in a template they share)",
    ]),
    ("secret=x", &[
        "error 2 `secret`: secret is not read in [general] (write it in each section, or in a template they share)",
    ]),
    ("allowfwdownload=yes", &[
        "error 2 `allowfwdownload`: allowfwdownload is refused: this switch has no firmware to serve, and serving it amplifies attacks (remove it)",
    ]),
    ("autocreatepeer=yes", &[
        "error 2 `autocreatepeer`: autocreatepeer is refused: it would let anybody register (remove it)",
    ]),
    ("autocreatepeer=no", &[]),
    ("allowguest=no", &[
        "error 2 `allowguest`: allowguest is refused: it is a SIP key (guests are kept out by having no section without a secret)",
    ]),
    ("maxexpirey=3600", &[
        "warning 2 `maxexpirey`: maxexpirey has no effect: it is a SIP key (write maxregexpire= in [general])",
    ]),
    ("trunkfrek=20", &[
        "warning 2 `trunkfrek`: unknown key \"trunkfrek\" (did you mean trunkfreq?)",
    ]),
    ("cos=1\ncos=2", &[
        "warning 3 `cos=2`: cos is written twice: this line counts (remove one of them)",
    ]),
    ("transfer=yes\nmohinterpret=music", &[
        "warning 2 `transfer=yes`: calls are never moved out of this switch (write transfer=no)",
        "warning 3 `music`: no music is played here: hold goes on to the other side (write mohinterpret=passthrough)",
    ]),
    ("register => B@", &[
        "error 2 ``: \"\" is not a host (write a name or an address, with or without :port)",
    ]),
    ("register => B:a:b@host", &[
        "error 2 `a:b`: the secret of a register line can have no : in it (give the far end's section a secret without :)",
    ]),
    ("register => B:a@b@host", &[
        "error 2 `B:a@b`: neither user nor secret of a register line can have an @ in it (give the far end's section a secret without @)",
    ]),
    ("register => B:s@host:0", &[
        "error 2 `host:0`: \"host:0\" has no port from 1 to 65535 after its : (write a name or an address, with or without :port)",
    ]),
    ("register => B:s@192.0.2.300", &[
        "error 2 `192.0.2.300`: \"192.0.2.300\" is not an address (write a name or an address, with or without :port)",
    ]),
    ("register => B:s@host/10", &[
        "error 2 `host/10`: \"host/10\" is neither a host name nor an address (write a name or an address, with or without :port)",
    ]),
    ("register => B:s@host\nregister => B:t@host", &[
        "warning 3 `B:t@host`: B is registered at this host twice (remove this line)",
    ]),
];

/// Lines of a section of type friend with a host and a secret.
#[rustfmt::skip]
const OF_A_FRIEND: &[(&str, &[&str])] = &[
    ("inkey=a", &[
        "error 5 `inkey`: unknown key \"inkey\" (did you mean inkeys? As it stands it protects nothing)",
    ]),
    ("permt=0.0.0.0/0", &[
        "error 5 `permt`: unknown key \"permt\" (did you mean permit? As it stands it protects nothing)",
    ]),
    ("acls=x", &[
        "error 5 `acls`: unknown key \"acls\" (did you mean acl? As it stands it protects nothing)",
    ]),
    ("qualfy=yes", &[
        "warning 5 `qualfy`: unknown key \"qualfy\" (did you mean qualify?)",
    ]),
    ("zzzzz=1", &[
        "warning 5 `zzzzz`: unknown key \"zzzzz\" (remove it: it has no effect)",
    ]),
    ("md5secret=x", &[
        "warning 5 `md5secret`: md5secret has no effect: IAX2 has no such key (remove it)",
    ]),
    ("insecure=very", &[
        "error 5 `insecure`: insecure is refused: it is a SIP key and changes nothing about authentication here (remove it)",
    ]),
    ("call-limit=2", &[]),
    ("call-limit=x", &[
        "error 5 `x`: call-limit cannot be \"x\" (write 0 to 1048576 calls)",
    ]),
    ("incominglimit=2", &[
        "error 5 `incominglimit`: incominglimit is refused: this limit is not enforced (maxcallnumbers= bounds the legs of an address)",
    ]),
    ("dbsecret=a/b", &[
        "error 5 `dbsecret`: dbsecret is refused: there is no database of secrets here (write secret=)",
    ]),
    ("auth=foo", &[
        "error 5 `foo`: there is no method of authentication \"foo\" (write md5)",
    ]),
    ("auth=plaintext", &[
        "warning 5 `plaintext`: plaintext sends the secret over the wire for everybody on the way to read (write auth=md5, or auth=rsa with keys)",
    ]),
    ("auth=md5,rsa", &[
    ]),
    ("auth=rsa", &[
        "error 5 `rsa`: nobody can prove itself by a method of auth=: secret goes with md5, inkeys with rsa (write what goes with it in [x])",
    ]),
    ("auth=", &[
        "warning 5 `auth=`: auth has no value: the line is ignored (write a value, or remove the line)",
    ]),
    ("inkeys=", &[
        "error 5 `inkeys=`: inkeys cannot be \"\" (write names of public keys with : between them)",
    ]),
    ("encryption=yes", &[
    ]),
    ("forceencryption=yes", &[
    ]),
    ("permit=192.0.2.0/24", &[
        "warning 5 `192.0.2.0/24`: permit without deny keeps nobody out (write deny=0.0.0.0/0.0.0.0 above it)",
    ]),
    ("permit=192.0.2.0/24\ndeny=0.0.0.0/0", &[
        "warning 6 `0.0.0.0/0`: this deny covers every permit above it: nobody gets in (write deny first, then permit: the last that covers a source decides)",
    ]),
    ("deny=office.example.com", &[
        "error 5 `office.example.com`: \"office.example.com\" is not an address (write an address, 192.0.2.0/24 or 192.0.2.0/255.255.255.0)",
    ]),
    ("deny=10.0.0.0/33", &[
        "error 5 `10.0.0.0/33`: \"10.0.0.0/33\" has more bits than the address (write an address, 192.0.2.0/24 or 192.0.2.0/255.255.255.0)",
    ]),
    ("deny=", &[
        "error 5 `deny=`: deny cannot be \"\" (write address, address/bits or address/mask, with commas between them, ! inverts)",
    ]),
    ("acl=office", &[
        "error 5 `office`: acl.conf has no list [office] (write a section [office] with permit and deny lines in acl.conf)",
    ]),
    ("port=0", &[
        "error 5 `0`: port cannot be \"0\" (write a number from 1 to 65535)",
    ]),
    ("port=abc", &[
        "error 5 `abc`: port cannot be \"abc\" (write a number from 1 to 65535)",
    ]),
    ("defaultip=example.com", &[
        "error 5 `example.com`: defaultip cannot be \"example.com\" (write an address; its port goes into port=)",
    ]),
    ("sourceaddress=127.0.0.1", &[
        "error 5 `127.0.0.1`: we are not bound to sourceaddress 127.0.0.1 (write bindaddr=127.0.0.1 in [general], too)",
    ]),
    ("allow=ulaw\ndisallow=all\nallow=gsm", &[
        "warning 6 `all`: disallow=all undoes the allow lines above it (write disallow=all first)",
    ]),
    ("disallow=all", &[
        "error 1 `x`: [x] allows no codec: every call would be refused (write allow=ulaw, or others)",
    ]),
    ("allow=ulaw:30", &[
        "warning 5 `ulaw:30`: the framing :30 has no effect: voice goes on in the frames it comes in (write ulaw)",
    ]),
    ("setvar=A", &[
        "error 5 `A`: setvar cannot be \"A\" (write name=value)",
    ]),
    ("qualify=true", &[
        "warning 5 `true`: qualify=true is taken as yes; Asterisk takes it as no (write qualify=yes)",
    ]),
    ("qualify=off", &[]),
    ("qualify=sometimes", &[
        "error 5 `sometimes`: qualify cannot be \"sometimes\" (write yes, no, or 1 to 60000 ms)",
    ]),
    ("qualify=70000", &[
        "error 5 `70000`: qualify cannot be \"70000\" (write yes, no, or 1 to 60000 ms)",
    ]),
    ("mask=255.255.255.0", &[
        "warning 5 `mask`: mask has no effect: credentials are chosen by the section that was dialled here, not by address (remove it)",
    ]),
    ("trunk=yes\ntrunk=no", &[
        "warning 6 `trunk=no`: trunk is written twice: this line counts (remove one of them)",
    ]),
    ("bindport=1", &[
        "warning 5 `bindport`: bindport is read in [general] only (move it to [general])",
    ]),
    ("register=a@b", &[
        "warning 5 `register`: register is read in [general] only (move it to [general])",
    ]),
    ("type=other", &[
        "error 5 `other`: type cannot be \"other\" (write user, peer or friend)",
    ]),
    ("mailbox=1@default", &[
        "warning 5 `mailbox`: mailbox has no effect: there are no mailboxes here (remove it)",
    ]),
    ("timezone=UTC", &[
        "warning 5 `timezone`: timezone has no effect: times are sent in UTC here (remove it)",
    ]),
    ("requirecalltoken=maybe", &[
        "error 5 `maybe`: requirecalltoken cannot be \"maybe\" (write yes, no or auto)",
    ]),
    ("maxcallnumbers=70000", &[
        "error 5 `70000`: maxcallnumbers cannot be \"70000\" (write 0 to 65535 legs)",
    ]),
    ("immediate=no", &[]),
    ("nat=yes", &[
        "warning 5 `nat`: nat has no effect: it is a SIP key (IAX2 answers where it is heard from)",
    ]),
    ("keyrotate=off", &[]),
    ("context=", &[
        "warning 5 `context=`: context is empty and ignored (write context=name)",
    ]),
    ("trunk=", &[
        "warning 5 `trunk=`: trunk has no value: the line is ignored (write a value, or remove the line)",
    ]),
    ("jitterbuffer=yes", &[
        "warning 5 `jitterbuffer`: jitterbuffer has no effect: this release has no jitter buffer, voice goes on as it comes (remove it)",
    ]),
    ("callgroup=1", &[
        "warning 5 `callgroup`: callgroup has no effect: it is for telephones on other drivers (remove it)",
    ]),
    ("transfer=mediaonly", &[
        "warning 5 `transfer=mediaonly`: calls are never moved out of this switch (write transfer=no)",
    ]),
];

/// Whole files.
#[rustfmt::skip]
const OF_FILES: &[(&str, &[&str])] = &[
    ("[general]\n[general]\ncos=1\n", &[
        "error 2 `general`: only the first [general] is read: the lines of this one are lost (write [general](+))",
    ]),
    ("[callnumberlimits]\n10.0.0.0/8 = 24\nten = 1\n10.0.0.1 = x\n", &[
        "error 3 `ten`: \"ten\" is not an address (write address/mask = number, as in 192.0.2.0/255.255.255.0 = 24)",
        "error 4 `x`: the limit cannot be \"x\" (write a number from 0 to 65535)",
    ]),
    ("[x]\nsecret=s\n", &[
        "error 1 `x`: [x] has no type (write type=user, type=peer or type=friend)",
    ]),
    ("[x]\ntype=router\npermt=1\n", &[
        "error 2 `router`: type cannot be \"router\" (write user, peer or friend)",
        "error 3 `permt`: unknown key \"permt\" (did you mean permit? As it stands it protects nothing)",
    ]),
    ("[x]\ntype=user\nauth=md5\n", &[
        "error 3 `md5`: [x] has auth but neither secret nor inkeys: nothing is asked of callers (write secret=, or remove auth)",
    ]),
    ("[x]\ntype=user\nsecret=\n", &[
        "error 3 `secret=`: the secret is empty: nothing would be asked of callers (write one, or remove the line)",
    ]),
    ("[x]\ntype=user\nmd5secret=a\nsecret=s\n", &[
        "warning 3 `md5secret`: md5secret has no effect: IAX2 has no such key (remove it)",
    ]),
    ("[x]\ntype=user\nsecret=s\nhost=dynamic\n", &[
        "warning 4 `host`: host is not read in [x], which is of type user (remove it, or write type=friend)",
    ]),
    ("[x]\ntype=peer\nhost=192.0.2.1\nsetvar=A=1\n", &[
        "warning 4 `setvar`: setvar is not read in [x], which is of type peer (remove it, or write type=friend)",
    ]),
    ("[x]\ntype=peer\n", &[
        "warning 1 `x`: [x] has no host: it can neither be called nor register (write host=dynamic, an address or a host name; or type=user)",
    ]),
    ("[x]\ntype=peer\nhost=dynamic\n", &[
        "warning 1 `x`: anybody can register as [x]: it has no secret (write secret=, or deny and permit)",
    ]),
    ("[x]\ntype=user\nsecret=a\n[x]\ntype=user\nsecret=b\n", &[
        "warning 4 `x`: a second [x] of type user adds to the first (write one section, or continue it with (+))",
    ]),
    ("[x]\ntype=user\nsecret=a\n[X]\ntype=user\nsecret=b\n", &[
        "warning 4 `X`: [X] and [x] are two different sections (names are compared with case: write both alike if one is meant)",
    ]),
    ("[a/b]\ntype=user\nsecret=a\n", &[
        "warning 1 `a/b`: [a/b] cannot be dialled: no blanks at the ends of a name, and no / @ : & , in it (write another name, here and at the far end)",
    ]),
    ("[]\ntype=user\nsecret=a\n", &[
        "error 1 ``: this section has no name",
    ]),
    ("[x]\ntype=user\ninkeys=k\n", &[
    ]),
    ("[x]\ntype=peer\nhost=192.0.2.1\noutkey=k\nauth=rsa\n", &[
    ]),
    ("[general]\nbindaddr=::\n[x]\ntype=user\nsecret=s\ndeny=0.0.0.0/0\npermit=192.0.2.1\n", &[
        "warning 6 `0.0.0.0/0`: this denies all of IPv4, but we are bound to an IPv6 address, too (write deny=::/0 as well)",
    ]),
    ("[a]\ntype=friend\nhost=192.0.2.1\nsecret=s\n[b]\ntype=friend\nhost=192.0.2.1\ntrunk=yes\nsecret=s\n", &[
        "warning 5 `b`: a call from 192.0.2.1 without USERNAME is taken for [a], never for [b] (let the far end write username=b)",
        "warning 5 `b`: [b] and [a] have the same host: for calls from there trunk of [a] counts (write the same trunk in both)",
    ]),
    ("[a]\ntype=user\nsecret=s\ndeny=0.0.0.0/0\npermit=192.0.2.0/24\n[b]\ntype=user\nsecret=s\ndeny=0.0.0.0/0\npermit=192.0.2.7\n[c]\ntype=friend\nhost=192.0.2.9\nsecret=s\n", &[
        "warning 6 `b`: a call from 192.0.2.7 without USERNAME is taken for [a], never for [b] (let the far end write username=b)",
        "warning 11 `c`: a call from 192.0.2.9 without USERNAME is taken for [a], never for [c] (let the far end write username=c)",
    ]),
    ("[t](!)\npermt=1\n[a](t)\ntype=user\nsecret=s\n[b](t)\ntype=user\nsecret=s\n", &[
        "error 2 `permt`: unknown key \"permt\" (did you mean permit? As it stands it protects nothing)",
    ]),
    ("[x]\ntype=peer\nhost=192.0.2.300\n", &[
        "error 3 `192.0.2.300`: \"192.0.2.300\" is not an address (write dynamic, an address or a host name)",
    ]),
    ("[x]\ntype=peer\nhost=a b\n", &[
        "error 3 `a b`: \"a b\" is neither a host name nor an address (write dynamic, an address or a host name)",
    ]),
    ("[x]\ntype=friend\nhost=dynamic\ninkey=a\n", &[
        "error 4 `inkey`: unknown key \"inkey\" (did you mean inkeys? As it stands nothing is asked of callers to [x])",
    ]),
    ("[x]\ntype=user\n", &[
        "warning 1 `x`: anybody may call as [x]: it has neither secret nor deny (write secret=, or call the section [guest] if that is meant)",
    ]),
    ("[x]\ntype=user\nauth=rsa\n", &[
        "error 3 `rsa`: [x] has auth but neither secret nor inkeys: nothing is asked of callers (write secret=, or remove auth)",
    ]),
    ("[x]\nallow=ulaw\nsecret=s\n[guest]\ntype=user\n", &[
        "error 1 `x`: [x] has no type (write type=user, type=peer or type=friend)",
    ]),
    ("[x]\ntype=user\nsecret=s\npermit=0.0.0.0/0\n#exec date\n", &[
        "error 5 `#exec date`: #exec is refused: a configuration file runs no program (write the program's output to a file and #include that)",
        "warning 4 `0.0.0.0/0`: permit without deny keeps nobody out (write deny=0.0.0.0/0.0.0.0 above it)",
    ]),
    ("[x]\ntype=user\nsecret=\u{e9} ; \u{e9}\npremit=\u{e9}\u{e9}\n", &[
        "error 4 `premit`: unknown key \"premit\" (did you mean permit? As it stands it protects nothing)",
    ]),
];

#[test]
fn every_mistake_is_told_with_its_place_and_what_to_write() {
    let general = OF_GENERAL.iter().map(|(lines, told)| (format!("[general]\n{lines}\n"), *told));
    let friend = OF_A_FRIEND.iter().map(|(lines, told)| {
        (format!("[x]\ntype=friend\nhost=dynamic\nsecret=s\n{lines}\n"), *told)
    });
    let files = OF_FILES.iter().map(|(text, told)| ((*text).to_owned(), *told));
    for (text, expected) in general.chain(friend).chain(files) {
        let files = [("iax.conf", text.as_str())];
        let (_, told) = read_files(&files);
        let shown: Vec<String> =
            shown(&files, &told).iter().map(|line| line.replace(" iax.conf:", " ")).collect();
        assert_eq!(shown, expected, "{text}");
    }
}

proptest! {
    #[test]
    fn arbitrary_lines_never_panic_and_every_place_is_within_its_file(
        lines in prop::collection::vec((key(), "[a-z0-9.:/,!@<>\\[\\]é\\\\;= -]{0,20}"), 0..20),
    ) {
        let mut text = String::new();
        for (key, value) in &lines {
            match key.as_str() {
                "[" => text.push_str(&format!("[{value}]\n")),
                key => text.push_str(&format!("{key}={value}\n")),
            }
        }
        let mut sources = Sources::new();
        sources.add("iax.conf", text.as_str());
        sources.add("trunkline.conf", text.as_str());
        sources.add("acl.conf", text.as_str());
        for diagnostic in parse(&sources).1 {
            let related = diagnostic.related.map(|(place, _)| place);
            for place in diagnostic.place.into_iter().chain(related) {
                prop_assert!(text.get(place.span.clone()).is_some(), "{place:?}");
                prop_assert_eq!(text[..place.span.start].matches('\n').count() + 1, place.line as usize);
            }
        }
    }
}

/// The beginning of a section, any key there is, or something near one.
fn key() -> impl Strategy<Value = String> {
    let names: Vec<&str> = keys::all().map(|key| key.name).collect();
    prop_oneof![
        2 => Just("[".to_owned()),
        1 => Just("[x]\ntype".to_owned()),
        6 => prop::sample::select(names).prop_map(str::to_owned),
        1 => "[a-zA-Zé]{0,8}",
    ]
}
