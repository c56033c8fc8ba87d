//! What can be done to a request on purpose: named, listed, and drawn by seed.
//!
//! A fault comes in as text, `NAME`, `NAME:ARGUMENT` or either with `@SHARE%`. Which delivery gets one is
//! a pure function of the seed and its index, so that a plan can be printed with its faults and a run
//! repeated.

use std::fmt;
use std::str::FromStr;

use rand::rngs::ChaCha12Rng;
use rand::{Rng as _, SeedableRng as _};
use ringback_exchange::{AppliedFault, Expects};

/// One thing that is done to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    pub(crate) kind: Kind,
    pub(crate) argument: Argument,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Cut,
    Reset,
    Hold,
    SlowBody,
    SlowRead,
    LengthTooLong,
    LengthTooShort,
    TwoLengths,
    LengthAndChunked,
    NoLength,
    BadChunk,
    Garbage,
    LfOnly,
    OddCase,
    Http10,
    BadVersion,
    NoHost,
    TwoHosts,
    FoldedLine,
    SpaceBeforeColon,
    NulInValue,
    BigHead,
    AbsoluteTarget,
}

/// How much, or where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Argument {
    None,
    Number(u32),
    Point(Point),
}

/// A place in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    /// Before its first byte.
    Start,
    /// After its head, before its body.
    Head,
    /// After so many bytes of its body; after all of it where it is shorter.
    Body(u32),
    /// After all of it.
    End,
}

/// A kind of fault, for a list that people read.
#[derive(Debug, Clone, Copy)]
pub struct FaultKind {
    kind: Kind,
    /// Its name.
    pub name: &'static str,
    /// What stands after the name when nothing is given; empty where nothing can be.
    default: Argument,
    expects: Expects,
    /// What it does.
    pub about: &'static str,
}

const fn row(
    kind: Kind,
    name: &'static str,
    default: Argument,
    expects: Expects,
    about: &'static str,
) -> FaultKind {
    FaultKind { kind, name, default, expects, about }
}

/// Every fault there is.
pub const FAULTS: [FaultKind; 23] = {
    use Argument::{None, Number, Point as At};
    use Expects::{Answer, Either, Nothing, Refusal};
    [
        row(
            Kind::Cut,
            "cut",
            At(Point::Head),
            Refusal,
            "send up to there, then close the sending half",
        ),
        row(
            Kind::Reset,
            "reset",
            At(Point::End),
            Nothing,
            "send up to there, then reset the connection",
        ),
        row(
            Kind::Hold,
            "hold",
            At(Point::Start),
            Refusal,
            "send up to there, then nothing until the timeout",
        ),
        row(
            Kind::SlowBody,
            "slow-body",
            Number(1_000),
            Answer,
            "send the body at this many bytes a second",
        ),
        row(
            Kind::SlowRead,
            "slow-read",
            Number(1_000),
            Answer,
            "read the answer at this many bytes a second",
        ),
        row(
            Kind::LengthTooLong,
            "length-too-long",
            Number(10),
            Refusal,
            "say a Content-Length that is this much more than the body",
        ),
        row(
            Kind::LengthTooShort,
            "length-too-short",
            Number(10),
            Refusal,
            "say a Content-Length that is this much less than the body",
        ),
        row(Kind::TwoLengths, "two-lengths", None, Refusal, "send two Content-Lengths that differ"),
        row(
            Kind::LengthAndChunked,
            "length-and-chunked",
            None,
            Either,
            "send Content-Length and chunks both",
        ),
        row(
            Kind::NoLength,
            "no-length",
            None,
            Refusal,
            "send the body without saying how long it is",
        ),
        row(
            Kind::BadChunk,
            "bad-chunk",
            None,
            Refusal,
            "send chunks with a size that is no number",
        ),
        row(
            Kind::Garbage,
            "garbage",
            Number(1_000),
            Refusal,
            "send this many bytes that are no HTTP instead",
        ),
        row(Kind::LfOnly, "lf-only", None, Either, "end the lines with LF alone"),
        row(Kind::OddCase, "odd-case", None, Answer, "send header names in oDd CaSe"),
        row(Kind::Http10, "http-1.0", None, Answer, "say HTTP/1.0"),
        row(Kind::BadVersion, "bad-version", None, Refusal, "say HTTP/9.9"),
        row(
            Kind::NoHost,
            "no-host",
            None,
            Refusal,
            "leave Host out, which HTTP/1.1 does not permit",
        ),
        row(Kind::TwoHosts, "two-hosts", None, Refusal, "send two Hosts"),
        row(Kind::FoldedLine, "folded-line", None, Either, "fold a header line, which is obsolete"),
        row(
            Kind::SpaceBeforeColon,
            "space-before-colon",
            None,
            Refusal,
            "put a space before a header's colon",
        ),
        row(Kind::NulInValue, "nul-in-value", None, Refusal, "put a NUL into a header's value"),
        row(Kind::BigHead, "big-head", Number(64), Either, "add a header of this many KiB"),
        row(
            Kind::AbsoluteTarget,
            "absolute-target",
            None,
            Answer,
            "send the whole URL as the request target",
        ),
    ]
};

impl FaultKind {
    /// Returns how its argument is written, with its default; nothing when it takes none.
    pub fn argument(&self) -> Option<String> {
        match self.default {
            Argument::None => None,
            Argument::Number(n) => Some(format!("N, {n} by default")),
            Argument::Point(point) => {
                Some(format!("`start`, `head`, bytes of the body or `end`, `{point}` by default"))
            }
        }
    }
}

/// The largest argument: a rate, a number of bytes or of KiB.
const NUMBER_MAX: u32 = 1_000_000_000;

/// The largest head in KiB.
const BIG_HEAD_KIB_MAX: u32 = 16 * 1024;

/// A text that is no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// There is none of that name.
    #[error("there is no fault `{name}`; there are: {}", names())]
    Name {
        /// The name.
        name: String,
    },
    /// The fault takes no argument.
    #[error("the fault `{name}` takes nothing after its name: leave out `:{argument}`")]
    NoArgument {
        /// The fault.
        name: &'static str,
        /// What was given.
        argument: String,
    },
    /// The argument is not of the right form or size.
    #[error("`{argument}` is nothing for the fault `{name}`, which takes {takes}")]
    Argument {
        /// The fault.
        name: &'static str,
        /// What was given.
        argument: String,
        /// What it takes.
        takes: String,
    },
    /// The share is no percentage.
    #[error(
        "`@{share}` is no share of the deliveries: write it as `@5%` or `@0.1%`, up to `@100%`"
    )]
    Share {
        /// What was given.
        share: String,
    },
}

fn names() -> String {
    FAULTS.map(|row| row.name).join(", ")
}

impl Fault {
    fn row(self) -> Option<&'static FaultKind> {
        FAULTS.iter().find(|row| row.kind == self.kind)
    }

    /// Returns its record.
    pub fn applied(self) -> AppliedFault {
        // A request that is all there is no broken one, even when nothing can be sent after it.
        let expects = match (self.kind, self.argument) {
            (Kind::Cut, Argument::Point(Point::End)) => Expects::Either,
            (Kind::Cut, Argument::Point(Point::Start)) => Expects::Nothing,
            _ => self.row().map_or(Expects::Either, |row| row.expects),
        };
        AppliedFault { name: self.to_string(), expects }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().map_or("", |row| row.name))?;
        match self.argument {
            Argument::None => Ok(()),
            Argument::Number(n) => write!(f, ":{n}"),
            Argument::Point(point) => write!(f, ":{point}"),
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("start"),
            Self::Head => f.write_str("head"),
            Self::Body(n) => n.fmt(f),
            Self::End => f.write_str("end"),
        }
    }
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let (name, argument) = match text.split_once(':') {
            Some((name, argument)) => (name, Some(argument)),
            None => (text, None),
        };
        let row = FAULTS.iter().find(|row| row.name == name);
        let row = row.ok_or_else(|| FaultError::Name { name: name.to_owned() })?;
        let Some(argument) = argument else {
            return Ok(Self { kind: row.kind, argument: row.default });
        };
        let wrong = || FaultError::Argument {
            name: row.name,
            argument: argument.to_owned(),
            takes: row.argument().unwrap_or_default(),
        };
        let number = || argument.parse::<u32>().ok().filter(|n| (1..=NUMBER_MAX).contains(n));
        let parsed = match row.default {
            Argument::None => {
                let argument = argument.to_owned();
                return Err(FaultError::NoArgument { name: row.name, argument });
            }
            Argument::Number(_) => {
                let n = number().ok_or_else(wrong)?;
                let max = if row.kind == Kind::BigHead { BIG_HEAD_KIB_MAX } else { NUMBER_MAX };
                Argument::Number(Some(n).filter(|n| *n <= max).ok_or_else(wrong)?)
            }
            Argument::Point(_) => Argument::Point(match argument {
                "start" => Point::Start,
                "head" => Point::Head,
                // To hold what is all sent is to wait for the answer.
                "end" if row.kind != Kind::Hold => Point::End,
                _ => Point::Body(number().ok_or_else(wrong)?),
            }),
        };
        Ok(Self { kind: row.kind, argument: parsed })
    }
}

/// A fault and how many of the deliveries get it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaultShare {
    fault: Fault,
    /// From 0 to 1.
    share: f64,
}

impl FromStr for FaultShare {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let Some((fault, share)) = text.split_once('@') else {
            return Ok(Self { fault: text.parse()?, share: 1.0 });
        };
        let percent = share.strip_suffix('%').and_then(|number| number.parse::<f64>().ok());
        let percent = percent.filter(|percent| (0.0..=100.0).contains(percent));
        let percent = percent.ok_or_else(|| FaultError::Share { share: share.to_owned() })?;
        Ok(Self { fault: fault.parse()?, share: percent / 100.0 })
    }
}

impl From<Fault> for FaultShare {
    fn from(fault: Fault) -> Self {
        Self { fault, share: 1.0 }
    }
}

/// The faults of a run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Faults {
    seed: u64,
    shares: Vec<FaultShare>,
}

impl Faults {
    /// Takes the faults that deliveries may get, in the order in which they are drawn.
    pub fn new(seed: u64, shares: Vec<FaultShare>) -> Self {
        Self { seed, shares }
    }

    /// Tells whether no delivery gets any.
    pub fn is_empty(&self) -> bool {
        self.shares.is_empty()
    }

    /// Returns the fault of the delivery at an index: the first that is drawn for it. The same seed gives
    /// the same.
    pub fn of(&self, index: u64) -> Option<Fault> {
        if self.shares.is_empty() {
            return None;
        }
        let mut seed = *b"................ringback faults ";
        seed[..8].copy_from_slice(&self.seed.to_le_bytes());
        let mut chance = ChaCha12Rng::from_seed(seed);
        chance.set_stream(index);
        let mut is_drawn = |share: f64| {
            // 53 bits are what a double holds.
            #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
            let draw = (chance.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
            draw < share
        };
        self.shares.iter().find(|share| is_drawn(share.share)).map(|share| share.fault)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_fault_is_read_by_its_name_and_printed_with_its_argument() {
        for row in FAULTS {
            let fault: Fault = row.name.parse().unwrap();
            assert_eq!(fault.to_string().parse::<Fault>().unwrap(), fault);
            assert_eq!(fault.to_string().contains(':'), row.argument().is_some());
        }
        for text in ["cut:start", "cut:100", "cut:end", "reset:head", "hold:7", "slow-body:1"] {
            assert_eq!(text.parse::<Fault>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_fault_is_told() {
        let error = |text: &str| text.parse::<FaultShare>().unwrap_err().to_string();
        insta::assert_snapshot!(error("explode"), @"there is no fault `explode`; there are: cut, reset, hold, slow-body, slow-read, length-too-long, length-too-short, two-lengths, length-and-chunked, no-length, bad-chunk, garbage, lf-only, odd-case, http-1.0, bad-version, no-host, two-hosts, folded-line, space-before-colon, nul-in-value, big-head, absolute-target");
        insta::assert_snapshot!(error("lf-only:1"), @"the fault `lf-only` takes nothing after its name: leave out `:1`");
        insta::assert_snapshot!(error("cut:middle"), @"`middle` is nothing for the fault `cut`, which takes `start`, `head`, bytes of the body or `end`, `head` by default");
        insta::assert_snapshot!(error("slow-body:0"), @"`0` is nothing for the fault `slow-body`, which takes N, 1000 by default");
        insta::assert_snapshot!(error("reset@5"), @"`@5` is no share of the deliveries: write it as `@5%` or `@0.1%`, up to `@100%`");
        for text in
            ["hold:end", "big-head:16385", "cut:-1", "reset@101%", "reset@-1%", "reset@NaN%"]
        {
            assert!(text.parse::<FaultShare>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_whole_request_is_not_expected_to_be_refused() {
        let expects = |text: &str| text.parse::<Fault>().unwrap().applied().expects;
        assert_eq!(expects("cut"), Expects::Refusal);
        assert_eq!(expects("cut:end"), Expects::Either);
        assert_eq!(expects("cut:start"), Expects::Nothing);
        assert_eq!(expects("slow-body"), Expects::Answer);
    }

    proptest! {
        /// Each gets its share, and the first one wins; another seed draws others.
        #[test]
        fn shares_are_kept_and_seeded(seed: u64) {
            let shares = || ["reset@20%", "garbage@50%"].map(|text| text.parse().unwrap()).to_vec();
            let faults = Faults::new(seed, shares());
            let drawn: Vec<_> = (0..2_000).map(|index| faults.of(index)).collect();
            let count = |name: &str| {
                let is_it = |fault: &&Option<Fault>| fault.is_some_and(|f| f.row().unwrap().name == name);
                drawn.iter().filter(is_it).count()
            };
            prop_assert!((300..=500).contains(&count("reset")), "{}", count("reset"));
            prop_assert!((680..=920).contains(&count("garbage")), "{}", count("garbage"));
            prop_assert_eq!(faults.of(1_999), Faults::new(seed, shares()).of(1_999));
            let others = Faults::new(!seed, shares());
            prop_assert!((0..2_000).any(|index| others.of(index) != faults.of(index)));
        }

        #[test]
        fn no_text_panics(text in ".{0,30}") {
            let _ = text.parse::<FaultShare>();
        }
    }
}
