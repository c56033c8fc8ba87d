//! A call is simulated first: who calls whom, what is said when, who joins and leaves, what it costs.
//!
//! A recipe and an index come in, a [`Call`] goes out that holds together because each of its facts
//! follows from those before it; [`crate::written`] then writes it down as an event. A call borrows all
//! that it is made of from the [`Stage`] that it is played on: the data files, the agents who recur from
//! call to call, and buffers that the next call will use again.

use ringback_event::Field;
use uuid::Uuid;

use crate::Recipe;
use crate::archetype::{Answer, Channel, Ending, Outcome, Plan};
use crate::calendar::{self, DAY};
use crate::cast::{AGENTS, Cast, Casting};
use crate::chance::Chance;
use crate::digits;
use crate::library::{Dialogue, Domain, Formats, Library, Locale, VariableKind};
use crate::line::{self, Line, NAME, PADDING, REFERENCE, Values};
use crate::price::Charge;
use crate::profile::{IdStyle, KEYS, Key, Presence, Profile};
use crate::script::{self, Beat, Mark, Paper, Speaker};
use crate::texts::{Text, Texts};
use crate::world::{self, Agent, Customer, World};

/// One call, as it happened. Times are milliseconds since 1970.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) plan: Plan,
    /// What it is about.
    pub(crate) domain: &'static str,
    pub(crate) workspace: Uuid,
    pub(crate) agent: &'a Agent,
    /// The agent that the call was handed over to.
    pub(crate) colleague: Option<&'a Agent>,
    pub(crate) customer: Option<Customer<'a>>,
    /// Campaign and run.
    pub(crate) campaign: Option<(Uuid, Uuid)>,
    pub(crate) flow: Option<Uuid>,
    /// The fill of each slot of a line: the shared ones, then the domain's variables.
    pub(crate) values: Values<'a>,
    /// `dynamicVariables`, in order.
    pub(crate) variables: &'a [(&'a str, Scalar)],
    pub(crate) turns: &'a [Turn<'a>],
    pub(crate) times: Times,
    pub(crate) transfer: Option<Transfer>,
    pub(crate) bill: Bill,
    pub(crate) blanks: Blanks,
    pub(crate) ids: IdStyle,
}

/// A value of `dynamicVariables`; its text is among the call's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scalar {
    Text(Text),
    /// Written as it stands: JSON text, such as a number.
    Json(Text),
}

/// Something that was said.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn<'a> {
    pub(crate) speaker: Speaker,
    /// The agent in whose part of the call it was said: 0, or 1 after a hand-over.
    pub(crate) by: usize,
    pub(crate) words: Words<'a>,
    /// When it began to be said; in a chat, when it was sent.
    pub(crate) at: i64,
}

/// What was said.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Words<'a> {
    /// A line of the data files, to be filled.
    Line(&'static Line),
    /// Anything.
    Text(&'a str),
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
#[derive(Debug, Clone, Copy)]
pub(crate) struct Transfer {
    pub(crate) outcome: Outcome,
    /// Among the call's texts.
    pub(crate) destination: Text,
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

/// Where the calls of one recipe happen, one after the other. Nothing that a call says depends on those
/// before it: what is kept is what would be drawn again, and buffers.
#[derive(Debug)]
pub(crate) struct Stage {
    recipe: Recipe,
    world: World,
    /// By domain, locale and number; drawn when first needed.
    agents: Vec<Option<Agent>>,
    /// What is written about the customer.
    customer: String,
    texts: Texts,
    slots: Vec<Text>,
    variables: Vec<(&'static str, Scalar)>,
    paper: Paper,
    turns: Vec<Turn<'static>>,
}

impl Stage {
    pub(crate) fn new(recipe: &Recipe) -> Self {
        let library = Library::embedded();
        let epoch = recipe.epoch.map(ringback_event::Timestamp::as_millisecond);
        let places = library.domains.len() * library.locales.len();
        Self {
            recipe: recipe.clone(),
            world: World::new(recipe.seed, epoch),
            agents: std::iter::repeat_with(|| None).take(places * AGENTS).collect(),
            customer: String::new(),
            texts: Texts::default(),
            slots: Vec::new(),
            variables: Vec::new(),
            paper: Paper::default(),
            turns: Vec::new(),
        }
    }

    /// What the calls are made from.
    pub(crate) fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// Lets call `index` happen.
    pub(crate) fn play(&mut self, index: u64) -> Call<'_> {
        let Self { recipe, world, agents, customer: about, texts, slots, variables, paper, turns } =
            self;
        let library = Library::embedded();
        let Casting { cast, mut chance, first: matter } = Casting::of(recipe, index);
        let Cast { plan, place, agent: first, campaign, turn, attempt, .. } = cast;
        let profile = &*recipe.profile;
        let (domain, locale) = (&library.domains[place.0], &library.locales[place.1]);
        texts.clear();
        slots.clear();
        variables.clear();
        turns.clear();

        let seat = (place.0 * library.locales.len() + place.1) * AGENTS + first;
        let of_colleague = plan.hands_over.then_some(seat + AGENTS / 2);
        for (seat, number) in [(Some(seat), first), (of_colleague, first + AGENTS / 2)] {
            if let Some(seat) = seat {
                agents[seat]
                    .get_or_insert_with(|| Agent::new(world, profile, place, number as u64));
            }
        }
        let agent = agents[seat].as_ref();
        let colleague = of_colleague.and_then(|seat| agents[seat].as_ref());
        let Some(agent) = agent else { unreachable!("the seat has just been taken") };

        let customer = (!plan.is_anonymous).then(|| {
            let people = recipe.population.as_ref().map(|population| population.of(place.1));
            world.customer(people, place.1, turn, plan.do_not_disturb, about)
        });

        let hours = if plan.has_campaign { &world::CAMPAIGN_HOURS } else { &world::HOURS };
        let created = world.arrival(index, hours, &mut chance);
        let campaign = plan.has_campaign.then(|| agent.campaign(world, created, campaign));
        let flow = plan.has_flow.then_some(agent.flow);

        let blanks = Blanks::draw(profile, &mut chance);
        let talk = (profile.talk_median, profile.talk_sigma);
        let mut draft = Draft { chance, locale, library, plan, talk, texts, slots };
        draft.names(customer.as_ref(), agent, colleague, world.company(domain), variables);
        let dialogue = domain.dialogues[place.1].as_ref();
        if let Some(dialogue) = dialogue {
            match matter {
                None => draft.facts(domain, dialogue, created, variables),
                // Another attempt is about the same matter, and draws it as the first one did.
                Some(mut first) => {
                    let created = world.arrival(turn, hours, &mut first);
                    Blanks::draw(profile, &mut first);
                    let rest = std::mem::replace(&mut draft.chance, first);
                    draft.facts(domain, dialogue, created, variables);
                    draft.chance = rest;
                }
            }
        }
        if plan.has_campaign {
            let number = draft
                .texts
                .add(|out| digits::push(i64::try_from(attempt).unwrap_or(i64::MAX), out));
            variables.push(("attempt", Scalar::Json(number)));
        }

        let start = created + draft.chance.between(350, 2_800);
        let times = Times {
            created,
            start,
            user_join: None,
            user_leave: start,
            agent_join: None,
            handed_over: None,
            agent_leave: None,
            end: start,
            updated: start,
        };
        let course = match dialogue {
            Some(dialogue) if plan.answer != Answer::Nobody => {
                let is_named = customer.is_some_and(|customer| customer.name.is_some());
                draft.answered(times, agent, is_named, dialogue, paper, turns)
            }
            _ => draft.unanswered(times),
        };
        // Nothing is added any more.
        texts.put(PADDING);
        let Course { times, transfer, bill } = course;
        Call {
            plan,
            domain: &domain.name,
            workspace: world.workspace,
            agent,
            colleague,
            customer,
            campaign,
            flow,
            values: Values { texts, slots },
            variables,
            turns,
            times,
            transfer,
            bill,
            blanks,
            ids: profile.ids,
        }
    }
}

/// How a call went.
struct Course {
    times: Times,
    transfer: Option<Transfer>,
    bill: Bill,
}

/// What is needed while a call is being drawn.
struct Draft<'a> {
    chance: Chance,
    locale: &'static Locale,
    library: &'static Library,
    plan: Plan,
    /// Median in milliseconds, and spread of its logarithm, of how long people talk.
    talk: (f64, f64),
    texts: &'a mut Texts,
    slots: &'a mut Vec<Text>,
}

impl Draft<'_> {
    /// Fills the shared slots of lines, and begins the variables with the customer's name.
    fn names(
        &mut self,
        customer: Option<&Customer<'_>>,
        agent: &Agent,
        colleague: Option<&Agent>,
        company: &str,
        variables: &mut Vec<(&'static str, Scalar)>,
    ) {
        let stranger = self.locale.names.stranger.as_str();
        let name = customer.and_then(|customer| customer.name);
        for value in [
            customer.map_or(stranger, |customer| customer.address),
            name.unwrap_or(stranger),
            agent.name,
            colleague.map_or(agent.name, |colleague| colleague.name),
            company,
        ] {
            self.slots.push(self.texts.put(value));
        }
        self.slots.push(Text::EMPTY);
        variables.extend(name.map(|_| ("customerName", Scalar::Text(self.slots[NAME]))));
    }

    /// Draws the domain's variables: how a line speaks of each, and how `dynamicVariables` holds it.
    fn facts(
        &mut self,
        domain: &'static Domain,
        dialogue: &Dialogue,
        created: i64,
        variables: &mut Vec<(&'static str, Scalar)>,
    ) {
        let Self { chance, texts, slots, .. } = self;
        let formats = &self.locale.formats;
        for (index, variable) in domain.variables.iter().enumerate() {
            let (spoken, held) = match &variable.kind {
                VariableKind::Pattern(pattern) => {
                    let spoken = texts.add(|out| reference(pattern, chance, out));
                    if slots[REFERENCE] == Text::EMPTY {
                        slots[REFERENCE] = spoken;
                    }
                    (spoken, Scalar::Text(spoken))
                }
                VariableKind::Choice => {
                    let spoken = texts.put(chance.pick::<String>(&dialogue.choices[index]));
                    (spoken, Scalar::Text(spoken))
                }
                VariableKind::Days(low, high) => {
                    let day = (created + chance.between(*low, *high) * DAY).div_euclid(DAY);
                    let (year, month, day) = calendar::date(day);
                    let spoken = texts.add(|out| formats.date(month, day, out));
                    let held = texts.add(|out| {
                        digits::push_pair(year / 100, out);
                        digits::push_pair(year % 100, out);
                        out.push('-');
                        digits::push_pair(month, out);
                        out.push('-');
                        digits::push_pair(day, out);
                    });
                    (spoken, Scalar::Text(held))
                }
                VariableKind::Clock(low, high) => {
                    let hour = chance.between(*low, high - 1);
                    let minute = 15 * chance.between(0, 3);
                    let spoken = texts.add(|out| formats.clock(hour, minute, out));
                    let held = texts.add(|out| {
                        digits::push_pair(hour, out);
                        out.push(':');
                        digits::push_pair(minute, out);
                    });
                    (spoken, Scalar::Text(held))
                }
                VariableKind::Money(low, high) => {
                    let minor = formats.minor(chance.between(low * 100, high * 100));
                    let spoken = texts.add(|out| formats.money(minor, out));
                    let held = texts.add(|out| formats.number(minor, out));
                    (spoken, Scalar::Json(held))
                }
                VariableKind::Number(low, high) => {
                    let number = chance.between(*low, *high);
                    let spoken = texts.add(|out| digits::push(number, out));
                    (spoken, Scalar::Json(spoken))
                }
            };
            slots.push(spoken);
            variables.push((variable.name.as_str(), held));
        }
    }

    /// Lets the phone ring until it is given up.
    fn unanswered(&mut self, times: Times) -> Course {
        let rang = match self.plan.ending {
            Ending::Busy => self.chance.between(1_500, 4_000),
            _ => self.chance.between(18_000, 45_000),
        };
        let end = times.start + rang;
        let updated = end + self.chance.between(40, 900);
        let times = Times { user_leave: end, end, updated, ..times };
        Course { times, transfer: None, bill: Bill::default() }
    }

    /// Lets the conversation happen.
    fn answered(
        &mut self,
        mut times: Times,
        agent: &Agent,
        is_named: bool,
        dialogue: &'static Dialogue,
        paper: &mut Paper,
        turns: &mut Vec<Turn<'static>>,
    ) -> Course {
        let rang = match self.plan.channel {
            Channel::Outbound => self.chance.between(3_000, 24_000),
            Channel::Inbound => self.chance.between(300, 1_500),
            Channel::Web | Channel::Chat => self.chance.between(50, 600),
        };
        let user_join = times.start + rang;
        let agent_join = user_join + self.chance.between(60, 450);

        let talk = match self.plan.ending {
            Ending::TimeIsUp => agent.longest_call * 1_000,
            _ => milliseconds(self.chance.lognormal(self.talk.0, self.talk.1)),
        };
        let (plan, locale, slots) = (self.plan, self.locale, self.slots.as_slice());
        let scene = script::Scene { plan, locale, dialogue, slots, is_named };
        let target = talk - (agent_join - user_join);
        let script = script::write(&scene, target, &mut self.chance, paper);

        let mut now = agent_join;
        let mut used = Used::default();
        let mut transfer: Option<Transfer> = None;
        for beat in script {
            now += beat.gap;
            if beat.by == 1 && times.handed_over.is_none() {
                times.handed_over = Some(now - beat.gap / 2);
            }
            if beat.mark == Mark::TransferEnded
                && let Some(transfer) = &mut transfer
            {
                transfer.end = now - 1_000;
            }
            // Two messages never share an instant, or their order would be lost.
            let Beat { speaker, by, line, .. } = *beat;
            turns.push(Turn { speaker, by, words: Words::Line(line), at: now });
            match beat.speaker {
                Speaker::Agent => {
                    used.spoken += beat.length;
                    used.thought += beat.gap.min(2_500);
                }
                Speaker::Customer => used.heard += beat.length,
            }
            now += beat.length.max(1);
            if beat.mark == Mark::TransferBegins {
                transfer = self.transfer(now);
            }
        }
        times.user_join = Some(user_join);
        times.agent_join = Some(agent_join);
        let times = self.leave(now, times, transfer.as_ref());
        let bill = self.bill(&times, agent, used);
        Course { times, transfer, bill }
    }

    /// Begins the transfer that the plan has, after the last word at `now`.
    fn transfer(&mut self, now: i64) -> Option<Transfer> {
        let outcome = self.plan.transfer?;
        let chance = &mut self.chance;
        let phones = &self.locale.phones;
        let destination = self.texts.add(|out| match chance.below(10) {
            0 => {
                out.push_str("sip:desk-");
                digits::push(chance.between(100, 999), out);
                out.push_str("@voice.example.com");
            }
            1 => out.push_str(["billing", "tier-2", "front-desk"][chance.index(3)]),
            _ => world::phone(phones, &phones.business, chance, out),
        });
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
    fn bill(&self, times: &Times, agent: &Agent, used: Used) -> Bill {
        let Library { prices, .. } = self.library;
        let Times { user_join, user_leave, agent_join, agent_leave, end, .. } = *times;
        let span = |from: Option<i64>, to: i64| seconds(from.map_or(0, |from| to - from));
        let is_spoken = self.plan.channel != Channel::Chat;
        Bill {
            llm: Some(prices.llm[agent.llm].price().charge(seconds(used.thought))),
            tts: is_spoken.then(|| prices.tts[agent.tts].price().charge(seconds(used.spoken))),
            stt: is_spoken.then(|| prices.stt[agent.stt].price().charge(seconds(used.heard))),
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
fn reference(pattern: &str, chance: &mut Chance, out: &mut String) {
    for letter in pattern.chars() {
        out.push(match letter {
            '#' => chance.digit(),
            'A' => *chance.pick(&REFERENCE_LETTERS),
            other => other,
        });
    }
}

/// Without the letters that are mistaken for digits or for each other.
const REFERENCE_LETTERS: [char; 21] = [
    'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J', 'K', 'L', 'M', 'N', 'P', 'R', 'T', 'U', 'W', 'X',
    'Y', 'Z',
];

impl Formats {
    fn date(&self, month: i64, day: i64, out: &mut String) {
        let month = usize::try_from(month - 1).ok().and_then(|month| self.months.get(month));
        line::fill(&self.date, out, |slot, out| match slot {
            "month" => out.push_str(month.map_or("", String::as_str)),
            _ => digits::push(day, out),
        });
    }

    fn clock(&self, hour: i64, minute: i64, out: &mut String) {
        let half = self.halves.get(usize::from(hour >= 12)).map_or("", String::as_str);
        line::fill(&self.clock, out, |slot, out| match slot {
            "hour24" => digits::push(hour, out),
            "hour12" => digits::push((hour + 11) % 12 + 1, out),
            "minute" => digits::push_pair(minute, out),
            _ => out.push_str(half),
        });
    }

    /// Converts hundredths of the reference currency into hundredths of this one.
    fn minor(&self, reference: i64) -> i64 {
        let minor = reference * i64::from(self.money_factor);
        if self.minor_digits == 0 { minor / 100 * 100 } else { minor }
    }

    /// Writes an amount of hundredths as it is spoken.
    fn money(&self, minor: i64, out: &mut String) {
        let (whole, cents) = (minor / 100, minor % 100);
        line::fill(&self.money, out, |_, out| {
            let from = out.len();
            digits::push(whole, out);
            let mut at = out.len();
            while at > from + 3 {
                at -= 3;
                out.insert_str(at, &self.group_mark);
            }
            if self.minor_digits == 2 {
                out.push_str(&self.decimal_mark);
                digits::push_pair(cents, out);
            }
        });
    }

    /// Writes an amount of hundredths as a JSON number, which has no digits that say nothing: 149.9, not
    /// 149.90.
    fn number(&self, minor: i64, out: &mut String) {
        let (whole, cents) = (minor / 100, minor % 100);
        digits::push(whole, out);
        if self.minor_digits == 0 || cents == 0 {
            return;
        }
        out.push('.');
        if cents % 10 == 0 {
            digits::push(cents / 10, out);
        } else {
            digits::push_pair(cents, out);
        }
    }
}
