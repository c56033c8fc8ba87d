//! What recurs over the events of a seed: its epoch, companies, agents, customers and campaigns.
//!
//! Nothing is kept: agent 3 or customer 812 is drawn again, from a stream of its own, whenever a call
//! needs it, and is the same each time.

use std::fmt::Write as _;

use fake::Fake;
use fake::faker::name::raw::{FirstName, LastName};
use fake::locales::{AR_SA, DE_DE, EN, FR_FR, JA_JP, PT_BR};
use serde_json::Value;
use uuid::Uuid;

use crate::calendar::DAY;
use crate::chance::{Chance, Purpose};
use crate::digits;
use crate::library::{Domain, FakeLocale, Library, Locale, Names, Phones};
use crate::line;
use crate::population::Person;
use crate::profile::Profile;

/// Calls a day, over all agents.
pub(crate) const CALLS_A_DAY: u64 = 1_500;

/// After so many days the calls begin again at the epoch, so that no index leaves the calendar.
const DAYS: u64 = 3_650;

/// 2025-01-06T00:00:00Z, a Monday.
const FIRST_EPOCH: i64 = 1_736_121_600_000;

/// Customers of each locale. Twice a prime number, so that each half of them can be gone through in any
/// steps; few, so that the same ones recur in a corpus of some thousand calls.
const CUSTOMERS: u64 = 2 * 499;

/// One customer in so many has asked not to be called.
const DO_NOT_DISTURB: u64 = 50;

/// Calls in each hour of a day (UTC), out of a thousand: little at night, one peak before noon and a
/// lower one in the afternoon, the shape that Brown et al. found in a bank's call centre ("Statistical
/// Analysis of a Telephone Call Center", JASA 100 (2005), section 4).
pub(crate) const HOURS: [u64; 24] =
    [4, 3, 2, 2, 3, 5, 12, 28, 58, 82, 96, 94, 80, 74, 82, 86, 80, 66, 48, 36, 26, 17, 10, 6];

/// Calls of a campaign in each hour of a day, out of a hundred: from nine to eight, with a rest at noon,
/// inside the hours in which 47 CFR 64.1200(c)(1) lets people be called. The curve in them is a guess of
/// ours, and the day is UTC for everybody.
pub(crate) const CAMPAIGN_HOURS: [u64; 24] =
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 11, 10, 6, 6, 9, 10, 11, 11, 10, 8, 0, 0, 0, 0];

/// What all events of a seed share.
#[derive(Debug)]
pub(crate) struct World {
    seed: u64,
    /// Milliseconds since 1970.
    pub(crate) epoch: i64,
    pub(crate) workspace: Uuid,
    /// Draws one of a domain's companies: a workspace has one for each trade.
    company: u64,
    /// Draws the order in which customers have their turn.
    turns: (u64, u64),
}

impl World {
    /// Draws the world of a seed; `epoch` moves its first day.
    pub(crate) fn new(seed: u64, epoch: Option<i64>) -> Self {
        let mut chance = Chance::new(seed, Purpose::World, 0);
        let drawn = FIRST_EPOCH + chance.between(0, 51) * 7 * DAY;
        // Years 1 to 9900: whatever follows from an epoch still has a year of four digits.
        let epoch = epoch.unwrap_or(drawn).clamp(-62_000_000_000_000, 250_000_000_000_000);
        let workspace = chance.uuid();
        let company = chance.below(1 << 32);
        let turns = (chance.below(1 << 32), chance.below(1 << 32));
        Self { seed, epoch, workspace, company, turns }
    }

    pub(crate) fn company<'a>(&self, domain: &'a Domain) -> &'a str {
        let count = domain.companies.len() as u64;
        &domain.companies[usize::try_from(self.company % count).unwrap_or_default()]
    }

    /// Returns the moment at which call `index` is made: calls follow each other through the day by a
    /// curve, [`HOURS`] or [`CAMPAIGN_HOURS`], each somewhere in its own share of it.
    pub(crate) fn arrival(&self, index: u64, hours: &[u64; 24], chance: &mut Chance) -> i64 {
        const SHARE: u64 = 1 << 20;
        let (day, number) = ((index / CALLS_A_DAY) % DAYS, index % CALLS_A_DAY);
        let total: u64 = hours.iter().sum();
        // A place on the curve's area, in parts of `whole`.
        let whole = CALLS_A_DAY * SHARE;
        let mut place = (number * SHARE + chance.below(SHARE)) * total;
        let mut hour = 0_i64;
        let mut into = 0;
        for weight in *hours {
            if place < weight * whole {
                into = place / weight * 3_600_000 / whole;
                break;
            }
            place -= weight * whole;
            hour += 1;
        }
        let signed = |number: u64| i64::try_from(number).unwrap_or_default();
        self.epoch + signed(day) * DAY + hour * 3_600_000 + signed(into)
    }
}

impl World {
    /// Returns which of so many customers has their turn at call `index`.
    ///
    /// The calls go through one half of the customers and then through the other, each half in an order
    /// that is another one every time. So nobody has two turns within half as many calls, and nobody is
    /// in two calls at once.
    fn turn(&self, index: u64, customers: u64) -> u64 {
        let half = customers.div_ceil(2).max(1);
        let (block, place) = (index / half, index % half);
        let mut step = 1 + self.turns.0.wrapping_add(block.wrapping_mul(7_919)) % half;
        while gcd(step, half) != 1 {
            step += 1;
        }
        let begin = self.turns.1.wrapping_add(block.wrapping_mul(104_729)) % half;
        let number = (u128::from(step) * u128::from(place) + u128::from(begin)) % u128::from(half);
        let number = u64::try_from(number).unwrap_or_default();
        if block.is_multiple_of(2) { number } else { customers.saturating_sub(half) + number }
    }

    /// Returns the customer of a locale whose turn it is at call `index`: one of `people`, or one who is
    /// made up. What is written about them stands in `texts`.
    pub(crate) fn customer<'a>(
        &self,
        people: Option<&'a [Person]>,
        locale: usize,
        index: u64,
        do_not_disturb: bool,
        texts: &'a mut String,
    ) -> Customer<'a> {
        let place = &Library::embedded().locales[locale];
        let Some(people) = people.filter(|people| !people.is_empty()) else {
            let number = self.turn(index, CUSTOMERS);
            let number = if do_not_disturb { number - number % DO_NOT_DISTURB } else { number };
            return Customer::made_up(self, place, locale as u64 * CUSTOMERS + number, texts);
        };
        let at = usize::try_from(self.turn(index, people.len() as u64)).unwrap_or_default();
        let in_turn = people[at..].iter().chain(people);
        let found = in_turn.clone().find(|person| !do_not_disturb || person.do_not_disturb);
        let person = found.unwrap_or(&people[at]);
        let customer = Customer::of(self, place, person, texts);
        Customer { do_not_disturb: customer.do_not_disturb || do_not_disturb, ..customer }
    }
}

/// Returns the greatest common divisor (Euclid).
fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// A virtual agent of the workspace.
#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) id: Uuid,
    pub(crate) name: &'static str,
    pub(crate) phone_id: Uuid,
    pub(crate) phone: String,
    pub(crate) flow: Uuid,
    pub(crate) llm: usize,
    pub(crate) tts: usize,
    pub(crate) stt: usize,
    /// Whether the system that starts its calls writes JSON with spaces; both are documented.
    pub(crate) spaced_json: bool,
    /// Seconds.
    pub(crate) longest_call: i64,
    pub(crate) number: u64,
}

impl Agent {
    /// Draws agent `number` (0 to 7) of a domain and a locale.
    pub(crate) fn new(
        world: &World,
        profile: &Profile,
        (domain, locale): (usize, usize),
        number: u64,
    ) -> Self {
        let library = Library::embedded();
        let place = &library.locales[locale];
        let number = (domain as u64 * 64 + locale as u64) * 8 + number;
        let mut chance = Chance::new(world.seed, Purpose::Agent, number);
        Self {
            id: chance.uuid(),
            name: chance.pick(&place.names.agents).as_str(),
            phone_id: chance.uuid(),
            phone: {
                let mut number = String::with_capacity(16);
                phone(&place.phones, &place.phones.business, &mut chance, &mut number);
                number
            },
            flow: chance.uuid(),
            llm: chance.weighted(profile.llm.iter().copied()),
            tts: chance.weighted(profile.tts.iter().copied()),
            stt: chance.weighted(profile.stt.iter().copied()),
            spaced_json: chance.permille(300),
            longest_call: [600, 900, 1_200, 1_800][chance.index(4)],
            number,
        }
    }

    /// Draws the campaign that a call on a day belongs to: (campaign, run). A run lasts a day.
    pub(crate) fn campaign(&self, world: &World, start: i64, choice: u64) -> (Uuid, Uuid) {
        let campaign = self.number * 4 + choice;
        let day = (start - world.epoch).div_euclid(DAY);
        let id = Chance::new(world.seed, Purpose::Campaign, campaign << 32).uuid();
        let run = (campaign << 32) + 1 + u64::try_from(day).unwrap_or_default();
        (id, Chance::new(world.seed, Purpose::Campaign, run).uuid())
    }
}

/// A customer of the workspace.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Customer<'a> {
    pub(crate) id: Uuid,
    /// `None` for a customer who was made without a name.
    pub(crate) name: Option<&'a str>,
    /// How an agent addresses them.
    pub(crate) address: &'a str,
    pub(crate) email: Option<&'a str>,
    pub(crate) phone: &'a str,
    pub(crate) identifier: &'a str,
    pub(crate) priority: i64,
    pub(crate) do_not_disturb: bool,
    pub(crate) metadata: Metadata<'a>,
    pub(crate) created: i64,
    pub(crate) updated: i64,
}

impl<'a> Customer<'a> {
    /// Writes down a customer of the user's own; what is not said about them is drawn.
    fn of(
        world: &World,
        locale: &'static Locale,
        person: &'a Person,
        texts: &'a mut String,
    ) -> Self {
        // Streams beyond those of customers who are made up.
        let mut chance = Chance::new(world.seed, Purpose::Customer, (1 << 40) + person.number);
        let drawn = chance.uuid();
        let created = world.epoch - chance.between(1, 400 * DAY);
        let updated = created + chance.between(0, world.epoch - created);
        texts.clear();
        phone(&locale.phones, &locale.phones.customer, &mut chance, texts);
        Self {
            id: person.id.unwrap_or(drawn),
            name: person.name.as_deref(),
            address: person.address.as_deref().unwrap_or(&locale.names.stranger),
            email: person.email.as_deref(),
            phone: person.phone.as_deref().unwrap_or(texts),
            identifier: &person.identifier,
            priority: person.priority,
            do_not_disturb: person.do_not_disturb,
            metadata: Metadata::Other(&person.metadata),
            created,
            updated,
        }
    }

    /// Draws customer `number` of a workspace.
    fn made_up(world: &World, locale: &'static Locale, number: u64, texts: &'a mut String) -> Self {
        let mut chance = Chance::new(world.seed, Purpose::Customer, number);
        let (given, family) = names(&locale.names, &mut chance);
        let is_named = chance.permille(985);
        // One text after the other: where each ends is known before any of them is borrowed.
        texts.clear();
        handle(given, family, number, texts);
        let handle_end = texts.len();
        texts.push('@');
        texts.push_str(chance.pick::<String>(&locale.phones.email_domains));
        let email_end = texts.len();
        let identifier = match chance.below(4) {
            0 => 0..email_end,
            1 => {
                let _ = write!(texts, "CUST-{number:07}");
                email_end..texts.len()
            }
            _ => 0..handle_end,
        };
        let created = world.epoch - chance.between(1, 400 * DAY);
        let id = chance.uuid();
        let name_start = texts.len();
        if is_named {
            named(&locale.names.full, given, family, texts);
        }
        let address_start = texts.len();
        if is_named {
            named(&locale.names.address, given, family, texts);
        }
        let has_email = chance.permille(960);
        let phone_start = texts.len();
        phone(&locale.phones, &locale.phones.customer, &mut chance, texts);
        let texts = texts.as_str();
        Self {
            id,
            name: is_named.then(|| &texts[name_start..address_start]),
            address: if is_named {
                &texts[address_start..phone_start]
            } else {
                &locale.names.stranger
            },
            email: has_email.then(|| &texts[..email_end]),
            phone: &texts[phone_start..],
            identifier: &texts[identifier],
            priority: if chance.permille(700) { 5 } else { chance.between(0, 9) },
            do_not_disturb: (number % CUSTOMERS).is_multiple_of(DO_NOT_DISTURB),
            metadata: Metadata::draw(&mut chance),
            created,
            updated: created + chance.between(0, world.epoch - created),
        }
    }
}

/// What a workspace stores with a customer: any JSON.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Metadata<'a> {
    /// One of the forms below, as JSON text.
    Drawn(MetadataForm, &'static str, i64),
    /// Any other.
    Other(&'a Value),
}

/// The forms that a drawn one has.
#[derive(Debug, Clone, Copy)]
pub(crate) enum MetadataForm {
    Null,
    Plan,
    Since,
    IsOld,
    Object,
    Empty,
    Tagged,
    Nested,
}

impl Metadata<'_> {
    fn draw(chance: &mut Chance) -> Self {
        let plan = *chance.pick(&["basic", "plus", "premium", "business"]);
        let since = chance.between(2015, 2024);
        let form = match chance.below(20) {
            0 | 1 => MetadataForm::Null,
            2 => MetadataForm::Plan,
            3 => MetadataForm::Since,
            4 => MetadataForm::IsOld,
            5..=9 => MetadataForm::Object,
            10 => MetadataForm::Empty,
            11..=13 => MetadataForm::Tagged,
            _ => MetadataForm::Nested,
        };
        Self::Drawn(form, plan, since)
    }

    /// Writes it as compact JSON.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        use std::io::Write as _;
        // Into memory, which does not fail.
        let _ = match self {
            Self::Other(value) => write!(out, "{value}"),
            Self::Drawn(form, plan, since) => match form {
                MetadataForm::Null => write!(out, "null"),
                MetadataForm::Plan => write!(out, "\"{plan}\""),
                MetadataForm::Since => write!(out, "{since}"),
                MetadataForm::IsOld => write!(out, "{}", *since < 2020),
                MetadataForm::Object => write!(out, "{{\"plan\":\"{plan}\"}}"),
                MetadataForm::Empty => write!(out, "{{}}"),
                MetadataForm::Tagged => write!(
                    out,
                    "{{\"plan\":\"{plan}\",\"tags\":[\"newsletter\",\"vip\"],\"since\":{since}}}"
                ),
                MetadataForm::Nested => write!(
                    out,
                    "{{\"plan\":\"{plan}\",\"since\":{since},\"consent\":{{\"recording\":true}}}}"
                ),
            },
        };
    }

    pub(crate) fn value(&self) -> Value {
        if let Self::Other(value) = self {
            return (*value).clone();
        }
        let mut text = Vec::new();
        self.write(&mut text);
        serde_json::from_slice(&text).unwrap_or_default()
    }
}

fn names(names: &'static Names, chance: &mut Chance) -> (&'static str, &'static str) {
    macro_rules! fake_names {
        ($locale:expr) => {
            (
                FirstName($locale).fake_with_rng(chance.rng()),
                LastName($locale).fake_with_rng(chance.rng()),
            )
        };
    }
    match names.fake {
        Some(FakeLocale::En) => fake_names!(EN),
        Some(FakeLocale::DeDe) => fake_names!(DE_DE),
        Some(FakeLocale::FrFr) => fake_names!(FR_FR),
        Some(FakeLocale::PtBr) => fake_names!(PT_BR),
        Some(FakeLocale::ArSa) => fake_names!(AR_SA),
        Some(FakeLocale::JaJp) => fake_names!(JA_JP),
        None => (chance.pick(&names.given).as_str(), chance.pick(&names.family).as_str()),
    }
}

/// Fills `{given}` and `{family}`.
fn named(form: &str, given: &str, family: &str, out: &mut String) {
    line::fill(form, out, |slot, out| out.push_str(if slot == "given" { given } else { family }));
}

/// Writes the part of an address before the `@`: the name in ASCII where it has one, and the number
/// that makes it unique.
fn handle(given: &str, family: &str, number: u64, out: &mut String) {
    let from = out.len();
    for name in [given, family] {
        let before = out.len();
        ascii(name, out);
        if out.len() > before {
            out.push('.');
        }
    }
    if out.len() == from {
        out.push_str("customer.");
    }
    digits::push(i64::try_from(number).unwrap_or_default(), out);
}

/// Writes a name of a Latin script in small ASCII letters; others are left out.
fn ascii(name: &str, out: &mut String) {
    if name.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        let from = out.len();
        out.push_str(name);
        out[from..].make_ascii_lowercase();
        return;
    }
    for letter in name.chars().flat_map(char::to_lowercase) {
        match letter {
            'a'..='z' => out.push(letter),
            'á' | 'à' | 'â' | 'ã' | 'å' => out.push('a'),
            'ä' | 'æ' => out.push_str("ae"),
            'ç' => out.push('c'),
            'é' | 'è' | 'ê' | 'ë' => out.push('e'),
            'í' | 'ì' | 'î' | 'ï' => out.push('i'),
            'ñ' => out.push('n'),
            'ó' | 'ò' | 'ô' | 'õ' => out.push('o'),
            'ö' | 'œ' => out.push_str("oe"),
            'ú' | 'ù' | 'û' => out.push('u'),
            'ü' => out.push_str("ue"),
            'ß' => out.push_str("ss"),
            _ => {}
        }
    }
}

/// Draws a phone number from patterns that belong to nobody.
pub(crate) fn phone(
    phones: &Phones,
    patterns: &[String],
    chance: &mut Chance,
    number: &mut String,
) {
    for letter in chance.pick(patterns).chars() {
        match letter {
            '#' => number.push(chance.digit()),
            '@' => number.push_str(chance.pick(&phones.areas).as_str()),
            other => number.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_ascii_in_every_script() {
        let handle = |given, family| {
            let mut out = String::new();
            handle(given, family, 7, &mut out);
            out
        };
        assert_eq!(handle("Zoë", "Müller"), "zoe.mueller.7");
        assert_eq!(handle("Zoë", "田中"), "zoe.7");
        assert_eq!(handle("さくら", "田中"), "customer.7");
    }

    #[test]
    fn everybody_has_their_turn_and_nobody_two_at_once() {
        let world = World::new(42, None);
        for customers in [1, 2, 3, 7, 60, CUSTOMERS] {
            let half = usize::try_from(customers.div_ceil(2)).unwrap();
            let turns: Vec<u64> =
                (0..10 * customers).map(|index| world.turn(index, customers)).collect();
            let all: std::collections::HashSet<_> = turns.iter().collect();
            assert_eq!(all.len() as u64, customers);
            // The two halves of an odd number share one customer.
            let is_even = customers.is_multiple_of(2);
            for window in turns.windows(if is_even { half } else { 1 }) {
                let distinct: std::collections::HashSet<_> = window.iter().collect();
                assert_eq!(distinct.len(), window.len(), "{customers}");
            }
        }
        assert!(world.turn(u64::MAX, CUSTOMERS) < CUSTOMERS);
    }

    #[test]
    fn calls_follow_each_other_through_the_day() {
        let world = World::new(42, None);
        let arrivals: Vec<i64> = (0..3_000)
            .map(|index| world.arrival(index, &HOURS, &mut Chance::new(42, Purpose::Story, index)))
            .collect();
        assert!(arrivals.is_sorted());
        assert_eq!((arrivals[1_499] - world.epoch).div_euclid(DAY), 0);
        assert_eq!((arrivals[1_500] - world.epoch).div_euclid(DAY), 1);
        let hour = |ms: &&i64| (**ms - world.epoch).rem_euclid(DAY) / 3_600_000;
        let at_ten = arrivals.iter().filter(|ms| hour(ms) == 10).count();
        let at_three = arrivals.iter().filter(|ms| hour(ms) == 3).count();
        assert!(at_ten > 250 && at_three < 20, "{at_ten} {at_three}");
    }
}
