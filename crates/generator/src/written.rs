//! A call is written down: the one place where a story becomes the keys of an event.
//!
//! The ids that belong to the conversation come from the identity's stream, all else from the call.

use ringback_event::{
    Agent, ChargeType, ConversationCost, ConversationStatus, ConversationType, CostItem, Customer,
    EndReason, Event, EventType, Exact, Extra, Field, JsonText, Message, MessageType,
    ParticipantRole, Payload, RecordingStatus, Source, SourceMethod, TelephonyType, Timestamp,
    Transcript, Transfer, TransferStatus, User, render_transcript,
};
use serde_json::Value;
use uuid::Uuid;

use crate::archetype::{Answer, Channel, Ending, Outcome};
use crate::call::{Call, Scalar, Words};
use crate::chance::Chance;
use crate::library::Library;
use crate::price::Charge;
use crate::profile::{IdStyle, Key};
use crate::script::Speaker;

/// Writes a call down under the ids of an identity.
pub(crate) fn event(call: &Call<'_>, mut identity: Chance) -> Event {
    let event_id = event_id(call.ids, identity.uuid());
    let id = id(call.ids, prefix::CONVERSATION, identity.uuid());
    let writer = Writer { call, id, identity };
    Event {
        event_id,
        event_type: EventType::Completed,
        payload: writer.payload(),
        extra: Extra::new(),
    }
}

struct Writer<'a> {
    call: &'a Call<'a>,
    /// `payload.id`.
    id: String,
    identity: Chance,
}

/// Writes a time; every time of a call follows from an epoch that is kept inside the calendar.
fn time(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds)
        .unwrap_or_else(|error| unreachable!("outside the calendar: {error}"))
}

/// The prefixes of ids in the documented example, by what the id names. Flows and segments are not
/// shown there: theirs are ours.
pub(crate) mod prefix {
    pub(crate) const EVENT: &str = "evt_";
    pub(crate) const CONVERSATION: &str = "conv_";
    pub(crate) const PHONE: &str = "phone_";
    pub(crate) const AGENT: &str = "agent_";
    pub(crate) const FLOW: &str = "flow_";
    pub(crate) const WORKSPACE: &str = "ws_";
    pub(crate) const CUSTOMER: &str = "cust_";
    pub(crate) const CAMPAIGN: &str = "camp_";
    pub(crate) const RUN: &str = "run_";
    pub(crate) const TRANSCRIPT: &str = "t_";
    pub(crate) const PART: &str = "ca_";
    pub(crate) const USER: &str = "cu_";
    pub(crate) const TRANSFER: &str = "ct_";
    pub(crate) const SEGMENT: &str = "seg_";
}

/// Writes an id.
pub(crate) fn id(style: IdStyle, prefix: &str, id: Uuid) -> String {
    match style {
        IdStyle::Uuid => id.to_string(),
        IdStyle::Prefixed => {
            let (high, _) = id.as_u64_pair();
            format!("{prefix}{high:016x}")
        }
    }
}

/// Writes the id of an event.
pub(crate) fn event_id(style: IdStyle, uuid: Uuid) -> String {
    id(style, prefix::EVENT, uuid)
}

impl Writer<'_> {
    fn id(&self, prefix: &str, uuid: Uuid) -> String {
        id(self.call.ids, prefix, uuid)
    }

    /// Draws an id that belongs to the conversation.
    fn draw(&mut self, prefix: &str) -> String {
        id(self.call.ids, prefix, self.identity.uuid())
    }

    fn payload(mut self) -> Payload {
        let call = self.call;
        let blanks = &call.blanks;
        let times = call.times;
        let plan = call.plan;
        let is_phone = plan.channel.is_phone();
        let is_answered = plan.answer != Answer::Nobody;
        let rows: Vec<String> = (0..self.parts()).map(|_| self.draw(prefix::PART)).collect();
        let messages = self.messages();
        let customer = call.customer.as_ref();
        let of_customer = customer.map(|customer| customer.phone.to_owned());
        let of_business = Some(call.agent.phone.clone());
        let (to, from) = match plan.channel {
            Channel::Outbound => (of_customer, of_business.filter(|_| is_answered)),
            // A caller who withholds their number leaves an empty one.
            Channel::Inbound => (of_business, Some(of_customer.unwrap_or_default())),
            Channel::Web | Channel::Chat => (None, None),
        };
        let transfer = call.transfer.as_ref();
        let transcripts = self.transcripts(&rows, &messages);
        let agents = self.agents(&rows);
        let recording = (is_answered && plan.channel != Channel::Chat).then_some(
            if plan.recording_in_progress {
                RecordingStatus::InProgress
            } else {
                RecordingStatus::Completed
            },
        );
        let recording_url = (recording == Some(RecordingStatus::Completed)).then(|| {
            let id = &self.id;
            format!("https://uploads.oration.ai/public/conversations/{id}/recordings/mono.mp4")
        });
        Payload {
            phone_id: blanks.of(
                Key::PhoneId,
                (is_phone && is_answered)
                    .then(|| self.id(prefix::PHONE, call.agent.phone_id))
                    .into(),
            ),
            agent_id: self.id(prefix::AGENT, call.agent.id).into(),
            flow_id: call.flow.map(|flow| self.id(prefix::FLOW, flow)).into(),
            workspace_id: self.id(prefix::WORKSPACE, call.workspace).into(),
            call_start_time: time(times.start).into(),
            call_end_time: time(times.end).into(),
            user_join_time: times.user_join.map(time).into(),
            user_leave_time: time(times.user_leave).into(),
            agent_join_time: times.agent_join.map(time).into(),
            agent_leave_time: times.agent_leave.map(time).into(),
            transfer_start_time: transfer.map(|transfer| time(transfer.start)).into(),
            transfer_end_time: transfer.map(|transfer| time(transfer.end)).into(),
            transfer_user_join_time: transfer.and_then(|it| it.user_join).map(time).into(),
            transfer_user_leave_time: transfer.and_then(|it| it.user_leave).map(time).into(),
            transfer_status: transfer.map(|it| TransferStatus::from(status(it.outcome))).into(),
            customer_id: customer.map(|customer| self.id(prefix::CUSTOMER, customer.id)).into(),
            customer: self.customer().into(),
            to_phone_number: to.into(),
            from_phone_number: from.into(),
            transfer_destination: transfer
                .map(|transfer| self.call.values.texts.get(transfer.destination).to_owned())
                .into(),
            conversation_status: if plan.has_failed {
                ConversationStatus::Failed.into()
            } else {
                ConversationStatus::Completed.into()
            },
            telephony_type: match plan.channel {
                Channel::Outbound => TelephonyType::Outbound.into(),
                Channel::Inbound => TelephonyType::Inbound.into(),
                Channel::Web | Channel::Chat => Field::Null,
            },
            telephony_status: blanks.of(
                Key::TelephonyStatus,
                (is_phone && is_answered).then(|| "completed".to_owned()).into(),
            ),
            end_reason: is_phone.then(|| EndReason::from(end_reason(plan.ending))).into(),
            recording_status: recording.into(),
            conversation_type: match plan.channel {
                Channel::Outbound | Channel::Inbound => ConversationType::Telephony.into(),
                Channel::Web => ConversationType::Web.into(),
                Channel::Chat => ConversationType::Chat.into(),
            },
            dynamic_variables: blanks
                .of(Key::DynamicVariables, JsonText::from_text(self.variables()).into()),
            campaign_id: call.campaign.map(|(it, _)| self.id(prefix::CAMPAIGN, it)).into(),
            campaign_run_id: call.campaign.map(|(_, run)| self.id(prefix::RUN, run)).into(),
            recording_url: blanks.of(Key::RecordingUrl, recording_url.into()),
            transcript: render_transcript(messages.iter().flatten()).into(),
            transcripts: transcripts.into(),
            post_call_metadata: Field::Null,
            created_at: time(times.created).into(),
            updated_at: time(times.updated).into(),
            agents: agents.into(),
            users: self.users().into(),
            transfers: self.transfers().into(),
            conversation_cost: blanks.of(Key::ConversationCost, self.cost().into()),
            ws_url: Field::Absent,
            llm_url: Field::Absent,
            summary: Field::Absent,
            post_call_notes: Field::Absent,
            post_call_category1: Field::Absent,
            post_call_category2: Field::Absent,
            post_call_category3: Field::Absent,
            extra: Extra::new(),
            id: self.id,
        }
    }

    /// Counts the agents' parts of the call.
    fn parts(&self) -> usize {
        match (self.call.times.agent_join, self.call.times.handed_over) {
            (None, _) => 0,
            (_, None) => 1,
            (_, Some(_)) => 2,
        }
    }

    fn customer(&self) -> Option<Customer> {
        let customer = self.call.customer.as_ref()?;
        let blanks = &self.call.blanks;
        let source = Source { method: SourceMethod::Api.into(), extra: Extra::new() };
        let metadata = match customer.metadata.value() {
            Value::Null => Field::Null,
            value => Field::Value(value),
        };
        Some(Customer {
            name: blanks.of(Key::CustomerName, customer.name.map(str::to_owned).into()),
            id: self.id(prefix::CUSTOMER, customer.id).into(),
            created_at: time(customer.created).into(),
            updated_at: time(customer.updated).into(),
            workspace_id: self.id(prefix::WORKSPACE, self.call.workspace).into(),
            email: blanks.of(Key::CustomerEmail, customer.email.map(str::to_owned).into()),
            phone_number: customer.phone.to_owned().into(),
            identifier: customer.identifier.to_owned(),
            priority: Exact::from(customer.priority).into(),
            source_file: Field::Null,
            source: blanks.of(Key::CustomerSource, source.into()),
            is_do_not_disturb_enabled: customer.do_not_disturb.into(),
            metadata: blanks.of(Key::CustomerMetadata, metadata),
            extra: Extra::new(),
        })
    }

    /// Writes what was said in each agent's part.
    fn messages(&self) -> Vec<Vec<Message>> {
        let mut parts = vec![Vec::new(); self.parts()];
        for turn in self.call.turns {
            let message = match turn.words {
                Words::Line(line) => {
                    let mut message = String::new();
                    line.fill(self.call.values, turn.by == 1, |piece| {
                        message.push_str(piece.as_str());
                    });
                    message
                }
                Words::Text(text) => text.to_owned(),
            };
            let message_type = match turn.speaker {
                Speaker::Agent => MessageType::Agent,
                Speaker::Customer => MessageType::User,
            };
            if let Some(part) = parts.get_mut(turn.by) {
                part.push(Message {
                    message_type,
                    message,
                    timestamp: time(turn.at),
                    extra: Extra::new(),
                });
            }
        }
        parts
    }

    fn transcripts(&mut self, rows: &[String], messages: &[Vec<Message>]) -> Vec<Transcript> {
        let times = self.call.times;
        let mut transcripts = Vec::new();
        for (part, messages) in messages.iter().enumerate() {
            let created = times.agent_join.filter(|_| part == 0).or(times.handed_over);
            transcripts.push(Transcript {
                id: self.draw(prefix::TRANSCRIPT).into(),
                conversation_id: self.id.clone(),
                messages: JsonText::encode(messages)
                    .unwrap_or_else(|error| unreachable!("texts and times: {error}"))
                    .into(),
                conversation_agent_id: rows[part].clone().into(),
                agent_id: self.id(prefix::AGENT, self.agent_of(part)).into(),
                flow_id: self.call.flow.map(|flow| self.id(prefix::FLOW, flow)).into(),
                created_at: created.map(|ms| time(ms + 4)).into(),
                updated_at: time(times.end + 12).into(),
                extra: Extra::new(),
            });
        }
        transcripts
    }

    fn agent_of(&self, part: usize) -> Uuid {
        match &self.call.colleague {
            Some(colleague) if part == 1 => colleague.id,
            _ => self.call.agent.id,
        }
    }

    fn agents(&mut self, rows: &[String]) -> Vec<Agent> {
        let times = self.call.times;
        let mut agents = Vec::new();
        for (part, row) in rows.iter().enumerate() {
            let is_first = part == 0;
            let join = if is_first { times.agent_join } else { times.handed_over };
            let leave = times.handed_over.filter(|_| is_first).or(times.agent_leave);
            agents.push(Agent {
                id: row.clone().into(),
                agent_id: self.id(prefix::AGENT, self.agent_of(part)).into(),
                conversation_id: self.id.clone().into(),
                segment_id: (!is_first).then(|| self.draw(prefix::SEGMENT)).into(),
                source_handoff_id: (!is_first).then(|| rows[0].clone()).into(),
                participant_role: if is_first {
                    ParticipantRole::Primary.into()
                } else {
                    ParticipantRole::Other("secondary".to_owned()).into()
                },
                agent_join_time: join.map(time).into(),
                agent_leave_time: leave.map(time).into(),
                created_at: join.map(|ms| time(ms + 3)).into(),
                updated_at: leave.map(|ms| time(ms + 9)).into(),
                extra: Extra::new(),
            });
        }
        agents
    }

    fn users(&mut self) -> Vec<User> {
        let times = self.call.times;
        let Some(join) = times.user_join else { return Vec::new() };
        vec![User {
            id: self.draw(prefix::USER).into(),
            agent_id: self.id(prefix::AGENT, self.call.agent.id).into(),
            conversation_id: self.id.clone().into(),
            user_join_time: time(join).into(),
            user_leave_time: time(times.user_leave).into(),
            created_at: time(join + 2).into(),
            updated_at: time(times.user_leave + 7).into(),
            extra: Extra::new(),
        }]
    }

    fn transfers(&mut self) -> Vec<Transfer> {
        let Some(transfer) = &self.call.transfer else { return Vec::new() };
        let agent = self.agent_of(self.parts().saturating_sub(1));
        vec![Transfer {
            id: self.draw(prefix::TRANSFER).into(),
            agent_id: self.id(prefix::AGENT, agent).into(),
            conversation_id: self.id.clone().into(),
            transfer_start_time: time(transfer.start).into(),
            transfer_end_time: time(transfer.end).into(),
            transfer_user_join_time: transfer.user_join.map(time).into(),
            transfer_user_leave_time: transfer.user_leave.map(time).into(),
            transfer_destination: self
                .call
                .values
                .texts
                .get(transfer.destination)
                .to_owned()
                .into(),
            transfer_status: TransferStatus::from(status(transfer.outcome)).into(),
            created_at: time(transfer.start + 5).into(),
            updated_at: time(transfer.end + 8).into(),
            extra: Extra::new(),
        }]
    }

    /// Writes `dynamicVariables`, with or without spaces; the documented examples show both.
    fn variables(&self) -> String {
        let (colon, comma) = if self.call.agent.spaced_json { (": ", ", ") } else { (":", ",") };
        let mut out = String::from("{");
        for (index, (name, value)) in self.call.variables.iter().enumerate() {
            if index > 0 {
                out.push_str(comma);
            }
            let texts = self.call.values.texts;
            out.push_str(&Value::from(*name).to_string());
            out.push_str(colon);
            match value {
                Scalar::Text(text) => out.push_str(&Value::from(texts.get(*text)).to_string()),
                Scalar::Json(text) => out.push_str(texts.get(*text)),
            }
        }
        out.push('}');
        out
    }

    fn cost(&self) -> ConversationCost {
        let bill = self.call.bill;
        let prices = &Library::embedded().prices;
        let agent = &self.call.agent;
        let model = |model: &str| Field::Value(model.to_owned());
        let item = |charge_type, charge: Charge, provider_model| CostItem {
            charge_type,
            cost: Exact::new(charge.cost, 4),
            actual_duration: charge.actual.into(),
            billable_duration: charge.billable.into(),
            provider_model,
            extra: Extra::new(),
        };
        let items = [
            (ChargeType::Llm, bill.llm, model(&prices.llm[agent.llm].model)),
            (ChargeType::Tts, bill.tts, model(&prices.tts[agent.tts].model)),
            (ChargeType::Stt, bill.stt, model(&prices.stt[agent.stt].model)),
            (ChargeType::Platform, bill.platform, Field::Absent),
            (ChargeType::Telephony, bill.telephony, Field::Absent),
            (ChargeType::Agent, bill.agent, Field::Absent),
        ];
        let platform = bill.platform.unwrap_or(Charge { cost: 0, actual: 0, billable: 0 });
        ConversationCost {
            total_cost: Exact::new(bill.total(), 4),
            total_actual_duration: platform.actual.into(),
            total_billable_duration: platform.billable.into(),
            items: items
                .into_iter()
                .filter_map(|(kind, charge, model)| Some(item(kind, charge?, model)))
                .collect::<Vec<_>>()
                .into(),
            extra: Extra::new(),
        }
    }
}

/// Only the connected state is shown in an example; the names of the others are ours.
pub(crate) const fn status(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Connected => "transfer_connected",
        Outcome::TimedOut => "transfer_timeout",
        Outcome::Failed => "transfer_failed",
    }
}

/// No reason is documented for a busy line or a machine: those two names are ours.
pub(crate) const fn end_reason(ending: Ending) -> &'static str {
    match ending {
        Ending::CustomerHangsUp | Ending::CustomerLeaves => "user_hangup",
        Ending::AgentHangsUp => "agent_hangup",
        Ending::Silence => "user_inactivity",
        Ending::LineBreaks => "network_error",
        Ending::TimeIsUp => "max_duration_exceeded",
        Ending::NoAnswer => "user_did_not_answer",
        Ending::Busy => "user_busy",
        Ending::MessageLeft => "voicemail_detected",
    }
}
