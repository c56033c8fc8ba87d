//! The schemes of known platforms, as templates.

use crate::template::Template;

/// A scheme with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// What the command line calls it.
    pub name: &'static str,
    /// Its template, as text.
    pub template: &'static str,
    /// What there is to know about it, in one sentence.
    pub note: &'static str,
}

/// All presets. Where a platform does not say how old a message may be, it is five minutes.
pub const PRESETS: [Preset; 13] = [
    Preset {
        name: "standard-webhooks",
        template: "content={id}.{timestamp}.{body}; key=whsec_{base64}; webhook-id: {id}; webhook-timestamp: {timestamp}; webhook-signature: [ v1,{hmac-sha256:base64}][ v1a,{ed25519:base64}]",
        note: "the open standard; `whsec_` secrets sign as v1, `whsk_` keys as v1a",
    },
    Preset {
        name: "svix",
        template: "content={id}.{timestamp}.{body}; key=whsec_{base64}; svix-id: {id}; svix-timestamp: {timestamp}; svix-signature: [ v1,{hmac-sha256:base64}][ v1a,{ed25519:base64}]",
        note: "Standard Webhooks under the names that came before it",
    },
    Preset {
        name: "github",
        template: "content={body}; x-hub-signature-256: sha256={hmac-sha256:hex}",
        note: "no timestamp: an old message can be sent again",
    },
    Preset {
        name: "stripe",
        template: "content={timestamp}.{body}; stripe-signature: t={timestamp}[,v1={hmac-sha256:hex}]",
        note: "the key is the whole text of the secret, its `whsec_` included",
    },
    Preset {
        name: "shopify",
        template: "content={body}; x-shopify-hmac-sha256: {hmac-sha256:base64}",
        note: "the key is the app's client secret",
    },
    Preset {
        name: "elevenlabs",
        template: "content={timestamp}.{body}; tolerance=1800s; elevenlabs-signature: t={timestamp}[,v0={hmac-sha256:hex}]",
        note: "half an hour is permitted",
    },
    Preset {
        name: "retell",
        template: "content={body}{timestamp_ms}; x-retell-signature: v={timestamp_ms},d={hmac-sha256:hex}",
        note: "milliseconds; the key is the API key with the webhook badge",
    },
    Preset {
        name: "hume",
        template: "content={body}.{timestamp}; tolerance=180s; x-hume-ai-webhook-timestamp: {timestamp}; x-hume-ai-webhook-signature: {hmac-sha256:hex}",
        note: "the body comes first; three minutes are permitted",
    },
    Preset {
        name: "bland",
        template: "content={body}; x-webhook-signature: {hmac-sha256:hex}",
        note: "no timestamp: an old message can be sent again",
    },
    Preset {
        name: "synthflow",
        template: "content={id}; http_synthflow_signature: {hmac-sha256:hex}",
        note: "covers the id only: the body can be changed; proxies may drop a name with underscores",
    },
    Preset {
        name: "telnyx",
        template: "content={timestamp}|{body}; telnyx-timestamp: {timestamp}; telnyx-signature-ed25519: {ed25519:base64}",
        note: "the receiver has the public key only",
    },
    Preset {
        name: "slack",
        template: "content=v0:{timestamp}:{body}; x-slack-request-timestamp: {timestamp}; x-slack-signature: v0={hmac-sha256:hex}",
        note: "the key is the app's signing secret",
    },
    Preset {
        name: "twilio",
        template: "content={url}; x-twilio-signature: {hmac-sha1:base64}",
        note: "covers the URL only; for JSON, Twilio puts `bodySHA256` into it",
    },
];

impl Preset {
    /// Finds a preset by its name.
    pub fn find(name: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// Returns its template.
    ///
    /// # Panics
    ///
    /// Never: a test parses every one of them.
    pub fn template(&self) -> Template {
        match self.template.parse() {
            Ok(template) => template,
            Err(error) => unreachable!("the preset {} is no template: {error}", self.name),
        }
    }
}
