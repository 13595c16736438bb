//! Configurations that operators have published, as they stand.

use super::{read_files, shown, silent};
use crate::conf::anonymous_reach;

/// Asserts what is told about an `iax.conf`, by the beginning of each diagnostic.
#[track_caller]
fn begins(iax: &str, expected: &[&str]) {
    let files = [("iax.conf", iax)];
    let (config, told) = read_files(&files);
    let shown: Vec<String> =
        shown(&files, &told).iter().map(|line| line.replace(" iax.conf:", " ")).collect();
    assert_eq!(shown.len(), expected.len(), "{shown:#?}");
    for (line, beginning) in shown.iter().zip(expected) {
        assert!(line.starts_with(beginning), "{line}\n{beginning}");
    }
    let failed = shown.iter().any(|line| line.starts_with("error"));
    assert_eq!(config.is_none(), failed);
}

/// The directive table of an article on IAX clients of 2004, in a section each where it says so.
#[test]
fn the_directives_of_2004() {
    begins(
        "[general]\nbandwidth=low\nallow=g723.1\nallow=slinear\nmaxexpirey=3600\nmailboxdetail=yes\nmaxexcessbuffer=80\n\
         calltokenoptional=192.168.1.1\nlocalnet=10.0.0.0/8\npedantic=no\n\
         [2004]\ntype=friend\nhost=dynamic\ndefaultip=192.0.2.33\nsecret=s\nnotransfer=yes\nqualify=yes\nqualifyfreqok=60000\n\
         incominglimit=1\ninsecure=very\ncallgroup=1\nrestrictcid=no\nmd5secret=0123\n",
        &[
            "warning 3 `g723.1`: \"g723.1\" is an old name of g723 (write g723)",
            "warning 4 `slinear`: \"slinear\" is an old name of slin (write slin)",
            "warning 5 `maxexpirey`: maxexpirey has no effect: it is a SIP key (write maxregexpire= in [general])",
            "warning 9 `localnet`: localnet has no effect",
            "warning 16 `notransfer`: notransfer is an old key of Asterisk's (write transfer=no)",
            "error 19 `incominglimit`: incominglimit is refused: this limit is not enforced",
            "error 20 `insecure`: insecure is refused",
            "warning 21 `callgroup`: callgroup has no effect",
            "warning 23 `md5secret`: md5secret has no effect",
        ],
    );
}

/// The annotated sample file, with what it has switched on.
#[test]
fn the_annotated_sample() {
    begins(
        "[general]\nbindport=4569\nbandwidth=low\ndisallow=lpc10\njitterbuffer=no\nautokill=yes\n\
         [guest]\ntype=user\ncontext=public\ncallerid=\"Guest IAX User\"\n\
         [iaxtel]\ntype=user\ncontext=default\nauth=rsa\ninkeys=iaxtel\n",
        &[],
    );
}

/// The same file with everything switched on that it shows in comments.
#[test]
fn the_annotated_sample_in_full() {
    begins(
        "[general]\nbindport=4569\nbindaddr=192.168.0.1\niaxcompat=yes\nnochecksums=yes\ndelayreject=yes\namaflags=billing\n\
         adsi=yes\nsrvlookup=yes\naccountcode=lss0101\nlanguage=en\nmohinterpret=default\nmohsuggest=default\nbandwidth=low\n\
         allow=all\ndisallow=g723.1\ntrunkmaxsize = 128000\ntrunkmtu = 1240\ntrunkfreq=20\ntrunktimestamps=yes\n\
         minregexpire = 60\nmaxregexpire = 60\niaxthreadcount = 10\niaxmaxthreadcount = 100\n\
         register => marko:secretpass@tormenta.linux-support.net\nregister => joe@remotehost:5656\n\
         register => marko:[torkey]@tormenta.example.net\nauthdebug = yes\ntos=ef\ncos=5\nregcontext=iaxregistrations\n\
         codecpriority=host\nrtupdate=yes\ncalltokenoptional=209.16.236.73/255.255.255.0\ncalltokenexpiration=10\n\
         maxcallnumbers=512\nmaxcallnumbers_nonvalidated=1024\nshrinkcallerid=yes     ; on by default\n\
         [callnumberlimits]\n10.1.1.0/255.255.255.0 = 24\n10.1.2.0/255.255.255.0 = 32\n\
         [markster]\ntype=user\ncontext=default\ncontext=local\nauth=md5\nsecret=markpasswd\n\
         setvar=ATTENDED_TRANSFER_COMPLETE_SOUND=beep   ; This channel variable\nmaxauthreq=10\n\
         callerid=\"Mark Spencer\" <(256) 428-6275>\ndeny=0.0.0.0/0.0.0.0\npermit=209.16.236.73/255.255.255.0\n\
         [demo]\ntype=peer\nusername=asterisk\nsecret=supersecret\nhost=192.168.10.10\ndescription=My IAX2 Peer\nsendani=no\n\
         port=5036\nqualify=yes                ; Make sure this peer is alive.\nqualifysmoothing = yes\n\
         [dynamichost]\ntype=peer\nhost=dynamic\nsecret=mysecret\npeercontext=local\ndefaultip=216.207.245.34\n\
         callerid=\"Some Host\" <(256) 428-6011>\n\
         [biggateway]\ntype=peer\nhost=192.168.0.1\ncontext=*\nsecret=myscret\ntrunk=yes\ntimezone=America/New_York\n\
         [marko]\ntype=friend\nhost=dynamic\nregexten=1234\nsecret=moofoo\nsecret=foomoo\ncontext=default\n\
         permit=0.0.0.0/0.0.0.0\n",
        &[
            "warning 5 `nochecksums`: nochecksums has no effect: datagrams always carry a checksum here",
            "warning 12 `default`: no music is played here",
            "warning 16 `g723.1`: \"g723.1\" is an old name of g723",
            "warning 17 `trunkmaxsize`: trunkmaxsize has no effect",
            "warning 23 `iaxthreadcount`: iaxthreadcount has no effect",
            "warning 24 `iaxmaxthreadcount`: iaxmaxthreadcount has no effect",
            "warning 31 `regcontext`: regcontext has no effect",
            "warning 76 `timezone`: timezone has no effect",
            "warning 80 `regexten`: regexten has no effect",
            "warning 84 `0.0.0.0/0.0.0.0`: permit without deny keeps nobody out",
        ],
    );
}

/// Two hosts by public keys, misspelt: without `inkeys` nothing would be asked of callers.
#[test]
fn the_key_pairs_of_2006() {
    begins(
        "[VOIP2]\ntype=friend\nhost=voip2.domaine.com\nauth=rsa\ninkey=voip1\noutkey=voip2\ncontext=FROM_VOIP2\nqualify=yes\ntrunk=yes\n",
        &[
            "error 5 `inkey`: unknown key \"inkey\" (did you mean inkeys? As it stands nothing is asked of callers to [VOIP2])",
        ],
    );
}

#[test]
fn what_anonymous_callers_reach_is_listed_in_the_order_tried() {
    let config = silent(
        "[guest]\ntype=user\ncontext=public\n[b]\ntype=friend\nhost=192.0.2.1\nsecret=s\n[c]\ntype=friend\nhost=dynamic\nsecret=s\n\
         [d]\ntype=user\nsecret=s\ndeny=0.0.0.0/0\npermit=198.51.100.0/24\n[e]\ntype=user\nsecret=s\n\
         [f]\ntype=friend\nhost=f.example.com\nsecret=s\n",
    );
    let reached: Vec<String> = anonymous_reach(&config).iter().map(ToString::to_string).collect();
    assert_eq!(
        reached,
        [
            "[b] from its host 192.0.2.1, with its secret",
            "[c] from where it is registered, with its secret",
            "[d] from its permitted sources 198.51.100.0/24, with its secret",
            "[f] from its host f.example.com, with its secret",
            "[guest] from anywhere else, proving nothing",
        ]
    );
}
