//! How far a long run is, for whoever watches on a terminal.
//!
//! Counts come in, one line that is written over goes to standard error, ten times a second at most.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use ringback_report::terminal::duration;

/// What is known of a run while it goes on.
#[derive(Debug)]
pub(super) struct Progress {
    /// `None` when nobody watches.
    watched: Option<Watched>,
}

#[derive(Debug)]
struct Watched {
    /// How many calls there will be.
    calls: u64,
    begun: Instant,
    /// When the line was last written, if it was.
    shown: Option<Instant>,
}

impl Progress {
    const EVERY: Duration = Duration::from_millis(100);

    /// Begins; shown unless it would stand among the data of the same terminal.
    pub(super) fn begin(calls: u64, is_quiet: bool, is_data_on_stdout: bool) -> Self {
        let is_watched = !is_quiet
            && std::io::stderr().is_terminal()
            && !(is_data_on_stdout && std::io::stdout().is_terminal());
        let watched = is_watched.then(|| Watched { calls, begun: Instant::now(), shown: None });
        Self { watched }
    }

    /// Says that so many calls are done.
    pub(super) fn step(&mut self, done: u64) {
        let Some(Watched { calls, begun, shown }) = &mut self.watched else { return };
        if shown.unwrap_or(*begun).elapsed() < Self::EVERY {
            return;
        }
        *shown = Some(Instant::now());
        let line = line(done, *calls, begun.elapsed());
        let _ = write!(std::io::stderr(), "\r{line}\x1b[K");
    }

    /// Takes the line away.
    pub(super) fn end(&mut self) {
        if let Some(Watched { shown: Some(_), .. }) = self.watched.take() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

/// Says how many, the share, the rate, and how long the rest will take at that rate.
#[expect(clippy::cast_precision_loss, reason = "shown to people, in few digits")]
fn line(done: u64, calls: u64, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64().max(1e-9);
    let rate = done as f64 / seconds;
    let share = 100.0 * done as f64 / (calls as f64).max(1.0);
    let left_ms = 1_000.0 * calls.saturating_sub(done) as f64 / rate.max(1e-9);
    format!("{done} of {calls} calls ({share:.0} %), {rate:.0}/s, {} left", duration(left_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_the_share_the_rate_and_what_is_left() {
        let line = line(2_500, 10_000, Duration::from_millis(500));
        insta::assert_snapshot!(line, @"2500 of 10000 calls (25 %), 5000/s, 1.50 s left");
    }
}
