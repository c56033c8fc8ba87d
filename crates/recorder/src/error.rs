//! What can go wrong before a listener runs, and with the file of a store.
//!
//! Messages name what failed, where and why; what the system said is the source and is not repeated.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a listener did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another socket has the address.
    #[error("address `{addr}` is in use")]
    AddrInUse {
        /// The address that was asked for.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The process may not take the address.
    #[error("address `{addr}` may not be used by this process")]
    Denied {
        /// The address that was asked for.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The address cannot be taken for another reason.
    #[error("address `{addr}` cannot be listened on")]
    Bind {
        /// The address that was asked for.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Other machines can reach the address, and nothing is asked of them.
    #[error("an inspector on `{addr}` needs a token: other machines can reach that address")]
    Open {
        /// The address that was asked for.
        addr: SocketAddr,
    },
    /// Nothing can be forwarded to such an address.
    #[error("requests cannot be forwarded to `{url}`: {why}")]
    Target {
        /// The address, without its credentials.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// A route of the script cannot be played.
    #[error("route `{route}` cannot be played: {why}")]
    Route {
        /// The route's method and path.
        route: String,
        /// What is wrong with it.
        why: String,
    },
}

impl StartError {
    /// Says what to do about it, where there is something to say.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::AddrInUse { .. } => {
                Some("end the program that listens there, or let the system choose with port 0")
            }
            Self::Denied { .. } => {
                Some("ports below 1024 need a privilege; choose a higher one, or port 0")
            }
            Self::Bind { .. } => Some("listen on an address of this machine, as 127.0.0.1"),
            Self::Target { .. } => Some("use an address as http://127.0.0.1:3000/hooks"),
            Self::Open { .. } => Some("give it a token, or listen on 127.0.0.1"),
            Self::Route { .. } => None,
        }
    }
}

/// Why a file cannot be used as a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such file, and reading makes none.
    #[error("there is no store at `{path}`")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A folder, a device or something else is there.
    #[error("`{path}` is not a file")]
    NotAFile {
        /// What is there.
        path: PathBuf,
    },
    /// The file holds something else; it was not changed.
    #[error("`{path}` is not a store of ringback: {why}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        why: &'static str,
    },
    /// A newer ringback has written the file; it was not changed.
    #[error("`{path}` has the form {found}, and this ringback knows forms up to {known}")]
    Newer {
        /// The file.
        path: PathBuf,
        /// The number of its form.
        found: i64,
        /// The newest form that this version can use.
        known: i64,
    },
    /// What the file holds does not fit together any more.
    #[error("`{path}` is damaged: {why}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite has found.
        why: String,
    },
    /// The file system does not permit it.
    #[error("cannot {doing} the store `{path}`")]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// SQLite does not permit it.
    #[error("cannot {doing} the store `{path}`")]
    Database {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What SQLite said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A row does not hold what it should.
    #[error("exchange {number} in the store `{path}` cannot be read: {why}")]
    Row {
        /// The file.
        path: PathBuf,
        /// The arrival number.
        number: u64,
        /// What is wrong with it.
        why: String,
    },
}

impl StoreError {
    /// Says what to do about it, where there is something to say.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Missing { .. } => Some("`ringback listen --store FILE` makes one"),
            Self::NotAFile { .. } | Self::Foreign { .. } => {
                Some("name a file that does not exist yet, or an earlier store")
            }
            Self::Newer { .. } => Some("use the ringback that wrote it, or a newer one"),
            Self::Damaged { .. } => Some(
                "store into another file; `sqlite3 FILE .recover` saves what can still be read",
            ),
            Self::File { .. } => {
                Some("name a file in a folder that exists and that you may write to")
            }
            Self::Database { .. } => Some(
                "it may not be yours to read, the disk may be full, or another program locks it",
            ),
            Self::Row { .. } => None,
        }
    }
}

/// Why a text is no path pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{pattern}` is no path pattern: {why}")]
pub struct ParsePatternError {
    /// The text.
    pub pattern: String,
    /// What is wrong with it.
    pub why: &'static str,
}

/// Why a text is no replies in one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {what}{}", near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
pub struct ParseRepliesError {
    /// The text.
    pub text: String,
    /// Where it goes wrong, in characters from 1.
    pub column: usize,
    /// What is wrong there.
    pub what: String,
    /// The word that was probably meant.
    pub near: Option<&'static str>,
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the template is wrong in its line {line}: {why}")]
pub struct ParseTemplateError {
    /// The line of the template, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

/// Why a file of routes cannot be played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}: {why}", path.display(), place.map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default())]
pub struct RouteFileError {
    /// The file.
    pub path: PathBuf,
    /// Line and column of what is wrong, from 1, where there is one.
    pub place: Option<(u64, u64)>,
    /// What is wrong.
    pub why: String,
}
