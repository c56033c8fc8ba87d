//! Runs scenarios: the only place that knows more than one engine.
//!
//! Scenario files come in; [`RunEvent`](ringback_report::RunEvent)s go out while the run lasts, and a
//! [`Tally`](ringback_report::Tally) at its end. A scenario is turned into what each engine takes (a
//! recipe for the generator, a script for the recorder, a delivery for the sender), so the file format
//! and the engines can change without each other. Nothing is printed here, and the wall
//! clock is passed in.

mod answer;
mod calls;
mod check;
mod edit;
mod identity;
mod responses;
mod scene;
mod shelf;
mod steps;

pub use check::{Settings, check};
pub use responses::{ResponseCheck, ResponseSettings, SnapshotRules};
pub use shelf::{FindError, Shelved, find};
