//! The canonical text of a reply and of a request.

use regex::Regex;
use ringback_exchange::{Content, Headers, Reply, Request, printable};
use serde_json_path::JsonPath;
use sha2::{Digest, Sha256};

use crate::json;

/// What is shown, and what is replaced because it changes from run to run.
#[derive(Debug, Clone, Default)]
pub struct Redactions {
    /// Names of the headers that are shown, in lower case.
    pub headers: Vec<String>,
    /// Parts of JSON bodies, by label.
    pub paths: Vec<(JsonPath, String)>,
    /// Texts that are replaced wherever they stand, such as the ids of an event that was sent.
    pub labels: Vec<(String, String)>,
    /// Patterns that are replaced in the whole text, after all else.
    pub filters: Vec<(Regex, String)>,
}

/// Renders a reply: status line, the chosen headers by name, an empty line, the body.
pub fn render_reply(reply: &Reply, redactions: &Redactions) -> String {
    render(format!("HTTP {}", reply.status), &reply.headers, &reply.body, redactions)
}

/// Renders a request: method and target, the chosen headers by name, an empty line, the body.
pub fn render_request(request: &Request, redactions: &Redactions) -> String {
    let head = format!("{} {}", request.method, request.target);
    render(head, &request.headers, &request.body, redactions)
}

fn render(head: String, headers: &Headers, body: &Content, redactions: &Redactions) -> String {
    let mut lines = vec![head];
    let mut names = redactions.headers.clone();
    names.sort_unstable();
    names.dedup();
    // A snapshot is committed: asking for a secret header shows that it is there.
    let headers = headers.redacted();
    for name in names {
        for value in headers.get_all(&name) {
            lines.push(format!("{name}: {}", value.to_text()));
        }
    }
    if !body.0.is_empty() {
        lines.push(String::new());
        lines.push(render_body(body, redactions));
    }
    let mut text = lines.join("\n");

    // Longest first, so that an id that holds another one is replaced as a whole.
    let mut labels: Vec<_> = redactions.labels.iter().collect();
    labels.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
    for (value, label) in labels {
        if !value.is_empty() {
            text = text.replace(value, label);
        }
    }
    for (pattern, with) in &redactions.filters {
        text = pattern.replace_all(&text, with.as_str()).into_owned();
    }
    printable(&text).into_owned()
}

/// Shows JSON over lines, other text as it is, and bytes that are no text by length and digest.
fn render_body(body: &Content, redactions: &Redactions) -> String {
    match std::str::from_utf8(&body.0) {
        Ok(text) => json::layout(text, &redactions.paths).unwrap_or_else(|| text.to_owned()),
        Err(_) => {
            let digest: String =
                Sha256::digest(&body.0).iter().map(|byte| format!("{byte:02x}")).collect();
            format!("[{} bytes that are no text, sha256 {digest}]", body.0.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(body: impl Into<Content>) -> Reply {
        let headers = [("Date", "today"), ("X-B", "2"), ("Content-Type", "application/json")];
        Reply { status: 201, headers: headers.into_iter().collect(), body: body.into() }
    }

    #[test]
    fn a_reply_shows_only_what_stays_the_same() {
        let redactions = Redactions {
            headers: vec!["x-b".to_owned(), "content-type".to_owned()],
            paths: vec![(JsonPath::parse("$.at").unwrap(), "[time]".to_owned())],
            labels: vec![("c0ffee".to_owned(), "[id]".to_owned())],
            filters: vec![(Regex::new("req_[0-9]+").unwrap(), "[req]".to_owned())],
        };
        let body = r#"{"id":"c0ffee","at":"2026","log":"req_17 of c0ffee"}"#;
        insta::assert_snapshot!(render_reply(&reply(body), &redactions), @r#"
        HTTP 201
        content-type: application/json
        x-b: 2

        {
          "id": "[id]",
          "at": "[time]",
          "log": "[req] of [id]"
        }
        "#);
    }

    #[test]
    fn bytes_that_would_harm_a_terminal_are_not_shown() {
        let none = Redactions::default();
        insta::assert_snapshot!(render_reply(&reply("\x1b[2Jgone"), &none), @r"
        HTTP 201

        \u{1b}[2Jgone
        ");
        insta::assert_snapshot!(render_reply(&reply(vec![0xFF, 0]), &none), @"
        HTTP 201

        [2 bytes that are no text, sha256 ea5dbf9596d187e9500f23e9a680109475341cf4e81f7e043f7d97152c10772f]
        ");
        assert_eq!(render_reply(&reply(""), &none), "HTTP 201");
    }
}
