//! `--tls`, `--tls-cert` and `--h2c`: what a listener speaks.
//!
//! The development authority is made once and kept in a folder of the user's; a certificate of the
//! user's own is read from files. Neither key is ever printed.

use std::fs;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use ringback_recorder::{DevCa, Tls, TlsError};

use crate::error::CliError;
use crate::{clock, output};

const CERTIFICATE: &str = "authority.pem";
const KEY: &str = "authority-key.pem";

#[derive(Debug, Args)]
#[command(next_help_heading = "TLS and HTTP/2")]
pub(crate) struct TlsArgs {
    /// Speak TLS, with a development authority that is made once and kept for this user
    #[arg(long)]
    tls: bool,
    /// Keep the development authority in this folder, and not among the user's data
    #[arg(long, value_name = "DIR", requires = "tls")]
    tls_dir: Option<PathBuf>,
    /// A name or address that clients use, beside `localhost` and the address; may be given more than once
    #[arg(long, value_name = "NAME", requires = "tls")]
    tls_name: Vec<String>,
    /// Speak TLS with this certificate (PEM), with those between it and its authority behind it
    #[arg(long, value_name = "FILE", requires = "tls_key", conflicts_with = "tls")]
    tls_cert: Option<PathBuf>,
    /// The key of the certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Take HTTP/2 without TLS too, on the same port; with TLS clients choose it by themselves
    #[arg(long)]
    pub(crate) h2c: bool,
}

impl TlsArgs {
    /// Makes TLS ready, when it is wanted.
    pub(crate) fn ready(&self, addr: SocketAddr) -> Result<Option<Tls>, CliError> {
        if let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) {
            let tls = Tls::from_pem(read(certificate)?.as_bytes(), read(key)?.as_bytes());
            return tls.map(Some).map_err(unusable);
        }
        if !self.tls {
            return Ok(None);
        }
        let folder = self.folder()?;
        let ca = authority(&folder)?;
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        if !addr.ip().is_unspecified() {
            names.push(addr.ip().to_string());
        }
        names.extend(self.tls_name.iter().cloned());
        names.dedup();
        ca.issue(names, clock::now()).map(Some).map_err(unusable)
    }

    /// Says on standard error how clients come to trust the development authority, when it is used.
    pub(crate) fn tell_trust(&self) -> Result<(), CliError> {
        if self.tls {
            let path = self.folder()?.join(CERTIFICATE);
            let path = path.display();
            output::talk(&format!(
                "TLS by the development authority in {path}; to trust it:\n  \
                 curl --cacert {path}\n  \
                 NODE_EXTRA_CA_CERTS={path}\n  \
                 SSL_CERT_FILE={path} (OpenSSL, Python, Go on Linux)"
            ));
        }
        Ok(())
    }

    fn folder(&self) -> Result<PathBuf, CliError> {
        match &self.tls_dir {
            Some(folder) => Ok(folder.clone()),
            None => Ok(data_folder()?.join("tls")),
        }
    }
}

/// Reads the authority, and makes it when there is none.
fn authority(folder: &Path) -> Result<DevCa, CliError> {
    if !folder.join(KEY).exists() {
        make(folder).map_err(|error| {
            let message = format!("cannot keep a development authority in `{}`", folder.display());
            CliError::usage(message).because(error)
        })?;
    }
    let (certificate, key) = (folder.join(CERTIFICATE), folder.join(KEY));
    only_ours(&key)?;
    DevCa::from_pem(read(&certificate)?, &read(&key)?).map_err(unusable)
}

/// Makes both files in a folder beside, which then becomes the folder: whoever is interrupted, or does it
/// at the same time, leaves no key without its certificate.
fn make(folder: &Path) -> io::Result<()> {
    let ca = DevCa::generate(clock::now()).map_err(io::Error::other)?;
    let mut beside = folder.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = PathBuf::from(beside);
    if let Some(above) = folder.parent() {
        fs::create_dir_all(above)?;
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&beside)?;
    let made = write(&beside.join(CERTIFICATE), ca.certificate_pem())
        .and_then(|()| write(&beside.join(KEY), &ca.key_pem()))
        .and_then(|()| fs::rename(&beside, folder));
    if made.is_err() {
        let _ = fs::remove_dir_all(&beside);
        // Somebody else was faster, and theirs is as good.
        if folder.join(KEY).exists() {
            return Ok(());
        }
    }
    made
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

/// Refuses a key that others can read: with it they can pretend to be any server towards this user.
fn only_ours(key: &Path) -> Result<(), CliError> {
    #[cfg(unix)]
    {
        let mode =
            fs::metadata(key).map(|it| std::os::unix::fs::PermissionsExt::mode(&it.permissions()));
        if mode.is_ok_and(|mode| mode & 0o077 != 0) {
            let message = format!("others can read the key `{}`", key.display());
            let hint =
                "remove its folder to have a new authority made, and trust the old one no more";
            return Err(CliError::usage(message).hint(hint));
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, CliError> {
    fs::read_to_string(path).map_err(|error| {
        CliError::usage(format!("cannot read `{}`", path.display())).because(error)
    })
}

/// Returns the folder for what programs keep for this user.
fn data_folder() -> Result<PathBuf, CliError> {
    let named = |name| std::env::var_os(name).filter(|it| !it.is_empty()).map(PathBuf::from);
    let folder = if cfg!(windows) {
        named("LOCALAPPDATA")
    } else {
        let home = || Some(std::env::home_dir()?.join(".local/share"));
        named("XDG_DATA_HOME").or_else(home)
    };
    match folder {
        Some(folder) => Ok(folder.join("ringback")),
        None => {
            Err(CliError::usage("this user has no folder for data").hint("name one with --tls-dir"))
        }
    }
}

fn unusable(error: TlsError) -> CliError {
    CliError::usage("cannot speak TLS").because(error)
}
