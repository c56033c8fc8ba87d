//! Run events as JSON lines, for programs.

use crate::event::RunEvent;

/// Returns the event as one line of JSON, without the line feed.
pub fn json_line(event: &RunEvent) -> String {
    // Nothing in an event can fail to be JSON: strings, numbers and lists.
    ringback_exchange::json_line(event).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Tally;

    #[test]
    fn an_event_is_one_line() {
        let event = RunEvent::RunFinished(Tally { passed: 2, pending: 1, ..Tally::default() });
        insta::assert_snapshot!(json_line(&event), @r#"{"event":"run-finished","passed":2,"failed":0,"pending":1,"environment":0,"invalid":0}"#);
    }
}
