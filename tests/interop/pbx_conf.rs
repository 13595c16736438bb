//! The files of one PBX: who it registers with, what it allows, what it does with each number.
//!
//! Numbers 1xxx are answered by PBX A and 2xxx by PBX B; both have the same lines behind them, which
//! the constants name. What the test wants to know is logged with the mark `TL `.

use std::fmt::Write as _;

use crate::setup::{Setup, Side, Token, yes};

/// Lines 1 to 99: answer, and connect the phone.
pub(crate) const PHONE: u16 = 1;
/// Rings for two seconds, then as [`PHONE`].
pub(crate) const RINGS: u16 = 100;
/// Says busy.
pub(crate) const BUSY: u16 = 101;
/// Says congestion.
pub(crate) const CONGESTION: u16 = 102;
/// Ends with cause 21 before answer.
pub(crate) const REFUSES: u16 = 103;
/// Answers, and ends with cause 38 a second later.
pub(crate) const GIVES_UP: u16 = 104;
/// Rings and never answers.
pub(crate) const RINGS_ON: u16 = 105;
/// Listens for digits, then dials [`DIGITS_BACK`], then connects the phone.
pub(crate) const DIGITS: u16 = 106;
/// Speaks before it answers, then as [`PHONE`].
pub(crate) const EARLY: u16 = 107;
/// Sends [`WORDS`] as text, then connects the phone.
pub(crate) const TEXT: u16 = 108;
/// Sends [`long_words`] as text, then connects the phone.
pub(crate) const LONG_TEXT: u16 = 109;
/// No line of the dialplan.
pub(crate) const NOBODY: u16 = 900;

/// What the caller dials into [`DIGITS`]; the last one ends the listening.
pub(crate) const DIGITS_OUT: &str = "12A4#";
/// What [`DIGITS`] answers with.
pub(crate) const DIGITS_BACK: &str = "*09D#";
/// What [`TEXT`] says.
pub(crate) const WORDS: &str = "Rien ne va plus";
/// What [`LONG_TEXT`] says: more than a packet of Ethernet holds, as link tables of radio hubs are.
pub(crate) fn long_words() -> String {
    (40_000..40_260).map(|node| format!("T{node} ")).collect()
}

/// Who calls, where it matters.
pub(crate) const CALLER_NUMBER: &str = "+49301234";
/// And the name.
pub(crate) const CALLER_NAME: &str = "Ada Lovelace";
/// Where the phones listen, in each PBX's namespace.
pub(crate) const PHONE_PORT: u16 = 40000;

/// Who stands at the far end of a PBX's trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Far {
    /// The switch: it calls and is called.
    Switch,
    /// The other PBX itself; it calls under its own name.
    Pbx,
}

/// `iax.conf`; `host` is a name or address of the far end.
pub(crate) fn iax(side: Side, setup: &Setup, far: Far, host: &str) -> String {
    let codec = setup.codec(side).name();
    let bind = if setup.v6 { "[::]:4569" } else { "0.0.0.0" };
    let (user, section) = (setup.user(side), setup.far(side));
    let shared = format!(
        "context=from-trunkline\ntrunk={}\nqualify={}\n{}{}",
        yes(setup.pbx_trunk[side.index()]),
        yes(setup.two_hosts),
        token(setup),
        setup.pbx_cipher[side.index()].lines(),
    );
    let mut text = format!(
        "[general]\nbindaddr={bind}\ndisallow=all\nallow={codec}\njitterbuffer=no\n\
         trunktimestamps={}\n",
        yes(setup.timestamps),
    );
    if !setup.two_hosts {
        let _ = writeln!(text, "register => {user}:{}@{host}", setup.registers_with(side));
    }
    let kind = if far == Far::Switch { "friend" } else { "peer" };
    let _ = write!(
        text,
        "\n[{section}]\ntype={kind}\nhost={host}\nusername={user}\n{}{shared}",
        setup.proof(side, false),
    );
    if far == Far::Pbx {
        let (other, secret) = (side.other().user(), side.other().secret());
        let _ = write!(text, "\n[{other}]\ntype=friend\nhost=dynamic\nsecret={secret}\n{shared}");
    }
    text
}

/// The line on call tokens, if there is one.
pub(crate) fn token(setup: &Setup) -> &'static str {
    match setup.token {
        Token::Unset => "",
        Token::Required => "requirecalltoken=yes\n",
        Token::Optional => "requirecalltoken=no\n",
    }
}

/// `extensions.conf`.
pub(crate) fn extensions(side: Side, setup: &Setup) -> String {
    let at = |line: u16| side.number_of(line);
    let codec = setup.codec(side).name();
    let own = side.number() + 1;
    format!(
        "[from-trunkline]\n\
         exten => _{own}0XX,1,Gosub(arrived,s,1(${{EXTEN}}))\n\
         \x20same => n,Answer\n\
         \x20same => n,Goto(phone,${{EXTEN}},1)\n\
         exten => {rings},1,Gosub(arrived,s,1(${{EXTEN}}))\n\
         \x20same => n,Ringing\n\
         \x20same => n,Wait(2)\n\
         \x20same => n,Answer\n\
         \x20same => n,Goto(phone,${{EXTEN}},1)\n\
         exten => {busy},1,Gosub(arrived,s,1(${{EXTEN}}))\n\
         \x20same => n,Busy(10)\n\
         exten => {congestion},1,Gosub(arrived,s,1(${{EXTEN}}))\n\
         \x20same => n,Congestion(10)\n\
         exten => {refuses},1,Gosub(arrived,s,1(${{EXTEN}}))\n\
         \x20same => n,Hangup(21)\n\
         exten => {gives_up},1,Gosub(arrived,s,1(${{EXTEN}}))\n\
         \x20same => n,Answer\n\
         \x20same => n,Wait(1)\n\
         \x20same => n,Hangup(38)\n\
         exten => {rings_on},1,Gosub(arrived,s,1(${{EXTEN}}))\n\
         \x20same => n,Ringing\n\
         \x20same => n,Wait(60)\n\
         exten => {digits},1,Gosub(arrived,s,1(${{EXTEN}}))\n\
         \x20same => n,Answer\n\
         \x20same => n,Read(HEARD,,9,,1,10)\n\
         \x20same => n,Log(NOTICE,TL digits ${{HEARD}})\n\
         \x20same => n,Wait(1)\n\
         \x20same => n,SendDTMF({DIGITS_BACK})\n\
         \x20same => n,Goto(phone,${{EXTEN}},1)\n\
         exten => {early},1,Gosub(arrived,s,1(${{EXTEN}}))\n\
         \x20same => n,Progress\n\
         \x20same => n,Playback(digits/1&digits/2&digits/3,noanswer)\n\
         \x20same => n,Answer\n\
         \x20same => n,Goto(phone,${{EXTEN}},1)\n\
         exten => {text},1,Gosub(arrived,s,1(${{EXTEN}}))\n\
         \x20same => n,Answer\n\
         \x20same => n,Wait(1)\n\
         \x20same => n,SendText({WORDS})\n\
         \x20same => n,Log(NOTICE,TL sent-text ${{SENDTEXTSTATUS}})\n\
         \x20same => n,Goto(phone,${{EXTEN}},1)\n\
         exten => {long_text},1,Gosub(arrived,s,1(${{EXTEN}}))\n\
         \x20same => n,Answer\n\
         \x20same => n,Wait(1)\n\
         \x20same => n,SendText({long_words})\n\
         \x20same => n,Goto(phone,${{EXTEN}},1)\n\
         exten => h,1,Log(NOTICE,TL bye ${{LINE}} ${{HANGUPCAUSE}})\n\
         \n\
         [arrived]\n\
         exten => s,1,Set(LINE=${{ARG1}})\n\
         \x20same => n,Log(NOTICE,TL in ${{ARG1}} <${{CALLERID(num)}}> <${{CALLERID(name)}}>)\n\
         \x20same => n,Return\n\
         \n\
         [phone]\n\
         exten => _X.,1,Set(LINE=${{EXTEN}})\n\
         \x20same => n,Dial(UnicastRTP/127.0.0.1:{PHONE_PORT}/c({codec}),,gb(port^${{EXTEN}}^1))\n\
         \x20same => n,Hangup\n\
         exten => h,1,Log(NOTICE,TL bye ${{LINE}} ${{HANGUPCAUSE}})\n\
         \n\
         [port]\n\
         exten => _X.,1,Log(NOTICE,TL port ${{EXTEN}} ${{UNICASTRTP_LOCAL_PORT}})\n\
         \x20same => n,Return\n\
         \n\
         [caller]\n\
         exten => _X.,1,Set(LINE=${{EXTEN}})\n\
         \x20same => n,Dial(IAX2/{far}/${{EXTEN}},30,g)\n\
         \x20same => n,Log(NOTICE,TL dial ${{LINE}} ${{DIALSTATUS}} ${{HANGUPCAUSE}})\n\
         \x20same => n,Hangup\n\
         exten => h,1,Log(NOTICE,TL bye ${{LINE}} ${{HANGUPCAUSE}})\n\
         \n\
         [digits]\n\
         exten => _X.,1,Set(LINE=${{EXTEN}})\n\
         \x20same => n,Wait(1)\n\
         \x20same => n,SendDTMF({DIGITS_OUT})\n\
         \x20same => n,Read(HEARD,,9,,1,10)\n\
         \x20same => n,Log(NOTICE,TL digits ${{HEARD}})\n\
         \x20same => n,Goto(phone,${{EXTEN}},1)\n",
        far = setup.far(side),
        rings = at(RINGS),
        busy = at(BUSY),
        congestion = at(CONGESTION),
        refuses = at(REFUSES),
        gives_up = at(GIVES_UP),
        rings_on = at(RINGS_ON),
        digits = at(DIGITS),
        early = at(EARLY),
        text = at(TEXT),
        long_text = at(LONG_TEXT),
        long_words = long_words().trim_end(),
    )
}

/// The files that need no thought: which modules, where the log goes, and silence for the rest.
pub(crate) fn others(home: &str, modules: &str) -> Vec<(&'static str, String)> {
    let mut load = "[modules]\nautoload=no\n".to_owned();
    for module in MODULES.split_whitespace() {
        let _ = writeln!(load, "load => {module}.so");
    }
    let mut asterisk = format!("[directories]\nastmoddir => {modules}\n");
    for (name, folder) in DIRECTORIES {
        let _ = writeln!(asterisk, "{name} => {home}/{folder}");
    }
    let mut files = vec![
        ("asterisk.conf", asterisk),
        ("modules.conf", load),
        ("logger.conf", "[general]\n[logfiles]\nmessages => notice,warning,error\n".to_owned()),
        ("rtp.conf", "[general]\nrtpstart=20000\nrtpend=29999\n".to_owned()),
        ("pjproject.conf", "[startup]\n".to_owned()),
        ("indications.conf", "[general]\ncountry=us\n[us]\ndescription=none\nringcadence=2000,4000\ndial=350+440\nbusy=480+620/500,0/500\nring=440+480/2000,0/4000\ncongestion=480+620/250,0/250\n".to_owned()),
    ];
    files.extend(QUIET.map(|name| (name, String::new())));
    files
}

/// Where Asterisk keeps what, below its home.
pub(crate) const DIRECTORIES: [(&str, &str); 9] = [
    ("astetcdir", "etc"),
    ("astvarlibdir", "var"),
    ("astdbdir", "db"),
    ("astkeydir", "data"),
    ("astdatadir", "data"),
    ("astagidir", "agi"),
    ("astspooldir", "spool"),
    ("astrundir", "run"),
    ("astlogdir", "log"),
];

const QUIET: [&str; 12] = [
    "cdr.conf",
    "cel.conf",
    "features.conf",
    "stasis.conf",
    "cli.conf",
    "udptl.conf",
    "ccss.conf",
    "acl.conf",
    "dnsmgr.conf",
    "codecs.conf",
    "cli_permissions.conf",
    "extconfig.conf",
];

const MODULES: &str = "res_timing_timerfd pbx_config res_crypto res_sorcery_config res_pjproject \
    chan_iax2 chan_rtp res_rtp_asterisk res_rtp_multicast bridge_simple bridge_builtin_features \
    bridge_builtin_interval_features bridge_holding app_dial app_echo app_playback app_stack \
    app_verbose app_sendtext app_senddtmf app_read codec_ulaw codec_alaw codec_a_mu codec_gsm \
    codec_resample format_pcm format_wav format_gsm format_sln func_channel func_callerid \
    func_hangupcause func_logic func_strings func_global res_clioriginate pbx_spool";
