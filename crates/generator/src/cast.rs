//! Who takes part in a call: its kind, its trade and language, its agent, its customer, its campaign.
//!
//! A recipe and an index come in, a [`Cast`] goes out. A customer whom a campaign did not reach is called
//! again: the call some places later in the same day, if it is of a campaign too, takes over the place,
//! the agent, the customer and the matter of the one before. Nothing is kept for that; the calls before
//! are drawn again, so that any call can be made alone.

use crate::Recipe;
use crate::archetype::{Answer, Archetype, Plan};
use crate::chance::{Chance, Purpose};
use crate::library::Library;
use crate::world::CALLS_A_DAY;

/// What kind of call it is, as far as that is drawn before it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// The kind of call.
    pub archetype: Archetype,
    /// The language that is spoken; `None` for the documented example.
    pub locale: Option<&'static str>,
    /// The trade that it is about; `None` for the documented example.
    pub domain: Option<&'static str>,
}

/// Tells what kind of call [`event`](crate::event) makes of the same recipe and index.
pub fn kind(recipe: &Recipe, index: u64) -> Kind {
    if recipe.archetype == Some(Archetype::Example) {
        return Kind { archetype: Archetype::Example, locale: None, domain: None };
    }
    let library = Library::embedded();
    let Cast { archetype, place, .. } = Casting::of(recipe, index).cast;
    let (domain, locale) = (&library.domains[place.0], &library.locales[place.1]);
    Kind { archetype, locale: Some(&locale.name), domain: Some(&domain.name) }
}

/// Agents of each domain and locale.
pub(crate) const AGENTS: usize = 8;

/// How many of them begin calls; those that calls are handed over to come after [`AGENTS`] / 2. Few, so
/// that the same ones recur in a corpus of some hundred calls.
const FIRST_AGENTS: usize = 2;

/// Campaigns of each of them.
const CAMPAIGNS: u64 = 2;

/// Who takes part in a call, and what is fixed about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cast {
    pub(crate) archetype: Archetype,
    pub(crate) plan: Plan,
    /// The indexes of the domain and the locale.
    pub(crate) place: (usize, usize),
    /// The number of the agent.
    pub(crate) agent: usize,
    /// The number of the agent's campaign.
    pub(crate) campaign: u64,
    /// The call whose turn decides who the customer is: this one, or the first attempt.
    pub(crate) turn: u64,
    /// Which attempt of its campaign to reach the customer this is, from 1.
    pub(crate) attempt: u64,
}

/// A cast, and the chance that the rest of the story is drawn from.
#[derive(Debug)]
pub(crate) struct Casting {
    pub(crate) cast: Cast,
    pub(crate) chance: Chance,
    /// For another attempt, the chance of the first one, which its matter is drawn from.
    pub(crate) first: Option<Chance>,
}

impl Casting {
    /// A customer whom a campaign did not reach is called again so many calls later: about half an hour.
    const RETRY: u64 = 60;
    /// And after so many attempts no more.
    const ATTEMPTS: u64 = 3;

    /// Draws the cast of call `index`; the rest of its story follows in the same stream.
    pub(crate) fn of(recipe: &Recipe, index: u64) -> Self {
        let (mut cast, chance) = Cast::draw(recipe, index);
        let mut first = None;
        // Attempts stay within a day, which is a run of the campaign.
        let of_day = index % CALLS_A_DAY;
        let attempts = (of_day / Self::RETRY) % Self::ATTEMPTS;
        // Whoever asked not to be called is called by a campaign of their own archetype only.
        let may_retry = cast.plan.has_campaign && !cast.plan.do_not_disturb;
        for attempt in 1..=if may_retry { attempts } else { 0 } {
            // Each earlier attempt is drawn again: nothing is kept from call to call.
            let (before, chance) = Cast::draw(recipe, index - Self::RETRY * attempt);
            if !before.is_missed() {
                break;
            }
            let Cast { archetype, plan, .. } = cast;
            cast = Cast { archetype, plan, attempt: attempt + 1, ..before };
            first = Some(chance);
        }
        Self { cast, chance, first }
    }
}

impl Cast {
    fn draw(recipe: &Recipe, index: u64) -> (Self, Chance) {
        let profile = &*recipe.profile;
        let mut chance = Chance::new(recipe.seed, Purpose::Story, index);
        let drawn = chance.weighted(profile.archetypes.iter().copied());
        let archetype = recipe.archetype.unwrap_or(Archetype::ALL[drawn]);
        let plan = Plan::draw(archetype, &mut chance);
        let place = place(recipe, &mut chance);
        let agent = chance.index(FIRST_AGENTS);
        let campaign = chance.below(CAMPAIGNS);
        (Self { archetype, plan, place, agent, campaign, turn: index, attempt: 1 }, chance)
    }

    /// Tells whether a campaign did not reach its customer.
    fn is_missed(&self) -> bool {
        self.plan.has_campaign && self.plan.answer == Answer::Nobody
    }
}

/// Draws the domain, and one of the locales that it speaks and the population has people of.
fn place(recipe: &Recipe, chance: &mut Chance) -> (usize, usize) {
    let library = Library::embedded();
    let profile = &*recipe.profile;
    let domain = chance.weighted(profile.domains.iter().copied());
    let dialogues = &library.domains[domain].dialogues;
    let spoken = profile.locales.iter().zip(dialogues).enumerate();
    let weights = spoken.map(|(locale, (weight, dialogue))| {
        let is_there = recipe.population.as_ref().is_none_or(|people| people.speak(locale));
        if dialogue.is_some() && is_there { *weight } else { 0 }
    });
    if let Some(people) = &recipe.population
        && weights.clone().all(|weight| weight == 0)
    {
        // Whoever names people wants those, whatever the profile speaks.
        return (domain, chance.weighted(people.weights()));
    }
    (domain, chance.weighted(weights))
}
