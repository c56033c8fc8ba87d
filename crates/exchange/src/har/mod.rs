//! HTTP Archive 1.2: what browsers, proxies and other recorders exchange.
//!
//! Exchanges go out as one archive, piece by piece; archives of anybody come in as requests that can be
//! sent again. What HAR has no field for is in fields that begin with an underscore, as it permits:
//! with them an exchange's request comes back as it was, byte for byte, and readers that do not know
//! them have the best that HAR can say.
//!
//! It refuses what is no archive, and requests that cannot be told: without a method or an address.

mod form;

use jiff::Timestamp;

use crate::exchange::Exchange;
use crate::message::{Reply, Request};
use form::{Document, Entry};

/// Returns an archive of exchanges, in pieces that are to be written one after the other, so that no
/// more than one exchange is in memory.
///
/// `startedDateTime` is the time at which the request had arrived as a whole, and `time` what the reply
/// took. An exchange without a reply has the status 0, as browsers have it.
///
/// # Errors
///
/// Those of the exchanges, each in the place of its piece.
pub fn write<E>(
    version: &str,
    exchanges: impl IntoIterator<Item = Result<Exchange, E>>,
) -> impl Iterator<Item = Result<String, E>> {
    let creator = serde_json::json!({ "name": "ringback", "version": version });
    let begin = format!("{{\"log\":{{\"version\":\"1.2\",\"creator\":{creator},\"entries\":[");
    let mut is_first = true;
    let entries = exchanges.into_iter().map(move |exchange| {
        let separator = if is_first { "\n" } else { ",\n" };
        is_first = false;
        let entry = serde_json::to_string(&Entry::of(&exchange?)).unwrap_or_default();
        Ok(format!("{separator}{entry}"))
    });
    [Ok(begin)].into_iter().chain(entries).chain([Ok("\n]}}\n".to_owned())])
}

/// A request of an archive.
#[derive(Debug, Clone, PartialEq)]
pub struct HarEntry {
    /// When it was sent, or had arrived.
    pub started: Timestamp,
    /// The address it was sent to.
    pub url: String,
    /// The request. Its target is as it was on the wire where the archive tells, and else the path and
    /// query of the address.
    pub request: Request,
    /// What was answered; none when nothing was.
    pub reply: Option<Reply>,
}

/// Why a text is no archive.
#[derive(Debug, thiserror::Error)]
pub enum HarError {
    /// It is not JSON, or not of the form that HAR 1.2 has.
    #[error("it is not an HTTP archive")]
    Form(#[source] serde_json::Error),
    /// An entry cannot be a request.
    #[error("entry {index} of the archive cannot be used: {why}")]
    Entry {
        /// Its place, from 1.
        index: usize,
        /// What is wrong with it.
        why: String,
    },
}

/// Reads an archive of whatever origin. Its entries stay in their order.
///
/// Pseudo headers of HTTP/2 (`:authority`) are left out: they are in the request line of HTTP/1.1.
///
/// # Errors
///
/// When it is no archive, or one of its entries cannot be a request.
pub fn read(archive: &[u8]) -> Result<Vec<HarEntry>, HarError> {
    // Written by editors of some systems; no JSON begins with it.
    let archive = archive.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(archive);
    let document: Document = serde_json::from_slice(archive).map_err(HarError::Form)?;
    let entries = document.log.entries.into_iter().enumerate();
    let read = |(index, entry): (usize, Entry)| {
        entry.read().map_err(|why| HarError::Entry { index: index + 1, why })
    };
    entries.map(read).collect()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;
    use crate::content::Content;
    use crate::exchange::Wire;
    use crate::headers::Headers;

    fn exchange(target: &str, headers: Headers, body: Vec<u8>) -> Exchange {
        Exchange {
            number: 7,
            received_at: "2026-01-02T03:04:05.000006Z".parse().unwrap(),
            peer: "127.0.0.1:40000".to_owned(),
            version: "HTTP/1.1".to_owned(),
            request: Request {
                method: "POST".to_owned(),
                target: target.to_owned(),
                headers,
                body: body.into(),
            },
            reply: Some(Reply {
                status: 201,
                headers: Headers::from_iter([("content-type", "text/plain")]),
                body: "ok".into(),
            }),
            duration_ms: Some(1.5),
            forwarded: None,
            fault: None,
            wire: Some(Wire { connection: 3, head: "x".into(), ..Wire::default() }),
            signature: Some("valid".to_owned()),
            injected: None,
        }
    }

    fn archive(exchanges: &[Exchange]) -> String {
        let exchanges = exchanges.iter().cloned().map(Ok::<_, Infallible>);
        write("0.1.0", exchanges).map(Result::unwrap).collect()
    }

    #[test]
    fn an_exchange_is_an_entry() {
        let headers = Headers::from_iter([("host", "h:1"), ("Content-Type", "application/json")]);
        let mut silent = exchange("*", Headers::default(), Vec::new());
        silent.reply = None;
        silent.duration_ms = None;
        let text = archive(&[exchange("/a?b=1&c", headers, b"{}".to_vec()), silent]);
        insta::assert_snapshot!(text, @r#"
        {"log":{"version":"1.2","creator":{"name":"ringback","version":"0.1.0"},"entries":[
        {"startedDateTime":"2026-01-02T03:04:05.000006Z","time":1.5,"request":{"method":"POST","url":"http://h:1/a?b=1&c","httpVersion":"HTTP/1.1","cookies":[],"headers":[{"name":"host","value":"h:1"},{"name":"Content-Type","value":"application/json"}],"queryString":[{"name":"b","value":"1"},{"name":"c","value":""}],"postData":{"mimeType":"application/json","text":"{}"},"headersSize":1,"bodySize":2},"response":{"status":201,"statusText":"","httpVersion":"HTTP/1.1","cookies":[],"headers":[{"name":"content-type","value":"text/plain"}],"content":{"size":2,"mimeType":"text/plain","text":"ok"},"redirectURL":"","headersSize":-1,"bodySize":2},"cache":{},"timings":{"send":0.0,"wait":1.5,"receive":0.0},"connection":"3","_number":7,"_signature":"valid"},
        {"startedDateTime":"2026-01-02T03:04:05.000006Z","time":0.0,"request":{"method":"POST","url":"http://host.invalid/","httpVersion":"HTTP/1.1","cookies":[],"headers":[],"queryString":[],"headersSize":1,"bodySize":0,"_target":"*"},"response":{"status":0,"statusText":"","httpVersion":"","cookies":[],"headers":[],"content":{"size":0,"mimeType":"x-unknown"},"redirectURL":"","headersSize":-1,"bodySize":-1},"cache":{},"timings":{"send":0.0,"wait":0.0,"receive":0.0},"connection":"3","_number":7,"_signature":"valid"}
        ]}}
        "#);
        let read = read(text.as_bytes()).unwrap();
        assert_eq!(read[0].url, "http://h:1/a?b=1&c");
        assert_eq!(
            (read[1].url.as_str(), read[1].request.target.as_str()),
            ("http://host.invalid/", "*")
        );
        assert_eq!(read[1].reply, None);
        assert_eq!(archive(&[]).lines().count(), 2);
    }

    #[test]
    fn archives_of_others_are_read() {
        let text = r##"{"log":{"version":"1.2","creator":{"name":"b"},"pages":[],"entries":[
            {"startedDateTime":"2026-01-02T03:04:05.678+01:00","request":{"method":"POST",
             "url":"https://h/p?q=1#x","headers":[{"name":":authority","value":"h"},{"name":"A","value":"b"}],
             "postData":{"mimeType":"application/x-www-form-urlencoded",
                         "params":[{"name":"a b","value":"c&d"},{"name":"e"}]}},
             "response":{"status":0}},
            {"startedDateTime":"2026-01-02T03:04:05Z","request":{"method":"GET","url":"http://h"},
             "response":{"status":200,"content":{"size":1,"mimeType":"x","text":"AP8=","encoding":"base64"}}}
        ]}}"##;
        let read = read(format!("\u{feff}{text}").as_bytes()).unwrap();
        assert_eq!(read[0].started.to_string(), "2026-01-02T02:04:05.678Z");
        assert_eq!(read[0].request.target, "/p?q=1");
        assert_eq!(read[0].request.headers, Headers::from_iter([("A", "b")]));
        assert_eq!(read[0].request.body.to_text(), "a+b=c%26d&e=");
        assert_eq!(read[0].reply, None);
        assert_eq!(read[1].request.target, "/");
        assert_eq!(read[1].reply.as_ref().unwrap().body, Content::from(vec![0, 0xFF]));
    }

    #[test]
    fn what_is_no_archive_is_told() {
        let why = |text: &str| {
            let error = read(text.as_bytes()).unwrap_err();
            let source = std::error::Error::source(&error).map(ToString::to_string);
            format!("{error}{}", source.map(|source| format!(": {source}")).unwrap_or_default())
        };
        assert!(why("{").starts_with("it is not an HTTP archive: EOF"), "{}", why("{"));
        assert!(why("{\"log\":{}}").contains("missing field `entries`"));
        let entry = |request: &str| {
            why(&format!(
                r#"{{"log":{{"entries":[{{"startedDateTime":"2026-01-02T03:04:05Z","request":{request}}}]}}}}"#
            ))
        };
        let begin = "entry 1 of the archive cannot be used: ";
        assert_eq!(
            entry(r#"{"method":"","url":"http://h"}"#),
            format!("{begin}its method is empty")
        );
        assert_eq!(entry(r#"{"method":"A","url":""}"#), format!("{begin}its address is empty"));
        let body = r#"{"method":"A","url":"http://h","postData":{"text":"!","encoding":"base64"}}"#;
        assert!(entry(body).starts_with(&format!("{begin}its body is no base64: ")));
        let body = r#"{"method":"A","url":"http://h","postData":{"text":"!","encoding":"rot13"}}"#;
        assert!(entry(body).ends_with("encoded as `rot13`, and only base64 is known"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            target in "(/|http://h/|\\*|[^\\pC]{1,10})[^\\pC]{0,20}",
            headers in proptest::collection::vec(("[a-zA-Z-]{1,9}", any::<Vec<u8>>()), 0..5),
            body: Vec<u8>,
            reply: Option<Vec<u8>>,
        ) {
            let mut exchange = exchange(&target, Headers::from_iter(headers), body);
            exchange.reply = reply.map(|body| {
                Reply { status: 200, headers: Headers::default(), body: body.into() }
            });
            let read = read(archive(std::slice::from_ref(&exchange)).as_bytes()).unwrap().remove(0);
            prop_assert_eq!(read.started, exchange.received_at);
            prop_assert_eq!(read.request, exchange.request);
            prop_assert_eq!(read.reply, exchange.reply);
        }

        #[test]
        fn nothing_makes_it_panic(text: String, bytes: Vec<u8>) {
            let _ = read(&bytes);
            let _ = read(text.as_bytes());
        }
    }
}
