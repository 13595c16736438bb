//! Numbers of expressions.

/// Whole as long as it can be, so that long telephone numbers keep every digit.
#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
    Whole(i64),
    Float(f64),
}

impl Number {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let plain = digits.bytes().all(|octet| octet.is_ascii_digit() || octet == b'.');
        if !plain || !digits.bytes().any(|octet| octet.is_ascii_digit()) {
            return None;
        }
        text.parse().map(Self::Whole).ok().or_else(|| text.parse().map(Self::Float).ok())
    }

    #[expect(clippy::cast_precision_loss, reason = "whole numbers are compared as such as well")]
    pub(super) fn to_float(self) -> f64 {
        match self {
            Self::Whole(whole) => whole as f64,
            Self::Float(float) => float + 0.0, // no negative zero, which total_cmp would tell apart
        }
    }

    pub(super) fn is_zero(self) -> bool {
        self.to_float() == 0.0
    }

    pub(super) fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) if a.checked_add(b).is_some() => {
                Self::Whole(a.saturating_add(b))
            }
            _ => Self::Float(self.to_float() + other.to_float()),
        }
    }

    pub(super) fn minus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) if a.checked_sub(b).is_some() => {
                Self::Whole(a.saturating_sub(b))
            }
            _ => Self::Float(self.to_float() - other.to_float()),
        }
    }

    pub(super) fn to_text(self) -> String {
        match self {
            Self::Whole(whole) => whole.to_string(),
            Self::Float(float) => float.to_string(),
        }
    }
}
