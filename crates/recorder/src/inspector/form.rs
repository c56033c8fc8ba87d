//! One exchange in the form in which somebody wants it.

use bytes::Bytes;
use ringback_exchange::{Content, Exchange, Headers, curl, json_line, redact_target};

/// The names of the forms.
pub(super) const FORMS: [&str; 5] = ["json", "http", "curl", "request", "reply"];

/// What is sent for an exchange.
pub(super) struct Formed {
    pub(super) content_type: &'static str,
    /// A file name, for bytes that a browser must not show.
    pub(super) attachment: Option<String>,
    pub(super) bytes: Bytes,
}

/// Returns an exchange as JSON, as the bytes of HTTP, as a curl command, or the body of one of its sides
/// as it was. With `exact` secrets are shown, and the head is the one that was on the wire.
///
/// # Errors
///
/// When there is no such form, or nothing to show in it.
pub(super) fn form(
    exchange: &Exchange,
    form: &str,
    exact: bool,
    capture_url: &str,
) -> Result<Formed, String> {
    let mut shown = exchange.clone();
    if !exact {
        shown = shown.redacted();
        shown.request.target = redact_target(&shown.request.target).into_owned();
    }
    let number = exchange.number;
    let text = |content_type, text: String| {
        Ok(Formed { content_type, attachment: None, bytes: text.into() })
    };
    let body = |side: &str, content: &Content| Formed {
        // A captured page must not run in the place of this one.
        content_type: "application/octet-stream",
        attachment: Some(format!("{number}.{side}")),
        bytes: content.0.clone(),
    };
    match form {
        "json" => {
            let line = json_line(&shown).map_err(|error| error.to_string())?;
            text("application/json", format!("{line}\n"))
        }
        "curl" => {
            let url = format!("{capture_url}{}", shown.request.target);
            text("text/plain; charset=utf-8", format!("{}\n", curl(&url, &shown.request)))
        }
        "http" => Ok(Formed {
            attachment: Some(format!("{number}.http")),
            ..body("http", &Content::from(http(&shown, exact)))
        }),
        "request" => Ok(body("request", &exchange.request.body)),
        "reply" => match &exchange.reply {
            Some(reply) => Ok(body("reply", &reply.body)),
            None => Err(format!("exchange {number} has no reply")),
        },
        other => Err(format!("there is no form `{other}`; there are {}", FORMS.join(", "))),
    }
}

/// Writes a request as HTTP/1.1 has it. The body is the one that came, without its framing.
fn http(exchange: &Exchange, exact: bool) -> Vec<u8> {
    let request = &exchange.request;
    let mut bytes = match exchange.wire.as_ref().filter(|_| exact) {
        Some(wire) => wire.head.0.to_vec(),
        None => {
            let mut head =
                format!("{} {} {}\r\n", request.method, request.target, exchange.version)
                    .into_bytes();
            lines(&request.headers, &mut head);
            head.extend_from_slice(b"\r\n");
            head
        }
    };
    bytes.extend_from_slice(&request.body.0);
    bytes
}

fn lines(headers: &Headers, out: &mut Vec<u8>) {
    for (name, value) in headers.iter() {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(&value.0);
        out.extend_from_slice(b"\r\n");
    }
}
