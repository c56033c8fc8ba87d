//! `ringback listen`: captures every request, answers 200 or forwards.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ringback_exchange::{Exchange, Headers, json_line, printable};
use ringback_recorder::{Answer, Config, Keep, Listener, StartError, Store, StoreError};
use ringback_report::terminal::{count, duration};
use ringback_sender::{CONNECT_TIMEOUT, GuardError, IN_FLIGHT_MAX, Options, Target, TargetError};
use tokio::sync::{mpsc, oneshot};
use url::Url;

use crate::address::{parse_listen, parse_url, remove_ready_file, write_ready_file};
use crate::error::CliError;
use crate::exit::Exit;
use crate::limits::LimitArgs;
use crate::signals::{Signals, block_on};
use crate::tls::TlsArgs;
use crate::{clock, output};

/// How many exchanges wait to be printed before the view misses some; none is ever lost to the store.
const VIEW: usize = 1024;

/// How long what is still to be printed may take at the end.
const PRINTING: Duration = Duration::from_millis(500);

/// Capture every request, whatever its method, path and body
///
/// Answers 200 once the request is stored, or forwards it and answers what the receiver answers. Ends
/// with 0 on SIGINT or SIGTERM, after what is under way has ended, within 10 seconds.
#[derive(Debug, Args)]
#[command(visible_aliases = ["record", "serve"])]
pub(crate) struct ListenArgs {
    /// Where to listen: `3000`, `127.0.0.1:3000`; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:4040", value_parser = parse_listen)]
    addr: SocketAddr,
    /// Store exchanges in this SQLite file; a 2xx is answered only when the request is on disk
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    /// Forward each request to this receiver and give its answer: a URL, `3000`, `localhost:3000/hooks`
    #[arg(short, long, value_name = "URL", value_parser = parse_url)]
    forward_to: Option<Url>,
    /// Write the bound URL into this file once requests are taken
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Print each exchange as one line of JSON; values of secret headers are replaced
    #[arg(long)]
    json: bool,
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
    let signals = Signals::new()?;
    if let Some(url) = &args.forward_to {
        never_forward(url).await?;
    }
    let keep = match &args.store {
        Some(path) => Keep::Store(Store::open(path).map_err(unusable)?),
        None => Keep::Nothing,
    };
    let tls = args.tls.ready(args.addr)?;
    let (view, mut exchanges) = mpsc::channel(VIEW);
    let answer = args.forward_to.clone().map_or(Answer::Ok, Answer::Forward);
    let listener = Listener::start(Config {
        addr: args.addr,
        answer,
        keep,
        keep_alive: true,
        strict: args.limits.strict,
        h2c: args.tls.h2c,
        tls,
        limits: args.limits.limits()?,
        clock: clock::wall(),
        on_exchange: Some(view),
    });
    let listener = listener.await.map_err(not_started)?;
    let url = listener.url();
    let kept = match &args.store {
        Some(path) => format!("storing in {}", path.display()),
        None => "storing nothing: name a file with --store to keep what comes".to_owned(),
    };
    if let Some(path) = &args.ready_file {
        write_ready_file(path, &url)?;
    }
    output::talk(&format!("listening on {url} ({kept})"));
    args.tls.tell_trust()?;
    if let Some(to) = &args.forward_to {
        output::talk(&format!("forwarding to {to}, with the path of each request behind it"));
    }
    if !listener.addr().ip().is_loopback() {
        output::talk("other machines can reach this address: anybody there can fill the store");
    }

    // Printing has a thread of its own: whoever does not read must not keep a signal from being heard.
    let as_json = args.json;
    let (printed, all_printed) = oneshot::channel();
    std::thread::spawn(move || {
        let mut shown = 0_usize;
        let mut has_reader = true;
        while let Some(exchange) = exchanges.blocking_recv() {
            shown += 1;
            // Whoever reads may go; capturing goes on.
            has_reader = has_reader && print(exchange, as_json).is_ok();
        }
        let _ = printed.send(shown);
    });
    signals.asked_to_end().await;
    output::talk("ending: waiting for what is under way");
    if let Some(path) = &args.ready_file {
        remove_ready_file(path)?;
    }
    let drained = listener.finish().await;
    // The thread ends by itself unless nobody reads what it prints; then it ends with the process.
    match tokio::time::timeout(PRINTING, all_printed).await {
        Ok(Ok(shown)) => {
            let unseen = usize::try_from(drained.unseen).unwrap_or(usize::MAX);
            let all = count(shown.saturating_add(unseen), "exchange");
            output::talk(&format!("{all} captured"));
        }
        _ => output::talk("not all was printed: nobody reads the output"),
    }
    for (n, what) in [
        (drained.cut as u64, "cut: they had not ended in time"),
        (drained.refused, "answered 503: they could not be kept"),
        (drained.unseen, "not shown: they came too fast to print"),
    ] {
        if n > 0 {
            output::talk(&format!("{n} {what}"));
        }
    }
    if drained.store_stuck {
        return Err(CliError::environment("the disk of the store does not answer")
            .hint("what was acknowledged is stored; the rest may not be"));
    }
    Ok(Exit::Held)
}

fn print(exchange: Exchange, as_json: bool) -> std::io::Result<()> {
    let mut out = output::data().lock();
    if as_json {
        return writeln!(out, "{}", json_line(&exchange.redacted())?);
    }
    let status = exchange.reply.as_ref().map_or("no reply".to_owned(), |it| it.status.to_string());
    let forwarded = exchange.forwarded.as_ref();
    let to = forwarded.map(|forwarded| format!(" from {}", forwarded.url)).unwrap_or_default();
    let error = forwarded.and_then(|forwarded| forwarded.error.as_deref());
    let error = error.or(exchange.fault.as_deref());
    let line = format!(
        "#{} {} {} ({} bytes) → {status}{to} in {}{}",
        exchange.number,
        exchange.request.method,
        exchange.request.target,
        exchange.request.body.0.len(),
        duration(exchange.duration_ms.unwrap_or_default()),
        error.map(|error| format!(": {error}")).unwrap_or_default(),
    );
    writeln!(out, "{}", printable(&line))
}

/// Refuses to forward to what the sender never sends to either: a proxy before a cloud's metadata
/// service would hand its secrets to whoever can reach this address. Other hosts are the operator's choice.
async fn never_forward(url: &Url) -> Result<(), CliError> {
    let options = Options {
        timeout: CONNECT_TIMEOUT,
        connect_timeout: CONNECT_TIMEOUT,
        in_flight_max: IN_FLIGHT_MAX,
        headers: Headers::default(),
        allow_hosts: Vec::new(),
    };
    match Target::new(url.as_str(), &options).await {
        Err(TargetError::Guard(error @ GuardError::Never { .. })) => {
            Err(CliError::environment("cannot forward").because(error))
        }
        _ => Ok(()),
    }
}

/// Says why a file cannot be a store.
pub(crate) fn unusable(error: StoreError) -> CliError {
    let hint = error.hint();
    let failed = CliError::usage("cannot use the store").because(error);
    match hint {
        Some(hint) => failed.hint(hint),
        None => failed,
    }
}

fn not_started(error: StartError) -> CliError {
    let hint = error.hint();
    let failed = CliError::environment("cannot listen").because(error);
    match hint {
        Some(hint) => failed.hint(hint),
        None => failed,
    }
}
