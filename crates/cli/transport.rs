//! How a target is reached and how requests are written, for the commands that send.

use std::io::{BufRead as _, IsTerminal as _};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use clap::builder::StyledStr;
use ringback_exchange::Headers;
use ringback_sender::{
    AllowHost, Engine, FAULTS, FaultShare, Faults, GuardError, Method, Options, Resolve, Style,
    Target, TargetError, Tls,
};
use url::Url;

use crate::error::CliError;
use crate::send::parse_duration;
use crate::{clock, output};

const REQUEST: &str = "The request";
const CONNECTION: &str = "The connection";
const GUARD: &str = "Beyond this machine";

/// How a target is reached and how requests are written
#[derive(Debug, Args)]
pub(crate) struct TransportArgs {
    /// Add a header line; may be repeated, and a name may come twice. The wire engine keeps case and order
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = parse_header, help_heading = REQUEST)]
    headers: Vec<(String, String)>,
    /// The method, in place of POST or of what was recorded
    #[arg(short = 'X', long = "request", value_name = "METHOD", help_heading = REQUEST)]
    method: Option<Method>,
    /// Say that the body is of this type
    #[arg(long, value_name = "TYPE", help_heading = REQUEST)]
    content_type: Option<String>,
    /// Compress the body; a signature is of what is in it
    #[arg(long, help_heading = REQUEST)]
    gzip: bool,
    /// Send the body in chunks of this many bytes, with no Content-Length
    #[arg(long, value_name = "BYTES", num_args = 0..=1, require_equals = true, default_missing_value = "1024", help_heading = REQUEST)]
    chunked: Option<NonZeroUsize>,
    /// Ask by `Expect: 100-continue` before the body, and wait this long for leave
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "1s", value_parser = parse_duration, help_heading = REQUEST)]
    expect_continue: Option<Duration>,
    /// Do something to the request on purpose: NAME, NAME:ARGUMENT, either with @SHARE% (repeatable)
    #[arg(long = "fault", value_name = "FAULT", long_help = fault_help(), help_heading = REQUEST)]
    faults: Vec<FaultShare>,
    /// What sends: `reqwest`, or `wire` for exact bytes, faults and speed; by default the one that can
    #[arg(long, value_name = "NAME", help_heading = CONNECTION)]
    engine: Option<Engine>,
    /// Send by HTTP/2: agreed on over https, taken for granted over http
    #[arg(long, help_heading = CONNECTION)]
    http2: bool,
    /// How long an answer may take, such as `500ms` or `10s`
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "10s", help_heading = CONNECTION)]
    timeout: Duration,
    /// How long a connection may take, its name and TLS included
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "5s", help_heading = CONNECTION)]
    connect_timeout: Duration,
    /// How long the first byte of an answer may take
    #[arg(long, value_name = "TIME", value_parser = parse_duration, help_heading = CONNECTION)]
    first_byte_timeout: Option<Duration>,
    /// Trust those whom the certificates in this file have signed, and nobody else (PEM)
    #[arg(long, value_name = "FILE", help_heading = CONNECTION)]
    cacert: Option<PathBuf>,
    /// Show this client certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "key", help_heading = CONNECTION)]
    cert: Option<PathBuf>,
    /// The key of the client certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = CONNECTION)]
    key: Option<PathBuf>,
    /// Trust every certificate
    #[arg(short = 'k', long, conflicts_with = "cacert", help_heading = CONNECTION)]
    insecure: bool,
    /// Connect to this socket in the file system
    #[arg(long, value_name = "PATH", help_heading = CONNECTION)]
    unix_socket: Option<PathBuf>,
    /// Connect to this address for a host (repeatable)
    #[arg(long, value_name = "HOST:PORT:ADDRESS", help_heading = CONNECTION)]
    resolve: Vec<Resolve>,
    /// A host beyond this machine that events may be sent to (repeatable)
    #[arg(long = "allow-host", value_name = "HOST[:PORT]", help_heading = GUARD)]
    allow_hosts: Vec<AllowHost>,
    /// A host on the public internet that is yours, instead of typing its name (repeatable)
    #[arg(long = "i-own", value_name = "HOST[:PORT]", help_heading = GUARD)]
    owned_hosts: Vec<AllowHost>,
    /// The most requests a second; a host on the public internet has to consent to more than 10
    #[arg(long, value_name = "N", help_heading = GUARD)]
    max_rate: Option<NonZeroU32>,
}

/// Reads `Name: value` as one header line; a comma separates nothing.
pub(crate) fn parse_header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write it as `Name: value`")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// The list of faults.
fn fault_help() -> StyledStr {
    let mut text = String::from(
        "Do something to the request on purpose: NAME, NAME:ARGUMENT, either with @SHARE% for a part \
         of the deliveries, drawn by the seed (repeatable: the first that is drawn)\n",
    );
    for fault in FAULTS {
        let argument = fault.argument().map(|it| format!(" ({it})")).unwrap_or_default();
        text.push_str(&format!("\n  {:<19}{}{argument}", fault.name, fault.about));
    }
    text.into()
}

impl TransportArgs {
    /// Tells whether some requests are sent with a fault.
    pub(crate) const fn has_faults(&self) -> bool {
        !self.faults.is_empty()
    }

    /// Returns the method of what has none of its own.
    pub(crate) fn method(&self) -> Method {
        self.method.clone().unwrap_or_default()
    }

    /// Tells whether somebody has said what the method is.
    pub(crate) const fn has_method(&self) -> bool {
        self.method.is_some()
    }

    /// Tells whether somebody has said what a header is.
    pub(crate) fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|line| line.0.eq_ignore_ascii_case(name))
            || self.content_type.is_some() && name.eq_ignore_ascii_case("content-type")
    }

    /// Tells whether bodies are compressed.
    pub(crate) const fn compresses(&self) -> bool {
        self.gzip
    }

    /// Returns the options for a target. The seed decides which deliveries have a fault.
    ///
    /// # Errors
    ///
    /// When a file cannot be read.
    pub(crate) fn options(&self, seed: u64) -> Result<Options, CliError> {
        let lines = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut headers: Headers = lines.collect();
        if let Some(content_type) = &self.content_type {
            headers.push("content-type", content_type.as_str());
        }
        let identity_pem = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => Some((read(cert)?, read(key)?)),
            _ => None,
        };
        Ok(Options {
            timeout: self.timeout,
            connect_timeout: self.connect_timeout,
            first_byte_timeout: self.first_byte_timeout,
            headers,
            style: Style {
                method: self.method(),
                chunked: self.chunked,
                expect_continue: self.expect_continue,
                gzip: self.gzip,
            },
            faults: Faults::new(seed, self.faults.clone()),
            engine: self.engine,
            http2: self.http2,
            tls: Tls {
                ca_pem: self.cacert.as_deref().map(read).transpose()?,
                identity_pem,
                insecure: self.insecure,
            },
            unix_socket: self.unix_socket.clone(),
            resolve: self.resolve.clone(),
            allow_hosts: self.allow_hosts.clone(),
            owned_hosts: self.owned_hosts.clone(),
            max_rate: self.max_rate,
            run_id: format!("{:016x}", clock::chance()),
            ..Options::default()
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    std::fs::read(path).map_err(|error| {
        CliError::usage(format!("cannot read `{}`", path.display())).because(error)
    })
}

/// Makes a target, and says what is unusual about it. Somebody at a terminal is asked before anything
/// goes to the public internet.
///
/// # Errors
///
/// Those of [`Target::new`].
pub(crate) async fn target(url: &Url, mut options: Options) -> Result<Target, TargetError> {
    if options.tls.insecure {
        output::talk(
            "warning: `--insecure` trusts every certificate: whoever is in between can read and change what is sent",
        );
    }
    let target = match Target::new(url.as_str(), &options).await {
        Err(TargetError::Guard(GuardError::Unconfirmed { host, address }))
            if std::io::stdin().is_terminal() && std::env::var_os("CI").is_none() =>
        {
            if !is_confirmed(&host, &address.to_string()) {
                return Err(GuardError::Unconfirmed { host, address }.into());
            }
            options.owned_hosts.extend(host.parse());
            Target::new(url.as_str(), &options).await?
        }
        made => made?,
    };
    if let (engine, Some(why)) = target.engine() {
        output::talk(&format!("sent by the {engine} engine: the other one cannot do {why}"));
    }
    Ok(target)
}

/// Asks for the name of the host.
fn is_confirmed(host: &str, address: &str) -> bool {
    output::talk(&format!(
        "`{host}` is {address}, on the public internet. If you may send to it, type its name:"
    ));
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).is_ok() && line.trim() == host
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_line_is_split_at_its_first_colon_only() {
        let parsed = parse_header("X-Url: http://a,b").unwrap();
        assert_eq!(parsed, ("X-Url".to_owned(), "http://a,b".to_owned()));
        assert!(parse_header("nothing").is_err());
    }
}
