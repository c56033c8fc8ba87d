//! What a corpus is like: how often which kind of call, language, trade and model occurs, how long
//! calls last, what ids look like, which keys are null or missing.
//!
//! TOML comes in, or events to learn from; a [`Profile`] goes out. An unknown key, name or model, a
//! weight out of range and weights that leave nothing to choose are refused with what there is. Nothing
//! of the events that a profile is learnt from is kept but counts.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;

use crate::archetype::Archetype;
use crate::library::{self, Library};
use crate::price::ModelPrice;

/// What a corpus is like.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// By the position of each archetype in [`Archetype::ALL`].
    pub(crate) archetypes: Vec<u32>,
    /// By the position in the library.
    pub(crate) locales: Vec<u32>,
    pub(crate) domains: Vec<u32>,
    /// By the position in the price table.
    pub(crate) llm: Vec<u32>,
    pub(crate) tts: Vec<u32>,
    pub(crate) stt: Vec<u32>,
    /// Milliseconds.
    pub(crate) talk_median: f64,
    /// The standard deviation of the length's logarithm.
    pub(crate) talk_sigma: f64,
    pub(crate) ids: IdStyle,
    /// By the position of each key in [`Key::ALL`].
    pub(crate) presence: [Presence; KEYS],
}

/// What ids look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdStyle {
    /// UUIDs of version 4, as the REST API has them and `eventId` is documented.
    #[default]
    Uuid,
    /// A prefix and 16 hexadecimal digits, as in the documented example.
    Prefixed,
}

/// How often a key is null or missing, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Presence {
    pub(crate) null: u32,
    pub(crate) absent: u32,
}

macro_rules! keys {
    ($($arm:ident = $name:literal at $pointer:literal,)+) => {
        /// A key that may be null or missing whatever the call: no rule of the contract minds.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Key { $($arm,)+ }

        impl Key {
            pub(crate) const ALL: [Self; [$($name),+].len()] = [$(Self::$arm),+];
            const NAMES: &'static [&'static str] = &[$($name),+];

            const fn pointer(self) -> &'static str {
                match self { $(Self::$arm => $pointer),+ }
            }
        }
    };
}

keys! {
    CustomerName = "customer-name" at "/payload/customer/name",
    CustomerEmail = "customer-email" at "/payload/customer/email",
    CustomerMetadata = "customer-metadata" at "/payload/customer/metadata",
    CustomerSource = "customer-source" at "/payload/customer/source",
    PhoneId = "phone-id" at "/payload/phoneId",
    ConversationCost = "conversation-cost" at "/payload/conversationCost",
    RecordingUrl = "recording-url" at "/payload/recordingUrl",
    DynamicVariables = "dynamic-variables" at "/payload/dynamicVariables",
    TelephonyStatus = "telephony-status" at "/payload/telephonyStatus",
}

/// How many keys may be null or missing.
pub(crate) const KEYS: usize = Key::ALL.len();

impl Default for Profile {
    /// The realistic mix.
    fn default() -> Self {
        let library = Library::embedded();
        let even = |models: &[ModelPrice]| vec![1; models.len()];
        Self {
            archetypes: Archetype::ALL.iter().map(|archetype| archetype.share()).collect(),
            locales: library.locales.iter().map(|locale| locale.weight).collect(),
            domains: library.domains.iter().map(|domain| domain.weight).collect(),
            llm: even(&library.prices.llm),
            tts: even(&library.prices.tts),
            stt: even(&library.prices.stt),
            // Service times of call centres are lognormal (Brown et al., "Statistical Analysis of a
            // Telephone Call Center", JASA 100 (2005), section 5), with medians of about two minutes.
            talk_median: 105_000.0,
            talk_sigma: 0.62,
            ids: IdStyle::Uuid,
            presence: [Presence::default(); KEYS],
        }
    }
}

/// A profile that cannot be read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ProfileError {
    /// The text is not TOML of a profile.
    #[error("{0}")]
    Syntax(#[from] toml::de::Error),
    /// A table names something that there is not.
    #[error("`[{table}]` has no `{name}`; did you mean `{near}`? There are {known}")]
    Unknown {
        /// The table.
        table: &'static str,
        /// What it names.
        name: String,
        /// What is nearest.
        near: String,
        /// All that there is.
        known: String,
    },
    /// A weight out of range.
    #[error(
        "`[{table}]` gives `{name}` the weight {weight}; a weight is a whole number from 0 to 1000000"
    )]
    Weight {
        /// The table.
        table: &'static str,
        /// What the weight is of.
        name: String,
        /// The weight.
        weight: i64,
    },
    /// A table leaves nothing to choose.
    #[error("`[{0}]` has no weight above 0; give at least one, or leave the table out")]
    Nothing(&'static str),
    /// A domain that speaks none of the chosen locales.
    #[error("the domain `{0}` speaks none of the locales that have a weight above 0")]
    Mute(String),
    /// A number out of range.
    #[error("`{key}` is {found}; it must be {expected}")]
    Range {
        /// The key.
        key: String,
        /// The number.
        found: f64,
        /// The range.
        expected: &'static str,
    },
    /// No profile of that name is shipped.
    #[error(
        "no profile is called `{name}`; did you mean `{near}`? Shipped are {known}; a file's path must hold a `/` or end in `.toml`"
    )]
    Name {
        /// The name.
        name: String,
        /// The nearest.
        near: String,
        /// All of them.
        known: String,
    },
    /// Events that nothing can be learnt from.
    #[error("there is no event of a call to learn from")]
    NoEvents,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileFile {
    #[serde(default)]
    description: String,
    archetypes: Option<BTreeMap<String, i64>>,
    locales: Option<BTreeMap<String, i64>>,
    domains: Option<BTreeMap<String, i64>>,
    llm: Option<BTreeMap<String, i64>>,
    tts: Option<BTreeMap<String, i64>>,
    stt: Option<BTreeMap<String, i64>>,
    #[serde(default)]
    lengths: LengthsFile,
    #[serde(default)]
    ids: IdsFile,
    #[serde(default)]
    presence: BTreeMap<String, PresenceFile>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LengthsFile {
    median_seconds: Option<f64>,
    sigma: Option<f64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct IdsFile {
    #[serde(default)]
    style: IdStyle,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PresenceFile {
    #[serde(default)]
    null: f64,
    #[serde(default)]
    absent: f64,
}

impl Profile {
    /// Reads a profile. What it leaves out is as in the realistic mix; a table of weights that it
    /// gives is complete: what the table does not name does not occur.
    ///
    /// # Errors
    ///
    /// When the text is not TOML, names something that there is not, or holds a number out of range.
    pub fn parse(text: &str) -> Result<Self, ProfileError> {
        let file: ProfileFile = toml::from_str(text)?;
        let default = Self::default();
        let mut profile = Self {
            archetypes: weights("archetypes", file.archetypes, default.archetypes)?,
            locales: weights("locales", file.locales, default.locales)?,
            domains: weights("domains", file.domains, default.domains)?,
            llm: weights("llm", file.llm, default.llm)?,
            tts: weights("tts", file.tts, default.tts)?,
            stt: weights("stt", file.stt, default.stt)?,
            ids: file.ids.style,
            ..default
        };
        if let Some(seconds) = file.lengths.median_seconds {
            within("lengths.median_seconds", seconds, 1.0..=7_200.0, "between 1 and 7200")?;
            // In whole milliseconds and thousandths, so that what is written down is read back the same.
            profile.talk_median = (seconds * 1_000.0).round();
        }
        if let Some(sigma) = file.lengths.sigma {
            within("lengths.sigma", sigma, 0.0..=2.0, "between 0 and 2")?;
            profile.talk_sigma = (sigma * 1_000.0).round() / 1_000.0;
        }
        for (name, PresenceFile { null, absent }) in file.presence {
            let index = position("presence", &name)?;
            let key = format!("presence.{name}");
            within(&key, null, 0.0..=1.0, "between 0 and 1")?;
            within(&key, absent, 0.0..=1.0, "between 0 and 1")?;
            within(&key, null + absent, 0.0..=1.0, "between 0 and 1, null and absent together")?;
            profile.presence[index] =
                Presence { null: thousandths(null), absent: thousandths(absent) };
        }
        let library = Library::embedded();
        for (domain, weight) in library.domains.iter().zip(&profile.domains) {
            let mut spoken = domain.dialogues.iter().zip(&profile.locales);
            if *weight > 0 && !spoken.any(|(dialogue, weight)| dialogue.is_some() && *weight > 0) {
                return Err(ProfileError::Mute(domain.name.clone()));
            }
        }
        Ok(profile)
    }

    /// Returns the shipped profiles: name and TOML text.
    pub fn shipped() -> impl Iterator<Item = (&'static str, &'static str)> {
        library::files("profiles/")
    }

    /// Returns the shipped profiles: name and what they are.
    pub fn shipped_with_descriptions() -> impl Iterator<Item = (&'static str, String)> {
        Self::shipped().map(|(name, text)| {
            let file = toml::from_str::<ProfileFile>(text);
            (name, file.map(|file| file.description).unwrap_or_default())
        })
    }

    /// Reads a shipped profile by its name.
    ///
    /// # Errors
    ///
    /// When there is none of that name; the error lists them.
    pub fn named(name: &str) -> Result<Self, ProfileError> {
        match Self::shipped().find(|(known, _)| *known == name) {
            Some((_, text)) => Self::parse(text),
            None => {
                let names: Vec<_> = Self::shipped().map(|(name, _)| name).collect();
                let near = crate::nearest(name, &names).to_owned();
                Err(ProfileError::Name { name: name.to_owned(), near, known: names.join(", ") })
            }
        }
    }

    /// Writes the profile as TOML that [`parse`](Self::parse) reads back.
    pub fn to_toml(&self) -> String {
        let mut out = String::new();
        for (table, weights) in [
            ("archetypes", &self.archetypes),
            ("locales", &self.locales),
            ("domains", &self.domains),
            ("llm", &self.llm),
            ("tts", &self.tts),
            ("stt", &self.stt),
        ] {
            let _ = writeln!(out, "[{table}]");
            for (name, weight) in names(table).iter().zip(weights) {
                if *weight > 0 {
                    // A model's name has a slash, and must be quoted.
                    let quote = if name.contains('/') { "\"" } else { "" };
                    let _ = writeln!(out, "{quote}{name}{quote} = {weight}");
                }
            }
            out.push('\n');
        }
        let median = self.talk_median / 1_000.0;
        let _ = writeln!(
            out,
            "[lengths]\nmedian_seconds = {median:.3}\nsigma = {:.3}\n\n[ids]\nstyle = \"{}\"",
            self.talk_sigma,
            match self.ids {
                IdStyle::Uuid => "uuid",
                IdStyle::Prefixed => "prefixed",
            }
        );
        let mut header = "\n[presence]\n";
        for (name, Presence { null, absent }) in Key::NAMES.iter().zip(&self.presence) {
            if null + absent > 0 {
                let share = |number: u32| format!("{}.{:03}", number / 1_000, number % 1_000);
                let _ = writeln!(
                    out,
                    "{header}{name} = {{ null = {}, absent = {} }}",
                    share(*null),
                    share(*absent)
                );
                header = "";
            }
        }
        out
    }

    /// Learns a profile from the events of calls: how often each kind of call, language and model
    /// occurs, how long calls last, what ids look like, which keys are null or missing. What a call
    /// was about cannot be told from an event, so the domains stay those of the realistic mix.
    ///
    /// Nothing but counts is kept: no name, number, id or word of the events.
    ///
    /// # Errors
    ///
    /// When there is not one `conversation.completed` among them.
    pub fn like<'a>(
        events: impl IntoIterator<Item = &'a ringback_event::Event>,
    ) -> Result<Self, ProfileError> {
        crate::like::learn(events)
    }
}

/// Returns the names that a table of weights may have, in the order of its weights.
pub(crate) fn names(table: &str) -> Vec<&'static str> {
    let library = Library::embedded();
    let models =
        |models: &'static [ModelPrice]| models.iter().map(|it| it.model.as_str()).collect();
    match table {
        "archetypes" => Archetype::ALL.iter().map(|archetype| archetype.as_str()).collect(),
        "locales" => library.locales.iter().map(|locale| locale.name.as_str()).collect(),
        "domains" => library.domains.iter().map(|domain| domain.name.as_str()).collect(),
        "llm" => models(&library.prices.llm),
        "tts" => models(&library.prices.tts),
        "stt" => models(&library.prices.stt),
        _ => Key::NAMES.to_vec(),
    }
}

/// The pointers of the keys that may be null or missing, in the order of their presences.
pub(crate) fn pointers() -> [&'static str; KEYS] {
    Key::ALL.map(Key::pointer)
}

fn position(table: &'static str, name: &str) -> Result<usize, ProfileError> {
    let names = names(table);
    names.iter().position(|known| *known == name).ok_or_else(|| ProfileError::Unknown {
        table,
        name: name.to_owned(),
        near: crate::nearest(name, &names).to_owned(),
        known: names.join(", "),
    })
}

fn weights(
    table: &'static str,
    given: Option<BTreeMap<String, i64>>,
    default: Vec<u32>,
) -> Result<Vec<u32>, ProfileError> {
    let Some(given) = given else { return Ok(default) };
    let mut weights = vec![0; default.len()];
    for (name, weight) in given {
        let index = position(table, &name)?;
        weights[index] = u32::try_from(weight)
            .ok()
            .filter(|weight| *weight <= 1_000_000)
            .ok_or(ProfileError::Weight { table, name, weight })?;
    }
    if weights.iter().all(|weight| *weight == 0) {
        return Err(ProfileError::Nothing(table));
    }
    Ok(weights)
}

fn within(
    key: &str,
    found: f64,
    range: std::ops::RangeInclusive<f64>,
    expected: &'static str,
) -> Result<(), ProfileError> {
    if range.contains(&found) {
        return Ok(());
    }
    Err(ProfileError::Range { key: key.to_owned(), found, expected })
}

/// Returns a share in thousandths.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share is between 0 and 1"
)]
fn thousandths(share: f64) -> u32 {
    (share * 1_000.0).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_profile_can_be_read_and_says_what_it_is() {
        assert!(Profile::shipped().count() >= 5);
        for (name, text) in Profile::shipped() {
            let profile = Profile::named(name).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(text.contains("\ndescription = "), "{name}");
            assert_eq!(Profile::parse(&profile.to_toml()), Ok(profile), "{name}");
        }
    }

    #[test]
    fn a_mistake_in_a_profile_is_refused_with_what_there_is() {
        let refused = |text: &str| Profile::parse(text).unwrap_err().to_string();
        insta::assert_snapshot!(refused("[archetypes]\ninbund = 1"), @"`[archetypes]` has no `inbund`; did you mean `inbound`? There are answered-outbound, unanswered-outbound, inbound, web-chat, transferred, web-call, anonymous-chat, withheld-number, transfer-timeout, transfer-failed, handed-off, handed-off-transferred, flow, inbound-flow, user-hangup, agent-hangup, user-inactivity, network-error, max-duration, voicemail, busy, failed, do-not-disturb, recording-in-progress");
        insta::assert_snapshot!(refused("[locales]\nen = -1"), @"`[locales]` gives `en` the weight -1; a weight is a whole number from 0 to 1000000");
        insta::assert_snapshot!(refused("[domains]\nsales = 0"), @"`[domains]` has no weight above 0; give at least one, or leave the table out");
        insta::assert_snapshot!(refused("[lengths]\nmedian_seconds = 0"), @"`lengths.median_seconds` is 0; it must be between 1 and 7200");
        insta::assert_snapshot!(refused("[presence]\nphone-id = { null = 0.7, absent = 0.5 }"), @"`presence.phone-id` is 1.2; it must be between 0 and 1, null and absent together");
        insta::assert_snapshot!(refused("[lenghts]\nsigma = 1"), @"
        TOML parse error at line 1, column 2
          |
        1 | [lenghts]
          |  ^^^^^^^
        unknown field `lenghts`, expected one of `description`, `archetypes`, `locales`, `domains`, `llm`, `tts`, `stt`, `lengths`, `ids`, `presence`
        ");
        insta::assert_snapshot!(Profile::named("campain").unwrap_err(), @"no profile is called `campain`; did you mean `campaign`? Shipped are campaign, documented-ids, service-desk, sparse, trouble, world; a file's path must hold a `/` or end in `.toml`");
    }
}
