//! `ringback listen`: captures every request, answers 200, or as it is told, or forwards.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ringback_exchange::{Exchange, json_line};
use ringback_recorder::{Answer, Config, Drained, Listener, StartError, Upstream};
use ringback_runner::ResponseCheck;
use ringback_sender::upstream_addresses;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use url::Url;

use crate::address::{parse_listen, remove_ready_file, write_ready_file};
use crate::answers::AnswerArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::inspector::InspectorArgs;
use crate::limits::LimitArgs;
use crate::log::Log;
use crate::responses::{self, ResponseArgs};
use crate::signals::{Signals, block_on};
use crate::store::{Place, StoreArgs};
use crate::tls::TlsArgs;
use crate::view::{self, Tally};
use crate::{clock, output};

/// How many exchanges wait to be printed before the view misses some; none is ever lost to the store.
const VIEW: usize = 1024;

/// How long what is still to be printed may take at the end.
const PRINTING: Duration = Duration::from_millis(500);

/// Capture every request, whatever its method, path and body
///
/// Answers 200 once the request is stored, or as `--reply` and `--routes` say, or forwards it and answers
/// what the receiver answers. Ends on SIGINT or SIGTERM, after what is under way has ended, within 10
/// seconds: with 0, or with `--snapshots` by what the responses came to.
#[derive(Debug, Args)]
#[command(visible_aliases = ["record", "serve"])]
pub(crate) struct ListenArgs {
    /// Where to listen: `3000`, `127.0.0.1:3000`; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:4040", value_parser = parse_listen)]
    addr: SocketAddr,
    #[command(flatten)]
    store: StoreArgs,
    /// Write the bound URL into this file once requests are taken
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Print each exchange as one line of JSON; secrets and personal data are replaced
    #[arg(long)]
    json: bool,
    /// Print no exchanges, only that it listens and what they came to
    #[arg(short, long, conflicts_with = "json")]
    quiet: bool,
    /// The form of what is said on standard error
    #[arg(long, value_name = "FORM", default_value = "text")]
    log: Log,
    #[command(flatten)]
    answers: AnswerArgs,
    #[command(flatten)]
    responses: ResponseArgs,
    #[command(flatten)]
    inspector: InspectorArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    tls: TlsArgs,
}

/// Runs the command.
pub(crate) fn run(args: &ListenArgs) -> Result<Exit, CliError> {
    if args.limits.show_limits {
        return args.limits.show().map(|()| Exit::Held);
    }
    if let Some(path) = &args.ready_file {
        remove_ready_file(path)?;
    }
    block_on(listen(args))
}

async fn listen(args: &ListenArgs) -> Result<Exit, CliError> {
    let log = args.log;
    let signals = Signals::new()?;
    let answer = match &args.answers.forward_to {
        Some(url) => Answer::Forward(upstream(url).await?),
        None => args.answers.script()?,
    };
    let receipt = args.answers.receipt()?;
    let check = args.responses.check()?;
    let (keep, place) = args.store.open()?;
    let feed = args.inspector.feed();
    let tls = args.tls.ready(args.addr)?;
    let (view, exchanges) = mpsc::channel(VIEW);
    let listener = Listener::start(Config {
        addr: args.addr,
        answer,
        receipt,
        keep,
        keep_alive: true,
        strict: args.limits.strict,
        h2c: args.tls.h2c,
        tls,
        limits: args.limits.limits()?,
        clock: clock::wall(),
        on_exchange: Some(view),
        feed: feed.clone(),
    });
    let listener = listener.await.map_err(not_started)?;
    let inspector = args.inspector.start(&listener, place.source.clone(), feed).await?;
    if let Some(path) = &args.ready_file {
        write_ready_file(path, &listener.url())?;
    }
    say_that_it_listens(args, &listener, &place);
    if let Some(inspector) = &inspector {
        let url = format!("http://{}/api/exchanges", inspector.addr());
        log.tell("inspecting", &format!("inspector on {url}"), json!({ "url": url }));
    }
    args.tls.tell_trust()?;

    // Printing has a thread of its own: whoever does not read must not keep a signal from being heard.
    let (printed, all_printed) = oneshot::channel();
    let shown = if args.quiet { Shown::Nothing } else { Shown::new(args.json) };
    std::thread::spawn(move || {
        let _ = printed.send(show(exchanges, shown, log, check));
    });
    signals.asked_to_end().await;
    log.tell("ending", "ending: waiting for what is under way", json!({}));
    if let Some(path) = &args.ready_file {
        remove_ready_file(path)?;
    }
    let drained = listener.finish().await;
    if let Some(inspector) = inspector {
        inspector.finish().await;
    }
    // The thread ends by itself unless nobody reads what it prints; then it ends with the process.
    let shown = tokio::time::timeout(PRINTING, all_printed).await.ok().and_then(Result::ok);
    let is_read = shown.is_some();
    let (tally, check) = shown.unzip();
    match &tally {
        Some(tally) => {
            let unseen = usize::try_from(drained.unseen).unwrap_or(usize::MAX);
            log.tell("ended", &tally.to_line(unseen), tally.to_json());
        }
        None => log.tell("unread", "not all was printed: nobody reads the output", json!({})),
    }
    tell_drained(&drained, log);
    let unseen = drained.unseen;
    place.close(&drained)?;
    match check.flatten() {
        Some(check) => responses::finish(check, unseen, args.json),
        None if args.responses.is_on() && !is_read => {
            Err(CliError::environment("not all responses were checked")
                .hint("read the output, or send it to a file"))
        }
        None => Ok(Exit::Held),
    }
}

/// Says what did not go as it should have.
fn tell_drained(drained: &Drained, log: Log) {
    for (n, event, what) in [
        (drained.cut as u64, "cut", "cut: they had not ended in time"),
        (drained.refused, "refused", "answered 503: they could not be kept"),
        (drained.unseen, "unseen", "not shown: they came too fast to print"),
        (drained.reset_on_accept, "reset", "reset as soon as they were accepted, on purpose"),
    ] {
        if n > 0 {
            log.tell(event, &format!("{n} {what}"), json!({ "count": n }));
        }
    }
}

fn say_that_it_listens(args: &ListenArgs, listener: &Listener, place: &Place) {
    let log = args.log;
    let url = listener.url();
    let message = format!("listening on {url} ({})", place.name);
    log.tell("listening", &message, json!({ "url": url }));
    for news in &place.news {
        log.tell("store", news, json!({}));
    }
    if let Some(to) = &args.answers.forward_to {
        let message = format!("forwarding to {to}, with the path of each request behind it");
        log.tell("forwarding", &message, json!({ "to": to.as_str() }));
    }
    if !listener.addr().ip().is_loopback() {
        let message = "other machines can reach this address: anybody there can fill the store";
        log.tell("exposed", message, json!({}));
    }
}

/// What is shown of exchanges on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Lines,
    Json,
    Nothing,
}

impl Shown {
    const fn new(as_json: bool) -> Self {
        if as_json { Self::Json } else { Self::Lines }
    }
}

/// Shows exchanges until there are no more, and judges their responses where that is wanted.
fn show(
    mut exchanges: mpsc::Receiver<Exchange>,
    shown: Shown,
    log: Log,
    mut check: Option<ResponseCheck>,
) -> (Tally, Option<ResponseCheck>) {
    let mut tally = Tally::default();
    let mut has_reader = true;
    while let Some(exchange) = exchanges.blocking_recv() {
        tally.add(&exchange);
        if shown != Shown::Nothing {
            log.note("exchange", || view::facts(&exchange));
        }
        // Whoever reads may go; capturing goes on, and so does judging.
        if let Some(check) = &mut check {
            has_reader &= responses::judge(check, &exchange, shown == Shown::Json).is_ok();
        }
        has_reader = has_reader && print(exchange, shown).is_ok();
    }
    (tally, check)
}

fn print(exchange: Exchange, shown: Shown) -> std::io::Result<()> {
    let mut out = output::data().lock();
    match shown {
        Shown::Json => writeln!(out, "{}", json_line(&exchange.anonymous())?),
        Shown::Lines => writeln!(out, "{}", view::line(&exchange)),
        Shown::Nothing => Ok(()),
    }
}

/// Finds where requests are forwarded to, and refuses what the sender never sends to either: a proxy before
/// a cloud's metadata service would hand its secrets to whoever can reach this address.
async fn upstream(url: &Url) -> Result<Upstream, CliError> {
    let addresses = upstream_addresses(url).await;
    let addresses =
        addresses.map_err(|error| CliError::environment("cannot forward").because(error))?;
    Ok(Upstream { url: url.clone(), addresses })
}

fn not_started(error: StartError) -> CliError {
    let hint = error.hint();
    let failed = match error {
        StartError::Route { .. } => CliError::usage("cannot listen"),
        _ => CliError::environment("cannot listen"),
    };
    let failed = failed.because(error);
    match hint {
        Some(hint) => failed.hint(hint),
        None => failed,
    }
}
