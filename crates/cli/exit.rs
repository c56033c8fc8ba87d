//! The codes with which the process ends.

use std::process::ExitCode;

/// How a command ended. Where several hold, the order is usage, environment, failed, snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All held.
    Held = 0,
    /// A check failed: an answer, an event or a call was not as it should be.
    Failed = 1,
    /// The command line or a file is wrong.
    Usage = 2,
    /// The surroundings are not as needed: target unreachable or guarded, port taken.
    Environment = 3,
    /// All held, but snapshots are new or changed.
    Snapshots = 4,
    /// Interrupted by a signal.
    Interrupted = 130,
}

/// What `--help` says about the codes.
pub(crate) const HELP: &str = "\
Exit codes:
  0    all held
  1    a check failed
  2    wrong usage, or a file that cannot be used
  3    environment: target unreachable or guarded, port taken
  4    only snapshots are new or changed
  130  interrupted";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
