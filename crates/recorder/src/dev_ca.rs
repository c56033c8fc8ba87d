//! A certificate authority for one machine, so that https can be tried without buying anything.
//!
//! It is made once and kept by whoever calls; each start of a listener has a new certificate made by it,
//! which is written nowhere. Whoever holds its key can pretend to be any server towards those who trust
//! it, so it belongs in a file that nobody else can read.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::PrivateKeyDer;

use crate::tls::{Tls, TlsError};

/// The name of the authority. Clients find the issuer of a certificate by it, so it never changes.
const NAME: &str = "ringback development authority";

/// How long the authority is good for.
const AUTHORITY_YEARS: i16 = 10;

/// How long a certificate is good for: some clients take none that is good for more than 398 days.
const CERTIFICATE_DAYS: i32 = 397;

/// An authority whose key is at hand.
#[derive(Debug)]
pub struct DevCa {
    key: KeyPair,
    certificate: String,
}

impl DevCa {
    /// Makes a new authority that is good from the day of `now` on, for ten years.
    ///
    /// # Errors
    ///
    /// When the system has no randomness to give.
    pub fn generate(now: Timestamp) -> Result<Self, TlsError> {
        let key = KeyPair::generate().map_err(not_made)?;
        let mut params = authority();
        let today = day(now);
        good_for(&mut params, today, today.saturating_add(AUTHORITY_YEARS.years()));
        let certificate = params.self_signed(&key).map_err(not_made)?.pem();
        Ok(Self { key, certificate })
    }

    /// Takes an authority that was made before.
    ///
    /// # Errors
    ///
    /// When the key is none.
    pub fn from_pem(certificate: String, key: &str) -> Result<Self, TlsError> {
        let key = KeyPair::from_pem(key).map_err(|error| TlsError::Key(error.to_string()))?;
        Ok(Self { key, certificate })
    }

    /// Returns its certificate in PEM: what clients are to trust.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate
    }

    /// Returns its key in PEM: a secret.
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// Makes a certificate for these names and addresses, good from the day before `now` on.
    ///
    /// # Errors
    ///
    /// When a name is none that a certificate can carry, and when the system has no randomness to give.
    pub fn issue(&self, names: Vec<String>, now: Timestamp) -> Result<Tls, TlsError> {
        let mut params = CertificateParams::new(names).map_err(not_made)?;
        params.distinguished_name = name("ringback");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let today = day(now);
        // Clocks differ, and so do days.
        let first = today.saturating_sub(1.day());
        good_for(&mut params, first, first.saturating_add(CERTIFICATE_DAYS.days()));
        let key = KeyPair::generate().map_err(not_made)?;
        let issuer = Issuer::new(authority(), &self.key);
        let certificate = params.signed_by(&key, &issuer).map_err(not_made)?;
        let key = PrivateKeyDer::try_from(key.serialize_der())
            .map_err(|why| TlsError::Key(why.to_owned()))?;
        Tls::new(vec![certificate.der().clone()], key)
    }
}

fn authority() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = name(NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn good_for(params: &mut CertificateParams, first: Date, last: Date) {
    let [from, until] = [first, last].map(|day| {
        date_time_ymd(day.year().into(), day.month().unsigned_abs(), day.day().unsigned_abs())
    });
    (params.not_before, params.not_after) = (from, until);
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

fn day(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}

fn not_made(error: rcgen::Error) -> TlsError {
    TlsError::Make(Box::new(error))
}
