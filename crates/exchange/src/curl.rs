//! A request as a `curl` command.

use std::fmt::Write as _;

use crate::headers::{Header, Headers};
use crate::message::Request;
use crate::printable::printable;

/// Headers that curl writes itself; repeating them would frame the body twice.
const WRITTEN_BY_CURL: [&str; 3] = ["host", "content-length", "transfer-encoding"];

/// A command line is executed up to 128 KiB an argument on Linux; a longer body goes through a pipe.
const ARGUMENT_BYTES: usize = 96 << 10;

/// Writes the request as one line for a POSIX shell that sends the same bytes to `url`.
///
/// Values of headers that carry secrets are replaced by `[redacted]`. A body with control characters
/// or with bytes that are no UTF-8 cannot stand in a command line; it is passed through `base64 -d`.
pub fn curl(url: &str, request: &Request) -> String {
    command(&quote(url), request, &request.headers.redacted())
}

/// Writes the request as [`curl`] does, with the values of secret headers too, for whoever asks for a
/// request that is signed.
pub fn curl_exact(url: &str, request: &Request) -> String {
    command(&quote(url), request, &request.headers)
}

/// Writes the request as one line with an address that is quoted for the shell already, and with other
/// header lines than its own.
pub(crate) fn command(url: &str, request: &Request, headers: &Headers) -> String {
    let body = &request.body.0;
    // What would be escaped on its way to a terminal would not be the same bytes.
    let is_shown_as_is = |text: &str| !text.contains('\0') && printable(text) == text;
    let is_plain = std::str::from_utf8(body).is_ok_and(is_shown_as_is);
    let is_piped = !is_plain || body.len() > ARGUMENT_BYTES;
    let mut line = String::new();
    if !is_plain {
        let _ = write!(line, "printf %s {} | base64 -d | ", quote(&encode(body)));
    } else if is_piped {
        let _ = write!(line, "printf %s {} | ", quote(&request.body.to_text()));
    }
    let _ = write!(line, "curl -sS -i -g -X {} {url}", quote(&request.method));
    for Header(name, value) in &headers.0 {
        let name = name.to_ascii_lowercase();
        if WRITTEN_BY_CURL.contains(&name.as_str()) {
            continue;
        }
        // curl takes `x:` for "no such header" and `x;` for an empty one.
        let header = match value.to_text() {
            empty if empty.is_empty() => format!("{name};"),
            value => format!("{name}: {value}"),
        };
        let _ = write!(line, " -H {}", quote(&header));
    }
    if request.headers.get("content-type").is_none() && !body.is_empty() {
        // Otherwise curl says that it is a form.
        line.push_str(" -H content-type:");
    }
    if is_piped {
        line.push_str(" --data-binary @-");
    } else if !body.is_empty() {
        // A leading @ would be read as a file name.
        let flag = if body.starts_with(b"@") { "--data-raw" } else { "--data-binary" };
        let _ = write!(line, " {flag} {}", quote(&request.body.to_text()));
    }
    line
}

fn encode(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Quotes a text for a POSIX shell, where nothing is special between single quotes but they themselves.
pub(crate) fn quote(text: &str) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "-_./:=%+@,".contains(c);
    if !text.is_empty() && text.chars().all(is_safe) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[(&str, &str)], body: impl Into<crate::Content>) -> String {
        let headers = headers.iter().copied().collect::<Headers>();
        let request = Request {
            method: "POST".to_owned(),
            target: "/h".to_owned(),
            headers,
            body: body.into(),
        };
        curl("http://127.0.0.1:3000/h?a=1&b=2", &request)
    }

    #[test]
    fn a_request_becomes_a_line_that_a_shell_takes() {
        insta::assert_snapshot!(check(&[("Content-Type", "application/json"), ("Host", "x"), ("Authorization", "Bearer s3cret")], r#"{"name":"O'Hara"}"#), @r#"curl -sS -i -g -X POST 'http://127.0.0.1:3000/h?a=1&b=2' -H 'content-type: application/json' -H 'authorization: [redacted]' --data-binary '{"name":"O'\''Hara"}'"#);
        insta::assert_snapshot!(check(&[], vec![0xFF]), @"printf %s /w== | base64 -d | curl -sS -i -g -X POST 'http://127.0.0.1:3000/h?a=1&b=2' -H content-type: --data-binary @-");
        insta::assert_snapshot!(check(&[], "@home"), @"curl -sS -i -g -X POST 'http://127.0.0.1:3000/h?a=1&b=2' -H content-type: --data-raw @home");
        let long = check(&[], "x".repeat(ARGUMENT_BYTES + 1));
        assert!(long.starts_with("printf %s xxx") && long.ends_with(" --data-binary @-"));
    }
}
