//! What is told of a load beside its attempts: a line while it runs, a table and a histogram at its end,
//! and reports in files.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use ringback_exchange::Attempt;
use ringback_report::load::{Load, LoadAbout, hdr_log, html_page, progress, prometheus_text};
use tempfile::NamedTempFile;
use tokio::time::Instant;

use super::show::print_json;
use crate::error::CliError;

/// How often the line is written over while a run lasts.
const EVERY: Duration = Duration::from_millis(500);

/// What is written about a load.
#[derive(Debug, Args)]
#[command(next_help_heading = "Reports")]
pub(crate) struct ReportArgs {
    /// Write a report (repeatable): `html=F` is a page that opens offline, `attempts=F` one line of JSON for
    /// each attempt, `hdr=F` a log of HDR histograms (V2, deflate), `prometheus=F` metrics
    #[arg(long = "report", value_name = "FORM=FILE", value_parser = parse_report)]
    reports: Vec<Report>,
}

#[derive(Debug, Clone)]
struct Report {
    form: Form,
    path: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Html,
    Attempts,
    Hdr,
    Prometheus,
}

fn parse_report(text: &str) -> Result<Report, String> {
    let wrong =
        || "write it as `html=FILE`, `attempts=FILE`, `hdr=FILE` or `prometheus=FILE`".to_owned();
    let (form, path) =
        text.split_once('=').filter(|(_, path)| !path.is_empty()).ok_or_else(wrong)?;
    let form = match form {
        "html" => Form::Html,
        "attempts" => Form::Attempts,
        "hdr" => Form::Hdr,
        "prometheus" => Form::Prometheus,
        _ => return Err(wrong()),
    };
    Ok(Report { form, path: path.into() })
}

/// A load under way, and where it is told.
#[derive(Debug)]
pub(crate) struct Told {
    load: RefCell<Load>,
    /// Attempts that were begun and have not ended.
    in_flight: Cell<u64>,
    is_watched: bool,
    reports: Vec<(Form, Unfinished)>,
    attempts: Option<RefCell<BufWriter<File>>>,
}

/// A file that has its name when it is whole.
#[derive(Debug)]
struct Unfinished {
    path: PathBuf,
    file: NamedTempFile,
}

impl Told {
    /// Opens the files, so that one that cannot be written is told before anything is sent.
    ///
    /// # Errors
    ///
    /// When one cannot be.
    pub(crate) fn begin(args: &ReportArgs, prints_to_terminal: bool) -> Result<Self, CliError> {
        let mut reports = Vec::new();
        let mut attempts = None;
        for Report { form, path } in &args.reports {
            let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            let file = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")));
            let file = file.map_err(|error| unwritten(path, error))?;
            if *form == Form::Attempts {
                let writer = file.reopen().map_err(|error| unwritten(path, error))?;
                attempts = Some(RefCell::new(BufWriter::new(writer)));
            }
            reports.push((*form, Unfinished { path: path.clone(), file }));
        }
        let is_watched = io::stderr().is_terminal() && !prints_to_terminal;
        let (load, in_flight) = Default::default();
        Ok(Self { load, in_flight, is_watched, reports, attempts })
    }

    /// Says that an attempt was begun.
    pub(crate) fn begun(&self) {
        self.in_flight.set(self.in_flight.get() + 1);
    }

    /// Says what came of an attempt.
    ///
    /// # Errors
    ///
    /// When it cannot be written into the file for attempts.
    pub(crate) fn ended(&self, attempt: &Attempt) -> io::Result<()> {
        self.in_flight.set(self.in_flight.get().saturating_sub(1));
        self.load.borrow_mut().add(attempt);
        match &self.attempts {
            Some(file) => print_json(&mut *file.borrow_mut(), attempt),
            None => Ok(()),
        }
    }

    /// Writes the line over, as long as it is polled; never ends.
    pub(crate) async fn watch(&self, planned: Option<u64>) {
        if !self.is_watched {
            return std::future::pending().await;
        }
        let begun = Instant::now();
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let elapsed_ms = begun.elapsed().as_secs_f64() * 1e3;
            let line = progress(&self.load.borrow(), planned, elapsed_ms, self.in_flight.get());
            let _ = write!(io::stderr(), "\r{line}\x1b[K");
        }
    }

    /// Takes the line away.
    pub(crate) fn end_watch(&self) {
        if self.is_watched {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }

    /// Returns what has been counted.
    pub(crate) fn load(&self) -> std::cell::Ref<'_, Load> {
        self.load.borrow()
    }

    /// Writes the reports, and names them.
    ///
    /// # Errors
    ///
    /// When one cannot be written; those before it are.
    pub(crate) fn finish(self, about: &LoadAbout) -> Result<Vec<PathBuf>, CliError> {
        if let Some(attempts) = self.attempts {
            let flushed = attempts.into_inner().into_inner();
            if let (Err(error), Some((_, report))) =
                (flushed, self.reports.iter().find(|(form, _)| *form == Form::Attempts))
            {
                return Err(unwritten(&report.path, error.into_error()));
            }
        }
        let load = self.load.into_inner();
        let mut written = Vec::new();
        for (form, Unfinished { path, mut file }) in self.reports {
            let result = match form {
                Form::Attempts => Ok(()),
                Form::Html => match html_page(&load, about) {
                    Ok(page) => file.write_all(page.as_bytes()),
                    Err(error) => Err(io::Error::other(error)),
                },
                Form::Hdr => hdr_log(&load, about, &mut file),
                Form::Prometheus => file.write_all(prometheus_text(&load, about).as_bytes()),
            };
            let persisted = result.and_then(|()| file.persist(&path).map_err(|error| error.error));
            persisted.map_err(|error| unwritten(&path, error))?;
            written.push(path);
        }
        Ok(written)
    }
}

fn unwritten(path: &Path, error: io::Error) -> CliError {
    CliError::environment(format!("cannot write the report `{}`", path.display())).because(error)
}

/// Puts together what reports say about a run.
pub(crate) fn about(
    target: &str,
    began: Timestamp,
    planned: Option<u64>,
    elapsed_ms: f64,
    notes: &str,
) -> LoadAbout {
    let notes = notes.lines().map(str::to_owned).collect();
    LoadAbout { target: target.to_owned(), began, planned, elapsed_ms, notes }
}
