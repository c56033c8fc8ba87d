//! Defaults from `ringback.toml`: for every flag of every command, under the flag's own name.
//!
//! A flag on the command line wins over `RINGBACK_<FLAG>` in the environment, that over `ringback.toml`
//! in the folder, that over the user's `ringback/config.toml`. A key at the top is for every command
//! that has the flag, one in `[send]` for `send` alone; `[targets]` says where each type of event goes.
//! Unknown keys are refused with their place.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::builder::BoolishValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command};
use ringback_event::place_of;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::CliError;
use crate::signer::near;

/// The file in a project's folder.
pub(crate) const FILE: &str = "ringback.toml";
/// Flags with which somebody answers for where events go, or for whom they trust. A file that came with
/// a project must not do it in their place.
const PERSONAL: [&str; 3] = ["allow-host", "i-own", "insecure"];
/// The flag that `[targets]` is a list of.
const ROUTE: &str = "route";

/// What the files say, the weaker first.
#[derive(Debug, Default)]
pub(crate) struct Config {
    settings: Vec<Setting>,
    tables: Vec<(String, Place)>,
}

/// The value of one flag in one file.
#[derive(Debug)]
struct Setting {
    place: Place,
    /// The command; nothing is every command that has the flag.
    table: Option<String>,
    flag: String,
    values: Vec<String>,
}

/// Where something stands.
#[derive(Debug, Clone)]
struct Place {
    file: String,
    line: usize,
    column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl Config {
    /// Reads the user's file and the project's, where there are any. `RINGBACK_CONFIG` names another
    /// file to be read instead of both; empty, none is read.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, is no TOML, or holds what is no value of a flag.
    pub(crate) fn load() -> Result<Self, CliError> {
        let mut config = Self::default();
        if let Some(named) = std::env::var_os("RINGBACK_CONFIG") {
            if !named.is_empty() {
                config.read(Path::new(&named))?;
            }
            return Ok(config);
        }
        for file in user_file().into_iter().chain([PathBuf::from(FILE)]) {
            if file.is_file() {
                config.read(&file)?;
            }
        }
        Ok(config)
    }

    fn read(&mut self, file: &Path) -> Result<(), CliError> {
        let name = file.display().to_string();
        let unread = |error| CliError::usage(format!("cannot read `{name}`")).because(error);
        let text = std::fs::read_to_string(file).map_err(unread)?;
        self.parse(&name, &text)
    }

    fn parse(&mut self, file: &str, text: &str) -> Result<(), CliError> {
        let place = |offset| {
            let place = place_of(text.as_bytes(), offset);
            Place { file: file.to_owned(), line: place.line, column: place.column }
        };
        let table = DeTable::parse(text).map_err(|error| {
            let place = place(error.span().map_or(0, |span| span.start));
            CliError::usage(format!("{place}: {}", error.message()))
        })?;
        let (mut general, mut special) = (Vec::new(), Vec::new());
        for (key, value) in table.get_ref() {
            let Some(entries) = value.get_ref().as_table() else {
                general.push(setting(place(key.span().start), None, key.get_ref(), value)?);
                continue;
            };
            if key.get_ref() == "targets" {
                special.push(targets(place(key.span().start), entries, &place)?);
                continue;
            }
            self.tables.push((key.get_ref().to_string(), place(key.span().start)));
            for (flag, value) in entries {
                let at = place(flag.span().start);
                special.push(setting(at, Some(key.get_ref()), flag.get_ref(), value)?);
            }
        }
        self.settings.extend(general.into_iter().chain(special));
        Ok(())
    }

    /// Makes what the files say the defaults of a command, and has every flag listen to its variable.
    ///
    /// # Errors
    ///
    /// When there is no such command or flag.
    pub(crate) fn apply(&self, command: Command) -> Result<Command, CliError> {
        let names = names(&command);
        let known: Vec<&str> = names.iter().map(String::as_str).chain(["targets"]).collect();
        if let Some((table, place)) =
            self.tables.iter().find(|(table, _)| !names.iter().any(|name| name == table))
        {
            let near = near(table, &known);
            return Err(CliError::usage(format!("{place}: there is no command `{table}`{near}")));
        }
        let mut command = command.mut_args(listening);
        for name in &names {
            command = command.mut_subcommand(name, |command| command.mut_args(listening));
        }
        for setting in &self.settings {
            command = setting.apply(command)?;
        }
        Ok(command)
    }

    /// Says in which file a value stands that a command refused; nothing when it is in none.
    pub(crate) fn explain(&self, error: &clap::Error) -> Option<CliError> {
        if !matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue) {
            return None;
        }
        let text = |kind| match error.get(kind) {
            Some(ContextValue::String(text)) => Some(text.as_str()),
            _ => None,
        };
        let (arg, value) = (text(ContextKind::InvalidArg)?, text(ContextKind::InvalidValue)?);
        let flag = arg.strip_prefix("--")?.split([' ', '=']).next()?;
        // What was typed, or stands in the environment, came before the files.
        let typed = std::env::args().any(|arg| arg == value || arg.ends_with(&format!("={value}")));
        let variable = std::env::var(variable(flag)).is_ok_and(|it| it == value);
        let is_it = |it: &&Setting| it.flag == flag && it.values.iter().any(|it| it == value);
        let setting = self.settings.iter().rev().find(is_it).filter(|_| !typed && !variable)?;
        let rendered = error.render().to_string();
        let message = rendered.split("\n\n").next()?.trim_start_matches("error: ").to_owned();
        Some(CliError::usage(format!("{}: {}", setting.place, message.trim_end())))
    }
}

impl Setting {
    fn apply(&self, command: Command) -> Result<Command, CliError> {
        let has = |command: &Command| command.get_arguments().any(|arg| is_flag(arg, &self.flag));
        let all = names(&command);
        let is_meant = |name: &&String| self.table.as_ref().is_none_or(|table| table == *name);
        let commands: Vec<&String> = all.iter().filter(is_meant).collect();
        let having: Vec<&String> = commands
            .iter()
            .copied()
            .filter(|name| command.find_subcommand(name).is_some_and(has))
            .collect();
        let is_general = self.table.is_none() && has(&command);
        if having.is_empty() && !is_general {
            let subcommands = commands.iter().filter_map(|name| command.find_subcommand(name));
            let arguments = subcommands.flat_map(Command::get_arguments);
            let known: Vec<&str> = arguments.filter_map(Arg::get_long).collect();
            let whose = match &self.table {
                Some(table) => format!("`{table}` has no flag"),
                None => "no command has a flag".to_owned(),
            };
            let (flag, near) = (&self.flag, near(&self.flag, &known));
            return Err(CliError::usage(format!("{}: {whose} `{flag}`{near}", self.place)));
        }
        let set = |arg: Arg| {
            if is_flag(&arg, &self.flag) {
                arg.default_values(self.values.clone()).required(false)
            } else {
                arg
            }
        };
        let having: Vec<String> = having.into_iter().cloned().collect();
        let command = if is_general { command.mut_args(set) } else { command };
        Ok(having
            .into_iter()
            .fold(command, |command, name| command.mut_subcommand(name, |it| it.mut_args(set))))
    }
}

/// Has a flag listen to its variable in the environment, if it does not yet.
fn listening(arg: Arg) -> Arg {
    let Some(flag) = arg.get_long().filter(|flag| is_flag(&arg, flag)) else { return arg };
    let variable = variable(flag);
    let arg = if matches!(arg.get_action(), ArgAction::SetTrue) {
        arg.value_parser(BoolishValueParser::new())
    } else {
        arg
    };
    if arg.get_env().is_some() { arg } else { arg.env(variable).hide_env(true) }
}

fn variable(flag: &str) -> String {
    format!("RINGBACK_{}", flag.replace('-', "_").to_uppercase())
}

fn is_flag(arg: &Arg, flag: &str) -> bool {
    let is_ours = !matches!(arg.get_id().as_str(), "help" | "version");
    is_ours && arg.get_long() == Some(flag)
}

fn names(command: &Command) -> Vec<String> {
    command.get_subcommands().map(|it| it.get_name().to_owned()).collect()
}

/// Returns the file for all projects of a user.
fn user_file() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))?;
    Some(folder.join("ringback/config.toml"))
}

fn setting(
    place: Place,
    table: Option<&str>,
    flag: &str,
    value: &Spanned<DeValue<'_>>,
) -> Result<Setting, CliError> {
    let values = match value.get_ref().as_array() {
        Some(items) => items.iter().map(|item| scalar(item.get_ref())).collect(),
        None => scalar(value.get_ref()).map(|value| vec![value]),
    };
    let values = values.ok_or_else(|| {
        let what = "is neither text, a number, true or false, nor a list of them";
        CliError::usage(format!("{place}: the value of `{flag}` {what}"))
    })?;
    if PERSONAL.contains(&flag) {
        return Err(CliError::usage(format!("{place}: `{flag}` cannot be set by a file"))
            .hint(format!("say it yourself, by `--{flag}` or `{}`", variable(flag))));
    }
    let is_reference = |value: &String| value.starts_with("env:") || value.starts_with("file:");
    if flag == "secret" && !values.iter().all(is_reference) {
        // A file in a project is read by many, and stays in its history.
        return Err(CliError::usage(format!("{place}: `secret` holds a secret itself"))
            .hint("say where it is: `env:NAME` or `file:PATH`"));
    }
    Ok(Setting { place, table: table.map(str::to_owned), flag: flag.to_owned(), values })
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(is_so) => Some(is_so.to_string()),
        _ => None,
    }
}

/// Reads where each type of event goes.
fn targets(
    at: Place,
    entries: &DeTable<'_>,
    place: &impl Fn(usize) -> Place,
) -> Result<Setting, CliError> {
    let mut values = Vec::new();
    for (kind, url) in entries {
        let url_text = url.get_ref().as_str().ok_or_else(|| {
            let place = place(url.span().start);
            CliError::usage(format!("{place}: the target of `{}` is no text", kind.get_ref()))
        })?;
        values.push(format!("{}={url_text}", kind.get_ref()));
    }
    Ok(Setting { place: at, table: None, flag: ROUTE.to_owned(), values })
}
