//! The HDR interval log: histograms (V2, deflate) that other tools plot and merge.

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use super::{Load, LoadAbout};

/// Writes one interval for the whole run and each series, tagged by its name, and the latency of each
/// slice of time, tagged `latency_slice`; values are microseconds.
///
/// # Errors
///
/// Those of the writer.
pub fn log(load: &Load, about: &LoadAbout, out: &mut impl io::Write) -> io::Result<()> {
    let failed = |error: &dyn std::fmt::Debug| io::Error::other(format!("{error:?}"));
    let began = Duration::try_from(about.began.duration_since(jiff::Timestamp::UNIX_EPOCH));
    let began: SystemTime = UNIX_EPOCH + began.unwrap_or_default();
    let mut serializer = V2DeflateSerializer::new();
    let mut writer = IntervalLogWriterBuilder::new()
        .add_comment("ringback; values are microseconds")
        .with_start_time(began)
        .with_base_time(began)
        .with_max_value_divisor(1000.0)
        .begin_log_with(out, &mut serializer)?;
    let length = Duration::try_from_secs_f64(about.elapsed_ms / 1000.0).unwrap_or_default();
    for (_, name, durations) in load.series() {
        if durations.is_empty() {
            continue;
        }
        writer
            .write_histogram(&durations.0, Duration::ZERO, length, Tag::new(name))
            .map_err(|error| failed(&error))?;
    }
    let width = Duration::try_from_secs_f64(load.slices.width_ms / 1000.0).unwrap_or_default();
    let mut start = Duration::ZERO;
    for slice in &load.slices.all {
        if !slice.latency.is_empty() {
            writer
                .write_histogram(&slice.latency.0, start, width, Tag::new("latency_slice"))
                .map_err(|error| failed(&error))?;
        }
        start += width;
    }
    Ok(())
}
