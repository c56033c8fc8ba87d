//! A call is written straight into bytes: the same as [`crate::written`] and a print would give, byte
//! for byte, in a quarter of the time.
//!
//! The typed event is the oracle: a property test compares the two over all archetypes and profiles.
//! Change one and the other must follow.

use uuid::Uuid;

use crate::archetype::{Answer, Channel};
use crate::calendar::Clock;
use crate::call::{Blank, Call, Scalar, Turn, Words};
use crate::chance::Chance;
use crate::digits::{Decimal, pair};
use crate::escape::{escape, escape_twice, is_plain};
use crate::library::Library;
use crate::price::Charge;
use crate::profile::{IdStyle, Key};
use crate::script::Speaker;
use crate::written::{end_reason, prefix, status};

/// Appends the event of a call under the ids of an identity.
pub(crate) fn write(call: &Call<'_>, mut identity: Chance, out: &mut Vec<u8>) {
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

    let id = |prefix, uuid| Id::new(call.ids, prefix, uuid);
    let ids = Ids {
        conversation: id(prefix::CONVERSATION, conversation),
        agent: id(prefix::AGENT, call.agent.id),
        last_agent: id(
            prefix::AGENT,
            call.colleague.filter(|_| parts > 1).map_or(call.agent.id, |it| it.id),
        ),
        workspace: id(prefix::WORKSPACE, call.workspace),
        flow: call.flow.map(|flow| id(prefix::FLOW, flow)),
        rows: rows.map(|row| id(prefix::PART, row)),
        transcripts,
        segment,
        user,
        transfer,
    };
    let are_plain = call.values.are_plain();
    let mut writer = Writer { call, ids: &ids, parts, are_plain, clock: Clock::new(), out };
    writer.id(b"{\"eventId\":", prefix::EVENT, event);
    writer.raw(b",\"eventType\":\"conversation.completed\",\"payload\":");
    writer.payload();
    writer.raw(b"}");
}

/// An id as it stands in JSON, in its quotes.
#[derive(Clone, Copy)]
struct Id {
    text: [u8; Self::LENGTH_MAX],
    length: usize,
}

impl Id {
    /// A UUID with its quotes; one with a prefix is shorter.
    const LENGTH_MAX: usize = 38;

    fn new(style: IdStyle, prefix: &str, id: Uuid) -> Self {
        let mut text = [b'"'; Self::LENGTH_MAX];
        let mut buffer = Uuid::encode_buffer();
        let length = match style {
            IdStyle::Uuid => {
                text[1..37].copy_from_slice(id.hyphenated().encode_lower(&mut buffer).as_bytes());
                38
            }
            IdStyle::Prefixed => {
                let end = 1 + prefix.len();
                text[1..end].copy_from_slice(prefix.as_bytes());
                let simple = id.simple().encode_lower(&mut buffer).as_bytes();
                text[end..end + 16].copy_from_slice(&simple[..16]);
                end + 17
            }
        };
        Self { text, length }
    }

    /// Returns the id without its quotes.
    fn bare(&self) -> &[u8] {
        &self.text[1..self.length - 1]
    }
}

/// The ids of a conversation: those that occur more than once as texts.
struct Ids {
    conversation: Id,
    /// The first agent's, and the last one's.
    agent: Id,
    last_agent: Id,
    workspace: Id,
    flow: Option<Id>,
    rows: [Id; 2],
    transcripts: [Uuid; 2],
    segment: Uuid,
    user: Uuid,
    transfer: Uuid,
}

struct Writer<'a> {
    call: &'a Call<'a>,
    ids: &'a Ids,
    parts: usize,
    /// Whether all that lines are filled with stands in a JSON string as it is.
    are_plain: bool,
    clock: Clock,
    out: &'a mut Vec<u8>,
}

/// Each writes a key first, with the comma before it, where it is given one.
impl<'a> Writer<'a> {
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

    /// Writes a text between quotes that needs no escapes.
    fn word(&mut self, key: &[u8], word: &'static str) {
        self.raw(key);
        self.raw(b"\"");
        self.raw(word.as_bytes());
        self.raw(b"\"");
    }

    fn optional_word(&mut self, key: &[u8], word: Option<&'static str>) {
        match word {
            Some(word) => self.word(key, word),
            None => self.null(key),
        }
    }

    fn null(&mut self, key: &[u8]) {
        self.raw(key);
        self.raw(b"null");
    }

    /// Writes an id that is there as a text.
    fn ready(&mut self, key: &[u8], id: &Id) {
        self.raw(key);
        // As many bytes every time, which is quicker than as many as it has.
        self.raw(&id.text);
        if id.length < Id::LENGTH_MAX {
            self.out.truncate(self.out.len() - (Id::LENGTH_MAX - id.length));
        }
    }

    fn id(&mut self, key: &[u8], prefix: &str, id: Uuid) {
        self.ready(key, &Id::new(self.call.ids, prefix, id));
    }

    fn optional_id(&mut self, key: &[u8], prefix: &str, id: Option<Uuid>) {
        match id {
            Some(id) => self.id(key, prefix, id),
            None => self.null(key),
        }
    }

    fn optional_text(&mut self, key: &[u8], text: Option<&str>) {
        match text {
            Some(text) => self.text(key, text),
            None => self.null(key),
        }
    }

    fn number(&mut self, key: &[u8], number: i64) {
        self.raw(key);
        self.raw(Decimal::new(number).as_bytes());
    }

    /// Writes ten-thousandths as a decimal without digits that say nothing.
    fn money(&mut self, key: &[u8], units: i64) {
        self.number(key, units / 10_000);
        // Less than ten thousand.
        let fraction = u32::try_from((units % 10_000).unsigned_abs()).unwrap_or_default();
        if fraction > 0 {
            let ([a, b], [c, d]) = (pair(fraction / 100), pair(fraction % 100));
            let digits = [b'.', a, b, c, d];
            let end = digits.iter().rposition(|byte| *byte != b'0').map_or(0, |last| last + 1);
            self.raw(&digits[..end]);
        }
    }

    fn time(&mut self, key: &[u8], milliseconds: i64) {
        self.raw(key);
        self.out.extend_from_slice(self.clock.time(milliseconds));
    }

    fn optional_time(&mut self, key: &[u8], milliseconds: Option<i64>) {
        match milliseconds {
            Some(milliseconds) => self.time(key, milliseconds),
            None => self.null(key),
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
        let ids = self.ids;
        let (times, plan) = (call.times, call.plan);
        let is_phone = plan.channel.is_phone();
        let is_answered = plan.answer != Answer::Nobody;
        self.ready(b"{\"id\":", &ids.conversation);
        self.blankable(Key::PhoneId, b",\"phoneId\":", |it| {
            it.optional_id(
                b"",
                prefix::PHONE,
                (is_phone && is_answered).then_some(call.agent.phone_id),
            );
        });
        self.ready(b",\"agentId\":", &ids.agent);
        self.flow();
        self.ready(b",\"workspaceId\":", &ids.workspace);
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
        self.optional_word(b",\"transferStatus\":", transfer.map(|it| status(it.outcome)));
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
        self.transcript();
        self.transcripts();
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
        let id = Id::new(self.call.ids, prefix::CUSTOMER, customer.id);
        self.ready(b",\"customerId\":", &id);
        self.raw(b",\"customer\":{");
        self.blankable(Key::CustomerName, b"\"name\":", |it| {
            it.optional_text(b"", customer.name);
        });
        if self.out.last() != Some(&b'{') {
            self.raw(b",");
        }
        self.ready(b"\"id\":", &id);
        // Long before the call: the call's own day is not turned away for it.
        let mut clock = Clock::new();
        self.raw(b",\"createdAt\":");
        self.raw(clock.time(customer.created));
        self.raw(b",\"updatedAt\":");
        self.raw(clock.time(customer.updated));
        self.ready(b",\"workspaceId\":", &self.ids.workspace);
        self.blankable(Key::CustomerEmail, b",\"email\":", |it| {
            it.optional_text(b"", customer.email);
        });
        self.text(b",\"phoneNumber\":", customer.phone);
        self.text(b",\"identifier\":", customer.identifier);
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
        let of_customer = call.customer.map(|customer| customer.phone);
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
            call.transfer.map(|transfer| call.values.texts.get(transfer.destination)),
        );
        self.word(
            b",\"conversationStatus\":",
            if plan.has_failed { "failed" } else { "completed" },
        );
        self.optional_word(
            b",\"telephonyType\":",
            match plan.channel {
                Channel::Outbound => Some("outbound"),
                Channel::Inbound => Some("inbound"),
                Channel::Web | Channel::Chat => None,
            },
        );
        self.blankable(Key::TelephonyStatus, b",\"telephonyStatus\":", |it| {
            it.optional_word(b"", (is_phone && is_answered).then_some("completed"));
        });
        self.optional_word(b",\"endReason\":", is_phone.then(|| end_reason(plan.ending)));
        self.optional_word(
            b",\"recordingStatus\":",
            match (is_answered && plan.channel != Channel::Chat, plan.recording_in_progress) {
                (false, _) => None,
                (true, true) => Some("in_progress"),
                (true, false) => Some("completed"),
            },
        );
        self.word(
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
        self.raw(self.ids.conversation.bare());
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
            let texts = call.values.texts;
            match value {
                Scalar::Text(text) if text.is_plain => {
                    self.raw(b"\\\"");
                    self.raw(texts.get(*text).as_bytes());
                    self.raw(b"\\\"");
                }
                Scalar::Text(text) => self.inner_text(texts.get(*text)),
                Scalar::Json(json) if json.is_plain => self.raw(texts.get(*json).as_bytes()),
                Scalar::Json(json) => escape(texts.get(*json).as_bytes(), self.out),
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

    /// Writes what is said in a turn, escaped where it needs to be.
    fn words(&mut self, turn: &Turn<'_>, escape: fn(&[u8], &mut Vec<u8>)) {
        let out = &mut *self.out;
        let values = self.call.values;
        match turn.words {
            Words::Line(line) if line.is_plain() && self.are_plain => {
                line.fill(values, turn.by == 1, |piece| piece.append(out));
            }
            Words::Line(line) => {
                line.fill(values, turn.by == 1, |piece| escape(piece.as_str().as_bytes(), out));
            }
            Words::Text(text) => escape(text.as_bytes(), out),
        }
    }

    fn transcript(&mut self) {
        self.raw(b",\"transcript\":\"");
        for (index, turn) in self.call.turns.iter().enumerate() {
            if index > 0 {
                self.raw(b"\\n");
            }
            match turn.speaker {
                Speaker::Agent => self.raw(b"Agent: "),
                Speaker::Customer => self.raw(b"Customer: "),
            }
            self.words(turn, escape);
        }
        self.raw(b"\"");
    }

    fn transcripts(&mut self) {
        let (call, ids) = (self.call, self.ids);
        let times = call.times;
        self.raw(b",\"transcripts\":[");
        for part in 0..self.parts {
            if part > 0 {
                self.raw(b",");
            }
            self.id(b"{\"id\":", prefix::TRANSCRIPT, ids.transcripts[part]);
            self.conversation();
            self.raw(b",\"messages\":\"[");
            let mut is_first = true;
            for turn in call.turns.iter().filter(|turn| turn.by == part) {
                if !is_first {
                    self.raw(b",");
                }
                is_first = false;
                self.raw(b"{\\\"messageType\\\":\\\"");
                match turn.speaker {
                    Speaker::Agent => self.raw(b"agentMessage\\\",\\\"message\\\":\\\""),
                    Speaker::Customer => self.raw(b"userMessage\\\",\\\"message\\\":\\\""),
                }
                self.words(turn, escape_twice);
                self.raw(b"\\\",\\\"timestamp\\\":\\\"");
                let [_, time @ .., _] = self.clock.time(turn.at);
                self.out.extend_from_slice(time);
                self.raw(b"\\\"}");
            }
            self.ready(b"]\",\"conversationAgentId\":", &ids.rows[part]);
            self.agent_id(part);
            self.flow();
            let created = times.agent_join.filter(|_| part == 0).or(times.handed_over);
            self.optional_time(b",\"createdAt\":", created.map(|ms| ms + 4));
            self.time(b",\"updatedAt\":", times.end + 12);
            self.raw(b"}");
        }
        self.raw(b"]");
    }

    fn conversation(&mut self) {
        self.ready(b",\"conversationId\":", &self.ids.conversation);
    }

    fn flow(&mut self) {
        match &self.ids.flow {
            Some(flow) => self.ready(b",\"flowId\":", flow),
            None => self.null(b",\"flowId\":"),
        }
    }

    /// Writes the agent of a part of the call.
    fn agent_id(&mut self, part: usize) {
        let ids = self.ids;
        self.ready(b",\"agentId\":", if part == 0 { &ids.agent } else { &ids.last_agent });
    }

    fn agents(&mut self) {
        let times = self.call.times;
        self.raw(b",\"agents\":[");
        for part in 0..self.parts {
            let is_first = part == 0;
            let join = if is_first { times.agent_join } else { times.handed_over };
            let leave = times.handed_over.filter(|_| is_first).or(times.agent_leave);
            if !is_first {
                self.raw(b",");
            }
            self.ready(b"{\"id\":", &self.ids.rows[part]);
            self.agent_id(part);
            self.conversation();
            if is_first {
                self.raw(
                    b",\"segmentId\":null,\"sourceHandoffId\":null,\"participantRole\":\"primary\"",
                );
            } else {
                self.id(b",\"segmentId\":", prefix::SEGMENT, self.ids.segment);
                self.ready(b",\"sourceHandoffId\":", &self.ids.rows[0]);
                self.raw(b",\"participantRole\":\"secondary\"");
            }
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
            let destination = self.call.values.texts.get(transfer.destination);
            self.text(b",\"transferDestination\":", destination);
            self.word(b",\"transferStatus\":", status(transfer.outcome));
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
            self.word(open, kind);
            open = b",{\"chargeType\":";
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
