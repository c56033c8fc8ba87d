//! A load as one page that opens offline: no script, no address, pictures as inline SVG.

use minijinja::{AutoEscape, Environment, context};

use super::chart::{self, css};
use super::terminal::PERCENTILES;
use super::{Class, Load, LoadAbout};
use crate::terminal::duration;

const TEMPLATE: &str = include_str!("page.html");

/// Returns the page. Whatever came from outside is escaped in it.
///
/// # Errors
///
/// Never with the template that is built in; the type is that of the template engine.
pub fn page(load: &Load, about: &LoadAbout) -> Result<String, minijinja::Error> {
    let mut engine = Environment::new();
    engine.set_auto_escape_callback(|_| AutoEscape::Html);
    engine.add_template("page", TEMPLATE)?;
    let outcomes: Vec<_> = load
        .statuses
        .iter()
        .map(|(status, count)| (format!("HTTP {status}"), *count))
        .chain(load.failures.iter().map(|(failure, count)| (failure.to_string(), *count)))
        .map(|(what, count)| {
            let share = count as f64 / load.attempts.max(1) as f64 * 100.0;
            context! { what, count, share => format!("{share:.1} %") }
        })
        .collect();
    let rows: Vec<_> = load
        .series()
        .into_iter()
        .filter(|series| !series.2.is_empty())
        .map(|(name, _, durations)| {
            let values: Vec<String> =
                PERCENTILES.iter().map(|(_, share)| duration(durations.at(*share))).collect();
            context! { name, values }
        })
        .collect();
    let names: Vec<&str> = PERCENTILES.iter().map(|(name, _)| *name).collect();
    let legend: Vec<_> = Class::ALL
        .iter()
        .filter(|class| load.slices.all.iter().any(|slice| slice.classes[**class as usize] > 0))
        .map(|class| context! { css => css(*class), name => class.name() })
        .collect();
    let rate = load.attempts as f64 / about.elapsed_ms.max(f64::MIN_POSITIVE) * 1000.0;
    engine.get_template("page")?.render(context! {
        target => about.target.as_str(),
        began => format!("{:.3}", about.began),
        elapsed => duration(about.elapsed_ms),
        attempts => load.attempts,
        planned => about.planned,
        rate => format!("{rate:.1}"),
        slice => duration(load.slices.width_ms),
        notes => &about.notes,
        outcomes,
        names,
        rows,
        legend,
        is_empty => load.attempts == 0,
        latency_over_time => chart::latency_over_time(&load.slices),
        outcomes_over_time => chart::outcomes_over_time(&load.slices),
        lateness_over_time => chart::lateness_over_time(&load.slices),
        latency => (!load.latency.is_empty()).then(|| chart::histogram(&load.latency)),
        lateness => (!load.lateness.is_empty()).then(|| chart::histogram(&load.lateness)),
    })
}
