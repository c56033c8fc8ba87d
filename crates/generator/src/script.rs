//! Who says what, in which order, with which pauses: the words of a call that is answered.
//!
//! What the call is like (its plan), what its domain can say and how long it should take come in; a
//! list of [`Beat`]s goes out whose length is the one asked for, as near as speech allows: a call that
//! is to be long gets more steps, objections and interruptions, and then waits while the agent looks
//! something up.

use crate::archetype::{Answer, Channel, Ending, Outcome, Plan};
use crate::chance::Chance;
use crate::library::{Cue, Dialogue, Exchange, Locale, Topic};
use crate::line::Line;
use crate::texts::Text;

/// What a script is made from.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) plan: Plan,
    pub(crate) locale: &'static Locale,
    pub(crate) dialogue: &'static Dialogue,
    /// What fills each slot of a line.
    pub(crate) slots: &'a [Text],
    /// Whether the customer's name is known.
    pub(crate) is_named: bool,
}

/// One line that is said.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beat {
    pub(crate) speaker: Speaker,
    /// The agent in whose part of the call it is said: 0, or 1 after a hand-over.
    pub(crate) by: usize,
    pub(crate) line: &'static Line,
    /// Milliseconds of silence before it.
    pub(crate) gap: i64,
    /// Milliseconds that it takes.
    pub(crate) length: i64,
    pub(crate) mark: Mark,
    pause: Pause,
}

/// Whether the agent may let time pass before a beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pause {
    No,
    Possible,
    /// The domain says that something is looked up here.
    Natural,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaker {
    Agent,
    Customer,
}

/// What happens around a beat, besides that it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    None,
    /// A transfer begins after it.
    TransferBegins,
    /// A transfer was given up before it.
    TransferEnded,
}

/// The paper that scripts are written on, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Paper {
    beats: Vec<Beat>,
    /// The beats before silences were put among them.
    draft: Vec<Beat>,
    /// Where the agent lets time pass, and where else it could.
    places: Vec<usize>,
    others: Vec<usize>,
}

/// Writes the script of a call whose words and silences take about `target` milliseconds.
pub(crate) fn write<'a>(
    scene: &Scene<'_>,
    target: i64,
    chance: &mut Chance,
    paper: &'a mut Paper,
) -> &'a [Beat] {
    paper.beats.clear();
    let mut writer = Writer { scene, chance, paper, by: 0, taken: 0 };
    if scene.plan.answer == Answer::Machine {
        if scene.is_named {
            writer.cue(Speaker::Customer, Cue::Machine);
        }
        writer.cue(Speaker::Agent, Cue::Voicemail);
    } else {
        writer.opening();
        writer.middle(target);
        writer.ending();
        writer.fill(target);
    }
    &writer.paper.beats
}

struct Writer<'a, 'b> {
    scene: &'b Scene<'b>,
    chance: &'b mut Chance,
    paper: &'a mut Paper,
    by: usize,
    /// Milliseconds of all beats so far.
    taken: i64,
}

impl Writer<'_, '_> {
    fn push(&mut self, beat: Beat) {
        self.taken += beat.gap + beat.length;
        self.paper.beats.push(beat);
    }

    /// Says one of some lines.
    fn say(&mut self, speaker: Speaker, lines: &'static [Line]) {
        let line = self.chance.pick(lines);
        let characters = i64::try_from(line.characters(self.scene.slots)).unwrap_or(0);
        let is_chat = self.scene.plan.channel == Channel::Chat;
        let chance = &mut *self.chance;
        let (gap, length) = match (speaker, is_chat) {
            (Speaker::Agent, false) => (chance.between(550, 1_350), self.spoken(characters)),
            (Speaker::Customer, false) => (chance.between(180, 1_250), self.spoken(characters)),
            // In writing a message is there at once, and typing it is the silence before: people
            // type some four characters a second, and read the last message first.
            (Speaker::Agent, true) => (chance.between(700, 2_600), 1),
            (Speaker::Customer, true) => (chance.between(1_500, 5_000) + characters * 240, 1),
        };
        let (by, mark) = (self.by, Mark::None);
        self.push(Beat { speaker, by, line, gap, length, mark, pause: Pause::No });
    }

    /// Returns how long so many characters take to be spoken, give or take a tenth.
    fn spoken(&mut self, characters: i64) -> i64 {
        characters * self.scene.locale.character_us / 1_000 * self.chance.between(900, 1_100)
            / 1_000
            + 250
    }

    fn cue(&mut self, speaker: Speaker, cue: Cue) {
        self.say(speaker, self.scene.locale.lines(cue));
    }

    fn topic(&mut self, speaker: Speaker, topic: Topic) {
        self.say(speaker, self.scene.dialogue.lines(topic));
    }

    /// Marks the last beat.
    fn mark(&mut self, mark: Mark) {
        if let Some(beat) = self.paper.beats.last_mut() {
            beat.mark = mark;
        }
    }

    /// Lets so many more milliseconds pass before the last beat.
    fn wait(&mut self, milliseconds: i64) {
        if let Some(beat) = self.paper.beats.last_mut() {
            beat.gap += milliseconds;
            self.taken += milliseconds;
        }
    }

    fn opening(&mut self) {
        use Speaker::{Agent, Customer};
        match self.scene.plan.channel {
            Channel::Outbound => {
                if self.scene.is_named {
                    self.cue(Agent, Cue::GreetOutbound);
                    self.cue(Customer, Cue::AnswerOutbound);
                }
                self.cue(Agent, Cue::Introduce);
                self.topic(Agent, Topic::Purpose);
                self.topic(Customer, Topic::Consent);
                if !self.scene.is_named {
                    self.cue(Agent, Cue::AskReference);
                    self.topic(Customer, Topic::Reference);
                }
            }
            channel => {
                let greeting =
                    if channel == Channel::Chat { Cue::GreetChat } else { Cue::GreetInbound };
                self.cue(Agent, greeting);
                self.topic(Customer, Topic::Request);
                if self.scene.is_named {
                    self.cue(Agent, Cue::AskName);
                    self.cue(Customer, Cue::GiveName);
                }
            }
        }
    }

    /// Goes through the steps of the domain, as many as the call's length has room for.
    fn middle(&mut self, target: i64) {
        let plan = self.scene.plan;
        let steps = &self.scene.dialogue.steps;
        // What the ending will take, and what is left for the steps.
        let room = target - self.taken - 18_000;
        let needed = steps.iter().filter(|step| !step.optional).count();
        let optional = usize::try_from(room / 9_000).unwrap_or(0).saturating_sub(needed);
        let mut extras = optional.saturating_sub(steps.len() - needed).min(6);
        let mut optional = optional;
        let hands_over_at = plan.hands_over.then(|| 1 + self.chance.index(2));
        let stops_at = match plan.ending {
            Ending::CustomerLeaves | Ending::LineBreaks | Ending::Silence => {
                Some(1 + self.chance.index(steps.len()))
            }
            _ => None,
        };
        let mut told = 0;
        for step in steps {
            if step.optional {
                if optional == 0 {
                    continue;
                }
                optional -= 1;
            }
            if stops_at == Some(told) {
                break;
            }
            if hands_over_at == Some(told) {
                self.hand_over();
            }
            told += 1;
            self.exchange(&step.exchange, step.hold);
            if extras > 0 && self.chance.permille(600) {
                extras -= 1;
                self.extra(&step.exchange);
            }
        }
        if hands_over_at.is_some() && self.by == 0 {
            self.hand_over();
        }
    }

    fn exchange(&mut self, exchange: &'static Exchange, holds: bool) {
        self.say(Speaker::Agent, &exchange.agent);
        if let Some(beat) = self.paper.beats.last_mut() {
            beat.pause = if holds { Pause::Natural } else { Pause::Possible };
        }
        self.say(Speaker::Customer, &exchange.customer);
    }

    /// Adds something that calls are lengthened by: a question asked again, an interruption, an
    /// objection.
    fn extra(&mut self, last: &'static Exchange) {
        use Speaker::{Agent, Customer};
        let dialogue = self.scene.dialogue;
        let asked = self.paper.beats.iter().filter(|beat| self.is_of(beat, Cue::AskRepeat)).count();
        match self.chance.below(4) {
            0 if asked < 2 => {
                // The question has been answered already: ask again in the place of that answer.
                let answer = self.paper.beats.pop();
                self.taken -= answer.map_or(0, |answer| answer.gap + answer.length);
                let asked = self.paper.beats.last().copied();
                self.cue(Customer, Cue::AskRepeat);
                self.cue(Agent, Cue::Repeat);
                if let Some(asked) = asked {
                    self.push(Beat { gap: 300, pause: Pause::No, ..asked });
                }
                match answer {
                    Some(answer) => self.push(answer),
                    None => self.say(Customer, &last.customer),
                }
            }
            1 if !self.paper.beats.iter().any(|beat| self.is_of(beat, Cue::Interrupt)) => {
                self.cue(Customer, Cue::Interrupt);
                self.cue(Agent, Cue::Yield);
                self.cue(Customer, Cue::Proceed);
            }
            _ => {
                let beats = &self.paper.beats;
                let is_unused = |objection: &&Exchange| {
                    !beats.iter().any(|beat| among(beat.line, &objection.customer))
                };
                let mut unused = dialogue.objections.iter().filter(is_unused);
                let count = unused.clone().count();
                if count > 0
                    && let Some(objection) = unused.nth(self.chance.index(count))
                {
                    self.say(Customer, &objection.customer);
                    self.say(Agent, &objection.agent);
                }
            }
        }
    }

    fn is_of(&self, beat: &Beat, cue: Cue) -> bool {
        among(beat.line, self.scene.locale.lines(cue))
    }

    fn hand_over(&mut self) {
        self.cue(Speaker::Agent, Cue::HandOver);
        self.by = 1;
        self.cue(Speaker::Agent, Cue::TakeOver);
        self.wait(1_500);
        self.cue(Speaker::Customer, Cue::ThanksOver);
    }

    fn ending(&mut self) {
        use Speaker::{Agent, Customer};
        if let Some(outcome) = self.scene.plan.transfer {
            self.cue(Agent, Cue::OfferTransfer);
            self.cue(Customer, Cue::AcceptTransfer);
            self.cue(Agent, Cue::Transfer);
            self.mark(Mark::TransferBegins);
            let rings = match outcome {
                Outcome::Connected => return,
                // The transfer node rings for 60 s unless it is told otherwise.
                Outcome::TimedOut => 60_000,
                Outcome::Failed => self.chance.between(1_500, 7_000),
            };
            self.cue(Agent, Cue::TransferBack);
            self.wait(rings + 1_000);
            self.mark(Mark::TransferEnded);
            self.cue(Customer, Cue::AcceptBack);
            self.cue(Agent, Cue::Close);
            self.cue(Customer, Cue::Bye);
            return;
        }
        match self.scene.plan.ending {
            Ending::CustomerLeaves => self.cue(Customer, Cue::Leave),
            Ending::LineBreaks => self.cue(Customer, Cue::BreakUp),
            Ending::Silence => {
                for cue in [Cue::StillThere, Cue::StillThere, Cue::GiveUp] {
                    self.cue(Agent, cue);
                    let silence = self.chance.between(6_000, 10_000);
                    self.wait(silence);
                }
            }
            Ending::TimeIsUp => self.cue(Agent, Cue::TimeUp),
            Ending::AgentHangsUp | Ending::CustomerHangsUp => {
                self.topic(Agent, Topic::Resolve);
                self.topic(Customer, Topic::Settled);
                if self.chance.permille(700) {
                    self.cue(Agent, Cue::Anything);
                    self.cue(Customer, Cue::Nothing);
                }
                self.cue(Agent, Cue::Close);
                if self.scene.plan.ending == Ending::CustomerHangsUp {
                    self.cue(Customer, Cue::Bye);
                }
            }
            Ending::NoAnswer | Ending::Busy | Ending::MessageLeft => {}
        }
    }

    /// Lets time pass until the script takes `target`: the agent looks something up, at first where
    /// the domain says so and then in other places before a step.
    fn fill(&mut self, target: i64) {
        /// The length of a wait that a customer is not surprised by.
        const WAIT: i64 = 60_000;
        /// A shorter one needs no word.
        const SILENT: i64 = 4_000;
        let mut slack = target - self.taken;
        if slack <= 0 {
            return;
        }
        let wanted = usize::try_from(1 + slack / WAIT).unwrap_or(1);
        let Paper { beats, draft, places, others } = &mut *self.paper;
        places.clear();
        others.clear();
        for (at, beat) in beats.iter().enumerate() {
            match beat.pause {
                Pause::No => {}
                Pause::Natural => places.push(at),
                Pause::Possible => others.push(at),
            }
        }
        while places.len() < wanted && !others.is_empty() {
            places.push(others.swap_remove(self.chance.index(others.len())));
        }
        places.sort_unstable();
        std::mem::swap(beats, draft);
        beats.clear();

        let mut left = i64::try_from(places.len()).unwrap_or(i64::MAX);
        let mut next = 0;
        for at in 0..self.paper.draft.len() {
            let mut beat = self.paper.draft[at];
            if self.paper.places.get(next) == Some(&at) {
                next += 1;
                let share = match left {
                    1 => slack,
                    _ => slack / left * self.chance.between(700, 1_300) / 1_000,
                };
                slack -= share;
                left -= 1;
                if share < SILENT {
                    beat.gap += share;
                } else {
                    self.by = beat.by;
                    let before = self.taken;
                    self.cue(Speaker::Agent, Cue::Hold);
                    self.cue(Speaker::Agent, Cue::Back);
                    let rest = share - (self.taken - before);
                    self.wait(rest.max(0));
                }
            }
            self.push(beat);
        }
    }
}

/// Tells whether a line is one of a list's own.
fn among(line: &Line, list: &[Line]) -> bool {
    list.as_ptr_range().contains(&std::ptr::from_ref(line))
}
