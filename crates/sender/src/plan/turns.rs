//! The deliveries of a plan in the order in which they are begun.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use ringback_exchange::{Because, Part};

use super::arrival::Arrivals;
use super::{Duplicates, HELD_BACK_MAX, Order, PairOrder, Plan};
use crate::chance::{Chance, Purpose};

/// One delivery of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// Its place in the plan, from 0.
    pub delivery: u64,
    /// The number of its call, from 0.
    pub event: u64,
    /// Which event of the call.
    pub part: Part,
    /// Which copy of that event, from 1.
    pub copy: u32,
    /// Why it is sent.
    pub because: Because,
    /// The time from the start at which it is due; nothing where the receiver sets the pace.
    pub at: Option<Duration>,
    /// How many deliveries are begun at once from here on, itself among them; 0 for one that is begun with
    /// those before it.
    pub together: u32,
}

/// The deliveries of a plan, made one by one.
///
/// Held in memory is only what may still be overtaken: at most [`HELD_BACK_MAX`] deliveries, and none when
/// nothing is moved.
#[derive(Debug)]
pub struct Turns {
    arrivals: Arrivals,
    next_arrival: Option<(u64, Option<Duration>)>,
    order: Order,
    jitter: Duration,
    moved: Chance,
    doubled: Chance,
    /// Groups by their time.
    held: BinaryHeap<Reverse<Held>>,
    sequence: u64,
    shuffle: Option<Shuffle>,
    /// The turns of the group that is being handed out.
    ready: VecDeque<Turn>,
    delivery: u64,
    last: Duration,
}

/// Deliveries that are begun together, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    at: Option<Duration>,
    /// Keeps those of the same time in the order in which they came.
    sequence: u64,
    group: Group,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    event: u64,
    has_completed: bool,
    has_analysis: bool,
    /// How many copies of it have come before.
    copies_before: u32,
}

impl Group {
    fn parts(self) -> impl Iterator<Item = Part> {
        let parts = [(self.has_completed, Part::Completed), (self.has_analysis, Part::Analysis)];
        parts.into_iter().filter_map(|(is_there, part)| is_there.then_some(part))
    }
}

/// Deals groups out anew among their times.
#[derive(Debug)]
struct Shuffle {
    window: Duration,
    chance: Chance,
    /// Groups by their time and a draw from the window: the order in which they are handed out. So none
    /// gets a time that is further from its own than the window.
    keyed: BinaryHeap<Reverse<(Duration, u64, Group)>>,
    times: VecDeque<Duration>,
    sequence: u64,
}

impl Turns {
    pub(super) fn new(plan: &Plan) -> Self {
        let mut arrivals = Arrivals::new(plan);
        let next_arrival = arrivals.next();
        let window = plan.order.shuffle_window;
        Self {
            arrivals,
            next_arrival,
            order: plan.order.clone(),
            jitter: plan.jitter,
            moved: Chance::new(plan.seed, Purpose::Jitter, 0),
            doubled: Chance::new(plan.seed, Purpose::Duplicate, 0),
            held: BinaryHeap::new(),
            sequence: 0,
            shuffle: (!window.is_zero()).then(|| Shuffle {
                window,
                chance: Chance::new(plan.seed, Purpose::Shuffle, 0),
                keyed: BinaryHeap::new(),
                times: VecDeque::new(),
                sequence: 0,
            }),
            ready: VecDeque::new(),
            delivery: 0,
            last: Duration::ZERO,
        }
    }

    /// Puts all that a call makes among what is held.
    fn take_in(&mut self, event: u64, at: Option<Duration>) {
        let completed = Group { event, has_completed: true, has_analysis: false, copies_before: 0 };
        let analysis = Group { has_completed: false, has_analysis: true, ..completed };
        let both = Group { has_analysis: true, ..completed };
        let gap = self.order.pairs.map_or(Duration::ZERO, |pairs| pairs.gap);
        let later = at.map(|at| at.saturating_add(gap));
        match self.order.pairs.map(|pairs| pairs.order) {
            None => self.hold_with_copies(completed, at),
            Some(PairOrder::CompletedFirst) => {
                self.hold_with_copies(completed, at);
                self.hold_with_copies(analysis, later);
            }
            Some(PairOrder::AnalysisFirst) => {
                self.hold_with_copies(analysis, at);
                self.hold_with_copies(completed, later);
            }
            Some(PairOrder::Simultaneous) => self.hold_with_copies(both, at),
            Some(PairOrder::AnalysisOnly) => self.hold_with_copies(analysis, at),
        }
    }

    fn hold_with_copies(&mut self, group: Group, at: Option<Duration>) {
        self.hold(group, at);
        let times = match self.order.duplicates {
            Duplicates::None => 1,
            Duplicates::Share(millionths) => 1 + u32::from(self.doubled.happens(millionths)),
            Duplicates::Times(n) => n,
        };
        for n in 1..times {
            let after = self.doubled.within(self.order.duplicate_within);
            let copies_before = n * self.order.simultaneous.max(1);
            let at = at.map(|at| at.saturating_add(after));
            self.hold(Group { copies_before, ..group }, at);
        }
    }

    fn hold(&mut self, group: Group, at: Option<Duration>) {
        let at = at.map(|at| at.saturating_add(self.moved.within(self.jitter)));
        self.held.push(Reverse(Held { at, sequence: self.sequence, group }));
        self.sequence += 1;
    }

    /// Returns the next group by time: one that nothing can overtake any more.
    fn next_held(&mut self) -> Option<(Option<Duration>, Group)> {
        loop {
            let is_full = self.held.len() as u64 >= HELD_BACK_MAX;
            let next_at = self.next_arrival.map(|(_, at)| at);
            // Without a time nothing overtakes; with one, nothing that is yet to come is earlier.
            let is_settled = |first: &Held| {
                first.at.is_none() || is_full || next_at.is_none_or(|next| first.at <= next)
            };
            if self.held.peek().is_some_and(|Reverse(first)| is_settled(first)) {
                let Reverse(Held { at, group, .. }) = self.held.pop()?;
                return Some((at, group));
            }
            let (event, at) = self.next_arrival?;
            self.next_arrival = self.arrivals.next();
            self.take_in(event, at);
        }
    }

    /// Returns the next group to be begun.
    fn next_group(&mut self) -> Option<(Option<Duration>, Group)> {
        if self.shuffle.is_none() {
            return self.next_held();
        }
        loop {
            let held = self.next_held();
            let shuffle = self.shuffle.as_mut()?;
            let newest = match held {
                Some((at, group)) => {
                    let at = at.unwrap_or_default();
                    let key = at.saturating_add(shuffle.chance.within(shuffle.window));
                    shuffle.keyed.push(Reverse((key, shuffle.sequence, group)));
                    shuffle.sequence += 1;
                    shuffle.times.push_back(at);
                    Some(at)
                }
                None => None,
            };
            let is_full = shuffle.keyed.len() as u64 >= HELD_BACK_MAX;
            // Keys to come are not below the newest time.
            let is_settled = |key: Duration| newest.is_none_or(|newest| key <= newest) || is_full;
            match shuffle.keyed.peek() {
                Some(Reverse((key, ..))) if is_settled(*key) => {
                    let Reverse((_, _, group)) = shuffle.keyed.pop()?;
                    return Some((shuffle.times.pop_front(), group));
                }
                Some(_) => {}
                None => return None,
            }
        }
    }
}

impl Iterator for Turns {
    type Item = Turn;

    fn next(&mut self) -> Option<Turn> {
        if let Some(turn) = self.ready.pop_front() {
            return Some(turn);
        }
        let (at, group) = self.next_group()?;
        // Times never decrease, not even where too much would have had to be held back.
        let at = at.map(|at| at.max(self.last));
        self.last = at.unwrap_or_default();
        let copies = self.order.simultaneous.max(1);
        let n_parts = u32::from(group.has_completed) + u32::from(group.has_analysis);
        let mut together = copies.saturating_mul(n_parts);
        for n in 1..=copies {
            for part in group.parts() {
                let because = match (group.copies_before, n) {
                    (0, 1) => Because::Planned,
                    (0, _) => Because::Simultaneous,
                    _ => Because::Duplicate,
                };
                let copy = group.copies_before.saturating_add(n);
                let (delivery, event) = (self.delivery, group.event);
                self.ready.push_back(Turn { delivery, event, part, copy, because, at, together });
                self.delivery += 1;
                together = 0;
            }
        }
        self.ready.pop_front()
    }
}

impl Turns {
    /// Returns how many groups are held in memory.
    #[cfg(test)]
    pub(super) fn n_held(&self) -> usize {
        let shuffled = self.shuffle.as_ref().map_or(0, |shuffle| shuffle.keyed.len());
        self.held.len() + shuffled + self.ready.len()
    }
}
