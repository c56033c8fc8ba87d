//! Addresses as people type them.

use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs as _};
use std::path::Path;

use url::Url;

use crate::error::CliError;

/// Reads where to listen: `3000`, `:3000`, `127.0.0.1:3000`, `[::1]:3000` or `localhost:3000`. Without
/// a host it is this machine alone.
///
/// # Errors
///
/// When it is none of these.
pub(crate) fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.strip_prefix(':').unwrap_or(text).parse() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    let mut found = text.to_socket_addrs().map_err(|error| {
        format!("{error}; write it as `3000`, `127.0.0.1:3000` or `[::1]:3000`")
    })?;
    found.next().ok_or_else(|| "the host has no address".to_owned())
}

/// Reads where to send: a URL, or short for one on plain HTTP: `3000`, `:3000/path`, `host:3000/path`.
///
/// # Errors
///
/// When no URL can be made of it.
pub(crate) fn parse_url(text: &str) -> Result<Url, String> {
    if text.starts_with('/')
        || text.starts_with("http:") && !text.contains("://")
        || text.starts_with("http/")
        || text.starts_with("https/")
    {
        return Err("it names no host; write it as `http://localhost:3000/hooks`".to_owned());
    }
    let first_digits = text.strip_prefix(':').unwrap_or(text);
    let digits = first_digits.bytes().take_while(u8::is_ascii_digit).count();
    let is_port = digits > 0 && matches!(first_digits.as_bytes().get(digits), None | Some(b'/'));
    let url = if text.contains("://") {
        text.to_owned()
    } else if is_port {
        format!("http://127.0.0.1:{first_digits}")
    } else {
        format!("http://{text}")
    };
    let parsed = Url::parse(&url)
        .map_err(|error| format!("{error}; write it as `http://localhost:3000/hooks`"))?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(format!("the scheme is `{}`: use `http` or `https`", parsed.scheme()));
    }
    Ok(parsed)
}

/// Writes the URL of something that is ready now into a file, for whoever waits for it.
///
/// The file appears with its whole content or not at all.
///
/// # Errors
///
/// When it cannot be written.
pub(crate) fn write_ready_file(path: &Path, url: &str) -> Result<(), CliError> {
    let refused = |error: std::io::Error| {
        CliError::environment(format!("cannot write the ready file `{}`", path.display()))
            .because(error)
    };
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(format!(".{}.tmp", std::process::id()));
    std::fs::write(&unfinished, format!("{url}\n")).map_err(refused)?;
    std::fs::rename(&unfinished, path).map_err(refused)
}

/// Removes the ready file of an earlier run: it would tell that something is up which is not.
///
/// # Errors
///
/// When there is one that cannot be removed.
pub(crate) fn remove_ready_file(path: &Path) -> Result<(), CliError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            let message = format!("cannot remove the old ready file `{}`", path.display());
            Err(CliError::environment(message).because(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_mean_this_machine() {
        let url = |text| parse_url(text).map(String::from);
        assert_eq!(url("3000").unwrap(), "http://127.0.0.1:3000/");
        assert_eq!(url(":3000/a?b=1").unwrap(), "http://127.0.0.1:3000/a?b=1");
        assert_eq!(url("localhost:3000/hooks").unwrap(), "http://localhost:3000/hooks");
        assert_eq!(url("10.0.0.1").unwrap(), "http://10.0.0.1/");
        assert_eq!(url("https://a.example/x").unwrap(), "https://a.example/x");
        for wrong in ["ftp://a", "/hooks", "http//localhost", "http:/localhost", "https/x"] {
            assert!(url(wrong).is_err(), "{wrong}");
        }
        assert!(url("http://").is_err());

        assert_eq!(parse_listen(":3000").unwrap().to_string(), "127.0.0.1:3000");
        assert_eq!(parse_listen("0").unwrap().to_string(), "127.0.0.1:0");
        assert_eq!(parse_listen("[::1]:80").unwrap().to_string(), "[::1]:80");
        assert!(parse_listen("70000").is_err());
        assert!(parse_listen("nonsense").is_err());
    }
}
