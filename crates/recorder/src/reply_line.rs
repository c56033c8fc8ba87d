//! Replies in one line: `503x2, timeout, 10% reset, delay 1s..3s 429(retry-after=2) "slow down", 200`.
//!
//! A line comes in, [`Replies`] go out, or an error with the column and a hint. The grammar:
//!
//! ```text
//! line    = ["reset-on-accept" ["x" N] ","] item {"," item} ["," "..."]
//! item    = [chance] ["delay" delay] [fault] [status] ["x" N] [headers] [body] ["x" N]
//! chance  = NUMBER "%"
//! delay   = "50ms" | "50ms..120ms" | "100ms~2s"           see Delay
//! fault   = "timeout" | "reset" | "reset-after-head" | "empty" | "garbage"
//!         | "truncate(" N ")" | "drip(" N "/s)" | "length(" +N | -N ")"
//! headers = "(" name "=" value {";" name "=" value} ")"
//! body    = a JSON string, sent as it is, or an object or list, sent as application/json
//! ```
//!
//! An item has a status, a fault, or both; with neither of them it is refused. The last reply stays for
//! ever, unless the line ends in `...`: then the first one comes again.

use std::num::NonZeroU32;

use ringback_exchange::{Content, Headers};

use crate::error::ParseRepliesError;
use crate::fault::Fault;
use crate::script::{Body, Replies, ScriptedReply};

/// Words that begin an item, for hints.
const WORDS: [&str; 10] = [
    "delay",
    "timeout",
    "reset",
    "reset-after-head",
    "empty",
    "garbage",
    "truncate",
    "drip",
    "length",
    "reset-on-accept",
];

/// Reads a line. The second part is how many connections are reset as they are accepted.
pub(crate) fn parse(text: &str) -> Result<(Replies, u64), ParseRepliesError> {
    let mut line = Line { text, at: 0 };
    let mut replies = Replies { list: Vec::new(), ..Replies::default() };
    let mut reset_on_accept = 0;
    line.skip_space();
    if line.takes_word("reset-on-accept") {
        reset_on_accept = u64::from(line.times()?.unwrap_or(1));
        if line.is_at_end() {
            return Ok((Replies::default(), reset_on_accept));
        }
        line.comma()?;
    }
    loop {
        if !replies.list.is_empty() && line.takes("...") {
            replies.cycle = true;
            line.skip_space();
            if !line.is_at_end() {
                return Err(line.refuse("nothing can come after `...`", None));
            }
            return Ok((replies, reset_on_accept));
        }
        replies.list.push(line.item()?);
        if line.is_at_end() {
            return Ok((replies, reset_on_accept));
        }
        line.comma()?;
    }
}

/// Reads a fault alone, as a file has it: `truncate(10)`.
pub(crate) fn parse_fault(text: &str) -> Result<Fault, ParseRepliesError> {
    let mut line = Line { text, at: 0 };
    match line.fault()? {
        Some(fault) if line.is_at_end() => Ok(fault),
        _ => Err(line.unknown("a fault")),
    }
}

struct Line<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Line<'a> {
    fn item(&mut self) -> Result<ScriptedReply, ParseRepliesError> {
        let begin = self.at;
        let mut reply = ScriptedReply { chance: self.chance()?, ..ScriptedReply::default() };
        if self.takes_word("delay") {
            let from = self.at;
            let text = self.until(|c| c == ' ' || c == ',');
            reply.delay = text.parse().map_err(|error: crate::delay::ParseDelayError| {
                Self { text: self.text, at: from }.refuse(&error.to_string(), None)
            })?;
            self.skip_space();
        }
        reply.fault = self.fault()?;
        let digits = self.rest().find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest().len());
        let has_status = digits > 0;
        if has_status {
            reply.status = match self.rest()[..digits].parse() {
                Ok(status @ 200..=599) => status,
                _ => return Err(self.refuse("a status is between 200 and 599", None)),
            };
            self.advance(digits);
        }
        if !has_status && reply.fault.is_none() {
            let is_empty = matches!(self.rest().chars().next(), None | Some(','));
            return Err(match is_empty {
                true if begin == self.at => self.refuse("a reply is missing", None),
                true => self.refuse("a status or a fault is missing", None),
                false => self.unknown("a reply"),
            });
        }
        let times = self.times()?;
        self.headers(&mut reply.headers)?;
        self.body(&mut reply)?;
        reply.times = times.map_or_else(|| self.times().map(|times| times.unwrap_or(1)), Ok)?;
        Ok(reply)
    }

    fn chance(&mut self) -> Result<Option<f64>, ParseRepliesError> {
        let number = self.rest().find(|c: char| !c.is_ascii_digit() && c != '.');
        let Some(number) = number.filter(|end| self.rest()[*end..].starts_with('%')) else {
            return Ok(None);
        };
        match self.rest()[..number].parse::<f64>() {
            Ok(percent) if percent > 0.0 && percent <= 100.0 => {
                self.advance(number + 1);
                self.skip_space();
                Ok(Some(percent / 100.0))
            }
            _ => Err(self.refuse("a chance is above 0% and at most 100%", None)),
        }
    }

    fn fault(&mut self) -> Result<Option<Fault>, ParseRepliesError> {
        let plain = [
            ("timeout", Fault::Timeout),
            ("reset-after-head", Fault::ResetAfterHead),
            ("reset", Fault::Reset),
            ("empty", Fault::Empty),
            ("garbage", Fault::Garbage),
        ];
        for (word, fault) in plain {
            if self.takes_word(word) {
                return Ok(Some(fault));
            }
        }
        if self.takes_word("truncate") {
            let bytes = self.argument("truncate(10)", |text| text.parse().ok())?;
            return Ok(Some(Fault::Truncate(bytes)));
        }
        if self.takes_word("drip") {
            let rate = self.argument("drip(10/s)", |text| {
                text.strip_suffix("/s")?.parse::<NonZeroU32>().ok()
            })?;
            return Ok(Some(Fault::Drip(rate)));
        }
        if self.takes_word("length") {
            let by = self.argument("length(+5)", |text| {
                text.starts_with(['+', '-']).then(|| text.parse().ok())?
            })?;
            return Ok(Some(Fault::Length(by)));
        }
        if self.rest().starts_with("reset-on-accept") {
            let why = "`reset-on-accept` comes first: the connection is reset before any request";
            return Err(self.refuse(why, None));
        }
        Ok(None)
    }

    /// Takes `(…)` after a fault.
    fn argument<T>(
        &mut self,
        example: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, ParseRepliesError> {
        let wrong = format!("write it as `{example}`");
        let inner = self.rest().strip_prefix('(').and_then(|rest| rest.split_once(')'));
        match inner.and_then(|(inner, _)| Some((inner.len(), read(inner.trim())?))) {
            Some((length, value)) => {
                self.advance(length + 2);
                self.skip_space();
                Ok(value)
            }
            None => Err(self.refuse(&wrong, None)),
        }
    }

    fn headers(&mut self, headers: &mut Headers) -> Result<(), ParseRepliesError> {
        if !self.takes("(") {
            return Ok(());
        }
        loop {
            let name = self.until(|c| matches!(c, '=' | ';' | ')')).trim();
            if name.is_empty() || !self.takes("=") {
                return Err(
                    self.refuse("header lines are written `(name=value; name=value)`", None)
                );
            }
            self.skip_space();
            let value = if self.rest().starts_with('"') {
                self.json()?.as_str().unwrap_or_default().to_owned()
            } else {
                self.until(|c| matches!(c, ';' | ')')).trim().to_owned()
            };
            headers.push(name, value);
            self.skip_space();
            if self.takes(")") {
                return Ok(());
            }
            if !self.takes(";") {
                return Err(self.refuse("`)` is missing", None));
            }
            self.skip_space();
        }
    }

    fn body(&mut self, reply: &mut ScriptedReply) -> Result<(), ParseRepliesError> {
        self.skip_space();
        if !self.rest().starts_with(['"', '{', '[']) {
            return Ok(());
        }
        let value = self.json()?;
        let has_type = reply.headers.get_all("content-type").next().is_some();
        reply.body = Body::Bytes(match value {
            serde_json::Value::String(text) => Content::from(text),
            value => {
                if !has_type {
                    reply.headers.push("content-type", "application/json");
                }
                Content::from(value.to_string())
            }
        });
        Ok(())
    }

    /// Takes one JSON value.
    fn json(&mut self) -> Result<serde_json::Value, ParseRepliesError> {
        let mut values = serde_json::Deserializer::from_str(self.rest()).into_iter();
        match values.next() {
            Some(Ok(value)) => {
                let end = values.byte_offset();
                self.advance(end);
                Ok(value)
            }
            Some(Err(error)) => Err(self.refuse(&format!("this is no JSON: {error}"), None)),
            None => Err(self.refuse("a value is missing", None)),
        }
    }

    /// Takes `x2`, if it is there.
    fn times(&mut self) -> Result<Option<u32>, ParseRepliesError> {
        self.skip_space();
        let Some(rest) = self.rest().strip_prefix('x') else { return Ok(None) };
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        match rest[..digits].parse() {
            Ok(times @ 1..) => {
                self.advance(1 + digits);
                self.skip_space();
                Ok(Some(times))
            }
            _ => Err(self.refuse("how often is written as `x2`, from 1", None)),
        }
    }

    fn comma(&mut self) -> Result<(), ParseRepliesError> {
        self.skip_space();
        if !self.takes(",") {
            return Err(self.unknown("expected here: `,`, and"));
        }
        self.skip_space();
        Ok(())
    }

    /// Takes a word that stands alone, or before the `x` of a number of times.
    fn takes_word(&mut self, word: &str) -> bool {
        let Some(rest) = self.rest().strip_prefix(word) else { return false };
        let is_times =
            rest.strip_prefix('x').is_some_and(|it| it.starts_with(|c: char| c.is_ascii_digit()));
        let ends = !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-');
        if ends || is_times {
            self.advance(word.len());
            self.skip_space();
        }
        ends || is_times
    }

    fn takes(&mut self, sign: &str) -> bool {
        let is_there = self.rest().starts_with(sign);
        if is_there {
            self.advance(sign.len());
        }
        is_there
    }

    fn until(&mut self, is_end: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(is_end).unwrap_or(rest.len());
        self.advance(end);
        &rest[..end]
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn advance(&mut self, bytes: usize) {
        self.at += bytes;
    }

    fn skip_space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn is_at_end(&self) -> bool {
        self.rest().is_empty()
    }

    /// Says that what stands here is not what is wanted, with the word that was probably meant.
    fn unknown(&self, wanted: &str) -> ParseRepliesError {
        let rest = self.rest();
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let word = &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())];
        let first: String = rest.chars().take(1).collect();
        let shown = if word.is_empty() { first.as_str() } else { word };
        let near = WORDS
            .map(|known| (strsim::jaro_winkler(word, known), known))
            .into_iter()
            .filter(|(likeness, _)| *likeness > 0.8)
            .max_by(|(a, _), (b, _)| a.total_cmp(b));
        let what = match wanted.starts_with("expected") {
            true => format!("{wanted} not `{}`", shown.escape_debug()),
            false => format!("`{}` is not {wanted}", shown.escape_debug()),
        };
        self.refuse(&what, near.map(|(_, word)| word))
    }

    fn refuse(&self, what: &str, near: Option<&'static str>) -> ParseRepliesError {
        ParseRepliesError {
            text: self.text.to_owned(),
            column: self.text[..self.at].chars().count() + 1,
            what: what.to_owned(),
            near,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(text: &str) -> Replies {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn shown(text: &str) -> String {
        line(text).to_string()
    }

    #[test]
    fn a_line_is_a_sequence() {
        assert_eq!(shown("503x2, timeout, 200"), "503 x2, timeout, 200");
        assert_eq!(shown("503x2(a=b) \"c\", 200"), "503(a=\"b\") \"c\" x2, 200");
        assert_eq!(shown("  503  x2 ,timeout x3,200,..."), "503 x2, timeout x3, 200, ...");
        assert_eq!(
            shown("10% reset, 2.5% timeoutx2, delay 100ms~2s 200"),
            "10% reset, 2.5% timeout x2, delay 100ms~2s 200"
        );
        assert_eq!(
            shown(r#"429(retry-after=2; x-a="a;)b") "slow, down" x2, truncate(3) 201 {"id": 1}"#),
            r#"429(retry-after="2"; x-a="a;)b") "slow, down" x2, truncate(3) 201(content-type="application/json") "{\"id\":1}""#
        );
        assert_eq!(
            shown(
                "drip(10/s) \"abc\", length(-1) \"abc\", length(+5), garbage, empty, reset-after-head"
            ),
            "drip(10/s) 200 \"abc\", length(-1) 200 \"abc\", length(+5) 200, garbage, empty, \
             reset-after-head 200"
        );
        assert_eq!(parse("reset-on-accept x2, 200").unwrap().1, 2);
        assert_eq!(parse("reset-on-accept").unwrap(), (Replies::default(), 1));
    }

    #[test]
    fn what_is_no_line_is_told_with_its_column_and_a_hint() {
        let check = |text: &str, expected: &str| {
            assert_eq!(text.parse::<Replies>().unwrap_err().to_string(), expected, "{text}");
        };
        check("503x2, timout, 200", "column 8: `timout` is not a reply; did you mean `timeout`?");
        check("", "column 1: a reply is missing");
        check("200,", "column 5: a reply is missing");
        check("200, , 3", "column 6: a reply is missing");
        check("delay 1s", "column 9: a status or a fault is missing");
        check(
            "delay 5 200",
            "column 7: `5` is no delay: write it as `250ms`, `2s`, `1s..3s` or `100ms~2s`",
        );
        check("99", "column 1: a status is between 200 and 599");
        check("200x2 x3", "column 7: expected here: `,`, and not `x3`");
        check("200x0", "column 4: how often is written as `x2`, from 1");
        check(
            "200 timeout",
            "column 5: expected here: `,`, and not `timeout`; did you mean `timeout`?",
        );
        check("200 ..., 200", "column 5: expected here: `,`, and not `.`");
        check("200, ..., 200", "column 9: nothing can come after `...`");
        check("200(a)", "column 6: header lines are written `(name=value; name=value)`");
        check("200(a=b", "column 8: `)` is missing");
        check("truncate 200", "column 10: write it as `truncate(10)`");
        check("drip(0/s) 200", "column 5: write it as `drip(10/s)`");
        check("length(5) 200", "column 7: write it as `length(+5)`");
        check("0% 200", "column 1: a chance is above 0% and at most 100%");
        check(
            "200, reset-on-accept",
            "column 6: `reset-on-accept` comes first: the connection is reset before any request",
        );
        check("é", "column 1: `é` is not a reply");
        let error = "200 {\"a\": }".parse::<Replies>().unwrap_err().to_string();
        assert!(error.starts_with("column 5: this is no JSON: "), "{error}");
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_read_is_read_again(text in "[0-9a-z%(){}\"x,.~ +/=;-]{0,30}") {
            if let Ok(replies) = text.parse::<Replies>() {
                prop_assert_eq!(replies.to_string().parse::<Replies>().unwrap(), replies);
            }
        }
    }
}
