//! `$[...]`: comparisons, `&`, `|`, `+`, `-` and parentheses.
//!
//! The expression is read with the file and values are put in as whole operands, so that no caller's name or number
//! can bring operators of its own.

mod number;

use number::Number;

use super::issue::TextError;
use super::template::{DEPTH_MAX, Lookup, Reference, Template};

/// Most operators of one expression.
const OPERATORS_MAX: usize = 64;

/// An expression, ready to be evaluated.
#[derive(Debug, Clone)]
pub(super) enum Expression {
    /// A word, a number or a text in quotes.
    Operand { text: Template, quoted: bool },
    /// Two expressions and what to do with them.
    Both { operator: Operator, left: Box<Expression>, right: Box<Expression> },
    /// A minus before an expression.
    Negative(Box<Expression>),
}

/// What stands between two operands; in order of binding, the loosest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
    Plus,
    Minus,
}

impl Operator {
    fn binding(self) -> usize {
        match self {
            Self::Or => 0,
            Self::And => 1,
            Self::Plus | Self::Minus => 3,
            _ => 2,
        }
    }
}

/// Binding of the tightest operators.
const TIGHTEST: usize = 3;

/// What an expression comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    /// As text.
    pub(super) text: String,
    /// Whether it was written in quotes, which makes it a text even if it looks like a number.
    quoted: bool,
}

impl Value {
    fn bare(text: impl Into<String>) -> Self {
        Self { text: text.into(), quoted: false }
    }

    fn number(&self) -> Option<Number> {
        if self.quoted { None } else { Number::parse(&self.text) }
    }

    fn is_true(&self) -> bool {
        !self.text.is_empty() && Number::parse(&self.text).is_none_or(|number| !number.is_zero())
    }
}

impl Expression {
    /// Reads what stands between `$[` and `]`, `base` octets into the line's value.
    pub(super) fn parse(text: &str, base: usize, depth: usize) -> Result<Self, TextError> {
        let mut parser = Parser { text, base, at: 0, depth, operators: 0 };
        let expression = parser.operators_from(0)?;
        match parser.peek() {
            None => Ok(expression),
            Some(_) => Err(parser.unexpected()),
        }
    }

    /// What it comes to for this call.
    pub(super) fn evaluate(&self, lookup: &dyn Lookup) -> Value {
        match self {
            Self::Operand { text, quoted } => {
                let text = text.expand(lookup);
                match quoted {
                    true => Value { text, quoted: true },
                    false => Value::bare(text.trim()),
                }
            }
            Self::Negative(inner) => {
                let number = inner.evaluate(lookup).number().unwrap_or(Number::Whole(0));
                Value::bare(Number::Whole(0).minus(number).to_text())
            }
            Self::Both { operator, left, right } => {
                combine(*operator, left.evaluate(lookup), right.evaluate(lookup))
            }
        }
    }

    /// Shows `visit` every variable, by its name as written.
    pub(super) fn references(&self, visit: &mut dyn FnMut(&Reference)) {
        match self {
            Self::Operand { text, .. } => text.references(visit),
            Self::Negative(inner) => inner.references(visit),
            Self::Both { left, right, .. } => {
                left.references(visit);
                right.references(visit);
            }
        }
    }
}

fn combine(operator: Operator, left: Value, right: Value) -> Value {
    let numbers = left.number().zip(right.number());
    let truth = |truth: bool| Value::bare(if truth { "1" } else { "0" });
    let order = match numbers {
        Some((left, right)) => left.to_float().total_cmp(&right.to_float()).then_with(|| {
            let whole = |number| if let Number::Whole(whole) = number { Some(whole) } else { None };
            whole(left).zip(whole(right)).map_or(std::cmp::Ordering::Equal, |(a, b)| a.cmp(&b))
        }),
        None => left.text.cmp(&right.text),
    };
    match operator {
        Operator::Or if left.is_true() => left,
        Operator::Or => right,
        Operator::And if left.is_true() && right.is_true() => left,
        Operator::And => truth(false),
        Operator::Equal => truth(order.is_eq()),
        Operator::NotEqual => truth(order.is_ne()),
        Operator::Less => truth(order.is_lt()),
        Operator::Greater => truth(order.is_gt()),
        Operator::LessOrEqual => truth(order.is_le()),
        Operator::GreaterOrEqual => truth(order.is_ge()),
        Operator::Plus | Operator::Minus => match numbers {
            None => truth(false), // what is no number cannot be counted with
            Some((left, right)) if operator == Operator::Plus => {
                Value::bare(left.plus(right).to_text())
            }
            Some((left, right)) => Value::bare(left.minus(right).to_text()),
        },
    }
}

struct Parser<'a> {
    text: &'a str,
    base: usize,
    at: usize,
    depth: usize,
    operators: usize,
}

impl Parser<'_> {
    /// Operands joined by operators that bind at least as tightly as `binding`.
    fn operators_from(&mut self, binding: usize) -> Result<Expression, TextError> {
        if binding > TIGHTEST {
            return self.operand();
        }
        let mut left = self.operators_from(binding + 1)?;
        while let Some((operator, len)) = self.operator()
            && operator.binding() == binding
        {
            self.operators += 1;
            if self.operators > OPERATORS_MAX {
                let message = format!("this expression has more than {OPERATORS_MAX} operators");
                return Err(TextError::new(self.base..self.base + self.text.len(), message));
            }
            self.at += len;
            let right = self.operators_from(binding + 1)?;
            left = Expression::Both { operator, left: Box::new(left), right: Box::new(right) };
        }
        Ok(left)
    }

    fn operand(&mut self) -> Result<Expression, TextError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let at = self.base..self.base + self.text.len();
            return Err(TextError::new(at, format!("parentheses nest more than {DEPTH_MAX} deep")));
        }
        let operand = match self.peek() {
            Some(b'-') => {
                self.at += 1;
                Expression::Negative(Box::new(self.operand()?))
            }
            Some(b'(') => {
                self.at += 1;
                let inner = self.operators_from(0)?;
                if self.peek() != Some(b')') {
                    return Err(self.unexpected());
                }
                self.at += 1;
                inner
            }
            Some(b'"') => self.quoted()?,
            _ => self.words()?,
        };
        self.depth -= 1;
        Ok(operand)
    }

    fn quoted(&mut self) -> Result<Expression, TextError> {
        let begin = self.at + 1;
        let Some(end) = self.text.get(begin..).and_then(|rest| rest.find('"')) else {
            let at = self.base + self.at..self.base + self.text.len();
            return Err(TextError::new(at, "this quote is not closed"));
        };
        self.at = begin + end + 1;
        let inside = self.text.get(begin..begin + end).unwrap_or_default();
        let text = Template::parse_at_depth(inside, self.base + begin, self.depth)?;
        Ok(Expression::Operand { text, quoted: true })
    }

    /// Words up to the next operator. Several words are one text.
    fn words(&mut self) -> Result<Expression, TextError> {
        let begin = self.at;
        let octets = self.text.as_bytes();
        while let Some(&octet) = octets.get(self.at) {
            if octet == b'$' && matches!(octets.get(self.at + 1), Some(b'{' | b'[')) {
                self.at = super::template::find_close(self.text, self.at)
                    .map_or(self.text.len(), |close| close + 1);
            } else if b"()\"=<>!&|+-*/%?~:".contains(&octet) {
                break;
            } else {
                self.at += 1;
            }
        }
        let words = self.text.get(begin..self.at).unwrap_or_default().trim_end();
        if words.is_empty() {
            return Err(self.unexpected());
        }
        let text = Template::parse_at_depth(words, self.base + begin, self.depth)?;
        Ok(Expression::Operand { text, quoted: false })
    }

    fn operator(&mut self) -> Option<(Operator, usize)> {
        let octets = self.peek().and_then(|_| self.text.as_bytes().get(self.at..))?;
        Some(match octets {
            [b'|', b'|', ..] => (Operator::Or, 2),
            [b'|', ..] => (Operator::Or, 1),
            [b'&', b'&', ..] => (Operator::And, 2),
            [b'&', ..] => (Operator::And, 1),
            [b'=', b'~', ..] => return None,
            [b'=', b'=', ..] => (Operator::Equal, 2),
            [b'=', ..] => (Operator::Equal, 1),
            [b'!', b'=', ..] => (Operator::NotEqual, 2),
            [b'<', b'=', ..] => (Operator::LessOrEqual, 2),
            [b'>', b'=', ..] => (Operator::GreaterOrEqual, 2),
            [b'<', ..] => (Operator::Less, 1),
            [b'>', ..] => (Operator::Greater, 1),
            [b'+', ..] => (Operator::Plus, 1),
            [b'-', ..] => (Operator::Minus, 1),
            _ => return None,
        })
    }

    /// The next octet that is no blank.
    fn peek(&mut self) -> Option<u8> {
        let octets = self.text.as_bytes();
        while octets.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        octets.get(self.at).copied()
    }

    fn unexpected(&mut self) -> TextError {
        let help = "an expression knows = != < > <= >= & | + - and parentheses; put other characters in quotes";
        let Some(octet) = self.peek() else {
            let end = self.base + self.text.len();
            let at = self.base..end;
            return TextError::new(at, "something is missing at the end of this expression")
                .help("put variables that may be empty in quotes: $[\"${NAME}\" = \"\"]");
        };
        let rest = self.text.get(self.at..).unwrap_or_default();
        let found = rest.chars().next().unwrap_or(char::from(octet));
        let at = self.base + self.at..self.base + self.at + found.len_utf8();
        TextError::new(at, format!("{found} is not understood here")).help(help)
    }
}

#[cfg(test)]
mod tests;
