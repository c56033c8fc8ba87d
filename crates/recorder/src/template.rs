//! Bodies that are rendered for each request.
//!
//! A text in the language of Jinja comes in and is compiled once; with what is known of a request a body
//! goes out, or why there is none. A template reads nothing but its variables: no file, no variable of
//! the environment, no other template, no clock. Its steps and its output are bounded.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::value::{Serde, Value};
use minijinja::{Environment, UndefinedBehavior, context, filters};

use crate::chance::Chance;
use crate::error::ParseTemplateError;

/// How many steps a template may take.
const FUEL: u64 = 100_000;

/// How many bytes a template may render.
pub(crate) const BYTES_MAX: usize = 1 << 20;

/// The name of the only template in its environment.
const NAME: &str = "template";

/// A compiled template. Two are equal when their texts are.
#[derive(Clone)]
pub struct Template {
    text: String,
    environment: Arc<Environment<'static>>,
}

/// What a template may know of a request.
pub(crate) struct Facts<'a> {
    pub(crate) method: &'a str,
    pub(crate) target: &'a str,
    pub(crate) path: Vec<(&'a str, &'a str)>,
    pub(crate) query: &'a [(String, String)],
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) json: Option<&'a serde_json::Value>,
    pub(crate) text: std::borrow::Cow<'a, str>,
    pub(crate) number: u64,
    pub(crate) event: Option<&'a str>,
    pub(crate) now: jiff::Timestamp,
    pub(crate) chance: Chance,
}

impl Template {
    /// Compiles a template.
    ///
    /// # Errors
    ///
    /// When the text is no template. A filter or a variable that is not there shows itself in a reply.
    pub fn new(text: &str) -> Result<Self, ParseTemplateError> {
        let mut environment = Environment::empty();
        environment.set_fuel(Some(FUEL));
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.add_filter("tojson", filters::tojson);
        environment.add_filter("default", filters::default);
        environment.add_filter("upper", filters::upper);
        environment.add_filter("lower", filters::lower);
        environment.add_filter("trim", filters::trim);
        environment.add_filter("length", filters::length);
        environment.add_filter("first", filters::first);
        environment.add_filter("last", filters::last);
        environment.add_filter("join", filters::join);
        environment.add_filter("int", filters::int);
        environment.add_test("defined", minijinja::tests::is_defined);
        environment.add_test("none", minijinja::tests::is_none);
        environment.add_template_owned(NAME, text.to_owned()).map_err(|error| {
            let why = error.detail().map_or_else(|| error.to_string(), str::to_owned);
            ParseTemplateError { line: error.line().unwrap_or(1), why }
        })?;
        Ok(Self { text: text.to_owned(), environment: Arc::new(environment) })
    }

    /// Renders a body, or says why there is none.
    pub(crate) fn render(&self, facts: Facts<'_>) -> Result<Vec<u8>, String> {
        let Facts { method, target, path, query, headers, json, text, number, event, now, chance } =
            facts;
        let map = |pairs: Vec<(String, String)>| -> Value {
            // The first of a name counts, as with `Headers::get`.
            Value::from_pairs(pairs.into_iter().rev())
        };
        let path = path.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let chance = Arc::new(Mutex::new(chance));
        let bits = move || chance.lock().unwrap_or_else(PoisonError::into_inner).bits();
        let integer_bits = bits.clone();
        let context = context! {
            method,
            target,
            path => map(path.collect()),
            query => map(query.to_vec()),
            headers => map(headers),
            body => json.map_or(Value::from(()), |json| Value::from(Serde(json))),
            text,
            number,
            event_id => event.map_or(Value::UNDEFINED, Value::from),
            now => now.to_string(),
            unix => now.as_second(),
            random => Value::from_function(move |from: i64, to: i64| {
                let range = to.abs_diff(from).saturating_add(1);
                from.min(to).wrapping_add_unsigned(integer_bits() % range)
            }),
            hex => Value::from_function(move || format!("{:016x}", bits())),
        };
        let mut body = Bounded(Vec::new());
        let rendered = self
            .environment
            .get_template(NAME)
            .and_then(|template| template.render_captured_to(context, &mut body).map(drop));
        match rendered {
            Ok(()) => Ok(body.0),
            Err(error) => {
                let detail = error.detail().map(|it| format!(": {it}")).unwrap_or_default();
                let line = error.line().map(|it| format!(" in line {it}")).unwrap_or_default();
                let why = match error.kind() {
                    minijinja::ErrorKind::WriteFailure => {
                        format!("it renders more than {BYTES_MAX} bytes")
                    }
                    minijinja::ErrorKind::OutOfFuel => format!("it takes more than {FUEL} steps"),
                    kind => format!("{kind}{detail}"),
                };
                Err(format!("the template of the reply fails{line}: {why}"))
            }
        }
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Template").field(&self.text).finish()
    }
}

/// Bytes that are refused beyond a limit.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > BYTES_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(text: &str, body: &str) -> Result<String, String> {
        let json = serde_json::from_str(body).ok();
        let facts = Facts {
            method: "POST",
            target: "/calls/7?a=1",
            path: vec![("id", "7")],
            query: &[("a".to_owned(), "1".to_owned())],
            headers: vec![("x-a".to_owned(), "b".to_owned()), ("x-a".to_owned(), "c".to_owned())],
            json: json.as_ref(),
            text: body.into(),
            number: 3,
            event: Some("evt_1"),
            now: jiff::Timestamp::UNIX_EPOCH,
            chance: Chance::new(1, 0, 0, ""),
        };
        let template = Template::new(text).map_err(|error| error.to_string())?;
        template.render(facts).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn a_template_knows_the_request_and_nothing_else() {
        let text = "{{ method }} {{ path.id }} {{ query.a }} {{ headers['x-a'] }} {{ number }} \
                    {{ event_id }} {{ now }} {{ unix }} {{ body.n | tojson }} {{ text }}";
        assert_eq!(
            render(text, "{\"n\":[1]}").unwrap(),
            "POST 7 1 b 3 evt_1 1970-01-01T00:00:00Z 0 [1] {\"n\":[1]}"
        );
        let drawn = render("{{ random(1, 6) }} {{ random(6, 1) }} {{ hex() }}", "").unwrap();
        assert_eq!(render("{{ random(1, 6) }} {{ random(6, 1) }} {{ hex() }}", "").unwrap(), drawn);
        assert_eq!(
            render("{% if body is none %}none{% else %}json{% endif %}", "<x>").unwrap(),
            "none"
        );
        assert_eq!(render("{{ body.missing | default('d') }}", "{}").unwrap(), "d");
    }

    #[test]
    fn what_fails_says_why() {
        let why = |text: &str, body: &str| render(text, body).unwrap_err();
        insta::assert_snapshot!(why("a\n{{ x", ""), @"the template is wrong in its line 2: unexpected end of input, expected end of variable block");
        insta::assert_snapshot!(why("{{ a | nothing }}", ""), @"the template of the reply fails in line 1: unknown filter: filter nothing is unknown");
        insta::assert_snapshot!(why("{{ body.a.b }}", "{}"), @"the template of the reply fails in line 1: undefined value");
        insta::assert_snapshot!(why("{{ 'x' * 1100000 }}", ""), @"the template of the reply fails: it renders more than 1048576 bytes");
        insta::assert_snapshot!(why("{% for a in body %}{% for b in body %}{% for c in body %}{% for d in body %}.{% endfor %}{% endfor %}{% endfor %}{% endfor %}", &format!("[{}1]", "1,".repeat(99))), @"the template of the reply fails in line 1: it takes more than 100000 steps");
        insta::assert_snapshot!(why("{% include 'x' %}", ""), @"the template is wrong in its line 1: unknown statement include");
    }
}
