//! A profile learnt from events: typed events in, counts out. No datum of a person is kept.

use ringback_event::{
    ConversationStatus, ConversationType, EndReason, Event, EventType, TelephonyType,
    TransferStatus,
};
use uuid::Uuid;

use crate::archetype::Archetype;
use crate::profile::{self, IdStyle, Presence, Profile, ProfileError};

pub(crate) fn learn<'a>(
    events: impl IntoIterator<Item = &'a Event>,
) -> Result<Profile, ProfileError> {
    let mut counts = Counts::default();
    for event in events {
        if event.event_type == EventType::Completed {
            counts.add(event);
        }
    }
    counts.profile()
}

/// Tells which archetype a call is of, as far as its event shows.
pub fn classify(event: &Event) -> Archetype {
    let payload = &event.payload;
    let is_inbound = payload.telephony_type.value() == Some(&TelephonyType::Inbound);
    let hands_over = payload.agents.rows().len() > 1;
    let transfer = payload.transfers.rows().last().and_then(|row| row.transfer_status.value());
    if payload.conversation_status.value() == Some(&ConversationStatus::Failed) {
        return Archetype::Failed;
    }
    match payload.conversation_type.value() {
        Some(ConversationType::Chat) if payload.customer.is_nothing() => {
            return Archetype::AnonymousChat;
        }
        Some(ConversationType::Chat) => return Archetype::WebChat,
        Some(ConversationType::Web) => return Archetype::WebCall,
        _ => {}
    }
    match (transfer, payload.end_reason.value()) {
        (Some(TransferStatus::Connected), _) if hands_over => {
            return Archetype::HandedOffTransferred;
        }
        (Some(TransferStatus::Connected), _) => return Archetype::Transferred,
        (Some(TransferStatus::Other(status)), _) if status.contains("timeout") => {
            return Archetype::TransferTimeout;
        }
        (Some(TransferStatus::Other(_)), _) => return Archetype::TransferFailed,
        (None, Some(EndReason::UserDidNotAnswer)) => return Archetype::UnansweredOutbound,
        (None, Some(EndReason::UserInactivity)) => return Archetype::UserInactivity,
        (None, Some(EndReason::NetworkError)) => return Archetype::NetworkError,
        (None, Some(EndReason::MaxDurationExceeded)) => return Archetype::MaxDuration,
        (None, Some(EndReason::Other(reason))) if reason.contains("busy") => {
            return Archetype::Busy;
        }
        (None, Some(EndReason::Other(reason))) if reason.contains("voicemail") => {
            return Archetype::Voicemail;
        }
        _ => {}
    }
    let has_flow = payload.flow_id.value().is_some();
    let do_not_disturb = payload
        .customer
        .value()
        .is_some_and(|customer| customer.is_do_not_disturb_enabled.value() == Some(&true));
    match (is_inbound, has_flow) {
        _ if hands_over => Archetype::HandedOff,
        (true, true) => Archetype::InboundFlow,
        (false, true) => Archetype::Flow,
        (true, false) if payload.customer.is_nothing() => Archetype::WithheldNumber,
        (true, false) => Archetype::Inbound,
        (false, false) if do_not_disturb => Archetype::DoNotDisturb,
        (false, false) => Archetype::AnsweredOutbound,
    }
}

#[derive(Default)]
struct Counts {
    events: u32,
    archetypes: [u32; Archetype::ALL.len()],
    locales: Vec<(&'static str, u32)>,
    models: Vec<(String, u32)>,
    /// Natural logarithms of milliseconds.
    lengths: Vec<f64>,
    prefixed: u32,
    null: [u32; profile::KEYS],
    absent: [u32; profile::KEYS],
    /// Events of which each key could have been there.
    could: [u32; profile::KEYS],
}

impl Counts {
    fn add(&mut self, event: &Event) {
        let payload = &event.payload;
        self.events += 1;
        let archetype = classify(event);
        if let Some(at) = Archetype::ALL.iter().position(|known| *known == archetype) {
            self.archetypes[at] += 1;
        }
        let customer = payload.customer.value();
        if let Some(locale) = locale_of(event) {
            count(&mut self.locales, locale);
        }
        for item in payload.conversation_cost.value().map_or(&[][..], |cost| cost.items.rows()) {
            if let Some(model) = item.provider_model.text() {
                // Only names of the price table are kept, so that a private model's name is not.
                let is_known = |table| profile::names(table).contains(&model);
                if ["llm", "tts", "stt"].into_iter().any(is_known) {
                    count(&mut self.models, model.to_owned());
                }
            }
        }
        if let (Some(join), Some(leave)) =
            (payload.user_join_time.value(), payload.user_leave_time.value())
        {
            let length = (leave.as_millisecond() - join.as_millisecond()).max(1);
            #[expect(clippy::cast_precision_loss, reason = "a length of time")]
            self.lengths.push((length as f64).ln());
        }
        self.prefixed += u32::from(Uuid::try_parse(&event.event_id).is_err());

        let is_spoken = payload.user_join_time.value().is_some();
        let is_phone = payload.conversation_type.value() == Some(&ConversationType::Telephony);
        for (at, pointer) in profile::pointers().into_iter().enumerate() {
            let of_customer = pointer.starts_with("/payload/customer/");
            let could = match pointer {
                _ if of_customer => customer.is_some(),
                "/payload/phoneId" | "/payload/telephonyStatus" => is_phone && is_spoken,
                "/payload/recordingUrl" => payload.recording_status.text() == Some("completed"),
                _ => true,
            };
            if !could {
                continue;
            }
            self.could[at] += 1;
            let (is_null, is_absent) = state(event, pointer);
            self.null[at] += u32::from(is_null);
            self.absent[at] += u32::from(is_absent);
        }
    }

    fn profile(self) -> Result<Profile, ProfileError> {
        if self.events == 0 {
            return Err(ProfileError::NoEvents);
        }
        let mut profile = Profile { archetypes: self.archetypes.to_vec(), ..Profile::default() };
        if !self.locales.is_empty() {
            profile.locales = weights("locales", &self.locales, profile.locales);
        }
        let known: Vec<_> = self.models.iter().map(|(name, n)| (name.as_str(), *n)).collect();
        profile.llm = weights("llm", &known, profile.llm);
        profile.tts = weights("tts", &known, profile.tts);
        profile.stt = weights("stt", &known, profile.stt);
        if let Some((median, sigma)) = lengths(self.lengths) {
            profile.talk_median = median;
            profile.talk_sigma = sigma;
        }
        if self.prefixed * 2 > self.events {
            profile.ids = IdStyle::Prefixed;
        }
        for at in 0..profile::KEYS {
            let could = u64::from(self.could[at].max(1));
            let share = |n: u32| u32::try_from(u64::from(n) * 1_000 / could).unwrap_or(1_000);
            profile.presence[at] =
                Presence { null: share(self.null[at]), absent: share(self.absent[at]) };
        }
        Ok(profile)
    }
}

/// Tells whether a key is null and whether it is missing.
fn state(event: &Event, pointer: &str) -> (bool, bool) {
    let payload = &event.payload;
    let customer = payload.customer.value();
    macro_rules! of {
        ($field:expr) => {
            ($field.is_nothing() && !$field.is_absent(), $field.is_absent())
        };
    }
    match (pointer, customer) {
        ("/payload/customer/name", Some(customer)) => of!(customer.name),
        ("/payload/customer/email", Some(customer)) => of!(customer.email),
        ("/payload/customer/metadata", Some(customer)) => of!(customer.metadata),
        ("/payload/customer/source", Some(customer)) => of!(customer.source),
        ("/payload/phoneId", _) => of!(payload.phone_id),
        ("/payload/conversationCost", _) => of!(payload.conversation_cost),
        ("/payload/recordingUrl", _) => of!(payload.recording_url),
        ("/payload/dynamicVariables", _) => of!(payload.dynamic_variables),
        ("/payload/telephonyStatus", _) => of!(payload.telephony_status),
        _ => (false, false),
    }
}

/// Tells the locale of a call by its customer's phone number, if it has one.
pub(crate) fn locale_of(event: &Event) -> Option<&'static str> {
    event
        .payload
        .customer
        .value()
        .and_then(|customer| customer.phone_number.text())
        .and_then(locale)
}

/// Tells the locale of a phone number by its country code. Numbers of +1 count as English.
fn locale(number: &str) -> Option<&'static str> {
    let codes = [
        ("+1", "en"),
        ("+34", "es"),
        ("+52", "es"),
        ("+33", "fr"),
        ("+49", "de"),
        ("+55", "pt"),
        ("+351", "pt"),
        ("+91", "hi"),
        ("+966", "ar"),
        ("+971", "ar"),
        ("+20", "ar"),
        ("+81", "ja"),
        ("+44", "en"),
        ("+61", "en"),
    ];
    codes.into_iter().find(|(code, _)| number.starts_with(code)).map(|(_, locale)| locale)
}

fn count<T: PartialEq>(counts: &mut Vec<(T, u32)>, name: T) {
    match counts.iter_mut().find(|(known, _)| *known == name) {
        Some((_, count)) => *count += 1,
        None => counts.push((name, 1)),
    }
}

/// Returns counts in the order of a table's names; where there are none, what was there before.
fn weights(table: &str, counts: &[(&str, u32)], before: Vec<u32>) -> Vec<u32> {
    let of = |name: &&str| counts.iter().find(|(known, _)| known == name).map_or(0, |it| it.1);
    let weights: Vec<u32> = profile::names(table).iter().map(of).collect();
    if weights.iter().all(|weight| *weight == 0) { before } else { weights }
}

/// Returns the median in milliseconds and the standard deviation of the logarithm.
fn lengths(mut logarithms: Vec<f64>) -> Option<(f64, f64)> {
    logarithms.sort_by(f64::total_cmp);
    let median = *logarithms.get(logarithms.len() / 2)?;
    #[expect(clippy::cast_precision_loss, reason = "a count of events")]
    let count = logarithms.len() as f64;
    let mean = logarithms.iter().sum::<f64>() / count;
    let variance = logarithms.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / count;
    let sigma = (variance.sqrt().min(2.0) * 1_000.0).round() / 1_000.0;
    Some((median.exp().clamp(1_000.0, 7_200_000.0).round(), sigma))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Recipe;

    #[test]
    fn a_call_shows_which_archetype_it_is_of() {
        for archetype in Archetype::ALL {
            // How a call ends is drawn for most archetypes, and a recording is done sooner or later.
            let is_hidden = matches!(
                archetype,
                Archetype::UserHangup | Archetype::AgentHangup | Archetype::RecordingInProgress
            );
            for seed in 0..40 {
                let recipe = Recipe { archetype: Some(*archetype), ..Recipe::new(seed) };
                let event = crate::event(&recipe, seed % 3);
                let found = classify(&event);
                // Any customer may have asked not to be called.
                let is_it = found == *archetype || found == Archetype::DoNotDisturb;
                assert!(is_it || is_hidden, "{archetype}, seed {seed}, looks like {found}");
            }
        }
    }

    #[test]
    fn each_documented_end_reason_has_its_archetype() {
        let reason = |archetype| {
            let recipe = Recipe { archetype: Some(archetype), ..Recipe::new(7) };
            crate::event(&recipe, 0).payload.end_reason.text().unwrap_or("none").to_owned()
        };
        let reasons = [
            Archetype::UnansweredOutbound,
            Archetype::UserHangup,
            Archetype::UserInactivity,
            Archetype::AgentHangup,
            Archetype::NetworkError,
            Archetype::MaxDuration,
        ]
        .map(reason);
        for known in EndReason::KNOWN {
            assert!(reasons.iter().any(|reason| reason == known), "{known}");
        }
        assert_eq!(reason(Archetype::Voicemail), "voicemail_detected");
        assert_eq!(reason(Archetype::Transferred), "user_hangup");
    }
}
