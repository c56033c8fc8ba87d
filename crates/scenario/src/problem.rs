//! What is wrong with a scenario file.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// One thing that is wrong, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, in bytes of the text.
    pub span: Range<usize>,
    /// What is wrong, in lower case.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl Problem {
    pub(crate) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), hint: None }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// A scenario file that cannot be run, with every problem it has.
///
/// Its text is for people: each problem with `file:line:column`, the line itself and a hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The name of the file.
    pub file: String,
    /// Its problems, in the order of the file.
    pub problems: Vec<Problem>,
    text: String,
}

impl Invalid {
    pub(crate) fn new(file: &str, text: &str, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.span.start);
        Self { file: file.to_owned(), problems, text: text.to_owned() }
    }
}

/// How many problems are shown; each costs a look through the whole text, and nobody reads more.
const SHOWN_MAX: usize = 50;

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let renderer = Renderer::plain();
        for (index, problem) in self.problems.iter().take(SHOWN_MAX).enumerate() {
            let snippet = Snippet::source(&self.text)
                .path(&self.file)
                .annotation(AnnotationKind::Primary.span(problem.span.clone()));
            let title = Level::ERROR.primary_title(problem.message.as_str()).element(snippet);
            let mut groups = vec![title];
            if let Some(hint) = &problem.hint {
                groups.push(Group::with_title(Level::HELP.secondary_title(hint.as_str())));
            }
            let separator = if index == 0 { "" } else { "\n\n" };
            write!(f, "{separator}{}", renderer.render(&groups))?;
        }
        match self.problems.len().checked_sub(SHOWN_MAX) {
            Some(more @ 1..) => write!(f, "\n\n… and {more} more problems"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for Invalid {}
