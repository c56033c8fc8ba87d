//! Days and times of day, in UTC and in the calendar of ISO 8601, without a table of time zones.

use crate::digits::pair;

/// Milliseconds of a day.
pub(crate) const DAY: i64 = 86_400_000;

/// Returns (year, month, day) of the day so many days after 1970-01-01, by counting in eras of 400
/// years that begin on a first of March, so that the leap day comes last.
pub(crate) fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Writes instants as `2023-01-01T12:00:00.000Z`, in quotes. The times of a call are mostly those of
/// one day, whose date is made once.
#[derive(Debug)]
pub(crate) struct Clock {
    /// Days since 1970 of the date below.
    day: i64,
    /// An instant of that day.
    text: [u8; 26],
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { day: 0, text: *b"\"1970-01-01T00:00:00.000Z\"" }
    }

    /// Returns the text of an instant in a year of four digits, given in milliseconds since 1970.
    pub(crate) fn time(&mut self, milliseconds: i64) -> &[u8; 26] {
        let day = milliseconds.div_euclid(DAY);
        if day != self.day {
            self.turn(day);
        }
        // Less than a day.
        let rest = u32::try_from(milliseconds - day * DAY).unwrap_or_default();
        let (seconds, milliseconds) = (rest / 1_000, rest % 1_000);
        let (minutes, seconds) = (seconds / 60, seconds % 60);
        let (hours, minutes) = (minutes / 60, minutes % 60);
        put(&mut self.text, 12, hours);
        put(&mut self.text, 15, minutes);
        put(&mut self.text, 18, seconds);
        put(&mut self.text, 21, milliseconds / 10);
        self.text[23] = b'0' + (milliseconds % 10) as u8;
        &self.text
    }

    /// Turns to another day.
    #[cold]
    fn turn(&mut self, day: i64) {
        self.day = day;
        let (year, month, day) = date(day);
        let small = |number: i64| u32::try_from(number).unwrap_or_default();
        put(&mut self.text, 1, small(year) / 100);
        put(&mut self.text, 3, small(year) % 100);
        put(&mut self.text, 6, small(month));
        put(&mut self.text, 9, small(day));
    }
}

/// Puts a number below a hundred at a place, in two digits.
fn put(text: &mut [u8; 26], at: usize, number: u32) {
    text[at..at + 2].copy_from_slice(&pair(number));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ringback_event::Timestamp;

    use super::*;

    proptest! {
        #[test]
        fn a_time_is_written_as_the_typed_one_is(
            times in proptest::collection::vec(-62_000_000_000_000_i64..253_000_000_000_000, 1..4),
        ) {
            let mut clock = Clock::new();
            for ms in times {
                let typed = Timestamp::from_millisecond(ms).unwrap().to_string();
                let text = String::from_utf8(clock.time(ms).to_vec()).unwrap();
                prop_assert_eq!(text, format!("\"{typed}\""));
            }
        }
    }
}
