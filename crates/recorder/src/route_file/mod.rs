//! Routes in a file: YAML (JSON is read by the same parser), in the words of a scenario's `downstream`.
//!
//! A file comes in, a [`Script`] goes out, or what is wrong with it and where. Unknown keys, keys that come
//! twice and values of the wrong kind are errors. Bodies in files of their own are read at once, from the
//! folder of the file and below it: no absolute path, no `..`, no symbolic link leads out of it.

mod fields;

use std::fmt;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use ringback_exchange::{Content, Headers};
use serde_json::Value;
use serde_saphyr::options::MergeKeyPolicy;
use serde_saphyr::{Location, Spanned};

use crate::condition::{Condition, Expected};
use crate::delay::Delay;
use crate::error::RouteFileError;
use crate::script::{Body, Place, Replies, Route, Script, ScriptedReply, Turn};
use crate::template::Template;
use fields::{ByField, Entry, FileFields, OneReply, Pairs, PlaceFields, ReplyFields, RouteFields};

/// The largest file of routes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The largest body in a file of its own.
const BODY_BYTES_MAX: u64 = 10 << 20;

impl Script {
    /// Reads a file of routes; docs/guides/stand-in.md explains its keys.
    ///
    /// # Errors
    ///
    /// When the file, or a body that it names, cannot be read, or something in it cannot be played.
    pub fn read(path: &Path) -> Result<Self, RouteFileError> {
        let text = read(path, FILE_BYTES_MAX).map_err(|why| RouteFileError {
            path: path.to_owned(),
            place: None,
            why,
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let parsed = match String::from_utf8(text) {
            Ok(text) => parse(&text, folder),
            Err(_) => Err(Problem { place: None, why: "it is not UTF-8".to_owned() }),
        };
        parsed.map_err(|Problem { place, why }| RouteFileError {
            path: path.to_owned(),
            place,
            why,
        })
    }
}

/// What is wrong, and where: line and column from 1.
struct Problem {
    place: Option<(u64, u64)>,
    why: String,
}

impl Problem {
    fn at(location: Location, why: impl fmt::Display) -> Self {
        let place = (location.line() > 0).then(|| (location.line(), location.column()));
        Self { place, why: why.to_string() }
    }
}

fn parse(text: &str, folder: &Path) -> Result<Script, Problem> {
    let options = serde_saphyr::options! {
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
    };
    let fields: FileFields =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| {
            let whole = error.without_snippet().to_string();
            // The library appends the place, which is shown in front.
            let why = whole.split(" at line ").next().unwrap_or(&whole);
            let why = why.split(", set DuplicateKeyPolicy").next().unwrap_or(why);
            Problem::at(error.location().unwrap_or(Location::UNKNOWN), why)
        })?;
    let routes = fields.routes.into_iter().map(|fields| route(fields, folder));
    let otherwise = fields.otherwise.map(|fields| replies(fields, ByField::Arrival, false, folder));
    let standard = Script::default();
    Ok(Script {
        seed: fields.seed.unwrap_or(standard.seed),
        reset_on_accept: fields.reset_on_accept.unwrap_or(0),
        event_id: fields.event_id.map_or(standard.event_id, |places| {
            let place = |place| match place {
                PlaceFields::Header(name) => Place::Header(name),
                PlaceFields::Body(path) => Place::Body(path.0),
            };
            places.into_iter().map(place).collect()
        }),
        routes: routes.collect::<Result<_, _>>()?,
        otherwise: otherwise.transpose()?,
    })
}

fn route(fields: Spanned<RouteFields>, folder: &Path) -> Result<Route, Problem> {
    let RouteFields { method, path, headers, query, body, by, cycle, reply } = fields.value;
    let texts = |pairs: Pairs| -> Result<Vec<_>, Problem> {
        let pairs = pairs.0.into_iter().map(|(name, value)| {
            let at = value.referenced;
            let expected =
                match expected(value)? {
                    Expected::Equal(value) => Expected::Equal(scalar(&value).ok_or_else(|| {
                        Problem::at(at, "a text is wanted, or `{ absent: true }`")
                    })?),
                    Expected::Present => Expected::Present,
                    Expected::Absent => Expected::Absent,
                };
            Ok((name, expected))
        });
        pairs.collect()
    };
    let body = body.0.into_iter().map(|(path, value)| {
        let at = value.referenced;
        let path = crate::json_path::parse(&path)
            .map_err(|error| Problem::at(at, format!("`{path}` is no JSONPath: {error}")))?;
        Ok((path, expected(value)?))
    });
    let when = Condition {
        method,
        path: path.map(|path| path.0),
        headers: texts(headers)?,
        query: texts(query)?,
        body: body.collect::<Result<_, Problem>>()?,
    };
    Ok(Route { when, replies: replies(reply, by, cycle, folder)? })
}

/// A value stands for itself; a map with `equals` or `absent` is a check, as in scenarios.
fn expected(value: Spanned<Value>) -> Result<Expected<Value>, Problem> {
    let Value::Object(map) = &value.value else { return Ok(Expected::Equal(value.value)) };
    let mut entries = map.iter();
    match (entries.next(), entries.next()) {
        (Some((word, value)), None) if word == "equals" => Ok(Expected::Equal(value.clone())),
        (Some((word, Value::Bool(true))), None) if word == "absent" => Ok(Expected::Absent),
        (Some((word, Value::Bool(false))), None) if word == "absent" => Ok(Expected::Present),
        _ => Err(Problem::at(
            value.referenced,
            "a map here is `{ equals: VALUE }`, `{ absent: true }` or `{ absent: false }`",
        )),
    }
}

fn replies(
    fields: Spanned<ReplyFields>,
    by: ByField,
    cycle: bool,
    folder: &Path,
) -> Result<Replies, Problem> {
    let at = fields.referenced;
    let is_round = fields.value.cycle;
    let list = fields.value.list.into_iter().map(|entry| match entry {
        Entry::Ready(reply) => Ok(reply),
        Entry::Fields(fields) => reply(*fields, at, folder),
    });
    let by = match by {
        ByField::Arrival => Turn::Arrival,
        ByField::Attempt => Turn::Attempt,
        ByField::Event => Turn::Event,
    };
    let replies = Replies { list: list.collect::<Result<_, _>>()?, by, cycle: cycle || is_round };
    match replies.misfit() {
        Some(why) => Err(Problem::at(at, why)),
        None => Ok(replies),
    }
}

fn reply(fields: OneReply, at: Location, folder: &Path) -> Result<ScriptedReply, Problem> {
    let OneReply { status, headers, json, text, template, file, delay, times, chance, fault } =
        fields;
    let mut lines = Headers::default();
    for (name, value) in headers.0 {
        let values = match &value.value {
            Value::Array(values) => values.iter().map(scalar).collect(),
            value => scalar(value).map(|value| vec![Some(value)]).unwrap_or(vec![None]),
        };
        for text in values {
            let why = "the value of a header is a text, or a list of texts for a line each";
            lines.push(&name, text.ok_or_else(|| Problem::at(value.referenced, why))?);
        }
    }
    let kinds = [json.is_some(), text.is_some(), template.is_some(), file.is_some()];
    if kinds.into_iter().filter(|is| *is).count() > 1 {
        let why = "a reply has one of `json`, `text`, `template` and `file`";
        return Err(Problem::at(at, why));
    }
    if json.is_some() && lines.get_all("content-type").next().is_none() {
        lines.push("content-type", "application/json");
    }
    let body = match (json, text, template, file) {
        (Some(json), ..) => Body::Bytes(Content::from(json.to_string())),
        (_, Some(text), ..) => Body::Bytes(Content::from(text)),
        (_, _, Some(text), _) => Body::Template(
            Template::new(&text.value).map_err(|error| Problem::at(text.referenced, error))?,
        ),
        (_, _, _, Some(file)) => {
            let bytes = safe_path(folder, &file.value).and_then(|path| read(&path, BODY_BYTES_MAX));
            Body::Bytes(Content::from(bytes.map_err(|why| {
                Problem::at(file.referenced, format!("the body `{}`: {why}", file.value))
            })?))
        }
        _ => Body::Bytes("".into()),
    };
    Ok(ScriptedReply {
        status,
        headers: lines,
        body,
        delay: delay.map_or(Delay::NONE, |delay| delay.0),
        times: times.unwrap_or(1),
        chance: chance.map(|chance| chance.0.0),
        fault: fault.map(|fault| fault.0.0),
    })
}

/// Returns a plain value as the text that it was.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Joins a path that stays in its folder: each step is a plain name, and none is a symbolic link.
fn safe_path(folder: &Path, text: &str) -> Result<PathBuf, String> {
    let mut path = folder.to_owned();
    for step in Path::new(text).components() {
        match step {
            Component::CurDir => continue,
            Component::Normal(name) => path.push(name),
            Component::Prefix(_) | Component::RootDir | Component::ParentDir => {
                let why = "only files in the folder of the routes, or below it, are read";
                return Err(why.to_owned());
            }
        }
        if path.symlink_metadata().is_ok_and(|found| found.is_symlink()) {
            return Err("symbolic links are not followed".to_owned());
        }
    }
    Ok(path)
}

/// Reads a regular file of at most `max` bytes.
fn read(path: &Path, max: u64) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| format!("it cannot be read: {error}");
    if !path.metadata().map_err(failed)?.is_file() {
        return Err("it is not a file".to_owned());
    }
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(max + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > max {
        return Err(format!("it has more than {max} bytes"));
    }
    Ok(bytes)
}
