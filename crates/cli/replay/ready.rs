//! What was captured in, requests that can be sent again out, and word of what was left out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use ringback_event::EventType;
use ringback_exchange::{Headers, Part, Request, printable};
use ringback_report::terminal::count;
use ringback_sender::{Delivery, Method, TRACE_TIMES_MAX};
use ringback_signature::{PRESETS, Signer, Template};
use url::Url;

use super::ReplayArgs;
use super::read::{self, Captured, Envelope};
use crate::error::CliError;
use crate::output;
use crate::send::recorded::Recorded;

/// How many bytes of requests are held in memory, bodies and header lines together.
const BYTES_MAX: usize = 1 << 30;

/// How many header lines a request may have, so that there is room for a signature.
const LINES_MAX: usize = 1000;

/// What `export` puts in the place of a secret header's value, and what its other marks begin with.
const REDACTED: &str = "[redacted]";
const MARK: &str = "[redacted sha256:";

/// Header lines of one connection (RFC 9110 section 7.6.1), and those that the sender writes itself.
const OF_CONNECTION: [&str; 12] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Requests that can be sent again, in the order in which they are.
#[derive(Debug)]
pub(super) struct Ready {
    /// Where they go.
    pub(super) urls: Vec<Url>,
    /// The requests, at least one.
    pub(super) requests: Vec<Recorded>,
    /// When they came, counted from the first; nothing where that is not known of all.
    pub(super) times: Option<Vec<Duration>>,
    /// What is not sent.
    pub(super) left: Left,
}

/// What is not sent, or not as it was, to be told once.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// Requests by the reason why they are not sent: how many, and the number of the first.
    requests: BTreeMap<String, (usize, u64)>,
    /// Names of header lines whose values are not known.
    redacted: BTreeSet<String>,
    /// How many bodies hold marks in place of what they held.
    marked: usize,
    /// How many events have no id that could be a fresh one.
    without_id: usize,
}

impl Left {
    /// Tells it.
    pub(super) fn tell(&self) {
        for (why, (n, first)) in &self.requests {
            let first = if *n > 1 {
                format!("the first is number {first}")
            } else {
                format!("number {first}")
            };
            output::talk(&format!(
                "left out: {} ({first}): {}",
                count(*n, "request"),
                printable(why)
            ));
        }
        if !self.redacted.is_empty() {
            let names: Vec<_> = self.redacted.iter().map(String::as_str).collect();
            output::talk(&format!(
                "left out: header lines whose values were redacted ({}); give them with `-H`, or record \
                 them with `export --exact`",
                printable(&names.join(", "))
            ));
        }
        if self.marked > 0 {
            output::talk(&format!(
                "{} marks such as `{MARK}…]` in place of personal data, and sent so; `export --exact` keeps it",
                if self.marked == 1 {
                    "1 body holds".to_owned()
                } else {
                    format!("{} bodies hold", self.marked)
                }
            ));
        }
        if self.without_id > 0 {
            let requests = count(self.without_id, "request");
            output::talk(&format!("{requests} without an `eventId` to replace, sent as recorded"));
        }
    }
}

impl Ready {
    /// Reads a recording and makes what is meant of it ready.
    pub(super) fn read(args: &ReplayArgs, signer: Option<&Signer>) -> Result<Self, CliError> {
        let mut all: Vec<(Option<Timestamp>, Recorded)> = Vec::new();
        let mut maker = Maker { args, signer, urls: Vec::new(), left: Left::default() };
        let (mut n_read, mut n_bytes) = (0_u64, 0_usize);
        read::each(&args.file, args.filter.since(), |captured| {
            n_read += 1;
            if !args.filter.takes(captured.number, &captured.request, captured.status) {
                return Ok(());
            }
            let (number, at) = (captured.number, captured.at);
            match maker.make(captured)? {
                Ok(recorded) => {
                    n_bytes += size(&recorded);
                    if n_bytes > BYTES_MAX || all.len() >= TRACE_TIMES_MAX {
                        return Err(too_much(args));
                    }
                    all.push((at, recorded));
                }
                Err(why) => {
                    maker.left.requests.entry(why).or_insert((0, number)).0 += 1;
                }
            }
            Ok(())
        })?;
        let Maker { urls, left, .. } = maker;
        if all.is_empty() {
            left.tell();
            let file = args.file.display();
            return Err(match n_read {
                0 => CliError::usage(format!("`{file}` holds nothing that could be sent again")),
                _ => CliError::usage(format!("none of what `{file}` holds is to be sent again"))
                    .hint("look at the flags that choose: `--numbers`, `--path`, `--event-type`, `--status`, `--since`"),
            });
        }
        // Those that came at the same time stay in their order.
        let has_times = all.iter().all(|(at, _)| at.is_some());
        if has_times {
            all.sort_by_key(|(at, _)| *at);
        }
        let first = all[0].0.unwrap_or_default();
        let (times, requests): (Vec<_>, _) = all.into_iter().unzip();
        let since = |at: Option<Timestamp>| Duration::try_from(at?.duration_since(first)).ok();
        let times = times.into_iter().map(since).collect();
        Ok(Self { urls, requests, times, left })
    }
}

fn too_much(args: &ReplayArgs) -> CliError {
    let gib = BYTES_MAX >> 30;
    CliError::usage(format!(
        "`{}` holds more than {gib} GiB or {TRACE_TIMES_MAX} requests to be sent again, which are kept in memory",
        args.file.display()
    ))
    .hint("send it in parts, by `--numbers`")
}

fn size(recorded: &Recorded) -> usize {
    let lines = recorded.headers.iter().map(|(name, value)| name.len() + value.0.len());
    recorded.body.len() + lines.sum::<usize>()
}

/// Makes requests ready, one after the other.
struct Maker<'a> {
    args: &'a ReplayArgs,
    signer: Option<&'a Signer>,
    urls: Vec<Url>,
    left: Left,
}

impl Maker<'_> {
    /// Makes one ready. The inner error is why it is left out, the outer one ends the command.
    fn make(&mut self, captured: Captured) -> Result<Result<Recorded, String>, CliError> {
        let args = self.args;
        let Captured { number, request, is_bare, fault, .. } = captured;
        if let Some(fault) = fault {
            return Ok(Err(format!("it did not arrive whole: {fault}")));
        }
        let method = match request.method.parse::<Method>() {
            _ if is_bare || args.how.transport.has_method() => None,
            Ok(method) => Some(method),
            Err(error) => return Ok(Err(error.to_string())),
        };
        let headers = self.headers(&request);
        let sendable = Delivery::new(0, "").with_headers(&headers);
        if let Err(error) = sendable {
            return Ok(Err(error.to_string()));
        }
        if headers.0.len() > LINES_MAX {
            return Ok(Err(format!("it has more than {LINES_MAX} header lines")));
        }
        self.check_packed(number, &request)?;
        let refused = |why: String| {
            CliError::usage(format!("request {number}: {why}"))
                .hint("`--event-type` and `--numbers` choose those that are meant")
        };
        let body = match args.changes.is_empty() {
            true => request.body.0.clone(),
            false => args.changes.apply(&request.body.0).map_err(refused)?.into(),
        };
        let Envelope { event_id, event_type } = Envelope::of(&body);
        self.check_id(event_id.as_deref()).map_err(refused)?;
        self.left.without_id += usize::from(args.fresh_id && event_id.is_none());
        let text = std::str::from_utf8(&body).unwrap_or_default();
        self.left.marked += usize::from(text.contains(MARK));
        let base = args.routes.choose(event_type.as_deref().unwrap_or("*"), args.url.as_ref())?;
        let target = self.urls.iter().position(|url| url == base).unwrap_or(self.urls.len());
        if target == self.urls.len() {
            self.urls.push(base.clone());
        }
        let url = (args.keep_path && !is_bare).then(|| place(base, &request.target));
        let part = part(event_type.as_deref());
        let is_whole = !is_bare;
        Ok(Ok(Recorded { number, method, headers, is_whole, body, event_id, part, target, url }))
    }

    /// Returns the header lines that are sent again.
    fn headers(&mut self, request: &Request) -> Headers {
        let named = request.headers.get_all("connection");
        let named: Vec<String> = named.map(|names| names.to_text().to_ascii_lowercase()).collect();
        let is_named = |name: &str| {
            named.iter().flat_map(|names| names.split(',')).any(|it| it.trim() == name)
        };
        let mut headers = Headers::default();
        for (name, value) in request.headers.iter() {
            let lower = name.to_ascii_lowercase();
            if OF_CONNECTION.contains(&lower.as_str())
                || is_named(&lower)
                || self.args.how.transport.has_header(name)
                || self.signer.is_some_and(|signer| is_of_signature(&lower, signer))
            {
                continue;
            }
            if value.0.as_ref() == REDACTED.as_bytes() {
                self.left.redacted.insert(lower);
                continue;
            }
            headers.push(name, value.clone());
        }
        headers
    }

    /// What is compressed can be sent as it is, and nothing else.
    fn check_packed(&self, number: u64, request: &Request) -> Result<(), CliError> {
        let packed = request.headers.get("content-encoding").filter(|it| *it != "identity");
        let Some(packed) = packed else { return Ok(()) };
        let args = self.args;
        let is_changed = !args.changes.is_empty() || args.fresh_id;
        if !is_changed && self.signer.is_none() && !args.how.transport.compresses() {
            return Ok(());
        }
        Err(CliError::usage(format!(
            "request {number} is compressed (`{}`): it can be sent as it is, but not be edited, signed or \
             compressed again",
            printable(packed)
        ))
        .hint("leave it out by `--numbers` or `--path`"))
    }

    /// What is signed with an id has one, and one that a header line can hold.
    fn check_id(&self, id: Option<&str>) -> Result<(), String> {
        let Some(signer) = self.signer else { return Ok(()) };
        match id {
            None if signer.template().needs_id() => {
                Err("the scheme signs an id, and the body has no `eventId`".to_owned())
            }
            Some(id) if id.chars().any(char::is_control) => {
                Err("its `eventId` has control characters, which no header line may have"
                    .to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// Tells whether a header line, named in lower case, is part of a signature: of this scheme, of one of the
/// presets, or by its name.
fn is_of_signature(name: &str, signer: &Signer) -> bool {
    let has = |template: &Template| template.header_names().any(|it| it.eq_ignore_ascii_case(name));
    ["signature", "hmac"].iter().any(|word| name.contains(word))
        || has(signer.template())
        || PRESETS.iter().any(|preset| has(&preset.template()))
}

fn part(event_type: Option<&str>) -> Part {
    match event_type.map(EventType::from) {
        Some(EventType::Completed) => Part::Completed,
        Some(EventType::AnalysisCompleted) => Part::Analysis,
        _ => Part::Other,
    }
}

/// Appends path and query of a recorded target to a URL.
fn place(base: &Url, target: &str) -> Url {
    // A proxy is sent the whole URL (RFC 9112 section 3.2.2); `*` has no path.
    let target = match target.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |begin| &rest[begin..]),
        None if target.starts_with('/') => target,
        None => "/",
    };
    let target = target.split('#').next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let queries: Vec<_> =
        base.query().into_iter().chain([query]).filter(|it| !it.is_empty()).collect();
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    url.set_query((!queries.is_empty()).then(|| queries.join("&")).as_deref());
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_place_is_appended_to_the_url() {
        let place = |base: &str, target| place(&base.parse().unwrap(), target).to_string();
        assert_eq!(place("http://h:1/", "/a?b=1"), "http://h:1/a?b=1");
        assert_eq!(place("http://h:1/base/?k=v", "/a/?b"), "http://h:1/base/a/?k=v&b");
        assert_eq!(place("http://h:1", "http://other/a#x"), "http://h:1/a");
        assert_eq!(place("http://h:1", "http://other"), "http://h:1/");
        assert_eq!(place("http://h:1", "*"), "http://h:1/");
        // However it is written, nothing but the path and the query is another.
        assert_eq!(place("http://h:1", "//other/a"), "http://h:1//other/a");
        assert_eq!(place("http://h:1", "/a b\r\nx: y"), "http://h:1/a%20bx:%20y");
    }
}
