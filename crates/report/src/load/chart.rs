//! Pictures of a load as SVG. Nothing but numbers and our own words goes into one.

use std::fmt::Write as _;

use super::slices::Slices;
use super::{Class, Durations};
use crate::terminal::duration;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 240.0;
/// The room for the labels.
const LEFT: f64 = 66.0;
const BOTTOM: f64 = 26.0;
const TOP: f64 = 10.0;

/// How many bars a histogram has at most.
const BARS: usize = 48;

/// How a power of ten is cut, from fine to coarse: the preferred numbers E12 and E6, and 1-2-5.
const STEPS: [&[f64]; 3] = [
    &[1.0, 1.2, 1.5, 1.8, 2.2, 2.7, 3.3, 3.9, 4.7, 5.6, 6.8, 8.2],
    &[1.0, 1.5, 2.2, 3.3, 4.7, 6.8],
    &[1.0, 2.0, 5.0],
];

/// Returns the upper edges of at most `rows` ranges that hold all durations, cut as finely as that
/// permits; the last one holds the longest.
pub(super) fn edges(durations: &Durations, rows: usize) -> Vec<f64> {
    let (least, most) = (durations.0.min() as f64 / 1000.0, durations.0.max() as f64 / 1000.0);
    let cut = |steps: &[f64]| {
        let mut edges = Vec::new();
        let mut power = 0.001;
        loop {
            for edge in steps.iter().map(|step| step * power).filter(|edge| *edge >= least) {
                edges.push(edge);
                if edge >= most {
                    return edges;
                }
            }
            power *= 10.0;
        }
    };
    let mut edges = Vec::new();
    for steps in STEPS {
        edges = cut(steps);
        if edges.len() <= rows {
            return edges;
        }
    }
    // From the end, so that the last range stays.
    let every = edges.len().div_ceil(rows.max(1));
    let mut left = edges.len();
    edges.retain(|_| {
        left -= 1;
        left.is_multiple_of(every)
    });
    edges
}

/// Draws how long the answers took, slice by slice: half of them, 99 of 100, the longest.
pub(super) fn latency_over_time(slices: &Slices) -> String {
    let of = |share: f64| -> Vec<Option<f64>> {
        let latency = slices.all.iter().map(|slice| &slice.latency);
        latency.map(|it| (!it.is_empty()).then(|| it.at(share))).collect()
    };
    lines(&[("max", of(1.0)), ("p99", of(0.99)), ("p50", of(0.5))], slices.width_ms)
}

/// Draws the longest lateness of the sender itself, slice by slice.
pub(super) fn lateness_over_time(slices: &Slices) -> String {
    let late = slices.all.iter().map(|slice| Some(slice.lateness_max)).collect();
    lines(&[("max", late)], slices.width_ms)
}

/// Draws what came back, slice by slice, as bars of the classes on top of each other.
pub(super) fn outcomes_over_time(slices: &Slices) -> String {
    let all = |slice: &super::slices::Slice| slice.classes.iter().sum::<u64>();
    let most = slices.all.iter().map(all).max().unwrap_or(0).max(1) as f64;
    let mut svg = begin("what came back over time");
    frame(&mut svg, most, |value| format!("{value:.0}"), slices);
    let width = (WIDTH - LEFT) / slices.all.len().max(1) as f64;
    for (place, slice) in slices.all.iter().enumerate() {
        let mut below = 0.0;
        for (class, count) in Class::ALL.iter().zip(slice.classes) {
            if count > 0 {
                let height = count as f64 / most * (HEIGHT - TOP - BOTTOM);
                let (x, y) = (LEFT + place as f64 * width, HEIGHT - BOTTOM - below - height);
                below += height;
                let _ = write!(
                    svg,
                    "<rect class=\"{}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.2}\" height=\"{height:.1}\">\
                     <title>{} to {}: {count} {}</title></rect>",
                    css(*class),
                    (width * 0.92).max(0.5),
                    duration(place as f64 * slices.width_ms),
                    duration((place + 1) as f64 * slices.width_ms),
                    class.name(),
                );
            }
        }
    }
    svg + "</svg>"
}

/// Draws how many durations there are of each length.
pub(super) fn histogram(durations: &Durations) -> String {
    let edges = edges(durations, BARS);
    let counts = durations.counts(&edges);
    let most = counts.iter().max().copied().unwrap_or(0).max(1) as f64;
    let mut svg = begin("histogram");
    levels(&mut svg, most, |value| format!("{value:.0}"));
    let width = (WIDTH - LEFT) / edges.len() as f64;
    let every = edges.len().div_ceil(12).max(1);
    for (place, (edge, count)) in edges.iter().zip(counts).enumerate() {
        let height = count as f64 / most * (HEIGHT - TOP - BOTTOM);
        let (x, y) = (LEFT + place as f64 * width, HEIGHT - BOTTOM - height);
        let _ = write!(
            svg,
            "<rect class=\"bar\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height:.1}\">\
             <title>up to {}: {count}</title></rect>",
            width * 0.9,
            duration(*edge),
        );
        if place % every == 0 {
            label(&mut svg, x + width * 0.45, HEIGHT - 8.0, "middle", &duration(*edge));
        }
    }
    svg + "</svg>"
}

/// The name of a class in the page's style sheet.
pub(super) const fn css(class: Class) -> &'static str {
    match class {
        Class::Success => "c2",
        Class::Redirect => "c3",
        Class::ClientError => "c4",
        Class::ServerError => "c5",
        Class::Unreached => "cn",
        Class::Unknown => "cu",
    }
}

fn lines(series: &[(&str, Vec<Option<f64>>)], width_ms: f64) -> String {
    let values = || series.iter().flat_map(|(_, values)| values.iter().flatten().copied());
    let most = values().fold(0.001, f64::max);
    let least = values().filter(|value| *value > 0.0).fold(most, f64::min).max(0.001);
    // Latencies lie far apart: each power of ten gets the same room.
    let (low, high) = (least.log10().floor(), most.log10().ceil().max(least.log10().floor() + 1.0));
    let y = |value: f64| {
        let share = ((value.max(f64::MIN_POSITIVE).log10() - low) / (high - low)).max(0.0);
        HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
    };
    let n = series.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
    let x = |place: usize| LEFT + (WIDTH - LEFT) * (place as f64 + 0.5) / n.max(1) as f64;
    let mut svg = begin("over time");
    let mut power = low;
    while power <= high {
        let value = 10_f64.powf(power);
        rule(&mut svg, y(value), &duration(value));
        power += 1.0;
    }
    times(&mut svg, n, width_ms);
    for (name, values) in series {
        // A slice without any value is a gap and not a straight line over it.
        for run in values.split(Option::is_none).filter(|run| !run.is_empty()) {
            let begin = run.as_ptr_range().start;
            let first = values.iter().position(|value| std::ptr::eq(value, begin)).unwrap_or(0);
            let points: Vec<String> = run
                .iter()
                .flatten()
                .enumerate()
                .map(|(place, value)| format!("{:.1},{:.1}", x(first + place), y(*value)))
                .collect();
            if let [only] = points.as_slice()
                && let Some((x, y)) = only.split_once(',')
            {
                let _ = write!(svg, "<circle class=\"{name}\" cx=\"{x}\" cy=\"{y}\" r=\"2\"/>");
            }
            let _ = write!(svg, "<polyline class=\"{name}\" points=\"{}\"/>", points.join(" "));
        }
    }
    svg + "</svg>"
}

fn begin(title: &str) -> String {
    format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">")
}

fn frame(svg: &mut String, most: f64, print: impl Fn(f64) -> String, slices: &Slices) {
    levels(svg, most, print);
    times(svg, slices.all.len(), slices.width_ms);
}

/// Draws four levels with their values.
fn levels(svg: &mut String, most: f64, print: impl Fn(f64) -> String) {
    for quarter in 0..=4 {
        let share = f64::from(quarter) / 4.0;
        rule(svg, HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), &print(most * share));
    }
}

fn rule(svg: &mut String, y: f64, text: &str) {
    let _ = write!(
        svg,
        "<line class=\"rule\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>"
    );
    label(svg, LEFT - 6.0, y + 4.0, "end", text);
}

/// Writes times under a picture.
fn times(svg: &mut String, slices: usize, width_ms: f64) {
    let every = slices.div_ceil(8).max(1);
    for place in (0..slices).step_by(every) {
        let x = LEFT + (WIDTH - LEFT) * place as f64 / slices as f64;
        label(svg, x, HEIGHT - 8.0, "start", &duration(place as f64 * width_ms));
    }
}

fn label(svg: &mut String, x: f64, y: f64, anchor: &str, text: &str) {
    let _ = write!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>");
}
