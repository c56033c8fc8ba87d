//! The customers of a workspace, where somebody names them: JSON Lines in, people by language out.
//!
//! One customer a line, in the form in which Oration's REST API takes them: `identifier` and, where there
//! is one, `name`, `phoneNumber` (E.164), `email`, `priority`, `isDoNotDisturbEnabled`, `metadata`; `id`
//! (a UUID) and `locale` besides. A line that is not one, an identifier that comes twice and a language
//! that nobody speaks are refused with the line.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::library::{Library, Names};

/// The customers that calls are made with, in place of people who are made up.
#[derive(Debug, Clone, PartialEq)]
pub struct Population {
    /// By the position of each locale in the library.
    people: Vec<Vec<Person>>,
}

/// One customer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Person {
    /// Which of all customers, from 0.
    pub(crate) number: u64,
    pub(crate) id: Option<Uuid>,
    pub(crate) identifier: String,
    pub(crate) name: Option<String>,
    /// How an agent addresses them.
    pub(crate) address: Option<String>,
    pub(crate) phone: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) priority: i64,
    pub(crate) do_not_disturb: bool,
    pub(crate) metadata: Value,
}

/// A population that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PopulationError {
    /// A line is not JSON of a customer.
    #[error("line {line}, column {column}: {reason}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What the parser said.
        reason: String,
    },
    /// A customer that there cannot be.
    #[error("line {line}: {reason}")]
    Customer {
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// There is nobody.
    #[error("there is no customer in it; write one a line, such as {{\"identifier\":\"CUST-1\"}}")]
    Nobody,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct PersonFile {
    identifier: String,
    id: Option<String>,
    name: Option<String>,
    phone_number: Option<String>,
    email: Option<String>,
    priority: Option<i64>,
    #[serde(default)]
    is_do_not_disturb_enabled: bool,
    #[serde(default)]
    metadata: Value,
    locale: Option<String>,
}

/// The language of a customer of whom none is said.
const DEFAULT_LOCALE: &str = "en";

impl Population {
    /// Reads customers, one JSON object a line; blank lines are passed over.
    ///
    /// # Errors
    ///
    /// When a line is not one, two have the same identifier, or there is none.
    pub fn parse(text: &str) -> Result<Self, PopulationError> {
        let locales = &Library::embedded().locales;
        let mut people: Vec<Vec<Person>> = locales.iter().map(|_| Vec::new()).collect();
        let mut identifiers = HashSet::new();
        let mut number = 0;
        for (at, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
            let line = at + 1;
            let file: PersonFile = serde_json::from_str(text).map_err(|error| {
                let reason = error.to_string();
                let reason = reason.rsplit_once(" at line ").map_or(reason.as_str(), |it| it.0);
                PopulationError::Syntax { line, column: error.column(), reason: reason.to_owned() }
            })?;
            let refused = |reason: String| PopulationError::Customer { line, reason };
            let locale = file.locale.as_deref().unwrap_or(DEFAULT_LOCALE);
            let index = locales.iter().position(|known| known.name == locale).ok_or_else(|| {
                let known: Vec<&str> = locales.iter().map(|known| known.name.as_str()).collect();
                let near = crate::nearest(locale, &known);
                let known = known.join(", ");
                refused(format!(
                    "no locale is called `{locale}`; did you mean `{near}`? There are {known}"
                ))
            })?;
            let person = person(file, number, &locales[index].names).map_err(refused)?;
            if !identifiers.insert(person.identifier.clone()) {
                let reason = format!("the identifier `{}` comes twice", person.identifier);
                return Err(refused(reason));
            }
            people[index].push(person);
            number += 1;
        }
        if number == 0 { Err(PopulationError::Nobody) } else { Ok(Self { people }) }
    }

    /// Tells how many customers there are.
    pub fn len(&self) -> usize {
        self.people.iter().map(Vec::len).sum()
    }

    /// Tells whether there is nobody, which there never is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tells whether anybody speaks a locale.
    pub(crate) fn speak(&self, locale: usize) -> bool {
        self.people.get(locale).is_some_and(|people| !people.is_empty())
    }

    /// Returns how many speak each locale.
    pub(crate) fn weights(&self) -> impl Iterator<Item = u32> + Clone {
        self.people.iter().map(|people| u32::try_from(people.len()).unwrap_or(u32::MAX))
    }

    /// Returns the people of a locale.
    pub(crate) fn of(&self, locale: usize) -> &[Person] {
        self.people.get(locale).map_or(&[], Vec::as_slice)
    }
}

fn person(file: PersonFile, number: u64, names: &Names) -> Result<Person, String> {
    let some = |text: Option<String>| text.filter(|text| !text.is_empty());
    let phone = some(file.phone_number);
    if let Some(phone) = &phone
        && !ringback_event::is_e164(phone)
    {
        return Err(format!(
            "`{phone}` is no E.164 number; write +, the country code and the number"
        ));
    }
    if file.identifier.is_empty() {
        return Err("the identifier is empty".to_owned());
    }
    let priority = file.priority.unwrap_or(5);
    if priority < 0 {
        return Err(format!("the priority {priority} is below 0, which is the highest"));
    }
    let name = some(file.name);
    let uuid = |id: String| id.parse().map_err(|_| format!("the id `{id}` is no UUID"));
    Ok(Person {
        number,
        id: some(file.id).map(uuid).transpose()?,
        identifier: file.identifier,
        address: name.as_deref().map(|name| address(name, names)),
        name,
        phone,
        email: some(file.email),
        priority,
        do_not_disturb: file.is_do_not_disturb_enabled,
        metadata: file.metadata,
    })
}

/// Says how an agent addresses somebody of whom only the full name is known: its first word is the given
/// or the family name, as the language has it.
fn address(name: &str, names: &Names) -> String {
    let Some((first, rest)) = name.split_once(' ') else {
        let form = names.address.replace("{given}", "").replace("{family}", "");
        // What stands around the name, such as an honorific, stays.
        return match names.address.starts_with('{') {
            true => format!("{name}{}", form.trim_start()),
            false => format!("{}{name}", form.trim_end()),
        };
    };
    let is_family_first = names.full.starts_with("{family}");
    let (given, family) = if is_family_first { (rest, first) } else { (first, rest) };
    names.address.replace("{given}", given).replace("{family}", family)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        Population::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn a_mistake_is_refused_with_its_line() {
        insta::assert_snapshot!(refused("{\"identifier\":\"a\"}\n\n{\"identifer\":\"b\"}"), @"line 3, column 12: unknown field `identifer`, expected one of `identifier`, `id`, `name`, `phoneNumber`, `email`, `priority`, `isDoNotDisturbEnabled`, `metadata`, `locale`");
        insta::assert_snapshot!(refused("{\"identifier\":\"a\"}\n{\"identifier\":\"a\"}"), @"line 2: the identifier `a` comes twice");
        insta::assert_snapshot!(refused("{\"identifier\":\"a\",\"phoneNumber\":\"0301\"}"), @"line 1: `0301` is no E.164 number; write +, the country code and the number");
        insta::assert_snapshot!(refused("{\"identifier\":\"a\",\"locale\":\"jp\"}"), @"line 1: no locale is called `jp`; did you mean `ja`? There are ar, de, en, es, fr, hi, ja, pt");
        insta::assert_snapshot!(refused("{\"identifier\":\"a\",\"priority\":-1}"), @"line 1: the priority -1 is below 0, which is the highest");
        insta::assert_snapshot!(refused("name,phone"), @"line 1, column 2: expected ident");
        insta::assert_snapshot!(refused("\n"), @r#"there is no customer in it; write one a line, such as {"identifier":"CUST-1"}"#);
    }

    #[test]
    fn people_are_addressed_as_their_language_has_it() {
        let said = |locale: &str, name: &str| {
            let library = Library::embedded();
            let locale = library.locales.iter().find(|known| known.name == locale).unwrap();
            address(name, &locale.names)
        };
        assert_eq!(said("en", "Ada Byron King"), "Ada");
        assert_eq!(said("de", "Ada Byron"), "Ada Byron");
        assert_eq!(said("ja", "田中 さくら"), "田中様");
        assert_eq!(said("ja", "さくら"), "さくら様");
        assert_eq!(said("en", "Ada"), "Ada");
        assert_eq!(said("de", "Ada"), "Ada");
    }
}
