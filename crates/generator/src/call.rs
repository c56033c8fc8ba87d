//! A call is simulated first: who calls whom, what is said when, who joins and leaves, what it costs.
//!
//! A recipe and an index come in, a [`Call`] goes out that holds together because each of its facts
//! follows from those before it; [`crate::written`] then writes it down as an event.

use std::borrow::Cow;

use jiff::civil::DateTime;
use ringback_event::Field;
use uuid::Uuid;

use crate::Recipe;
use crate::archetype::{Answer, Archetype, Channel, Ending, Outcome, Plan};
use crate::chance::{Chance, Purpose};
use crate::library::{Dialogue, Domain, Formats, Library, Locale, VariableKind};
use crate::line::{self, Line, NAME, REFERENCE};
use crate::price::Charge;
use crate::profile::{IdStyle, KEYS, Key, Presence, Profile};
use crate::script::{self, Beat, Mark, Speaker};
use crate::world::{self, Agent, CUSTOMERS, Customer, DAY, World};

/// One call, as it happened. Times are milliseconds since 1970.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) plan: Plan,
    /// What it is about.
    pub(crate) domain: &'static str,
    pub(crate) workspace: Uuid,
    pub(crate) agent: Agent,
    /// The agent that the call was handed over to.
    pub(crate) colleague: Option<Agent>,
    pub(crate) customer: Option<Customer>,
    /// Campaign and run.
    pub(crate) campaign: Option<(Uuid, Uuid)>,
    pub(crate) flow: Option<Uuid>,
    /// The fill of each slot of a line: the shared ones, then the domain's variables.
    pub(crate) values: Vec<String>,
    /// `dynamicVariables`, in order.
    pub(crate) variables: Vec<(Cow<'static, str>, Scalar)>,
    pub(crate) turns: Vec<Turn>,
    pub(crate) times: Times,
    pub(crate) transfer: Option<Transfer>,
    pub(crate) bill: Bill,
    pub(crate) blanks: Blanks,
    pub(crate) ids: IdStyle,
}

/// A value of `dynamicVariables`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scalar {
    Text(String),
    /// The text that fills this slot.
    Slot(usize),
    /// Written as it stands: JSON text, such as a number.
    Json(String),
}

/// Something that was said.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    pub(crate) speaker: Speaker,
    /// The agent in whose part of the call it was said: 0, or 1 after a hand-over.
    pub(crate) by: usize,
    pub(crate) words: Words,
    /// When it began to be said; in a chat, when it was sent.
    pub(crate) at: i64,
}

/// What was said.
#[derive(Debug, Clone)]
pub(crate) enum Words {
    /// A line of the data files, to be filled.
    Line(&'static Line),
    /// Anything.
    Text(String),
}

/// When what happened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) created: i64,
    pub(crate) start: i64,
    pub(crate) user_join: Option<i64>,
    pub(crate) user_leave: i64,
    /// The first agent's.
    pub(crate) agent_join: Option<i64>,
    /// When the first agent handed over, if it did.
    pub(crate) handed_over: Option<i64>,
    /// The last agent's.
    pub(crate) agent_leave: Option<i64>,
    pub(crate) end: i64,
    pub(crate) updated: i64,
}

/// The attempt to put the customer through to a person.
#[derive(Debug, Clone)]
pub(crate) struct Transfer {
    pub(crate) outcome: Outcome,
    pub(crate) destination: String,
    pub(crate) start: i64,
    pub(crate) user_join: Option<i64>,
    pub(crate) user_leave: Option<i64>,
    pub(crate) end: i64,
}

/// What was used, billed. Speech is `None` in writing, the line without one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bill {
    pub(crate) llm: Option<Charge>,
    pub(crate) tts: Option<Charge>,
    pub(crate) stt: Option<Charge>,
    pub(crate) platform: Option<Charge>,
    pub(crate) telephony: Option<Charge>,
    pub(crate) agent: Option<Charge>,
}

impl Bill {
    /// Ten-thousandths of the currency.
    pub(crate) fn total(&self) -> i64 {
        let charges = [self.llm, self.tts, self.stt, self.platform, self.telephony, self.agent];
        charges.iter().flatten().map(|charge| charge.cost).sum()
    }
}

impl Blanks {
    /// Nothing is left out.
    pub(crate) const NONE: Self = Self([Blank::No; KEYS]);
}

/// Which keys of the event are null or missing although there is something to say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Blanks([Blank; KEYS]);

/// What is left of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blank {
    No,
    Null,
    Absent,
}

impl Blanks {
    /// Draws as many numbers whatever the profile, so that one presence does not move the others.
    fn draw(profile: &Profile, chance: &mut Chance) -> Self {
        Self(profile.presence.map(|Presence { null, absent }| match chance.below(1_000) {
            drawn if drawn < u64::from(null) => Blank::Null,
            drawn if drawn < u64::from(null + absent) => Blank::Absent,
            _ => Blank::No,
        }))
    }

    /// Returns what is left of a key.
    pub(crate) fn state(&self, key: Key) -> Blank {
        self.0[key as usize]
    }

    /// Returns what a key holds.
    pub(crate) fn of<T>(&self, key: Key, field: Field<T>) -> Field<T> {
        match self.state(key) {
            Blank::No => field,
            Blank::Null => Field::Null,
            Blank::Absent => Field::Absent,
        }
    }
}

impl Call {
    /// Lets call `index` of a recipe happen.
    pub(crate) fn simulate(recipe: &Recipe, index: u64) -> Self {
        let library = Library::embedded();
        let epoch = recipe.epoch.map(ringback_event::Timestamp::as_millisecond);
        let world = World::new(recipe.seed, epoch);
        let (cast, mut chance) = Cast::of(recipe, index);
        let Cast { plan, place, agent: first, customer, campaign } = cast;
        let profile = &*recipe.profile;
        let (domain, locale) = (&library.domains[place.0], &library.locales[place.1]);
        let agent = Agent::new(&world, profile, place, first);
        let colleague = plan.hands_over.then(|| Agent::new(&world, profile, place, first + 4));
        let customer = (!plan.is_anonymous).then(|| {
            let customer = Customer::new(&world, &agent, locale, customer);
            Customer { do_not_disturb: customer.do_not_disturb || plan.do_not_disturb, ..customer }
        });

        let created = world.arrival(index, &mut chance);
        let campaign = plan.has_campaign.then(|| agent.campaign(&world, created, campaign));
        let has_flow = plan.has_flow.then_some(agent.flow);

        let blanks = Blanks::draw(profile, &mut chance);
        let talk = (profile.talk_median, profile.talk_sigma);
        let mut draft = Draft { chance, locale, library, plan, talk };
        let company = world.company(domain);
        let (mut values, mut variables) =
            draft.names(customer.as_ref(), &agent, colleague.as_ref(), company);
        if let Some(dialogue) = &domain.dialogues[place.1] {
            draft.facts(domain, dialogue, created, &mut values, &mut variables);
        }

        let start = created + draft.chance.between(350, 2_800);
        let base = Self {
            plan,
            domain: &domain.name,
            workspace: world.workspace,
            agent,
            colleague,
            customer,
            campaign,
            flow: has_flow,
            values,
            variables,
            turns: Vec::new(),
            times: Times {
                created,
                start,
                user_join: None,
                user_leave: start,
                agent_join: None,
                handed_over: None,
                agent_leave: None,
                end: start,
                updated: start,
            },
            transfer: None,
            bill: Bill::default(),
            blanks,
            ids: profile.ids,
        };
        match &domain.dialogues[place.1] {
            Some(dialogue) if plan.answer != Answer::Nobody => draft.answered(base, dialogue),
            _ => draft.unanswered(base),
        }
    }
}

/// Who takes part in a call, and what is fixed about it.
#[derive(Debug, Clone, Copy)]
struct Cast {
    plan: Plan,
    /// The indexes of the domain and the locale.
    place: (usize, usize),
    /// Numbers of the agent, of the customer among the agent's, and of the agent's campaign.
    agent: u64,
    customer: u64,
    campaign: u64,
}

impl Cast {
    /// A customer whom a campaign did not reach is called again so many calls later.
    const RETRY: u64 = 60;
    /// And after so many attempts no more.
    const ATTEMPTS: u64 = 3;

    /// Draws the cast of call `index`; the rest of its story follows in the same stream.
    fn of(recipe: &Recipe, index: u64) -> (Self, Chance) {
        let (mut cast, chance) = Self::draw(recipe, index);
        // Each earlier attempt is drawn again: nothing is kept from call to call.
        for attempt in 1..=(index / Self::RETRY) % Self::ATTEMPTS {
            let before = Self::draw(recipe, index - Self::RETRY * attempt).0;
            if !cast.plan.has_campaign || !before.is_missed() {
                break;
            }
            let Self { place, agent, customer, campaign, .. } = before;
            cast = Self { place, agent, customer, campaign, ..cast };
        }
        (cast, chance)
    }

    fn draw(recipe: &Recipe, index: u64) -> (Self, Chance) {
        let profile = &*recipe.profile;
        let mut chance = Chance::new(recipe.seed, Purpose::Story, index);
        let drawn = chance.weighted(profile.archetypes.iter().copied());
        let archetype = recipe.archetype.unwrap_or(Archetype::ALL[drawn]);
        let plan = Plan::draw(archetype, &mut chance);
        let place = place(Library::embedded(), profile, &mut chance);
        let agent = chance.below(4);
        let customer = chance.below(CUSTOMERS);
        let campaign = chance.below(3);
        (Self { plan, place, agent, customer, campaign }, chance)
    }

    /// Tells whether a campaign did not reach its customer.
    fn is_missed(&self) -> bool {
        self.plan.has_campaign && self.plan.answer == Answer::Nobody
    }
}

/// Draws the domain, and one of the locales that it speaks.
fn place(library: &Library, profile: &Profile, chance: &mut Chance) -> (usize, usize) {
    let domain = chance.weighted(profile.domains.iter().copied());
    let spoken = profile.locales.iter().zip(&library.domains[domain].dialogues);
    let locale = chance
        .weighted(spoken.map(|(weight, dialogue)| if dialogue.is_some() { *weight } else { 0 }));
    (domain, locale)
}

/// What is needed while a call is being drawn.
struct Draft {
    chance: Chance,
    locale: &'static Locale,
    library: &'static Library,
    plan: Plan,
    /// Median in milliseconds, and spread of its logarithm, of how long people talk.
    talk: (f64, f64),
}

impl Draft {
    /// Fills the shared slots of lines, and begins the variables with the customer's name.
    fn names(
        &self,
        customer: Option<&Customer>,
        agent: &Agent,
        colleague: Option<&Agent>,
        company: &str,
    ) -> (Vec<String>, Vec<(Cow<'static, str>, Scalar)>) {
        let stranger = &self.locale.names.stranger;
        let name = customer.and_then(|customer| customer.name.as_ref());
        let address = customer.map_or(stranger, |customer| &customer.address);
        let values = vec![
            address.clone(),
            name.unwrap_or(stranger).clone(),
            agent.name.to_owned(),
            colleague.map_or(agent.name, |colleague| colleague.name).to_owned(),
            company.to_owned(),
            String::new(),
        ];
        let variables = name.map(|_| ("customerName".into(), Scalar::Slot(NAME)));
        (values, variables.into_iter().collect())
    }

    /// Draws the domain's variables: how a line speaks of each, and how `dynamicVariables` holds it.
    fn facts(
        &mut self,
        domain: &'static Domain,
        dialogue: &Dialogue,
        created: i64,
        values: &mut Vec<String>,
        variables: &mut Vec<(Cow<'static, str>, Scalar)>,
    ) {
        let formats = &self.locale.formats;
        for (index, variable) in domain.variables.iter().enumerate() {
            let chance = &mut self.chance;
            let slot = Scalar::Slot(values.len());
            let (spoken, held) = match &variable.kind {
                VariableKind::Pattern(pattern) => (reference(pattern, chance), slot),
                VariableKind::Choice => (chance.pick(&dialogue.choices[index]).clone(), slot),
                VariableKind::Days(low, high) => {
                    let date = civil(created + chance.between(*low, *high) * DAY);
                    (formats.date(date), Scalar::Text(date.date().to_string()))
                }
                VariableKind::Clock(low, high) => {
                    let hour = chance.between(*low, high - 1);
                    let minute = 15 * chance.between(0, 3);
                    (formats.clock(hour, minute), Scalar::Text(format!("{hour:02}:{minute:02}")))
                }
                VariableKind::Money(low, high) => {
                    let minor = chance.between(low * 100, high * 100);
                    formats.money(minor)
                }
                VariableKind::Number(low, high) => {
                    let number = chance.between(*low, *high).to_string();
                    (number.clone(), Scalar::Json(number))
                }
            };
            if matches!(variable.kind, VariableKind::Pattern(_)) && values[REFERENCE].is_empty() {
                values[REFERENCE].clone_from(&spoken);
            }
            values.push(spoken);
            variables.push((variable.name.as_str().into(), held));
        }
    }

    /// Lets the phone ring until it is given up.
    fn unanswered(mut self, call: Call) -> Call {
        let rang = match self.plan.ending {
            Ending::Busy => self.chance.between(1_500, 4_000),
            _ => self.chance.between(18_000, 45_000),
        };
        let end = call.times.start + rang;
        let updated = end + self.chance.between(40, 900);
        Call { times: Times { user_leave: end, end, updated, ..call.times }, ..call }
    }

    /// Lets the conversation happen.
    fn answered(mut self, mut call: Call, dialogue: &'static Dialogue) -> Call {
        let rang = match self.plan.channel {
            Channel::Outbound => self.chance.between(3_000, 24_000),
            Channel::Inbound => self.chance.between(300, 1_500),
            Channel::Web | Channel::Chat => self.chance.between(50, 600),
        };
        let user_join = call.times.start + rang;
        let agent_join = user_join + self.chance.between(60, 450);

        let talk = match self.plan.ending {
            Ending::TimeIsUp => call.agent.longest_call * 1_000,
            _ => milliseconds(self.chance.lognormal(self.talk.0, self.talk.1)),
        };
        let is_named = call.customer.as_ref().is_some_and(|customer| customer.name.is_some());
        let lengths: Vec<_> = call.values.iter().map(|value| value.chars().count()).collect();
        let scene = script::Scene {
            plan: self.plan,
            locale: self.locale,
            dialogue,
            lengths: &lengths,
            is_named,
        };
        let script = script::write(&scene, talk - (agent_join - user_join), &mut self.chance);

        let mut now = agent_join;
        let mut used = Used::default();
        let mut times = call.times;
        for beat in script {
            now += beat.gap;
            if beat.by == 1 && times.handed_over.is_none() {
                times.handed_over = Some(now - beat.gap / 2);
            }
            if beat.mark == Mark::TransferEnded
                && let Some(transfer) = &mut call.transfer
            {
                transfer.end = now - 1_000;
            }
            // Two messages never share an instant, or their order would be lost.
            let Beat { speaker, by, line, .. } = beat;
            call.turns.push(Turn { speaker, by, words: Words::Line(line), at: now });
            match beat.speaker {
                Speaker::Agent => {
                    used.spoken += beat.length;
                    used.thought += beat.gap.min(2_500);
                }
                Speaker::Customer => used.heard += beat.length,
            }
            now += beat.length.max(1);
            if beat.mark == Mark::TransferBegins {
                call.transfer = self.transfer(now);
            }
        }
        times.user_join = Some(user_join);
        times.agent_join = Some(agent_join);
        call.times = self.leave(now, times, call.transfer.as_ref());
        call.bill = self.bill(&call, used);
        call
    }

    /// Begins the transfer that the plan has, after the last word at `now`.
    fn transfer(&mut self, now: i64) -> Option<Transfer> {
        let outcome = self.plan.transfer?;
        let chance = &mut self.chance;
        let destination = match chance.below(10) {
            0 => format!("sip:desk-{}@voice.example.com", chance.between(100, 999)),
            1 => (*chance.pick(&["billing", "tier-2", "front-desk"])).to_owned(),
            _ => world::phone(&self.locale.phones, &self.locale.phones.business, chance),
        };
        let start = now + chance.between(150, 600);
        let mut transfer =
            Transfer { outcome, destination, start, user_join: None, user_leave: None, end: start };
        if outcome == Outcome::Connected {
            let join = start + chance.between(2_500, 24_000);
            let leave = join + milliseconds(chance.lognormal(self.talk.0, self.talk.1));
            transfer.user_join = Some(join);
            transfer.user_leave = Some(leave);
            transfer.end = leave + chance.between(40, 700);
        }
        Some(transfer)
    }

    /// Lets everybody leave after the last word at `now`.
    fn leave(&mut self, now: i64, times: Times, transfer: Option<&Transfer>) -> Times {
        let chance = &mut self.chance;
        let mut soon = |now: i64| now + chance.between(60, 900);
        let over = transfer.map_or(now, |transfer| transfer.end.max(now));
        let (user_leave, agent_leave) = match (self.plan.ending, transfer) {
            // The agent leaves when the other party is there.
            (_, Some(Transfer { user_join: Some(join), .. })) => (soon(over), soon(*join)),
            (
                Ending::AgentHangsUp | Ending::TimeIsUp | Ending::Silence | Ending::MessageLeft,
                _,
            ) => {
                let agent_leave = soon(now);
                (soon(agent_leave), agent_leave)
            }
            _ => {
                let user_leave = soon(now);
                (user_leave, soon(user_leave))
            }
        };
        // The end node of a flow waits 100 ms before it hangs up, unless it is told to wait longer.
        let end = user_leave.max(agent_leave) + self.chance.between(100, 1_500);
        let updated = end + self.chance.between(40, 2_500);
        Times { user_leave, agent_leave: Some(agent_leave), end, updated, ..times }
    }

    /// Bills what was used.
    fn bill(&self, call: &Call, used: Used) -> Bill {
        let prices = &self.library.prices;
        let Times { user_join, user_leave, agent_join, agent_leave, end, .. } = call.times;
        let span = |from: Option<i64>, to: i64| seconds(from.map_or(0, |from| to - from));
        let is_spoken = self.plan.channel != Channel::Chat;
        Bill {
            llm: Some(prices.llm[call.agent.llm].price().charge(seconds(used.thought))),
            tts: is_spoken.then(|| prices.tts[call.agent.tts].price().charge(seconds(used.spoken))),
            stt: is_spoken.then(|| prices.stt[call.agent.stt].price().charge(seconds(used.heard))),
            platform: Some(prices.platform.charge(span(user_join, end))),
            telephony: self
                .plan
                .channel
                .is_phone()
                .then(|| prices.telephony.charge(span(user_join, user_leave))),
            agent: agent_leave.map(|leave| prices.agent.charge(span(agent_join, leave))),
        }
    }
}

/// Milliseconds of what is billed by use.
#[derive(Debug, Clone, Copy, Default)]
struct Used {
    thought: i64,
    spoken: i64,
    heard: i64,
}

/// Whole seconds, rounded up.
fn seconds(milliseconds: i64) -> i64 {
    milliseconds.max(0).saturating_add(999) / 1_000
}

/// Whole milliseconds; a length of time is far from where a float loses them.
#[expect(clippy::cast_possible_truncation, reason = "floored, and far from the ends of i64")]
pub(crate) fn milliseconds(length: f64) -> i64 {
    length.clamp(0.0, 1e9) as i64
}

/// Draws a reference such as an order number.
fn reference(pattern: &str, chance: &mut Chance) -> String {
    let mut out = String::with_capacity(pattern.len());
    for letter in pattern.chars() {
        out.push(match letter {
            '#' => chance.digit(),
            'A' => *chance.pick(&REFERENCE_LETTERS),
            other => other,
        });
    }
    out
}

/// Without the letters that are mistaken for digits or for each other.
const REFERENCE_LETTERS: [char; 21] = [
    'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J', 'K', 'L', 'M', 'N', 'P', 'R', 'T', 'U', 'W', 'X',
    'Y', 'Z',
];

fn civil(milliseconds: i64) -> DateTime {
    jiff::Timestamp::from_millisecond(milliseconds)
        .unwrap_or_default()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .datetime()
}

impl Formats {
    fn date(&self, date: DateTime) -> String {
        let month = usize::try_from(date.month()).map_or(0, |month| month.saturating_sub(1));
        let month = self.months.get(month).map_or("", String::as_str);
        let day = date.day().to_string();
        line::fill(&self.date, |slot| if slot == "month" { month } else { &day })
    }

    fn clock(&self, hour: i64, minute: i64) -> String {
        let half = self.halves.get(usize::from(hour >= 12)).map_or("", String::as_str);
        let (hour24, hour12) = (hour.to_string(), ((hour + 11) % 12 + 1).to_string());
        let minute = format!("{minute:02}");
        line::fill(&self.clock, |slot| match slot {
            "hour24" => &hour24,
            "hour12" => &hour12,
            "minute" => &minute,
            _ => half,
        })
    }

    /// Writes an amount of hundredths of the reference currency, converted: (spoken, held).
    fn money(&self, reference: i64) -> (String, Scalar) {
        let minor = reference * i64::from(self.money_factor);
        let minor = if self.minor_digits == 0 { minor / 100 * 100 } else { minor };
        let (whole, cents) = (minor / 100, minor % 100);
        let mut amount = whole.to_string();
        let mut at = amount.len();
        while at > 3 {
            at -= 3;
            amount.insert_str(at, &self.group_mark);
        }
        let mut held = whole.to_string();
        if self.minor_digits == 2 {
            amount.push_str(&format!("{}{cents:02}", self.decimal_mark));
            held = format!("{whole}.{cents:02}");
        }
        // A JSON number has no digits that say nothing: 149.9, not 149.90.
        let held = if held.contains('.') {
            held.trim_end_matches('0').trim_end_matches('.')
        } else {
            &held
        };
        (line::fill(&self.money, |_| &amount), Scalar::Json(held.to_owned()))
    }
}
