//! The data files of the crate, read and checked: locales, domains, prices.
//!
//! TOML text comes in, tables ready to draw from come out. A file with an unknown key, a line with an
//! unknown slot, an empty list or a price step that does not divide the platform's is refused with the
//! name of the file and what is wrong, so that somebody who writes no Rust can add a language or a trade
//! and be told what is missing. The embedded files are checked whenever the tests run.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::line::{FIRST_OF_DOMAIN, Line, LineError, REFERENCE, Slots};
use crate::price::{Prices, PricesError};

/// The embedded files: (path without `.toml`, text), locales first, then domains, by name.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/data_files.rs"));
const PRICES: &str = include_str!("../data/prices.toml");

/// Returns the embedded files of a folder: name and text.
pub(crate) fn files(folder: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.iter().filter_map(move |(file, text)| Some((file.strip_prefix(folder)?, *text)))
}

static EMBEDDED: LazyLock<Library> = LazyLock::new(|| {
    Library::read(FILES, PRICES).unwrap_or_else(|error| unreachable!("embedded data: {error}"))
});

/// Everything that a call is made from.
#[derive(Debug)]
pub(crate) struct Library {
    /// In the order of their names.
    pub(crate) locales: Vec<Locale>,
    /// In the order of their names.
    pub(crate) domains: Vec<Domain>,
    pub(crate) prices: Prices,
}

/// One language and country: how its people are called, phoned and spoken to.
#[derive(Debug)]
pub(crate) struct Locale {
    pub(crate) name: String,
    pub(crate) weight: u32,
    /// Microseconds that a character takes to be spoken.
    pub(crate) character_us: i64,
    pub(crate) names: Names,
    pub(crate) phones: Phones,
    pub(crate) formats: Formats,
    /// Indexed by [`Cue`].
    pub(crate) lines: Vec<Vec<Line>>,
}

impl Locale {
    pub(crate) fn lines(&self, cue: Cue) -> &[Line] {
        &self.lines[cue as usize]
    }
}

/// How people are named.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(crate) struct Names {
    /// The locale of the `fake` crate that given and family names come from.
    #[serde(default)]
    pub(crate) fake: Option<FakeLocale>,
    /// Given names, where `fake` has none.
    #[serde(default)]
    pub(crate) given: Vec<String>,
    /// Family names, where `fake` has none.
    #[serde(default)]
    pub(crate) family: Vec<String>,
    /// The full name, with `{given}` and `{family}`.
    pub(crate) full: String,
    /// How an agent addresses a customer, with `{given}` and `{family}`.
    pub(crate) address: String,
    /// How an agent addresses somebody whose name is not known.
    pub(crate) stranger: String,
    /// Names of virtual agents.
    pub(crate) agents: Vec<String>,
}

/// The locales of the `fake` crate that are used.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FakeLocale {
    En,
    DeDe,
    FrFr,
    PtBr,
    ArSa,
    JaJp,
}

/// Where phone numbers and e-mail addresses come from that belong to nobody.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Phones {
    /// Patterns of customers' numbers: `#` is a digit, `@` one of `areas`.
    pub(crate) customer: Vec<String>,
    /// Patterns of businesses' numbers.
    pub(crate) business: Vec<String>,
    #[serde(default)]
    pub(crate) areas: Vec<String>,
    pub(crate) email_domains: Vec<String>,
}

/// How money, dates and times of day are spoken.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Formats {
    /// With `{amount}`.
    pub(crate) money: String,
    /// By what amounts in a domain's file are multiplied.
    pub(crate) money_factor: u32,
    /// 0 or 2.
    pub(crate) minor_digits: u32,
    pub(crate) decimal_mark: String,
    pub(crate) group_mark: String,
    /// With `{day}` and `{month}`.
    pub(crate) date: String,
    /// January first.
    pub(crate) months: Vec<String>,
    /// With `{hour24}` or `{hour12}`, `{minute}` and `{half}`.
    pub(crate) clock: String,
    /// The words for before and after noon, where they are used.
    #[serde(default)]
    pub(crate) halves: Vec<String>,
}

/// A trade: what its calls are about.
#[derive(Debug)]
pub(crate) struct Domain {
    pub(crate) name: String,
    pub(crate) weight: u32,
    pub(crate) companies: Vec<String>,
    pub(crate) variables: Vec<Variable>,
    /// What is said, by the index of the locale; a domain need not speak every language.
    pub(crate) dialogues: Vec<Option<Dialogue>>,
}

/// A fact of the call that lines speak of and that `dynamicVariables` carries.
#[derive(Debug)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) kind: VariableKind,
}

/// What a variable's values look like.
#[derive(Debug)]
pub(crate) enum VariableKind {
    /// Text in which `#` is a digit and `A` a capital letter.
    Pattern(String),
    /// One of the dialogue's choices.
    Choice,
    /// A date so many days after the call.
    Days(i64, i64),
    /// A time of day, between two full hours.
    Clock(i64, i64),
    /// An amount, in whole units of the reference currency.
    Money(i64, i64),
    /// A whole number.
    Number(i64, i64),
}

/// What is said in one domain and one locale.
#[derive(Debug)]
pub(crate) struct Dialogue {
    /// The values of each variable that is a choice, by the variable's index.
    pub(crate) choices: Vec<Vec<String>>,
    /// Indexed by [`Topic`].
    pub(crate) lines: Vec<Vec<Line>>,
    pub(crate) steps: Vec<Step>,
    pub(crate) objections: Vec<Exchange>,
}

impl Dialogue {
    pub(crate) fn lines(&self, topic: Topic) -> &[Line] {
        &self.lines[topic as usize]
    }
}

/// One question and answer on the way to the call's end.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) optional: bool,
    /// Whether the agent looks something up before speaking, so that time may pass.
    pub(crate) hold: bool,
    pub(crate) exchange: Exchange,
}

/// Lines of an agent and lines of a customer that go together.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) agent: Vec<Line>,
    pub(crate) customer: Vec<Line>,
}

macro_rules! line_kinds {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $arm:ident = $key:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $name { $($(#[$doc])* $arm,)+ }

        impl $name {
            /// The keys under `[lines]`, in the order of the arms.
            const KEYS: &'static [&'static str] = &[$($key),+];
        }
    };
}

line_kinds! {
    /// A moment of a call, whatever the domain.
    Cue {
        GreetOutbound = "greet-outbound",
        AnswerOutbound = "answer-outbound",
        Introduce = "introduce",
        GreetInbound = "greet-inbound",
        GreetChat = "greet-chat",
        AskName = "ask-name",
        GiveName = "give-name",
        AskReference = "ask-reference",
        AskRepeat = "ask-repeat",
        Repeat = "repeat",
        Interrupt = "interrupt",
        Yield = "yield",
        Proceed = "proceed",
        Hold = "hold",
        Back = "back",
        Anything = "anything",
        Nothing = "nothing",
        Close = "close",
        Bye = "bye",
        Leave = "leave",
        StillThere = "still-there",
        GiveUp = "give-up",
        BreakUp = "break-up",
        TimeUp = "time-up",
        OfferTransfer = "offer-transfer",
        AcceptTransfer = "accept-transfer",
        Transfer = "transfer",
        TransferBack = "transfer-back",
        AcceptBack = "accept-back",
        HandOver = "hand-over",
        TakeOver = "take-over",
        ThanksOver = "thanks-over",
        Machine = "machine",
        Voicemail = "voicemail",
    }
}

line_kinds! {
    /// A moment of a call that depends on the domain.
    Topic {
        /// The agent says why they call.
        Purpose = "purpose",
        /// The customer agrees to talk.
        Consent = "consent",
        /// The customer says why they call.
        Request = "request",
        /// The customer names the number that the matter is filed under.
        Reference = "reference",
        /// The agent says how it ends.
        Resolve = "resolve",
        /// The customer takes note.
        Settled = "settled",
    }
}

/// A data file that does not hold what it should.
#[derive(Debug, thiserror::Error)]
#[error("data file `{file}.toml`: {reason}")]
pub(crate) struct LibraryError {
    file: String,
    reason: Reason,
}

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("{0}")]
    Syntax(#[from] toml::de::Error),
    #[error("in `{key}`: {error}")]
    Line { key: String, error: LineError },
    #[error("`{0}` is empty; give it at least one entry")]
    Empty(String),
    #[error("`[lines]` has no key `{0}`; every locale and every domain needs all of them")]
    NoLines(&'static str),
    #[error("`[lines]` has a key `{found}` that is not used; did you mean `{near}`?")]
    UnknownLines { found: String, near: String },
    #[error("variable `{0}` needs exactly one of pattern, choice, days, clock, money, number")]
    Variable(String),
    #[error("`[choices]` has no entry `{0}`, which domain.toml declares as a choice")]
    NoChoice(String),
    #[error(
        "each line of `{0}` must speak of a variable that is a pattern, such as an order number (in a \
         locale `{{reference}}`); without one, two calls can be alike to the letter"
    )]
    NoReference(&'static str),
    #[error("there is no locale `{0}`; add data/locales/{0}.toml first")]
    NoLocale(String),
    #[error("there is no domain.toml beside it")]
    NoDomain,
    #[error("`{key}` must be {expected}")]
    Value { key: &'static str, expected: &'static str },
    #[error("{0}")]
    Prices(#[from] PricesError),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LocaleFile {
    weight: u32,
    characters_per_second: f64,
    names: Names,
    phones: Phones,
    formats: Formats,
    lines: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DomainFile {
    weight: u32,
    companies: Vec<String>,
    #[serde(rename = "variable")]
    variables: Vec<VariableFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VariableFile {
    name: String,
    pattern: Option<String>,
    #[serde(default)]
    choice: bool,
    days: Option<(i64, i64)>,
    clock: Option<(i64, i64)>,
    money: Option<(i64, i64)>,
    number: Option<(i64, i64)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DialogueFile {
    #[serde(default)]
    choices: BTreeMap<String, Vec<String>>,
    lines: BTreeMap<String, Vec<String>>,
    #[serde(rename = "step")]
    steps: Vec<StepFile>,
    #[serde(default, rename = "objection")]
    objections: Vec<StepFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StepFile {
    #[serde(default)]
    optional: bool,
    #[serde(default)]
    hold: bool,
    agent: Vec<String>,
    customer: Vec<String>,
}

impl Library {
    /// Returns the data that the crate carries.
    pub(crate) fn embedded() -> &'static Self {
        &EMBEDDED
    }

    /// Reads and checks data files.
    fn read(files: &[(&str, &str)], prices: &str) -> Result<Self, LibraryError> {
        let refused = |file: &str| {
            let file = file.to_owned();
            move |reason| LibraryError { file, reason }
        };
        let mut locales = Vec::new();
        for (file, text) in files {
            if let Some(name) = file.strip_prefix("locales/") {
                locales.push(locale(name, text).map_err(refused(file))?);
            }
        }
        let mut domains: Vec<Domain> = Vec::new();
        for (file, text) in files {
            let Some(name) = folder(file).filter(|_| file.ends_with("/domain")) else { continue };
            domains.push(domain(name, text, locales.len()).map_err(refused(file))?);
        }
        for (file, text) in files {
            let Some(name) = folder(file).filter(|_| !file.ends_with("/domain")) else { continue };
            let spoken = file.rsplit('/').next().unwrap_or_default();
            let index = locales
                .iter()
                .position(|locale| locale.name == spoken)
                .ok_or_else(|| Reason::NoLocale(spoken.to_owned()))
                .map_err(refused(file))?;
            let domain = domains
                .iter_mut()
                .find(|domain| domain.name == name)
                .ok_or(Reason::NoDomain)
                .map_err(refused(file))?;
            let dialogue = dialogue(text, &domain.variables).map_err(refused(file))?;
            domain.dialogues[index] = Some(dialogue);
        }
        let prices = Prices::read(prices).map_err(|error| refused("prices")(error.into()))?;
        Ok(Self { locales, domains, prices })
    }
}

/// Returns the domain of a file under `domains/`.
fn folder(file: &str) -> Option<&str> {
    file.strip_prefix("domains/")?.split('/').next()
}

fn locale(name: &str, text: &str) -> Result<Locale, Reason> {
    let file: LocaleFile = toml::from_str(text)?;
    let LocaleFile { weight, characters_per_second, names, phones, formats, lines } = file;
    if !(1.0..=100.0).contains(&characters_per_second) {
        let expected = "a rate between 1 and 100";
        return Err(Reason::Value { key: "characters_per_second", expected });
    }
    if formats.months.len() != 12 {
        return Err(Reason::Value { key: "formats.months", expected: "twelve names" });
    }
    if !matches!(formats.minor_digits, 0 | 2) {
        return Err(Reason::Value { key: "formats.minor_digits", expected: "0 or 2" });
    }
    if formats.clock.contains("{half}") && formats.halves.len() != 2 {
        return Err(Reason::Value { key: "formats.halves", expected: "two words" });
    }
    for (key, list) in [
        ("names.agents", &names.agents),
        ("phones.customer", &phones.customer),
        ("phones.business", &phones.business),
        ("phones.email_domains", &phones.email_domains),
    ] {
        not_empty(key, list)?;
    }
    if names.fake.is_none() {
        not_empty("names.given", &names.given)?;
        not_empty("names.family", &names.family)?;
    }
    if phones.customer.iter().chain(&phones.business).any(|pattern| pattern.contains('@')) {
        not_empty("phones.areas", &phones.areas)?;
    }
    #[expect(clippy::cast_possible_truncation, reason = "between 10,000 and 1,000,000")]
    let character_us = (1e6 / characters_per_second) as i64;
    let lines = line_table(Cue::KEYS, lines, &Slots::shared())?;
    // A message on a machine is all that is said in its call.
    if !lines[Cue::Voicemail as usize].iter().all(|line| line.speaks_of(|slot| slot == REFERENCE)) {
        return Err(Reason::NoReference(Cue::KEYS[Cue::Voicemail as usize]));
    }
    let name = name.to_owned();
    Ok(Locale { name, weight, character_us, names, phones, formats, lines })
}

fn domain(name: &str, text: &str, locales: usize) -> Result<Domain, Reason> {
    let file: DomainFile = toml::from_str(text)?;
    not_empty("companies", &file.companies)?;
    let variables = file.variables.into_iter().map(variable).collect::<Result<_, _>>()?;
    Ok(Domain {
        name: name.to_owned(),
        weight: file.weight,
        companies: file.companies,
        variables,
        dialogues: (0..locales).map(|_| None).collect(),
    })
}

fn variable(file: VariableFile) -> Result<Variable, Reason> {
    let mut kinds = [
        file.pattern.map(VariableKind::Pattern),
        file.choice.then_some(VariableKind::Choice),
        file.days.map(|(low, high)| VariableKind::Days(low, high)),
        file.clock.map(|(low, high)| VariableKind::Clock(low, high)),
        file.money.map(|(low, high)| VariableKind::Money(low, high)),
        file.number.map(|(low, high)| VariableKind::Number(low, high)),
    ]
    .into_iter()
    .flatten();
    match (kinds.next(), kinds.next()) {
        (Some(kind), None) => Ok(Variable { name: file.name, kind }),
        _ => Err(Reason::Variable(file.name)),
    }
}

fn dialogue(text: &str, variables: &[Variable]) -> Result<Dialogue, Reason> {
    let mut file: DialogueFile = toml::from_str(text)?;
    let mut choices = Vec::new();
    for variable in variables {
        let VariableKind::Choice = variable.kind else {
            choices.push(Vec::new());
            continue;
        };
        let values = file.choices.remove(&variable.name).unwrap_or_default();
        if values.is_empty() {
            return Err(Reason::NoChoice(variable.name.clone()));
        }
        choices.push(values);
    }
    let slots = Slots::with(variables.iter().map(|variable| variable.name.as_str()));
    let lines = line_table(Topic::KEYS, file.lines, &slots)?;
    // What makes a transcript unlike all others must be said at the beginning of each.
    let is_reference = |slot: usize| {
        slot.checked_sub(FIRST_OF_DOMAIN)
            .and_then(|variable| variables.get(variable))
            .is_some_and(|variable| matches!(variable.kind, VariableKind::Pattern(_)))
    };
    for topic in [Topic::Purpose, Topic::Request, Topic::Reference] {
        if !lines[topic as usize].iter().all(|line| line.speaks_of(is_reference)) {
            return Err(Reason::NoReference(Topic::KEYS[topic as usize]));
        }
    }
    let exchange = |key: &str, step: &StepFile| {
        let agent = line_list(&format!("{key}.agent"), &step.agent, &slots)?;
        let customer = line_list(&format!("{key}.customer"), &step.customer, &slots)?;
        Ok::<_, Reason>(Exchange { agent, customer })
    };
    let mut steps = Vec::new();
    for step in &file.steps {
        let exchange = exchange("step", step)?;
        steps.push(Step { optional: step.optional, hold: step.hold, exchange });
    }
    if steps.is_empty() {
        return Err(Reason::Empty("step".to_owned()));
    }
    let objections =
        file.objections.iter().map(|step| exchange("objection", step)).collect::<Result<_, _>>()?;
    Ok(Dialogue { choices, lines, steps, objections })
}

fn line_table(
    keys: &'static [&'static str],
    mut texts: BTreeMap<String, Vec<String>>,
    slots: &Slots<'_>,
) -> Result<Vec<Vec<Line>>, Reason> {
    let mut table = Vec::new();
    for key in keys {
        let texts = texts.remove(*key).ok_or(Reason::NoLines(key))?;
        table.push(line_list(key, &texts, slots)?);
    }
    match texts.into_keys().next() {
        None => Ok(table),
        Some(found) => {
            let near = crate::nearest(&found, keys).to_owned();
            Err(Reason::UnknownLines { found, near })
        }
    }
}

fn line_list(key: &str, texts: &[String], slots: &Slots<'_>) -> Result<Vec<Line>, Reason> {
    not_empty(key, texts)?;
    let read = |text: &String| {
        Line::read(text, slots).map_err(|error| Reason::Line { key: key.to_owned(), error })
    };
    texts.iter().map(read).collect()
}

fn not_empty(key: &str, list: &[String]) -> Result<(), Reason> {
    if list.is_empty() { Err(Reason::Empty(key.to_owned())) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_domain_speaks_every_locale() {
        let library = Library::embedded();
        assert!(library.domains.len() >= 8 && library.locales.len() >= 8);
        for domain in &library.domains {
            for (locale, dialogue) in library.locales.iter().zip(&domain.dialogues) {
                let (domain, locale) = (&domain.name, &locale.name);
                assert!(dialogue.is_some(), "add data/domains/{domain}/{locale}.toml");
            }
        }
    }

    /// What is refused when one file is replaced by another text.
    fn refused(name: &str, change: impl Fn(&str) -> String) -> String {
        let (_, text) = FILES.iter().find(|(file, _)| *file == name).unwrap();
        let changed = change(text);
        let files: Vec<_> = FILES
            .iter()
            .map(|(file, text)| (*file, if *file == name { changed.as_str() } else { *text }))
            .collect();
        Library::read(&files, PRICES).unwrap_err().to_string()
    }

    #[test]
    fn a_mistake_in_a_data_file_is_refused_with_the_file_and_what_is_wrong() {
        let support = "domains/support/en";
        insta::assert_snapshot!(refused(support, |text| text.replace("{device}", "{devize}")), @"data file `domains/support/en.toml`: in `purpose`: `I'm calling about ticket {ticketNumber}, the trouble with your {devize}. Do you have a few minutes?` uses the slot `devize`, which is not known; known are customer, name, agent, colleague, company, reference, ticketNumber, device, serialNumber, visitDate");
        insta::assert_snapshot!(refused(support, |text| text.replace("Ticket {ticketNumber}.", "")), @"data file `domains/support/en.toml`: each line of `request` must speak of a variable that is a pattern, such as an order number (in a locale `{reference}`); without one, two calls can be alike to the letter");
        insta::assert_snapshot!(refused(support, |text| text.replace("consent =", "assent =")), @"data file `domains/support/en.toml`: `[lines]` has no key `consent`; every locale and every domain needs all of them");
        insta::assert_snapshot!(refused(support, |text| format!("{text}\n[lines.extra]\n")), @"
        data file `domains/support/en.toml`: TOML parse error at line 139, column 1
            |
        139 | [lines.extra]
            | ^^^^^^^^^^^^^
        invalid type: map, expected a sequence
        ");
        insta::assert_snapshot!(refused("domains/support/domain", |text| text.replace("choice = true", "")), @"data file `domains/support/domain.toml`: variable `device` needs exactly one of pattern, choice, days, clock, money, number");
        insta::assert_snapshot!(refused("locales/en", |text| text.replace("bye =", "farewell = [\"Bye.\"]\nbye =")), @"data file `locales/en.toml`: `[lines]` has a key `farewell` that is not used; did you mean `repeat`?");
        insta::assert_snapshot!(refused("locales/en", |text| text.replace("\"January\", ", "")), @"data file `locales/en.toml`: `formats.months` must be twelve names");
    }
}
