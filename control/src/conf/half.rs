//! What the user half and the peer half of a section have in common.

use super::access::{self, NamedLists};
use super::codecs::CodecList;
use super::general::{self, Shared, assign};
use super::item::{self, Item, Told};
use super::keys::Scope;
use super::{
    Acl, CallerId, Codecs, ConnectedLine, Credentials, Diagnostic, EncryptionPolicy, Methods,
    Place, RequireToken, Secret, values,
};

/// One half of a section as it is read. Sections of the same name add to the same half.
#[derive(Debug)]
pub(super) struct Half {
    pub(super) name: String,
    pub(super) place: Place,
    /// [`Scope::USER`] or [`Scope::PEER`].
    pub(super) scope: Scope,
    pub(super) secrets: Vec<Secret>,
    pub(super) in_keys: Vec<String>,
    pub(super) in_keys_at: Option<Place>,
    pub(super) out_key: Option<String>,
    pub(super) out_key_at: Option<Place>,
    pub(super) methods: Option<Methods>,
    pub(super) methods_at: Option<Place>,
    pub(super) acl: Acl,
    /// The first `permit`, which means nothing without a `deny`.
    permit_at: Option<Place>,
    /// The last `deny`.
    deny_at: Option<Place>,
    pub(super) codecs: CodecList,
    pub(super) caller_id: Option<CallerId>,
    pub(super) language: Option<String>,
    pub(super) require_call_token: Option<RequireToken>,
    pub(super) connected_line: ConnectedLine,
    encryption: Option<bool>,
    force_encryption: Option<bool>,
    /// Whether its author relies on a misspelt key, which has been told.
    pub(super) relies_on_nothing: bool,
}

impl Half {
    pub(super) fn new(name: &str, place: Place, scope: Scope, shared: &Shared) -> Self {
        Self {
            name: name.to_owned(),
            place,
            scope,
            secrets: Vec::new(),
            in_keys: Vec::new(),
            in_keys_at: None,
            out_key: None,
            out_key_at: None,
            methods: None,
            methods_at: None,
            acl: Acl::default(),
            permit_at: None,
            deny_at: None,
            codecs: shared.codecs.inherited(),
            caller_id: None,
            language: None,
            require_call_token: None,
            connected_line: shared.connected_line,
            encryption: None,
            force_encryption: None,
            relies_on_nothing: false,
        }
    }

    /// Takes one honoured line. `false`: it is a key of one half only.
    pub(super) fn set(&mut self, item: Item<'_>, named: &NamedLists, told: &mut Told) -> bool {
        self.set_protection(item, named, told) || self.set_call(item, told)
    }

    fn set_protection(&mut self, item: Item<'_>, named: &NamedLists, told: &mut Told) -> bool {
        match item.key.name {
            "secret" => self.secret(item, told),
            "auth" => {
                self.methods = item.methods(told);
                self.methods_at = Some(item.place());
            }
            "inkeys" => {
                let keys = item::items(&item.line.value, &[':']);
                self.in_keys = keys.map(|(key, _)| key.to_owned()).collect();
                self.in_keys_at = Some(item.place());
                if self.in_keys.is_empty() {
                    item.refuse::<()>(told);
                }
            }
            "outkey" => {
                self.out_key = item.text_or_none();
                self.out_key_at = self.out_key.as_ref().map(|_| item.place());
            }
            "encryption" => {
                self.encryption = item.encryption(told);
            }
            "forceencryption" => {
                self.force_encryption = item.encryption(told);
            }
            "requirecalltoken" => self.require_call_token = item.require_token(told),
            "permit" | "deny" => {
                let rules = access::rules(item, told);
                if rules.iter().any(|rule| rule.permit) {
                    self.permit_at.get_or_insert_with(|| item.place());
                }
                if rules.iter().any(|rule| !rule.permit) {
                    self.deny_at = Some(item.place());
                }
                self.acl.rules.extend(rules);
            }
            "acl" => self.acl.named.extend(access::lists(item, named, told)),
            _ => return false,
        }
        true
    }

    fn set_call(&mut self, item: Item<'_>, told: &mut Told) -> bool {
        match item.key.name {
            "allow" => self.codecs.line(item, true, told),
            "disallow" => self.codecs.line(item, false, told),
            "callerid" => self.caller_id = values::caller_id(&item.line.value),
            "fullname" => self.caller_id.get_or_insert_default().name = item.text_or_none(),
            "cid_number" => self.caller_id.get_or_insert_default().number = item.text_or_none(),
            "language" => self.language = item.text_or_none(),
            "connectedline" => {
                assign(&mut self.connected_line, general::connected_line(item, told));
            }
            "transfer" | "notransfer" => general::transfer(item, told),
            "mohinterpret" => general::hold(item, told),
            _ => return false,
        }
        true
    }

    fn secret(&mut self, item: Item<'_>, told: &mut Told) {
        let is_user = self.scope == Scope::USER;
        if item.line.value.is_empty() {
            if is_user && self.secrets.is_empty() {
                self.relies_on_nothing = true;
                let message = "the secret is empty: nothing would be asked of callers";
                told.push(
                    Diagnostic::error(item.place(), message).help("write one, or remove the line"),
                );
            }
            return;
        }
        if !is_user {
            self.secrets.clear();
        }
        self.secrets.push(Secret::new(&item.line.value));
    }

    /// The credentials, defaults applied.
    pub(super) fn credentials(&self, shared: &Shared, told: &mut Told) -> Credentials {
        let methods = self.methods.or(shared.methods).unwrap_or(self.natural_methods());
        self.judge_methods(methods, told);
        let is_open = self.secrets.is_empty() && self.in_keys.is_empty() && self.out_key.is_none();
        let methods = if is_open { Methods::default() } else { methods };
        Credentials {
            secrets: self.secrets.clone(),
            in_keys: self.in_keys.clone(),
            out_key: self.out_key.clone(),
            methods,
        }
    }

    /// Errs where nobody could prove what is asked.
    fn judge_methods(&self, methods: Methods, told: &mut Told) {
        let is_open = self.secrets.is_empty() && self.in_keys.is_empty();
        let by_secret = methods.contains(Methods::MD5) || methods.contains(Methods::PLAINTEXT);
        let provable = (by_secret && !self.secrets.is_empty())
            || (methods.contains(Methods::RSA) && !self.in_keys.is_empty());
        let place =
            self.methods_at.clone().or(self.in_keys_at.clone()).unwrap_or(self.place.clone());
        if !is_open && !provable {
            let message = "nobody can prove itself by a method of auth=: secret goes with md5, inkeys with rsa";
            let help = format!("write what goes with it in [{}]", self.name);
            told.push(Diagnostic::error(place, message).help(help));
        } else if methods.contains(Methods::PLAINTEXT) && self.methods.is_some() {
            let message =
                "plaintext sends the secret over the wire for everybody on the way to read";
            told.push(
                Diagnostic::warning(place, message).help("write auth=md5, or auth=rsa with keys"),
            );
        }
    }

    /// What the credentials there are can be proved by, or answered with.
    fn natural_methods(&self) -> Methods {
        let md5 = if self.secrets.is_empty() { Methods::default() } else { Methods::MD5 };
        let has_key = !self.in_keys.is_empty() || self.out_key.is_some();
        let rsa = if has_key { Methods::RSA } else { Methods::default() };
        if self.scope == Scope::PEER && !has_key { Methods::MD5 } else { md5.with(rsa) }
    }

    /// The codecs; none at all is an error.
    pub(super) fn codecs(&self, told: &mut Told) -> Codecs {
        let codecs = self.codecs.finish();
        if codecs.order.is_empty() {
            let message = format!("[{}] allows no codec: every call would be refused", self.name);
            told.push(
                Diagnostic::error(self.place.clone(), message).help("write allow=ulaw, or others"),
            );
        }
        codecs
    }

    pub(super) fn encryption(&self, shared: &Shared) -> EncryptionPolicy {
        item::encryption_policy(
            (self.encryption, shared.encryption),
            (self.force_encryption, shared.force_encryption),
        )
    }

    /// Lists that do less than they seem to.
    pub(super) fn check_lists(&self, binds_ipv6: bool, told: &mut Told) {
        let rules = &self.acl.rules;
        match (&self.permit_at, &self.deny_at) {
            (Some(permit), None) if self.acl.named.is_empty() => told.push(
                Diagnostic::warning(permit.clone(), "permit without deny keeps nobody out")
                    .help("write deny=0.0.0.0/0.0.0.0 above it"),
            ),
            (Some(_), Some(deny))
                if rules.last().is_some_and(|rule| covers_all(rule) && !rule.permit) =>
            {
                told.push(
                    Diagnostic::warning(
                        deny.clone(),
                        "this deny covers every permit above it: nobody gets in",
                    )
                    .help("write deny first, then permit: the last that covers a source decides"),
                )
            }
            _ => {}
        }
        let denies_all_of = |ipv4: bool| {
            rules
                .iter()
                .any(|rule| !rule.permit && rule.net.addr().is_ipv4() == ipv4 && covers_all(rule))
        };
        if let Some(deny) = self
            .deny_at
            .clone()
            .filter(|_| binds_ipv6 && denies_all_of(true) && !denies_all_of(false))
        {
            let message = "this denies all of IPv4, but we are bound to an IPv6 address, too";
            told.push(Diagnostic::warning(deny, message).help("write deny=::/0 as well"));
        }
    }
}

fn covers_all(rule: &super::Rule) -> bool {
    rule.net.prefix_len() == 0
}
