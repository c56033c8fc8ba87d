//! A call is written straight into bytes: the same as [`crate::written`] and a print would give, byte
//! for byte, in a quarter of the time.
//!
//! The typed event is the oracle: a property test compares the two over all archetypes and profiles.
//! Change one and the other must follow.

use std::ops::Range;

use uuid::Uuid;

use crate::archetype::{Answer, Channel};
use crate::call::{Blank, Call, Scalar, Turn, Words};
use crate::chance::Chance;
use crate::library::Library;
use crate::price::Charge;
use crate::profile::{IdStyle, Key};
use crate::script::Speaker;
use crate::written::{end_reason, prefix, status};

/// Appends the event of a call under the ids of an identity.
pub(crate) fn write(call: &Call, mut identity: Chance, out: &mut Vec<u8>) {
    let parts = match (call.times.agent_join, call.times.handed_over) {
        (None, _) => 0,
        (_, None) => 1,
        (_, Some(_)) => 2,
    };
    // In the order in which the typed event draws them.
    let event = identity.uuid();
    let conversation = identity.uuid();
    let mut draw = |is_there: bool| if is_there { identity.uuid() } else { Uuid::nil() };
    let rows = [draw(parts > 0), draw(parts > 1)];
    let transcripts = [draw(parts > 0), draw(parts > 1)];
    let segment = draw(parts > 1);
    let user = draw(call.times.user_join.is_some());
    let transfer = draw(call.transfer.is_some());
    let ids = Ids { conversation, rows, transcripts, segment, user, transfer };

    let mut writer = Writer { call, ids, parts, out };
    writer.id(b"{\"eventId\":", prefix::EVENT, event);
    writer.raw(b",\"eventType\":\"conversation.completed\",\"payload\":");
    writer.payload();
    writer.raw(b"}");
}

/// The ids that belong to the conversation.
struct Ids {
    conversation: Uuid,
    rows: [Uuid; 2],
    transcripts: [Uuid; 2],
    segment: Uuid,
    user: Uuid,
    transfer: Uuid,
}

/// Tells whether a text stands in a JSON string as it is.
fn is_plain(text: &[u8]) -> bool {
    text.iter().all(|byte| *byte >= 0x20 && *byte != b'"' && *byte != b'\\')
}

struct Writer<'a> {
    call: &'a Call,
    ids: Ids,
    parts: usize,
    out: &'a mut Vec<u8>,
}

/// Each writes a key first, with the comma before it, where it is given one.
impl Writer<'_> {
    fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Writes a text between quotes, escaped.
    fn text(&mut self, key: &[u8], text: &str) {
        self.raw(key);
        self.raw(b"\"");
        if is_plain(text.as_bytes()) {
            self.raw(text.as_bytes());
        } else {
            escape(text.as_bytes(), self.out);
        }
        self.raw(b"\"");
    }

    fn id(&mut self, key: &[u8], prefix: &str, id: Uuid) {
        self.raw(key);
        self.raw(b"\"");
        let mut buffer = Uuid::encode_buffer();
        match self.call.ids {
            IdStyle::Uuid => {
                let hyphenated = id.hyphenated().encode_lower(&mut buffer);
                self.out.extend_from_slice(hyphenated.as_bytes());
            }
            IdStyle::Prefixed => {
                let simple = id.simple().encode_lower(&mut buffer).as_bytes();
                self.out.extend_from_slice(prefix.as_bytes());
                self.out.extend_from_slice(&simple[..16]);
            }
        }
        self.raw(b"\"");
    }

    fn optional_id(&mut self, key: &[u8], prefix: &str, id: Option<Uuid>) {
        self.raw(key);
        match id {
            Some(id) => self.id(b"", prefix, id),
            None => self.raw(b"null"),
        }
    }

    fn optional_text(&mut self, key: &[u8], text: Option<&str>) {
        self.raw(key);
        match text {
            Some(text) => self.text(b"", text),
            None => self.raw(b"null"),
        }
    }

    fn number(&mut self, key: &[u8], number: i64) {
        self.raw(key);
        let mut digits = [0; 20];
        let mut at = digits.len();
        let mut rest = number.unsigned_abs();
        loop {
            at -= 1;
            digits[at] = digit(rest % 10);
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if number < 0 {
            self.raw(b"-");
        }
        self.raw(&digits[at..]);
    }

    /// Writes ten-thousandths as a decimal without digits that say nothing.
    fn money(&mut self, key: &[u8], units: i64) {
        self.raw(key);
        self.number(b"", units / 10_000);
        let fraction = (units % 10_000).unsigned_abs();
        if fraction > 0 {
            let digits = [1_000, 100, 10, 1].map(|place| digit(fraction / place % 10));
            let end = digits.iter().rposition(|byte| *byte != b'0').map_or(0, |last| last + 1);
            self.raw(b".");
            self.raw(&digits[..end]);
        }
    }

    fn time(&mut self, key: &[u8], milliseconds: i64) {
        self.raw(key);
        self.raw(b"\"");
        self.raw(&time(milliseconds));
        self.raw(b"\"");
    }

    fn optional_time(&mut self, key: &[u8], milliseconds: Option<i64>) {
        self.raw(key);
        match milliseconds {
            Some(milliseconds) => self.time(b"", milliseconds),
            None => self.raw(b"null"),
        }
    }

    /// Writes a key that the profile may leave out: its name with the comma before it, then its value.
    fn blankable(&mut self, key: Key, name: &[u8], value: impl FnOnce(&mut Self)) {
        match self.call.blanks.state(key) {
            Blank::Absent => {}
            Blank::Null => {
                self.raw(name);
                self.raw(b"null");
            }
            Blank::No => {
                self.raw(name);
                value(self);
            }
        }
    }

    fn payload(&mut self) {
        let call = self.call;
        let (times, plan) = (call.times, call.plan);
        let is_phone = plan.channel.is_phone();
        let is_answered = plan.answer != Answer::Nobody;
        self.id(b"{\"id\":", prefix::CONVERSATION, self.ids.conversation);
        self.blankable(Key::PhoneId, b",\"phoneId\":", |it| {
            it.optional_id(
                b"",
                prefix::PHONE,
                (is_phone && is_answered).then_some(call.agent.phone_id),
            );
        });
        self.id(b",\"agentId\":", prefix::AGENT, call.agent.id);
        self.optional_id(b",\"flowId\":", prefix::FLOW, call.flow);
        self.id(b",\"workspaceId\":", prefix::WORKSPACE, call.workspace);
        self.time(b",\"callStartTime\":", times.start);
        self.time(b",\"callEndTime\":", times.end);
        self.optional_time(b",\"userJoinTime\":", times.user_join);
        self.time(b",\"userLeaveTime\":", times.user_leave);
        self.optional_time(b",\"agentJoinTime\":", times.agent_join);
        self.optional_time(b",\"agentLeaveTime\":", times.agent_leave);
        let transfer = call.transfer.as_ref();
        self.optional_time(b",\"transferStartTime\":", transfer.map(|it| it.start));
        self.optional_time(b",\"transferEndTime\":", transfer.map(|it| it.end));
        self.optional_time(b",\"transferUserJoinTime\":", transfer.and_then(|it| it.user_join));
        self.optional_time(b",\"transferUserLeaveTime\":", transfer.and_then(|it| it.user_leave));
        self.optional_text(b",\"transferStatus\":", transfer.map(|it| status(it.outcome)));
        self.customer();
        self.channel(is_phone, is_answered);
        self.blankable(Key::DynamicVariables, b",\"dynamicVariables\":", Self::variables);
        self.optional_id(
            b",\"campaignId\":",
            prefix::CAMPAIGN,
            call.campaign.map(|(campaign, _)| campaign),
        );
        self.optional_id(b",\"campaignRunId\":", prefix::RUN, call.campaign.map(|(_, run)| run));
        let is_recorded =
            is_answered && plan.channel != Channel::Chat && !plan.recording_in_progress;
        self.blankable(Key::RecordingUrl, b",\"recordingUrl\":", |it| {
            it.recording_url(is_recorded);
        });
        let said = self.transcript();
        self.transcripts(&said);
        self.time(b",\"postCallMetadata\":null,\"createdAt\":", times.created);
        self.time(b",\"updatedAt\":", times.updated);
        self.agents();
        self.users();
        self.transfers();
        self.blankable(Key::ConversationCost, b",\"conversationCost\":", Self::cost);
        self.raw(b"}");
    }

    fn customer(&mut self) {
        let Some(customer) = &self.call.customer else {
            self.raw(b",\"customerId\":null,\"customer\":null");
            return;
        };
        self.id(b",\"customerId\":", prefix::CUSTOMER, customer.id);
        self.raw(b",\"customer\":{");
        self.blankable(Key::CustomerName, b"\"name\":", |it| {
            it.optional_text(b"", customer.name.as_deref());
        });
        if self.out.last() != Some(&b'{') {
            self.raw(b",");
        }
        self.id(b"\"id\":", prefix::CUSTOMER, customer.id);
        self.time(b",\"createdAt\":", customer.created);
        self.time(b",\"updatedAt\":", customer.updated);
        self.id(b",\"workspaceId\":", prefix::WORKSPACE, self.call.workspace);
        self.blankable(Key::CustomerEmail, b",\"email\":", |it| {
            it.optional_text(b"", customer.email.as_deref());
        });
        self.text(b",\"phoneNumber\":", &customer.phone);
        self.text(b",\"identifier\":", &customer.identifier);
        self.number(b",\"priority\":", customer.priority);
        self.raw(b",\"sourceFile\":null");
        self.blankable(Key::CustomerSource, b",\"source\":", |it| it.raw(b"{\"method\":\"api\"}"));
        self.raw(b",\"isDoNotDisturbEnabled\":");
        self.raw(if customer.do_not_disturb { b"true" } else { b"false" });
        self.blankable(Key::CustomerMetadata, b",\"metadata\":", |it| {
            customer.metadata.write(it.out);
        });
        self.raw(b"}");
    }

    /// Writes the keys from `toPhoneNumber` to `conversationType`.
    fn channel(&mut self, is_phone: bool, is_answered: bool) {
        let call = self.call;
        let plan = call.plan;
        let of_customer = call.customer.as_ref().map(|customer| customer.phone.as_str());
        let of_business = call.agent.phone.as_str();
        let (to, from) = match plan.channel {
            Channel::Outbound => (of_customer, is_answered.then_some(of_business)),
            Channel::Inbound => (Some(of_business), Some(of_customer.unwrap_or_default())),
            Channel::Web | Channel::Chat => (None, None),
        };
        self.optional_text(b",\"toPhoneNumber\":", to);
        self.optional_text(b",\"fromPhoneNumber\":", from);
        self.optional_text(
            b",\"transferDestination\":",
            call.transfer.as_ref().map(|transfer| transfer.destination.as_str()),
        );
        self.text(
            b",\"conversationStatus\":",
            if plan.has_failed { "failed" } else { "completed" },
        );
        self.optional_text(
            b",\"telephonyType\":",
            match plan.channel {
                Channel::Outbound => Some("outbound"),
                Channel::Inbound => Some("inbound"),
                Channel::Web | Channel::Chat => None,
            },
        );
        self.blankable(Key::TelephonyStatus, b",\"telephonyStatus\":", |it| {
            it.optional_text(b"", (is_phone && is_answered).then_some("completed"));
        });
        self.optional_text(b",\"endReason\":", is_phone.then(|| end_reason(plan.ending)));
        self.optional_text(
            b",\"recordingStatus\":",
            match (is_answered && plan.channel != Channel::Chat, plan.recording_in_progress) {
                (false, _) => None,
                (true, true) => Some("in_progress"),
                (true, false) => Some("completed"),
            },
        );
        self.text(
            b",\"conversationType\":",
            match plan.channel {
                Channel::Outbound | Channel::Inbound => "telephony",
                Channel::Web => "web",
                Channel::Chat => "chat",
            },
        );
    }

    fn recording_url(&mut self, is_recorded: bool) {
        if !is_recorded {
            self.raw(b"null");
            return;
        }
        self.raw(b"\"https://uploads.oration.ai/public/conversations/");
        let from = self.out.len();
        self.id(b"", prefix::CONVERSATION, self.ids.conversation);
        // The id without its quotes.
        self.out.remove(from);
        self.out.pop();
        self.raw(b"/recordings/mono.mp4\"");
    }

    /// Writes `dynamicVariables`: JSON text in a JSON string.
    fn variables(&mut self) {
        let call = self.call;
        let (colon, comma): (&[u8], &[u8]) =
            if call.agent.spaced_json { (b": ", b", ") } else { (b":", b",") };
        self.raw(b"\"{");
        for (index, (name, value)) in call.variables.iter().enumerate() {
            if index > 0 {
                self.raw(comma);
            }
            self.inner_text(name);
            self.raw(colon);
            match value {
                Scalar::Text(text) => self.inner_text(text),
                Scalar::Slot(slot) => self.inner_text(&call.values[*slot]),
                Scalar::Json(json) if is_plain(json.as_bytes()) => self.raw(json.as_bytes()),
                Scalar::Json(json) => escape(json.as_bytes(), self.out),
            }
        }
        self.raw(b"}\"");
    }

    /// Writes a text between quotes inside JSON text inside a JSON string.
    fn inner_text(&mut self, text: &str) {
        self.raw(b"\\\"");
        if is_plain(text.as_bytes()) {
            self.raw(text.as_bytes());
        } else {
            escape_twice(text.as_bytes(), self.out);
        }
        self.raw(b"\\\"");
    }

    /// Writes what is said in a turn as it is, without escapes, and returns where it begins.
    fn words(&mut self, turn: &Turn) -> usize {
        let from = self.out.len();
        match &turn.words {
            Words::Line(line) => {
                let out = &mut *self.out;
                line.fill(&self.call.values, turn.by == 1, |piece| {
                    out.extend_from_slice(piece.as_bytes());
                });
            }
            Words::Text(text) => self.raw(text.as_bytes()),
        }
        from
    }

    /// Writes `transcript` and returns where in it each turn's words stand; `None` for those that
    /// needed escapes.
    fn transcript(&mut self) -> Vec<Option<Range<usize>>> {
        let mut said = Vec::with_capacity(self.call.turns.len());
        self.raw(b",\"transcript\":\"");
        for (index, turn) in self.call.turns.iter().enumerate() {
            if index > 0 {
                self.raw(b"\\n");
            }
            self.raw(match turn.speaker {
                Speaker::Agent => b"Agent: ",
                Speaker::Customer => b"Customer: ",
            });
            let from = self.words(turn);
            if is_plain(&self.out[from..]) {
                said.push(Some(from..self.out.len()));
            } else {
                let words = self.out.split_off(from);
                escape(&words, self.out);
                said.push(None);
            }
        }
        self.raw(b"\"");
        said
    }

    fn transcripts(&mut self, said: &[Option<Range<usize>>]) {
        let call = self.call;
        let times = call.times;
        self.raw(b",\"transcripts\":[");
        for part in 0..self.parts {
            self.raw(if part == 0 { b"{\"id\":" } else { b",{\"id\":" });
            self.id(b"", prefix::TRANSCRIPT, self.ids.transcripts[part]);
            self.conversation();
            self.raw(b",\"messages\":\"[");
            let mut is_first = true;
            for (index, turn) in call.turns.iter().enumerate().filter(|(_, turn)| turn.by == part) {
                if !is_first {
                    self.raw(b",");
                }
                is_first = false;
                self.raw(match turn.speaker {
                    Speaker::Agent => {
                        b"{\\\"messageType\\\":\\\"agentMessage\\\",\\\"message\\\":\\\""
                    }
                    Speaker::Customer => {
                        b"{\\\"messageType\\\":\\\"userMessage\\\",\\\"message\\\":\\\""
                    }
                });
                // Words without escapes are the same here as in `transcript`.
                if let Some(Some(words)) = said.get(index) {
                    self.out.extend_from_within(words.clone());
                } else {
                    let from = self.words(turn);
                    let words = self.out.split_off(from);
                    escape_twice(&words, self.out);
                }
                self.raw(b"\\\",\\\"timestamp\\\":\\\"");
                self.raw(&time(turn.at));
                self.raw(b"\\\"}");
            }
            self.id(b"]\",\"conversationAgentId\":", prefix::PART, self.ids.rows[part]);
            self.agent_id(part);
            self.optional_id(b",\"flowId\":", prefix::FLOW, call.flow);
            self.raw(b",\"createdAt\":");
            let created = times.agent_join.filter(|_| part == 0).or(times.handed_over);
            self.optional_time(b"", created.map(|ms| ms + 4));
            self.time(b",\"updatedAt\":", times.end + 12);
            self.raw(b"}");
        }
        self.raw(b"]");
    }

    fn conversation(&mut self) {
        self.id(b",\"conversationId\":", prefix::CONVERSATION, self.ids.conversation);
    }

    fn agent_id(&mut self, part: usize) {
        let agent = match &self.call.colleague {
            Some(colleague) if part == 1 => colleague.id,
            _ => self.call.agent.id,
        };
        self.id(b",\"agentId\":", prefix::AGENT, agent);
    }

    fn agents(&mut self) {
        let times = self.call.times;
        self.raw(b",\"agents\":[");
        for part in 0..self.parts {
            let is_first = part == 0;
            let join = if is_first { times.agent_join } else { times.handed_over };
            let leave = times.handed_over.filter(|_| is_first).or(times.agent_leave);
            self.raw(if is_first { b"{\"id\":" } else { b",{\"id\":" });
            self.id(b"", prefix::PART, self.ids.rows[part]);
            self.agent_id(part);
            self.conversation();
            self.optional_id(
                b",\"segmentId\":",
                prefix::SEGMENT,
                (!is_first).then_some(self.ids.segment),
            );
            self.optional_id(
                b",\"sourceHandoffId\":",
                prefix::PART,
                (!is_first).then_some(self.ids.rows[0]),
            );
            self.text(b",\"participantRole\":", if is_first { "primary" } else { "secondary" });
            self.optional_time(b",\"agentJoinTime\":", join);
            self.optional_time(b",\"agentLeaveTime\":", leave);
            self.optional_time(b",\"createdAt\":", join.map(|ms| ms + 3));
            self.optional_time(b",\"updatedAt\":", leave.map(|ms| ms + 9));
            self.raw(b"}");
        }
        self.raw(b"]");
    }

    fn users(&mut self) {
        let times = self.call.times;
        self.raw(b",\"users\":[");
        if let Some(join) = times.user_join {
            self.id(b"{\"id\":", prefix::USER, self.ids.user);
            self.agent_id(0);
            self.conversation();
            self.time(b",\"userJoinTime\":", join);
            self.time(b",\"userLeaveTime\":", times.user_leave);
            self.time(b",\"createdAt\":", join + 2);
            self.time(b",\"updatedAt\":", times.user_leave + 7);
            self.raw(b"}");
        }
        self.raw(b"]");
    }

    fn transfers(&mut self) {
        self.raw(b",\"transfers\":[");
        if let Some(transfer) = &self.call.transfer {
            self.id(b"{\"id\":", prefix::TRANSFER, self.ids.transfer);
            self.agent_id(self.parts.saturating_sub(1));
            self.conversation();
            self.time(b",\"transferStartTime\":", transfer.start);
            self.time(b",\"transferEndTime\":", transfer.end);
            self.optional_time(b",\"transferUserJoinTime\":", transfer.user_join);
            self.optional_time(b",\"transferUserLeaveTime\":", transfer.user_leave);
            self.text(b",\"transferDestination\":", &transfer.destination);
            self.text(b",\"transferStatus\":", status(transfer.outcome));
            self.time(b",\"createdAt\":", transfer.start + 5);
            self.time(b",\"updatedAt\":", transfer.end + 8);
            self.raw(b"}");
        }
        self.raw(b"]");
    }

    fn cost(&mut self) {
        let bill = self.call.bill;
        let agent = &self.call.agent;
        let prices = &Library::embedded().prices;
        let platform = bill.platform.unwrap_or(Charge { cost: 0, actual: 0, billable: 0 });
        self.money(b"{\"totalCost\":", bill.total());
        self.number(b",\"totalActualDuration\":", platform.actual);
        self.number(b",\"totalBillableDuration\":", platform.billable);
        self.raw(b",\"items\":[");
        let items = [
            ("llm_call_charge", bill.llm, Some(&prices.llm[agent.llm])),
            ("tts_call_charge", bill.tts, Some(&prices.tts[agent.tts])),
            ("stt_call_charge", bill.stt, Some(&prices.stt[agent.stt])),
            ("platform_charge", bill.platform, None),
            ("telephony_call_charge", bill.telephony, None),
            ("agent_charge", bill.agent, None),
        ];
        let mut open: &[u8] = b"{\"chargeType\":";
        for (kind, charge, model) in items {
            let Some(charge) = charge else { continue };
            self.raw(open);
            open = b",{\"chargeType\":";
            self.text(b"", kind);
            self.money(b",\"cost\":", charge.cost);
            self.number(b",\"actualDuration\":", charge.actual);
            self.number(b",\"billableDuration\":", charge.billable);
            if let Some(model) = model {
                self.text(b",\"providerModel\":", &model.model);
            }
            self.raw(b"}");
        }
        self.raw(b"]}");
    }
}

/// Returns the ASCII digit of a number below ten.
fn digit(number: u64) -> u8 {
    b'0' + u8::try_from(number).unwrap_or_default()
}

/// Writes an instant as `2023-01-01T12:00:00.000Z`.
fn time(milliseconds: i64) -> [u8; 24] {
    let mut out = *b"0000-00-00T00:00:00.000Z";
    let (days, rest) = (milliseconds.div_euclid(86_400_000), milliseconds.rem_euclid(86_400_000));
    let (year, month, day) = date(days);
    // Of a day, and of a calendar whose years have four digits.
    let small = |number: i64| u32::try_from(number).unwrap_or_default();
    let (year, rest) = (small(year), small(rest));
    let mut put = |at: usize, number: u32| {
        out[at] = b'0' + (number / 10 % 10) as u8;
        out[at + 1] = b'0' + (number % 10) as u8;
    };
    put(0, year / 100);
    put(2, year % 100);
    put(5, small(month));
    put(8, small(day));
    put(11, rest / 3_600_000);
    put(14, rest / 60_000 % 60);
    put(17, rest / 1_000 % 60);
    put(20, rest / 10 % 100);
    out[22] = b'0' + (rest % 10) as u8;
    out
}

/// Returns (year, month, day) of the day so many days after 1970-01-01, by counting in eras of 400
/// years that begin on a first of March, so that the leap day comes last.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Appends a text as it stands in a JSON string, in the forms that serde_json writes.
fn escape(text: &[u8], out: &mut Vec<u8>) {
    for &byte in text {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0C => out.extend_from_slice(b"\\f"),
            0x00..=0x1F => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
            byte => out.push(byte),
        }
    }
}

/// Appends a text as it stands in a JSON string inside JSON text inside a JSON string.
fn escape_twice(text: &[u8], out: &mut Vec<u8>) {
    let mut once = Vec::with_capacity(text.len() + 8);
    escape(text, &mut once);
    for byte in once {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ringback_event::Timestamp;

    use super::*;

    proptest! {
        #[test]
        fn a_time_is_written_as_the_typed_one_is(ms in -62_000_000_000_000_i64..253_000_000_000_000) {
            let typed = Timestamp::from_millisecond(ms).unwrap().to_string();
            prop_assert_eq!(String::from_utf8(time(ms).to_vec()).unwrap(), typed);
        }

        #[test]
        fn a_text_is_escaped_as_serde_json_does(text: String) {
            let printed = serde_json::to_string(&text).unwrap();
            let mut out = Vec::new();
            escape(text.as_bytes(), &mut out);
            prop_assert_eq!(format!("\"{}\"", String::from_utf8(out).unwrap()), &printed[..]);
            prop_assert_eq!(is_plain(text.as_bytes()), printed.len() == text.len() + 2);

            let mut out = Vec::new();
            escape_twice(text.as_bytes(), &mut out);
            let twice = serde_json::to_string(&printed).unwrap();
            prop_assert_eq!(format!("\"\\\"{}\\\"\"", String::from_utf8(out).unwrap()), twice);
        }
    }
}
