//! Who may come in: frames that belong to no leg, call tokens, limits, and the stateless answers to all of them.
//!
//! Until its token returns, a stranger is remembered nowhere and gets no more octets than it sent, give or take a
//! dozen.

use std::net::IpAddr;

use dataplane::handoff::CoreId;
use dataplane::time::Instant;
use dataplane::wire::{FrameType, IaxSubclass};

use crate::conf::{MaxCallNumbers, RequireToken};
use crate::elements::printable;
use crate::engine::Control;
use crate::leg::Work;
use crate::message;
use crate::output::Topic;
use crate::reliable::RTT_AT_FIRST;
use crate::slab::Key;
use crate::transport::{Address, HeardFrame, Opening};

/// What an opening frame's token says of its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    /// It hears us.
    Valid,
    /// It brought none, and need not.
    NotNeeded,
    /// It has been answered, or refused.
    Dealt,
}

/// What an opening frame is to the leg that has its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// No opening frame, or the leg's own once more.
    No,
    /// One from before the leg's own, perhaps. To acknowledge it would stop a peer that means it from repeating it.
    Late,
    /// Another call's.
    Anew,
}

impl Control {
    /// A full frame that belongs to no leg.
    pub(crate) fn handle_without_leg(
        &mut self,
        now: Instant,
        core: CoreId,
        from: Address,
        heard: &HeardFrame<'_>,
    ) {
        let header = *heard.frame.header();
        match (heard.iax(), header.destination) {
            (Some(IaxSubclass::Poke), None) => {
                // Whoever forges a peer's address must not use up the answers by which that peer knows us alive.
                let known = self.peers.at(from.1).next().is_some();
                if known || self.strangers.allows(now, from.1.ip()) {
                    self.send_stateless(core, from, &header, IaxSubclass::Pong, &[]);
                } else {
                    self.stats.limited += 1;
                }
            }
            (Some(IaxSubclass::New), None) => self.admit(now, core, from, heard, IaxSubclass::New),
            (Some(subclass @ (IaxSubclass::RegReq | IaxSubclass::RegRel)), None) => {
                self.admit(now, core, from, heard, subclass);
            }
            (Some(IaxSubclass::New), Some(_)) => {
                self.refuse(now, core, from, heard, IaxSubclass::Reject)
            }
            (Some(IaxSubclass::RegReq | IaxSubclass::RegRel), Some(_)) => {
                self.refuse(now, core, from, heard, IaxSubclass::RegRej);
            }
            _ => self.stray(now, core, from, heard),
        }
    }

    /// Whether a frame that opens a call has the number of a leg but is no repetition of what opened that. Within a
    /// token's life it may be a first frame that was late; later the peer has started anew and knows nothing of the
    /// old call.
    pub(crate) fn opens_again(&self, now: Instant, leg: Key, heard: &HeardFrame<'_>) -> Again {
        let header = heard.frame.header();
        let (Some(token), Some(leg)) = (heard.elements.call_token, self.legs.get(leg)) else {
            return Again::No;
        };
        let repeats = leg
            .opening
            .as_ref()
            .is_some_and(|(at, with)| *at == header.timestamp && **with == *token);
        match heard.opens() && header.destination.is_none() && !repeats {
            false => Again::No,
            true if now < leg.started + self.config.general.call_token_expiration => Again::Late,
            true => Again::Anew,
        }
    }

    /// A peer that has started anew: once its token proves that it is the peer, the old leg makes way.
    pub(crate) fn begin_anew(
        &mut self,
        now: Instant,
        core: CoreId,
        from: Address,
        leg: Key,
        heard: &HeardFrame<'_>,
    ) {
        let token = heard.elements.call_token.unwrap_or_default();
        if self.tokens.is_valid(now, from.1, token) {
            self.leg_lost(now, leg, "it has begun another call with the same number");
        }
        self.handle_without_leg(now, core, from, heard);
    }

    /// A frame of a call that does not exist (any more). INVAL helps Yate and libiax2 drop dead calls; only those we
    /// know by configuration or registration get it, and never in answer to one.
    pub(crate) fn stray(
        &mut self,
        now: Instant,
        core: CoreId,
        from: Address,
        heard: &HeardFrame<'_>,
    ) {
        self.stats.strays += 1;
        let header = *heard.frame.header();
        let answerable = heard.iax().is_none_or(|subclass| {
            subclass.is_numbered()
                && !matches!(
                    subclass,
                    IaxSubclass::CallToken | IaxSubclass::Pong | IaxSubclass::FwDownl
                )
        });
        let known = self.peers.at(from.1).next().is_some();
        let named =
            header.destination.filter(|number| *number != dataplane::wire::CallNumber::NO_CALL);
        let Some(ours) = named.filter(|_| answerable && known) else { return };
        if !self.strangers.allows(now, from.1.ip()) {
            self.stats.limited += 1;
            return;
        }
        let inval = dataplane::wire::FullHeader {
            source: ours,
            destination: Some(header.source),
            retransmission: false,
            timestamp: dataplane::wire::Timestamp(0),
            oseqno: header.iseqno,
            iseqno: header.oseqno,
            frame_type: FrameType::Iax,
            subclass: dataplane::wire::Subclass::iax(IaxSubclass::Inval),
        };
        self.send_raw(core, from, crate::leg::full_frame(&inval, &[]));
    }

    /// A frame that would open a leg: its token, its source's limits, then who it is.
    fn admit(
        &mut self,
        now: Instant,
        core: CoreId,
        from: Address,
        heard: &HeardFrame<'_>,
        subclass: IaxSubclass,
    ) {
        let calling = subclass == IaxSubclass::New;
        let refusal = if calling { IaxSubclass::Reject } else { IaxSubclass::RegRej };
        let validated = match self.check_token(now, core, from, heard, calling) {
            Token::Dealt => return,
            Token::Valid => true,
            Token::NotNeeded => false,
        };
        let over = match () {
            () if self.closing => Some("the switch is stopping".to_owned()),
            () if !validated
                && self.unvalidated
                    >= u32::from(self.config.general.max_call_numbers_nonvalidated) =>
            {
                Some(format!(
                    "{} legs without a call token are up (maxcallnumbers_nonvalidated)",
                    self.unvalidated
                ))
            }
            () => self.over_limit(from.1.ip()),
        };
        if let Some(why) = over {
            self.refuse(now, core, from, heard, refusal);
            return self.complain(
                now,
                Topic::Admission,
                from.1,
                format!("{} from {} refused: {why}", subclass.name(), from.1),
            );
        }
        if validated && self.opened_before(now, from, heard) {
            self.stats.strays += 1;
            return;
        }
        let opened = if calling {
            self.call_arrived(now, core, from, heard, validated)
        } else {
            self.registration_arrived(now, core, from, heard, validated)
        };
        if !opened {
            self.refuse(now, core, from, heard, refusal);
            let text = format!(
                "{} from {} refused: no call number, leg or peer is free (legs_max, peers_max)",
                subclass.name(),
                from.1
            );
            self.complain(now, Topic::Admission, from.1, text);
        }
    }

    /// The leg of a frame that may open one, with what that frame tells of its sender; acknowledged at once where
    /// refusals may wait. `None`: there is no room for it.
    pub(crate) fn open_leg_for(
        &mut self,
        now: Instant,
        core: CoreId,
        from: Address,
        heard: &HeardFrame<'_>,
        validated: bool,
        work: Work,
    ) -> Option<Key> {
        let opening = Opening { core, address: from, rtt: RTT_AT_FIRST };
        let key = self.open_leg(now, opening, work)?;
        let header = *heard.frame.header();
        let leg = self.legs.get_mut(key)?;
        leg.theirs = Some(header.source);
        leg.opening =
            Some((header.timestamp, heard.elements.call_token.unwrap_or_default().into()));
        leg.unvalidated = !validated;
        let _ = leg.reliable.arrive(&header, true);
        self.unvalidated += u32::from(!validated);
        let pair = leg.pair;
        self.associations.get_mut(pair).learn_theirs(header.source, key);
        if self.config.general.delay_reject {
            self.send_ack(key, &header);
        }
        Some(key)
    }

    /// Whether this very frame, late or repeated on the way, has opened a leg that has ended since: the token, and with
    /// it the frame, is good for ten seconds, and a call may be shorter. Marks it as one that has.
    fn opened_before(&mut self, now: Instant, from: Address, heard: &HeardFrame<'_>) -> bool {
        let header = heard.frame.header();
        let mark = (from.1, header.source, header.timestamp, heard.elements.call_token);
        std::mem::replace(self.openings.record(now, mark), true)
    }

    fn check_token(
        &mut self,
        now: Instant,
        core: CoreId,
        from: Address,
        heard: &HeardFrame<'_>,
        calling: bool,
    ) -> Token {
        let refusal = if calling { IaxSubclass::Reject } else { IaxSubclass::RegRej };
        match heard.elements.call_token {
            Some([]) => {
                let token = message::call_token(&self.tokens.make(now, from.1));
                let header = *heard.frame.header();
                self.send_stateless(core, from, &header, IaxSubclass::CallToken, &token);
                Token::Dealt
            }
            Some(token) if self.tokens.is_valid(now, from.1, token) => Token::Valid,
            Some(_) => {
                self.refuse(now, core, from, heard, refusal);
                let text = format!("{} sent a wrong or expired call token", from.1);
                self.complain(now, Topic::Admission, from.1, text);
                Token::Dealt
            }
            None if self.token_required(heard, calling, from.1.ip()) => {
                self.refuse(now, core, from, heard, refusal);
                let name = heard.elements.named_user().map_or("guest".to_owned(), printable);
                let text = format!(
                    "{} sent no call token, as user \"{name}\": put its address in calltokenoptional or \
                     requirecalltoken=no in its section, if it cannot",
                    from.1
                );
                self.complain(now, Topic::Admission, from.1, text);
                Token::Dealt
            }
            None => Token::NotNeeded,
        }
    }

    /// Whether the section named (`guest` if none is) demands a token of this source.
    fn token_required(&self, heard: &HeardFrame<'_>, calling: bool, source: IpAddr) -> bool {
        let name = heard.elements.named_user().unwrap_or(b"guest");
        let name = std::str::from_utf8(name).unwrap_or_default();
        let user = self.user_named(name).filter(|_| calling);
        let peer = self.peers.by_name(name);
        let of_section = match (user, peer) {
            (Some(user), _) => Some((user.require_call_token, None)),
            (None, Some(peer)) => Some((peer.config.require_call_token, Some(peer))),
            (None, None) => None,
        };
        let learnt = self.peers.has_proved_tokens(name);
        let set = of_section.and_then(|(set, _)| set).or(self.config.general.require_call_token);
        match set {
            Some(RequireToken::Yes) => true,
            Some(RequireToken::No) => false,
            Some(RequireToken::Auto) => learnt,
            None => {
                !self.config.general.call_token_optional.iter().any(|net| net.contains(&source))
            }
        }
    }

    /// Which limit on its legs an address has reached, if any.
    pub(crate) fn over_limit(&self, ip: IpAddr) -> Option<String> {
        let legs = self.associations.legs_of(ip);
        let general = &self.config.general;
        let of_peer = self.peers.at_ip(ip).filter_map(|peer| peer.config.max_call_numbers).max();
        let of_range = || {
            let covering =
                self.config.call_number_limits.iter().filter(|(net, _)| net.contains(&ip));
            covering.max_by_key(|(net, _)| net.prefix_len()).map(|(_, limit)| *limit)
        };
        let written = of_peer
            .map(|limit| (limit, "maxcallnumbers"))
            .or_else(|| of_range().map(|limit| (limit, "callnumberlimits")));
        let trunks = self.peers.at_ip(ip).filter(|peer| peer.config.trunk).count() as u32;
        let (limit, name) = match (written, general.max_call_numbers) {
            (Some(written), _) => written,
            (None, MaxCallNumbers::Limit(limit)) => (limit, "maxcallnumbers"),
            (None, MaxCallNumbers::Default) if trunks > 0 => {
                // A trunk's numbers return after 5 s where they must: those at rest are no burden to anybody.
                let (legs, limit) = (legs.live, trunks * u32::from(general.trunk_max_call_numbers));
                return (legs >= limit)
                    .then(|| format!("{ip} has {legs} legs; trunk_max_call_numbers is {limit}"));
            }
            (None, MaxCallNumbers::Default) => (STRANGER_LEGS, "maxcallnumbers"),
        };
        let legs = legs.live + legs.resting;
        (legs >= u32::from(limit)).then(|| {
            format!("{ip} has {legs} legs, those at rest for a minute included; {name} is {limit}")
        })
    }

    /// REJECT or REGREJ without any leg behind it, and without a reason: the wire tells a stranger nothing.
    fn refuse(
        &mut self,
        now: Instant,
        core: CoreId,
        from: Address,
        heard: &HeardFrame<'_>,
        subclass: IaxSubclass,
    ) {
        self.stats.refused += 1;
        if self.strangers.allows(now, from.1.ip()) {
            let header = *heard.frame.header();
            self.send_stateless(core, from, &header, subclass, &[]);
        } else {
            self.stats.limited += 1;
        }
    }
}

/// `maxcallnumbers` for addresses without a word about them.
const STRANGER_LEGS: u16 = 2048;
