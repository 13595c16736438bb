//! What a Dial asks for.

use super::{DIALS_MAX, LastDial, NO_ROUTE, ROUTING_ERROR, Walk};
use crate::dialplan::dial_options::options;
use crate::dialplan::dial_string::{destinations, timeout};
use crate::dialplan::issue::Issue;
use crate::dialplan::split::{split, unquoted};
use crate::dialplan::step::{DialRequest, DialResult, DialStatus, Step};
use crate::dialplan::template::Template;

impl Walk {
    /// The calls to place. Where none can be placed the Dial has failed already, and the walk goes on.
    pub(super) fn dial(&mut self, arguments: &Template) -> Option<Step> {
        self.dials += 1;
        if self.dials > DIALS_MAX {
            return Some(self.fail(ROUTING_ERROR, &format!("more than {DIALS_MAX} Dials")));
        }
        let text = self.expand_structural(arguments);
        match self.dial_request(&text) {
            Ok((request, doubt)) => {
                self.failure = doubt;
                self.last_dial = LastDial::Placed { go_on: request.options.go_on };
                Some(Step::Dial(request))
            }
            Err(why) => {
                self.failure = Some(format!("{}: {why}", self.line));
                self.last_dial = LastDial::Unusable;
                let status = DialStatus::ChanUnavail;
                self.set_result(DialResult { status, cause: NO_ROUTE });
                None
            }
        }
    }

    fn dial_request(&self, text: &str) -> Result<(DialRequest, Option<String>), String> {
        let mut parts =
            split(text, b',').into_iter().map(|part| text.get(part).unwrap_or_default());
        let mut next = || parts.next().unwrap_or_default();
        let (usable, wrong) = destinations(&unquoted(next()));
        let first_wrong = wrong.first().map(|error| error.message.as_str());
        if usable.is_empty() {
            return Err(first_wrong.unwrap_or("this Dial calls nobody").to_owned());
        }
        let timeout = timeout(next()).map_err(|error| error.message)?;
        let (options, issues) = options(next());
        if let Some(refused) = issues.into_iter().find(Issue::is_unroutable) {
            return Err(refused.error.message);
        }
        let caller = self.caller.clone();
        let line = self.line.to_string();
        let doubt = first_wrong.map(|why| format!("{}: {why}", self.line));
        Ok((DialRequest { destinations: usable, timeout, options, caller, line }, doubt))
    }
}
