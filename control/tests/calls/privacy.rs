//! What is told on of a caller that does not want to be known.

use dataplane::wire::IeKind;

use crate::stage::{Stage, caller, host};

const IAX: &str = "\
    [a]\ntype=user\ncontext=in\ndeny=0.0.0.0/0\npermit=127.0.0.1\n\
    [b]\ntype=peer\nhost=127.0.0.2\nsendani=yes\n";
const TO_B: &str =
    "[in]\nexten => 600,1,Dial(IAX2/b/600)\nexten => 601,1,Dial(IAX2/127.0.0.2/600)\n";

#[test]
fn only_a_trusted_peer_is_told_who_calls_where_that_is_prohibited() {
    for (called, trunkline, presentation, known) in [
        ("600", "", 0x20, false),
        ("600", "", 0x23, false),
        ("601", "", 0x20, false),
        ("600", "", 0x00, true),
        ("600", "[b]\ntrusted=yes\n", 0x20, true),
    ] {
        let mut stage = Stage::new(IAX, TO_B, trunkline);
        let mut who = caller("a", called);
        (who.number, who.presentation) = (Some("2000"), presentation);
        let _near = stage.calls(host(1), &who);
        let (_, new) = stage.called_at(host(2)).expect("b is called");
        let told = |kind| new.text(kind);
        assert_eq!(told(IeKind::CallingNumber), known.then(|| "2000".to_owned()));
        assert_eq!(told(IeKind::CallingName), known.then(|| "Ann".to_owned()));
        assert_eq!(told(IeKind::CallingAni), known.then(|| "77".to_owned()));
        assert_eq!(told(IeKind::Rdnis), known.then(|| "88".to_owned()));
        assert_eq!(new.element(IeKind::CallingPres), Some(vec![presentation]), "told on");
        assert_eq!(told(IeKind::Variable).as_deref(), Some("tariff=7"), "passed as it came");
    }
}
