//! Responses that pass through a listener, held to snapshots.
//!
//! Exchanges that were forwarded come in, one after the other; for each, what is to be thought of its
//! response goes out as a [`RunEvent`], and at the end a [`Tally`]. A response belongs to the snapshot
//! of its kind of event: type and archetype, and whether the same event had come before, because a
//! receiver that de-duplicates may answer a redelivery in another way. A rule can give it another one.
//!
//! It refuses to judge what is no answer of the receiver: replies that the listener gave itself, and
//! requests that are no event and that no rule names.

mod rules;

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

use ringback_event::{Event, EventType};
use ringback_exchange::{Exchange, Reply, Verdict};
use ringback_generator::classify;
use ringback_report::{ResponseTally, RunEvent, SnapshotOutcome, Tally};
use ringback_snapshot::{
    About, Comparison, Redactions, SnapshotError, compare, diff, render_reply, settle,
    write_pending,
};
use serde_json::Value;

use crate::identity;
use crate::scene::describe;

pub use rules::SnapshotRules;

/// How many event ids are remembered to tell a redelivery. A redelivery of an older event counts as
/// its first delivery.
const EVENTS_REMEMBERED: usize = 100_000;

/// How many snapshots that no response belonged to are named at the end.
const UNMET_NAMED: usize = 100;

/// What is said of a body that is no event of the contract.
const MALFORMED: &str = "malformed";

/// How responses are checked.
#[derive(Debug)]
pub struct ResponseSettings {
    /// The folder of the snapshots.
    pub folder: PathBuf,
    /// What is kept apart, and what is not shown.
    pub rules: SnapshotRules,
    /// Whether new and changed texts are written as pending.
    pub write_pending: bool,
}

/// Responses under check.
#[derive(Debug)]
pub struct ResponseCheck {
    settings: ResponseSettings,
    redactions: Redactions,
    events: Remembered,
    kinds: BTreeMap<String, Kind>,
    tally: Tally,
}

/// What was seen of the responses that belong to one snapshot.
#[derive(Debug, Default)]
struct Kind {
    /// The text that is new or changed; the first one of the run.
    pending: Option<String>,
    tally: ResponseTally,
}

impl ResponseCheck {
    /// Begins to check; the folder need not be there.
    pub fn new(settings: ResponseSettings) -> Self {
        let redactions = settings.rules.redactions();
        Self {
            settings,
            redactions,
            events: Remembered::default(),
            kinds: BTreeMap::new(),
            tally: Tally::default(),
        }
    }

    /// Judges one exchange; none when it is not to be judged.
    pub fn judge(&mut self, exchange: &Exchange) -> Option<RunEvent> {
        let forwarded = exchange.forwarded.as_ref()?;
        let body: Option<Value> = serde_json::from_slice(&exchange.request.body.0).ok();
        let key = self.key(exchange, body.as_ref())?;
        let (verdict, snapshot, error) = match (&exchange.reply, &forwarded.error) {
            (Some(reply), None) => {
                let labels = body.as_ref().map(|event| identity::labels("event", event));
                let (verdict, snapshot) = self.compare(&key, reply, labels.unwrap_or_default());
                (verdict, snapshot, None)
            }
            (_, why) => {
                self.tally.environment += 1;
                let why = why.as_deref().unwrap_or("the receiver gave no answer");
                (Verdict::Unknown, SnapshotOutcome::Skipped, Some(why.to_owned()))
            }
        };
        Some(RunEvent::ResponseChecked { number: exchange.number, key, verdict, snapshot, error })
    }

    /// Counts exchanges that were not handed over, so that nobody takes them for checked.
    pub fn missed(&mut self, exchanges: usize) {
        self.tally.environment += exchanges;
    }

    /// Ends the check: pending texts that no longer hold are removed, and the numbers are returned with
    /// the events that tell them.
    pub fn finish(self) -> (Tally, Vec<RunEvent>) {
        let mut tally = self.tally;
        let mut snapshots = Vec::new();
        for (key, kind) in self.kinds {
            // An older run may have left a text of its own; the accepted one holds again.
            if self.settings.write_pending
                && kind.pending.is_none()
                && settle(&path_of(&self.settings.folder, &key)).is_err()
            {
                tally.invalid += 1;
            }
            snapshots.push(ResponseTally { key, ..kind.tally });
        }
        let mut unmet = Vec::new();
        below(&self.settings.folder, "", &mut unmet);
        unmet.retain(|name| snapshots.iter().all(|met| met.key != *name));
        unmet.sort();
        unmet.truncate(UNMET_NAMED);
        (
            tally,
            vec![RunEvent::ResponsesFinished { snapshots, unmet }, RunEvent::RunFinished(tally)],
        )
    }

    /// Returns which snapshot a response belongs to, as its name below the folder.
    fn key(&mut self, exchange: &Exchange, body: Option<&Value>) -> Option<String> {
        let request = &exchange.request;
        if let Some(name) = self.settings.rules.name_for(request, body) {
            return Some(name.to_owned());
        }
        if request.method != "POST" {
            return None;
        }
        let text = |key: &str| body.and_then(|body| body.get(key)).and_then(Value::as_str);
        let kind = match text("eventType").map(EventType::from) {
            // What stands there was chosen by whoever sent it, and cannot be a file name.
            Some(EventType::Other(_)) => "other".to_owned(),
            Some(known) => match serde_json::from_slice::<Event>(&request.body.0) {
                Ok(event) => format!("{}/{}", known.as_str(), classify(&event)),
                Err(_) => format!("{}/{MALFORMED}", known.as_str()),
            },
            None => MALFORMED.to_owned(),
        };
        let came_before = text("eventId").is_some_and(|id| self.events.came_before(id));
        Some(if came_before { format!("{kind}.again") } else { kind })
    }

    fn compare(
        &mut self,
        key: &str,
        reply: &Reply,
        labels: Vec<(String, String)>,
    ) -> (Verdict, SnapshotOutcome) {
        let path = path_of(&self.settings.folder, key);
        let text = render_reply(reply, &Redactions { labels, ..self.redactions.clone() });
        let kind = self.kinds.entry(key.to_owned()).or_default();
        match outcome(&path, text, key, kind, self.settings.write_pending) {
            Ok(SnapshotOutcome::Same) => {
                kind.tally.same += 1;
                self.tally.passed += 1;
                (Verdict::Pass, SnapshotOutcome::Same)
            }
            Ok(outcome) => {
                match outcome {
                    SnapshotOutcome::Varies { .. } => kind.tally.varying += 1,
                    _ => kind.tally.pending += 1,
                }
                self.tally.pending += 1;
                (Verdict::Pending, outcome)
            }
            Err(error) => {
                self.tally.invalid += 1;
                (Verdict::Fail, SnapshotOutcome::Unusable { error: describe(&error) })
            }
        }
    }
}

fn outcome(
    path: &Path,
    text: String,
    key: &str,
    kind: &mut Kind,
    writes: bool,
) -> Result<SnapshotOutcome, SnapshotError> {
    let comparison = compare(path, &text)?;
    if comparison == Comparison::Same {
        return Ok(SnapshotOutcome::Same);
    }
    let shown = path.display().to_string();
    if let Some(first) = &kind.pending {
        let is_again = *first == text;
        return Ok(if is_again {
            SnapshotOutcome::Again { path: shown }
        } else {
            SnapshotOutcome::Varies { path: shown, diff: diff(first, &text) }
        });
    }
    let pending = if writes {
        let about = About { description: key.to_owned(), input_file: None, seed: None };
        Some(write_pending(path, &text, &about)?.display().to_string())
    } else {
        None
    };
    kind.pending = Some(text.clone());
    Ok(match comparison {
        Comparison::Changed { diff } => SnapshotOutcome::Changed { path: shown, pending, diff },
        Comparison::New | Comparison::Same => SnapshotOutcome::New { path: shown, pending, text },
    })
}

/// Returns where a snapshot lies. Not by `with_extension`, which would take part of a name with a dot.
fn path_of(folder: &Path, key: &str) -> PathBuf {
    folder.join(format!("{key}.snap"))
}

/// Lists the snapshots at or below a folder by their names; what cannot be read has none.
fn below(folder: &Path, prefix: &str, found: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && !name.starts_with('.') {
            below(&entry.path(), &format!("{prefix}{name}/"), found);
        } else if let Some(stem) = name.strip_suffix(".snap").filter(|_| kind.is_file()) {
            found.push(format!("{prefix}{stem}"));
        }
    }
}

/// The ids of the last events, in order.
#[derive(Debug, Default)]
struct Remembered {
    ids: HashSet<String>,
    order: VecDeque<String>,
}

impl Remembered {
    /// Tells whether an event came before, and remembers it.
    fn came_before(&mut self, id: &str) -> bool {
        if self.ids.contains(id) {
            return true;
        }
        if self.order.len() == EVENTS_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        self.ids.insert(id.to_owned());
        self.order.push_back(id.to_owned());
        false
    }
}

#[cfg(test)]
mod tests;
