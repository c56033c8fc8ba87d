//! What happens during a run.

use ringback_exchange::Verdict;
use serde::Serialize;

/// One thing that happened during a run, in the order in which it did.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum RunEvent {
    /// The run begins.
    RunStarted {
        /// The receiver's address; missing when each scenario gets a sample receiver of its own.
        target: Option<String>,
        /// How many scenarios there are.
        scenarios: usize,
        /// What the ids of the conversations are drawn from; with it and the files, the run can be
        /// repeated.
        identity: u64,
    },
    /// A scenario file cannot be run.
    ScenarioInvalid {
        /// The file.
        file: String,
        /// What is wrong with it, for people.
        problems: String,
    },
    /// A step is over.
    StepFinished {
        /// The scenario's file.
        file: String,
        /// The line of the step.
        line: usize,
        /// The step's id.
        step: String,
        /// What happened, in a few words.
        summary: String,
        /// What is to be thought of it.
        verdict: Verdict,
        /// What did not hold.
        breaches: Vec<Breach>,
        /// A command that sends the step's request again, for a step that did not pass.
        reproduce: Option<String>,
    },
    /// A scenario is over.
    ScenarioFinished {
        /// The file.
        file: String,
        /// Its name.
        name: String,
        /// What is to be thought of it.
        verdict: Verdict,
        /// How long it took.
        duration_ms: f64,
        /// How its snapshot compares.
        snapshot: SnapshotOutcome,
        /// Why it could not be carried out: the surroundings were not as needed.
        error: Option<String>,
    },
    /// A response that passed through was compared.
    ResponseChecked {
        /// The exchange's arrival number.
        number: u64,
        /// The snapshot it belongs to, by its name below the folder.
        key: String,
        /// What is to be thought of it.
        verdict: Verdict,
        /// How it compares.
        snapshot: SnapshotOutcome,
        /// Why there is no response of the receiver.
        error: Option<String>,
    },
    /// No response will pass through any more.
    ResponsesFinished {
        /// What was seen, by snapshot.
        snapshots: Vec<ResponseTally>,
        /// Snapshots that no response belonged to.
        unmet: Vec<String>,
    },
    /// The run is over.
    RunFinished(Tally),
}

/// One expectation that did not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Breach {
    /// Of what.
    pub what: String,
    /// What was expected.
    pub expected: String,
    /// What was there.
    pub found: String,
}

/// How the snapshot of a scenario compares with the accepted one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum SnapshotOutcome {
    /// The scenario did not come far enough.
    Skipped,
    /// Nothing of the scenario is meant for a snapshot.
    Empty,
    /// It is the accepted one.
    Same,
    /// None was accepted yet.
    New {
        /// The snapshot file.
        path: String,
        /// Where the text was written for somebody to accept; in CI nothing is written.
        pending: Option<String>,
        /// The text.
        text: String,
    },
    /// Another one was accepted.
    Changed {
        /// The snapshot file.
        path: String,
        /// Where the text was written for somebody to accept; in CI nothing is written.
        pending: Option<String>,
        /// The lines that differ.
        diff: String,
    },
    /// It is the text that is new or changed since earlier in this run.
    Again {
        /// The snapshot file.
        path: String,
    },
    /// It is neither the accepted text nor the one that is new or changed since earlier in this run.
    Varies {
        /// The snapshot file.
        path: String,
        /// The lines that differ from the one of this run.
        diff: String,
    },
    /// The snapshot file cannot be read or written.
    Unusable {
        /// Why.
        error: String,
    },
}

/// What was seen of the responses that belong to one snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ResponseTally {
    /// The snapshot, by its name below the folder.
    pub key: String,
    /// Responses that are the accepted one.
    pub same: usize,
    /// Responses that are new or changed.
    pub pending: usize,
    /// Responses that are neither the accepted one nor the one that is pending.
    pub varying: usize,
}

/// How a run went, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Tally {
    /// Scenarios that held.
    pub passed: usize,
    /// Scenarios with an expectation that did not hold, or an answer that cannot be trusted.
    pub failed: usize,
    /// Scenarios whose expectations held and whose snapshot is new or changed.
    pub pending: usize,
    /// Scenarios that could not be carried out because of the surroundings.
    pub environment: usize,
    /// Scenario or snapshot files that cannot be used.
    pub invalid: usize,
}
