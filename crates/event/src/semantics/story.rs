//! The keys tell one story: who was on the line, by which channel, and what was said.

use std::collections::HashSet;

use super::{Decoded, Report};
use crate::conversation::{
    ConversationStatus, ConversationType, EndReason, Message, MessageType, ParticipantRole,
    Payload, TelephonyType,
};
use crate::cost::ChargeType;
use crate::envelope::{Event, EventType};
use crate::field::Field;
use crate::finding::show;
use crate::rule::Rule;

/// Tells whether a text is a phone number in E.164: `+`, then up to 15 digits, the first not 0.
pub fn is_e164(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default().as_bytes();
    (2..=15).contains(&digits.len()) && digits[0] != b'0' && digits.iter().all(u8::is_ascii_digit)
}

/// Writes messages as `payload.transcript` does: a line `Agent: …` or `Customer: …` for each.
/// Messages of other kinds (tools, system) are not spoken and have no line.
pub fn render_transcript<'a>(messages: impl IntoIterator<Item = &'a Message>) -> String {
    let mut transcript = String::new();
    let mut is_first = true;
    for message in messages {
        let speaker = match message.message_type {
            MessageType::Agent => "Agent: ",
            MessageType::User => "Customer: ",
            MessageType::Other(_) => continue,
        };
        if !is_first {
            transcript.push('\n');
        }
        is_first = false;
        transcript.push_str(speaker);
        transcript.push_str(&message.message);
    }
    transcript
}

pub(super) fn check(event: &Event, decoded: &[Decoded], report: &mut Report) {
    let payload = &event.payload;
    unanswered(payload, report);
    status(payload, report);
    channel(payload, report);
    recording(payload, report);
    if event.event_type == EventType::Completed {
        analysis(payload, report);
    }
    phones(payload, report);
    primary(payload, report);
    transfer(payload, report);
    transcripts(payload, report);
    turns(payload, decoded, report);
}

fn unanswered(payload: &Payload, report: &mut Report) {
    if payload.end_reason.value() != Some(&EndReason::UserDidNotAnswer) {
        return;
    }
    if let Some(time) = payload.user_join_time.value() {
        report.add(Rule::Unanswered, "/payload/userJoinTime", time.to_string(), "nothing");
    }
    if let Some(status) = payload.recording_status.text() {
        report.add(Rule::Unanswered, "/payload/recordingStatus", status, "nothing");
    }
    if !payload.users.rows().is_empty() {
        let count = payload.users.rows().len().to_string();
        report.add(Rule::Unanswered, "/payload/users", count, "none");
    }
}

fn status(payload: &Payload, report: &mut Report) {
    use ConversationStatus::{Active, Dialing, Queued};
    if let Some(status @ (Queued | Dialing | Active)) = payload.conversation_status.value() {
        let pointer = "/payload/conversationStatus";
        report.add(Rule::StatusTerminal, pointer, status.as_str(), "completed or failed");
    }
}

fn channel(payload: &Payload, report: &mut Report) {
    let Some(ConversationType::Chat | ConversationType::Web) = payload.conversation_type.value()
    else {
        return;
    };
    let keys = [
        ("toPhoneNumber", payload.to_phone_number.text()),
        ("fromPhoneNumber", payload.from_phone_number.text()),
        ("telephonyType", payload.telephony_type.text()),
    ];
    for (key, text) in keys {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            report.add(Rule::Channel, format!("/payload/{key}"), text, "nothing");
        }
    }
    let items = payload.conversation_cost.value().map_or(&[][..], |cost| cost.items.rows());
    for (index, item) in items.iter().enumerate() {
        if item.charge_type == ChargeType::Telephony {
            report.add(
                Rule::Channel,
                format!("/payload/conversationCost/items/{index}/chargeType"),
                item.charge_type.as_str(),
                "no charge for a phone line",
            );
        }
    }
}

fn recording(payload: &Payload, report: &mut Report) {
    if let Some(url) = payload.recording_url.text()
        && !url.is_empty()
        && !url.contains(&payload.id)
    {
        let expected = format!("an address that holds {}", payload.id);
        report.add(Rule::Recording, "/payload/recordingUrl", url, expected);
    }
}

fn analysis(payload: &Payload, report: &mut Report) {
    let keys = [
        ("postCallMetadata", payload.post_call_metadata.is_nothing()),
        ("summary", payload.summary.is_nothing()),
        ("postCallNotes", payload.post_call_notes.is_nothing()),
        ("postCallCategory1", payload.post_call_category1.is_nothing()),
        ("postCallCategory2", payload.post_call_category2.is_nothing()),
        ("postCallCategory3", payload.post_call_category3.is_nothing()),
    ];
    for (key, is_nothing) in keys {
        if !is_nothing {
            let expected = "nothing before conversation.analysisCompleted";
            report.add(Rule::Analysis, format!("/payload/{key}"), "a value", expected);
        }
    }
}

fn phones(payload: &Payload, report: &mut Report) {
    let customer = payload.customer.value();
    let of_customer = customer.and_then(|customer| customer.phone_number.text());
    let (to, from) = (payload.to_phone_number.text(), payload.from_phone_number.text());
    for (key, number) in
        [("customer/phoneNumber", of_customer), ("toPhoneNumber", to), ("fromPhoneNumber", from)]
    {
        if let Some(number) = number
            && !number.is_empty()
            && !is_e164(number)
        {
            report.add(Rule::PhoneE164, format!("/payload/{key}"), number, "an E.164 number");
        }
    }
    let on_their_side = match payload.telephony_type.value() {
        Some(TelephonyType::Outbound) => to,
        Some(TelephonyType::Inbound) => from,
        _ => None,
    };
    let is_given = |text: &&str| !text.is_empty();
    report.agree(
        Rule::PhoneCustomer,
        "/payload/customer/phoneNumber",
        of_customer.filter(is_given),
        on_their_side.filter(is_given),
    );
}

fn primary(payload: &Payload, report: &mut Report) {
    let agents = payload.agents.rows();
    let is_primary =
        |agent: &&crate::Agent| agent.participant_role.value() == Some(&ParticipantRole::Primary);
    let count = agents.iter().filter(is_primary).count();
    if !agents.is_empty() && count != 1 {
        report.add(Rule::AgentPrimary, "/payload/agents", count.to_string(), "one primary entry");
    }
}

fn transfer(payload: &Payload, report: &mut Report) {
    // A payload that does not list transfers has nothing to mirror.
    let Some(transfers) = payload.transfers.value() else { return };
    let last = transfers.last();
    let mut mirror = |key: &str, found: Option<String>, expected: Option<String>| {
        if found != expected {
            let or_nothing = |text: Option<String>| text.unwrap_or_else(|| "nothing".to_owned());
            let pointer = format!("/payload/{key}");
            report.add(Rule::TransferMirror, pointer, or_nothing(found), or_nothing(expected));
        }
    };
    macro_rules! mirror {
        ($($key:literal $name:ident,)+) => {$(
            let found = payload.$name.value().map(AsText::as_text);
            mirror($key, found, last.and_then(|row| row.$name.value()).map(AsText::as_text));
        )+};
    }
    mirror! {
        "transferStartTime" transfer_start_time,
        "transferEndTime" transfer_end_time,
        "transferUserJoinTime" transfer_user_join_time,
        "transferUserLeaveTime" transfer_user_leave_time,
        "transferStatus" transfer_status,
        "transferDestination" transfer_destination,
    }
}

/// Lets the keys of a transfer be compared whatever their type.
trait AsText {
    fn as_text(&self) -> String;
}

impl AsText for crate::Timestamp {
    fn as_text(&self) -> String {
        self.to_string()
    }
}

impl AsText for crate::TransferStatus {
    fn as_text(&self) -> String {
        self.as_str().to_owned()
    }
}

impl AsText for String {
    fn as_text(&self) -> String {
        self.clone()
    }
}

fn transcripts(payload: &Payload, report: &mut Report) {
    let agents = payload.agents.rows();
    let mut seen = HashSet::new();
    for (index, row) in payload.transcripts.rows().iter().enumerate() {
        let Some(entry) = row.conversation_agent_id.text() else { continue };
        let pointer = format!("/payload/transcripts/{index}");
        match agents.iter().find(|agent| agent.id.text() == Some(entry)) {
            Some(agent) => report.agree(
                Rule::TranscriptAgent,
                &format!("{pointer}/agentId"),
                row.agent_id.text(),
                agent.agent_id.text(),
            ),
            None if payload.agents.is_absent() => {}
            None => report.add(
                Rule::TranscriptAgent,
                format!("{pointer}/conversationAgentId"),
                entry,
                "the id of an entry in agents",
            ),
        }
        if !seen.insert(entry) {
            report.add(
                Rule::TranscriptOnePerAgent,
                format!("{pointer}/conversationAgentId"),
                format!("a second transcript of {entry}"),
                "one",
            );
        }
    }
}

fn turns(payload: &Payload, decoded: &[Decoded], report: &mut Report) {
    let rows = payload.transcripts.rows();
    if decoded.iter().any(|messages| matches!(messages, Some(Err(_)))) {
        return;
    }
    let mut messages: Vec<&Message> = decoded.iter().flatten().flatten().flatten().collect();
    // Stable, so that messages of one instant keep the order of their transcript.
    messages.sort_by_key(|message| message.timestamp);

    let expected = render_transcript(messages);
    let found = match &payload.transcript {
        Field::Absent => return,
        transcript => transcript.text().unwrap_or_default(),
    };
    if found != expected && !rows.is_empty() {
        report.add(
            Rule::TranscriptTurns,
            "/payload/transcript",
            show(&found.into()),
            show(&expected.into()),
        );
    }
}
