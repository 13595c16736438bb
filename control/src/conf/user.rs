//! The user half of a section: who may call us.

use super::access::NamedLists;
use super::general::{self, Shared, assign};
use super::half::Half;
use super::item::{Item, Told};
use super::keys::Scope;
use super::limits::Terms;
use super::{AmaFlags, CallerId, CodecPriority, Credentials, Diagnostic, Peer, Place, User};

/// The section that takes callers whom no other covers.
pub(super) const GUEST: &str = "guest";

/// Unanswered challenges of a user at a time, unless written; made for telephones.
const MAX_AUTH_REQ: u32 = 3;

/// The same for a user who is a trunk peer, too.
const MAX_AUTH_REQ_TRUNK: u32 = 1000;

/// A user as it is read.
#[derive(Debug)]
pub(super) struct UserDraft {
    pub(super) half: Half,
    contexts: Vec<String>,
    any_context: bool,
    codec_priority: Option<CodecPriority>,
    max_auth_req: Option<u32>,
    call_limit: Option<u32>,
    account_code: Option<String>,
    ama_flags: Option<AmaFlags>,
    variables: Vec<(String, String)>,
}

impl UserDraft {
    pub(super) fn new(name: &str, place: Place, shared: &Shared) -> Self {
        Self {
            half: Half::new(name, place, Scope::USER, shared),
            contexts: Vec::new(),
            any_context: false,
            codec_priority: None,
            max_auth_req: None,
            call_limit: None,
            account_code: None,
            ama_flags: None,
            variables: Vec::new(),
        }
    }

    /// Takes one honoured line. `false`: there is no such key, which a test rules out.
    pub(super) fn set(&mut self, item: Item<'_>, named: &NamedLists, told: &mut Told) -> bool {
        match item.key.name {
            "context" => self.context(item, told),
            "codecpriority" => self.codec_priority = general::codec_priority(item, told),
            "maxauthreq" => assign(&mut self.max_auth_req, item.number(told).map(Some)),
            "call-limit" => self.call_limit = item.number(told).filter(|limit| *limit != 0),
            "accountcode" => self.account_code = item.text_or_none(),
            "amaflags" => self.ama_flags = general::ama_flags(item, told),
            "setvar" => self.variable(item, told),
            _ => return self.half.set(item, named, told),
        }
        true
    }

    fn context(&mut self, item: Item<'_>, told: &mut Told) {
        match item.line.value.as_str() {
            "*" => self.any_context = true,
            "" => told.push(
                Diagnostic::warning(item.place(), "context is empty and ignored")
                    .help("write context=name"),
            ),
            name if self.contexts.iter().any(|known| known == name) => {}
            name => self.contexts.push(name.to_owned()),
        }
    }

    fn variable(&mut self, item: Item<'_>, told: &mut Told) {
        let Some((name, value)) = item.line.value.split_once('=') else {
            item.refuse::<()>(told);
            return;
        };
        let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
        self.variables.retain(|(known, _)| *known != name);
        self.variables.push((name, value));
    }

    /// The user; `peer` is the other half of the same name, if there is one.
    pub(super) fn finish(
        mut self,
        shared: &Shared,
        terms: &Terms,
        peer: Option<&Peer>,
        told: &mut Told,
    ) -> User {
        if self.contexts.is_empty() {
            self.contexts.push("default".to_owned());
        }
        let half = &self.half;
        let credentials = half.credentials(shared, told);
        self.check_open(&credentials, told);
        let is_trunk = peer.is_some_and(|peer| peer.trunk);
        let natural = if is_trunk { MAX_AUTH_REQ_TRUNK } else { MAX_AUTH_REQ };
        User {
            credentials,
            acl: half.acl.clone(),
            host: peer.map(|peer| peer.host.clone()),
            codecs: half.codecs(told),
            codec_priority: self.codec_priority.unwrap_or(shared.codec_priority),
            require_call_token: half.require_call_token,
            max_auth_req: self.max_auth_req.or(shared.max_auth_req).unwrap_or(natural),
            limits: terms.incoming(self.call_limit),
            dialplan_queries: terms.dialplan_queries,
            caller_id: caller_id(half),
            shrink_caller_id: shared.shrink_caller_id,
            language: half.language.clone(),
            default_language: shared.language.clone(),
            account_code: self.account_code.or_else(|| shared.account_code.clone()),
            ama_flags: self.ama_flags.or(shared.ama_flags),
            connected_line: half.connected_line,
            encryption: half.encryption(shared),
            contexts: self.contexts,
            any_context: self.any_context,
            variables: self.variables,
            name: self.half.name,
            place: self.half.place,
        }
    }

    /// Whether anybody who knows the name may call.
    fn check_open(&self, credentials: &Credentials, told: &mut Told) {
        let half = &self.half;
        if credentials.are_required() || half.relies_on_nothing {
            return;
        }
        match half.methods_at.clone().filter(|_| half.methods.is_some()) {
            Some(place) => {
                let message = format!(
                    "[{}] has auth but neither secret nor inkeys: nothing is asked of callers",
                    half.name
                );
                told.push(Diagnostic::error(place, message).help("write secret=, or remove auth"));
            }
            None if half.methods_at.is_none() && half.acl.is_empty() && half.name != GUEST => {
                let message =
                    format!("anybody may call as [{}]: it has neither secret nor deny", half.name);
                told.push(
                    Diagnostic::warning(half.place.clone(), message)
                        .help("write secret=, or call the section [guest] if that is meant"),
                );
            }
            None => {}
        }
    }
}

/// The caller id written; one without number and name is none.
pub(super) fn caller_id(half: &Half) -> Option<CallerId> {
    half.caller_id.clone().filter(|id| id.number.is_some() || id.name.is_some())
}
