//! Property strategies: events for a test that is to hold for all of them.
//!
//! [`valid`] draws calls as they happen, [`wide`] the borders of what the contract allows, [`tomorrow`]
//! what a provider may send without notice, [`invalid`] events with one thing wrong, [`sequences`]
//! several events in the order and number in which a hostile network delivers them. Each draws a
//! [`Case`]; its bytes are made with an identity that is given apart, so that shrinking never touches an
//! id and each attempt can be sent under a fresh one: a receiver that de-duplicates would greet the
//! same id again with 200, and the failure would seem gone.
//!
//! The values of Oration's documented example come first in every choice. Shrinking walks to them, so
//! that the smallest failing event differs from the page only where it matters.
//!
//! ```
//! use proptest::prelude::*;
//! use ringback_event::Event;
//! use ringback_generator::strategy;
//!
//! proptest! {
//!     # #![proptest_config(ProptestConfig { cases: 4, failure_persistence: None, ..ProptestConfig::default() })]
//!     // #[test]
//!     fn my_parser_reads_every_valid_event(case in strategy::valid()) {
//!         let body = case.bytes(0);
//!         prop_assert!(serde_json::from_slice::<Event>(&body).is_ok());
//!     }
//! }
//! # my_parser_reads_every_valid_event();
//! ```

use std::fmt::{self, Write as _};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::string::{RegexGeneratorStrategy, string_regex};
use ringback_event::{
    ConversationStatus, EndReason, Event, EventType, Level, MessageType, ParticipantRole, judge,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::archetype::{Answer, Channel, Ending, Outcome, Plan};
use crate::call::{Bill, Blanks, Call, Scalar, Times, Transfer, Turn, Words};
use crate::chance::{Chance, Purpose};
use crate::direct;
use crate::library::Library;
use crate::line::Values;
use crate::mutation::{Effect, Mutation, apply_all, mutations};
use crate::price::Price;
use crate::profile::IdStyle;
use crate::script::Speaker;
use crate::texts::Texts;
use crate::world::{Agent, Customer, Metadata};
use crate::{EVENT_BYTES, written};

/// One event, drawn; its ids are given apart.
#[derive(Clone)]
pub struct Case {
    knobs: Knobs,
    tweaks: Vec<Tweak>,
    /// What is wrong with it, by data; empty for an event that holds.
    pub mutations: Vec<Mutation>,
}

impl Case {
    /// Makes the event before its mutations, under the ids of an identity.
    pub fn event(&self, identity: u64) -> Event {
        let chance = Chance::new(identity, Purpose::Identity, 0);
        let mut event = self.knobs.call(|call| written::event(call, chance));
        for tweak in &self.tweaks {
            tweak.apply(&mut event);
        }
        event
    }

    /// Makes the bytes to send, mutations applied, under the ids of an identity. A mutation whose place
    /// the event does not have is left out; [`invalid`] draws none such.
    pub fn bytes(&self, identity: u64) -> Vec<u8> {
        let mut event = Vec::with_capacity(EVENT_BYTES);
        if self.tweaks.is_empty() {
            let chance = Chance::new(identity, Purpose::Identity, 0);
            self.knobs.call(|call| direct::write(call, chance, &mut event));
        } else {
            serde_json::to_writer(&mut event, &self.event(identity))
                .unwrap_or_else(|error| unreachable!("an event is JSON: {error}"));
        }
        if self.mutations.is_empty() {
            return event;
        }
        apply_all(&event, &self.mutations).unwrap_or(event)
    }

    /// Tells whether the bytes break every rule that the mutations say they break. A driver asks again
    /// while it shrinks: a broken case that has become valid must not be blamed on the receiver.
    pub fn is_as_broken_as_said(&self) -> bool {
        let findings = judge(&self.bytes(0), Level::Semantic);
        let is_found = |rule: &String| findings.iter().any(|it| it.rule.id() == rule);
        self.mutations.iter().flat_map(|mutation| &mutation.breaks).all(is_found)
    }
}

impl fmt::Debug for Case {
    /// Writes the event as JSON and the names of the mutations: what a person needs to see.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let event = serde_json::to_string(&self.event(0)).map_err(|_| fmt::Error)?;
        let names: Vec<_> = self.mutations.iter().map(|mutation| &mutation.name).collect();
        f.debug_struct("Case").field("event", &event).field("mutations", &names).finish()
    }
}

/// Events of one or two calls in the order in which they are delivered.
#[derive(Debug, Clone)]
pub struct Sequence {
    /// The calls.
    pub calls: Vec<Case>,
    /// What is delivered, first to last.
    pub deliveries: Vec<Delivery>,
}

/// One delivery of a sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Which call, by its position.
    pub call: usize,
    /// Which of the call's two events.
    pub event: EventType,
    /// Which id it carries: 0 for the event's own, as a retry does; another number for a fresh one, as
    /// some platforms' redeliveries do.
    pub reissue: u8,
    /// Milliseconds after the delivery before it; 0 for at the same time.
    pub gap_ms: u32,
}

impl Sequence {
    /// Makes the bytes of one of its deliveries, under the ids of an identity.
    pub fn bytes(&self, delivery: &Delivery, identity: u64) -> Vec<u8> {
        let Some(case) = self.calls.get(delivery.call) else { return Vec::new() };
        // Each call has ids of its own.
        let identity = identity.wrapping_mul(31).wrapping_add(delivery.call as u64);
        let mut event = case.event(identity);
        let number = u64::from(delivery.reissue) * 2;
        if delivery.event == EventType::AnalysisCompleted {
            let payload = &mut event.payload;
            payload.post_call_metadata =
                json!({ "sentiment": "positive", "resolution": "completed" }).into();
            event.event_id =
                Chance::new(identity, Purpose::AnalysisIdentity, number).uuid().to_string();
        } else if number > 0 {
            event.event_id =
                Chance::new(identity, Purpose::AnalysisIdentity, number + 1).uuid().to_string();
        }
        event.event_type = delivery.event.clone();
        serde_json::to_vec(&event).unwrap_or_else(|error| unreachable!("an event is JSON: {error}"))
    }
}

/// Draws calls as they happen: every event passes both validators.
pub fn valid() -> impl Strategy<Value = Case> {
    knobs(spoken().boxed(), metadata().boxed()).prop_map(|knobs| Case {
        knobs,
        tweaks: Vec::new(),
        mutations: Vec::new(),
    })
}

/// Draws the borders of what the contract allows: any text in any script, any JSON as metadata, no
/// words or very many. Every event passes both validators.
pub fn wide() -> impl Strategy<Value = Case> {
    let text = prop_oneof![
        spoken(),
        regex("\\PC{0,40}"),
        select(
            &[
                "",
                " ",
                "नमस्ते",
                "مرحبا",
                "こんにちは",
                "👩‍👩‍👧",
                "\u{2028}",
                "\u{0}",
                "\\\"{}[]",
                "null"
            ][..]
        )
        .prop_map(str::to_owned),
    ];
    knobs(text.boxed(), any_json().boxed()).prop_map(|knobs| Case {
        knobs,
        tweaks: Vec::new(),
        mutations: Vec::new(),
    })
}

/// Draws what a provider may send without notice: keys and values that are not documented yet. Every
/// event passes both validators, for both are open.
pub fn tomorrow() -> impl Strategy<Value = Case> {
    (valid(), vec(tweak(), 1..4)).prop_map(|(case, tweaks)| Case { tweaks, ..case })
}

/// Draws events with one thing wrong, each breaking the rules that its mutation names. Shrinking
/// simplifies the event and never changes the mutation.
pub fn invalid() -> impl Strategy<Value = Case> {
    let breaking: Vec<&'static Mutation> = mutations()
        .iter()
        .filter(|mutation| !mutation.breaks.is_empty() && !is_large(&mutation.effect))
        .collect();
    (valid(), select(breaking).no_shrink())
        .prop_map(|(case, mutation)| Case { mutations: vec![mutation.clone()], ..case })
        .prop_filter("the event has no such place", Case::is_as_broken_as_said)
}

fn is_large(effect: &Effect) -> bool {
    matches!(effect, Effect::Grow(bytes) | Effect::Word(bytes) if *bytes > 300_000)
}

/// Draws the events of one or two calls as a hostile network delivers them: twice, in the wrong order,
/// at once, under a new id.
pub fn sequences() -> impl Strategy<Value = Sequence> {
    let delivery = (
        0..2_usize,
        prop_oneof![Just(EventType::Completed), Just(EventType::AnalysisCompleted)],
        prop_oneof![4 => Just(0_u8), 1 => 1..3_u8],
        prop_oneof![Just(0_u32), 1..5_000_u32],
    );
    (vec(valid(), 1..3), vec(delivery, 1..6)).prop_map(|(calls, deliveries)| {
        let deliveries = deliveries
            .into_iter()
            .map(|(call, event, reissue, gap_ms)| Delivery {
                call: call % calls.len(),
                event,
                reissue,
                gap_ms,
            })
            .collect();
        Sequence { calls, deliveries }
    })
}

/// What is free about a call; all else follows.
#[derive(Debug, Clone)]
struct Knobs {
    channel: Channel,
    ending: Ending,
    transfer: Option<Outcome>,
    has_campaign: bool,
    has_flow: bool,
    hands_over: bool,
    recording_in_progress: bool,
    customer: Option<Person>,
    variables: Vec<(String, Value)>,
    spaced_json: bool,
    said: Vec<(Speaker, String)>,
    /// Seconds used of each kind of charge, in the order of the documented example.
    used: [Option<i64>; 5],
    /// Seconds of the call.
    lasted: i64,
    /// Milliseconds since 1970.
    start: i64,
}

#[derive(Debug, Clone)]
struct Person {
    name: Option<String>,
    email: Option<String>,
    phone: &'static str,
    identifier: String,
    priority: i64,
    do_not_disturb: bool,
    metadata: Value,
}

/// 2023-01-01T12:00:00.000Z, the documented example's only time.
const DOCUMENTED_START: i64 = 1_672_574_400_000;

fn knobs(
    text: BoxedStrategy<String>,
    metadata: BoxedStrategy<Value>,
) -> impl Strategy<Value = Knobs> {
    let shape = (
        select(&[Channel::Outbound, Channel::Inbound, Channel::Web, Channel::Chat][..]),
        select(
            &[
                Ending::CustomerHangsUp,
                Ending::AgentHangsUp,
                Ending::Silence,
                Ending::LineBreaks,
                Ending::TimeIsUp,
                Ending::MessageLeft,
                Ending::NoAnswer,
                Ending::Busy,
            ][..],
        ),
        select(
            &[Some(Outcome::Connected), Some(Outcome::TimedOut), Some(Outcome::Failed), None][..],
        ),
        prop_oneof![Just(true), Just(false)],
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    );
    let people = (person(text.clone(), metadata), variables(text.clone()), documented_first(true));
    let words = prop_oneof![Just(documented_words()), vec((speaker(), text), 0..12)];
    let seconds = |documented| prop_oneof![4 => Just(Some(documented)), 1 => Just(None), 4 => (0..=120_i64).prop_map(Some)];
    let used = (seconds(45), seconds(42), seconds(40), seconds(60), seconds(60));
    let times = (
        prop_oneof![Just(120_i64), 120..3_600_i64],
        prop_oneof![Just(DOCUMENTED_START), 0..4_000_000_000_000_i64],
    );
    (shape, people, words, used, times).prop_map(|(shape, people, said, used, times)| {
        let (channel, ending, transfer, has_campaign, has_flow, hands_over, in_progress) = shape;
        let (customer, variables, spaced_json) = people;
        let (llm, tts, stt, telephony, agent) = used;
        Knobs {
            channel,
            // Only a call that was dialled can go unanswered.
            ending: match ending {
                Ending::NoAnswer | Ending::Busy if channel != Channel::Outbound => {
                    Ending::CustomerHangsUp
                }
                ending => ending,
            },
            transfer,
            has_campaign: has_campaign && channel == Channel::Outbound,
            has_flow,
            hands_over,
            recording_in_progress: in_progress,
            customer,
            variables,
            spaced_json,
            said,
            used: [llm, tts, stt, telephony, agent],
            lasted: times.0,
            start: times.1,
        }
    })
}

/// Draws a boolean whose simplest value is the documented one.
fn documented_first(documented: bool) -> impl Strategy<Value = bool> {
    prop_oneof![Just(documented), Just(!documented)]
}

fn speaker() -> impl Strategy<Value = Speaker> {
    prop_oneof![Just(Speaker::Agent), Just(Speaker::Customer)]
}

/// Draws texts of a pattern, which is read here and not again for each of them.
fn regex(pattern: &str) -> RegexGeneratorStrategy<String> {
    string_regex(pattern).unwrap_or_else(|error| unreachable!("the pattern `{pattern}`: {error}"))
}

/// Draws something that people say.
fn spoken() -> impl Strategy<Value = String> {
    let lines = [
        "Hello, how can I help you today?",
        "I'd like to know about your pricing...",
        "Hello, can you hear me?",
        "Yes, of course.",
        "One moment, please.",
        "नमस्ते, मैं सुन रहा हूँ।",
        "もしもし、聞こえますか。",
        "Grüße aus Köln! €5 & 50 % 👍",
    ];
    select(lines.to_vec()).prop_map(str::to_owned)
}

fn documented_words() -> Vec<(Speaker, String)> {
    vec![
        (Speaker::Agent, "Hello, how can I help you today?".to_owned()),
        (Speaker::Customer, "I'd like to know about your pricing...".to_owned()),
    ]
}

fn person(
    text: BoxedStrategy<String>,
    metadata: BoxedStrategy<Value>,
) -> impl Strategy<Value = Option<Person>> {
    let name = prop_oneof![Just(Some("John Doe".to_owned())), text.prop_map(Some), Just(None)];
    let email = prop_oneof![
        Just(Some("john.doe@example.com".to_owned())),
        regex("[a-z]{1,8}@example\\.(org|net)").prop_map(Some),
        Just(None),
    ];
    let phone = select(&["+1234567890", "+12125550123", "+493023125042", "+81900001234"][..]);
    let identifier = prop_oneof![Just("john.doe".to_owned()), regex("[A-Z]{2}-[0-9]{1,6}")];
    let priority = prop_oneof![Just(1_i64), Just(5), Just(0), 0..1_000_000_000_i64];
    let person = (name, email, phone, identifier, priority, any::<bool>(), metadata).prop_map(
        |(name, email, phone, identifier, priority, do_not_disturb, metadata)| {
            Some(Person { name, email, phone, identifier, priority, do_not_disturb, metadata })
        },
    );
    prop_oneof![9 => person, 1 => Just(None)]
}

fn metadata() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({ "custom_field": "value" })),
        Just(Value::Null),
        Just(json!("gold")),
        Just(json!(42)),
        Just(json!(true)),
        Just(json!({})),
        Just(json!({ "tags": ["a", "b"], "nested": { "deep": [1, 2.5, null] } })),
    ]
}

/// Draws any JSON of a modest size.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({ "custom_field": "value" })),
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-1e9..1e9_f64).prop_map(Value::from),
        regex("\\PC{0,12}").prop_map(Value::from),
    ];
    let key = regex("[a-zA-Z_ é]{0,8}").boxed();
    leaf.prop_recursive(3, 16, 4, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((key.clone(), inner), 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

fn variables(text: BoxedStrategy<String>) -> impl Strategy<Value = Vec<(String, Value)>> {
    let documented = vec![
        ("customer_name".to_owned(), json!("John Doe")),
        ("priority".to_owned(), json!("high")),
    ];
    let value = prop_oneof![
        text.prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        Just(Value::Null),
        Just(json!({ "id": 7 })),
    ];
    let drawn = proptest::collection::btree_map(regex("[a-z_]{1,10}"), value, 0..5);
    prop_oneof![Just(documented), drawn.prop_map(|map| map.into_iter().collect())]
}

impl Knobs {
    fn plan(&self) -> Plan {
        let answer = match self.ending {
            Ending::NoAnswer | Ending::Busy => Answer::Nobody,
            Ending::MessageLeft => Answer::Machine,
            _ => Answer::Person,
        };
        Plan {
            channel: self.channel,
            answer,
            ending: self.ending,
            transfer: self.transfer.filter(|_| answer == Answer::Person),
            hands_over: self.hands_over && answer == Answer::Person,
            has_flow: self.has_flow,
            has_campaign: self.has_campaign,
            is_anonymous: self.customer.is_none(),
            do_not_disturb: false,
            recording_in_progress: self.recording_in_progress,
            has_failed: false,
        }
    }

    /// Lets the call happen and has it told.
    fn call<T>(&self, tell: impl FnOnce(&Call<'_>) -> T) -> T {
        let plan = self.plan();
        let is_answered = plan.answer != Answer::Nobody;
        // Ids that the conversation shares with others are as fixed as in the documented example.
        let fixed =
            |digit: u128| Uuid::from_u128(0x1234_5678_90ab_4def_8123_4567_890a_bcd0 + digit);
        let agent = |number: u128| Agent {
            id: fixed(number),
            name: "Ava",
            phone_id: fixed(3),
            phone: "+15555555555".to_owned(),
            flow: fixed(4),
            llm: 0,
            tts: 0,
            stt: 0,
            spaced_json: self.spaced_json,
            longest_call: self.lasted,
            number: 0,
        };
        let start = self.start;
        let end = start + self.lasted * 1_000;
        let join = start + 1_000;
        let leave = end - 1_000;
        let over = (start + end) / 2;
        let turns = self.turns(join, if plan.transfer.is_some() { over } else { leave }, plan);
        let handed_over = turns.iter().find(|turn| turn.by == 1).map(|turn| turn.at);
        let mut texts = Texts::default();
        let transfer = plan.transfer.map(|outcome| {
            let is_connected = outcome == Outcome::Connected;
            Transfer {
                outcome,
                destination: texts.put("+15555555555"),
                start: over,
                user_join: is_connected.then_some(over + 2_000),
                user_leave: is_connected.then_some(leave),
                end: leave,
            }
        });
        let times = Times {
            created: start - 500,
            start,
            user_join: is_answered.then_some(join),
            user_leave: if is_answered { leave } else { end },
            agent_join: is_answered.then_some(join),
            handed_over,
            agent_leave: is_answered.then_some(leave),
            end,
            updated: end + 500,
        };
        let variables: Vec<_> = self
            .variables
            .iter()
            .map(|(name, value)| {
                // Into memory, which does not fail.
                let json = texts.add(|out| {
                    let _ = write!(out, "{value}");
                });
                (name.as_str(), Scalar::Json(json))
            })
            .collect();
        let (first, second) = (agent(1), agent(2));
        tell(&Call {
            plan,
            domain: "sales",
            workspace: fixed(0),
            agent: &first,
            colleague: handed_over.map(|_| &second),
            customer: self.customer.as_ref().map(|person| customer(person, fixed(5), start)),
            campaign: plan.has_campaign.then(|| (fixed(6), fixed(7))),
            flow: plan.has_flow.then(|| fixed(4)),
            values: Values { texts: &texts, slots: &[] },
            variables: &variables,
            turns: &turns,
            times,
            transfer,
            bill: if is_answered { self.bill() } else { Bill::default() },
            blanks: Blanks::NONE,
            ids: IdStyle::Uuid,
        })
    }

    /// Spreads what is said evenly over a span; after half of it the second agent speaks, if there is
    /// one.
    fn turns(&self, from: i64, until: i64, plan: Plan) -> Vec<Turn<'_>> {
        if plan.answer == Answer::Nobody {
            return Vec::new();
        }
        let count = self.said.len();
        let mut turns = Vec::new();
        let mut at = from;
        let step = (until - from) / i64::try_from(count + 1).unwrap_or(i64::MAX);
        for (index, (speaker, text)) in self.said.iter().enumerate() {
            at += step;
            turns.push(Turn {
                speaker: *speaker,
                by: usize::from(plan.hands_over && index * 2 >= count && index > 0),
                words: Words::Text(text),
                at,
            });
        }
        turns
    }

    /// Bills what was used, at the first price of each kind; the platform counts the whole call.
    fn bill(&self) -> Bill {
        let prices = &Library::embedded().prices;
        let [llm, tts, stt, telephony, agent] = self.used;
        let charge = |used: Option<i64>, price: Price| used.map(|seconds| price.charge(seconds));
        let is_spoken = self.channel != Channel::Chat;
        Bill {
            llm: charge(llm, prices.llm[0].price()),
            tts: charge(tts.filter(|_| is_spoken), prices.tts[0].price()),
            stt: charge(stt.filter(|_| is_spoken), prices.stt[0].price()),
            platform: Some(prices.platform.charge(self.lasted)),
            telephony: charge(telephony.filter(|_| self.channel.is_phone()), prices.telephony),
            agent: charge(agent, prices.agent),
        }
    }
}

fn customer(person: &Person, id: Uuid, start: i64) -> Customer<'_> {
    Customer {
        id,
        name: person.name.as_deref(),
        address: "",
        email: person.email.as_deref(),
        phone: person.phone,
        identifier: &person.identifier,
        priority: person.priority,
        do_not_disturb: person.do_not_disturb,
        metadata: Metadata::Other(&person.metadata),
        created: start,
        updated: start,
    }
}

/// Something that is not documented yet.
#[derive(Debug, Clone)]
enum Tweak {
    /// A key that nobody knows, at one of six places.
    Key(u8, String, Value),
    /// A value that is not listed, for one of five enums.
    Value(u8, String),
}

fn tweak() -> impl Strategy<Value = Tweak> {
    let key = prop_oneof![Just("sentimentScore".to_owned()), regex("x[A-Z][a-zA-Z]{0,10}")];
    let value = prop_oneof![Just(json!(0.87)), Just(Value::Null), any_json()];
    let name = prop_oneof![Just("voicemail_detected".to_owned()), regex("x_[a-z]{1,12}")];
    prop_oneof![
        (0..6_u8, key, value).prop_map(|(place, key, value)| Tweak::Key(place, key, value)),
        (0..5_u8, name).prop_map(|(which, name)| Tweak::Value(which, name)),
    ]
}

impl Tweak {
    fn apply(&self, event: &mut Event) {
        let payload = &mut event.payload;
        match self {
            Self::Key(place, key, value) => {
                let extra = match place {
                    0 => &mut payload.extra,
                    1 => &mut event.extra,
                    2 => match &mut payload.customer {
                        ringback_event::Field::Value(customer) => &mut customer.extra,
                        _ => return,
                    },
                    3 => match &mut payload.conversation_cost {
                        ringback_event::Field::Value(cost) => &mut cost.extra,
                        _ => return,
                    },
                    4 => match &mut payload.agents {
                        ringback_event::Field::Value(agents) => match agents.first_mut() {
                            Some(agent) => &mut agent.extra,
                            None => return,
                        },
                        _ => return,
                    },
                    _ => match &mut payload.transcripts {
                        ringback_event::Field::Value(rows) => match rows.first_mut() {
                            Some(row) => &mut row.extra,
                            None => return,
                        },
                        _ => return,
                    },
                };
                extra.insert(key.clone(), value.clone());
            }
            Self::Value(which, name) => match which {
                0 if payload.end_reason.value() != Some(&EndReason::UserDidNotAnswer) => {
                    payload.end_reason = EndReason::Other(name.clone()).into();
                }
                1 => {
                    payload.conversation_status = ConversationStatus::Other(name.clone()).into();
                }
                2 => payload.telephony_status = name.clone().into(),
                3 => {
                    // The role of any agent but the primary one.
                    if let ringback_event::Field::Value(agents) = &mut payload.agents
                        && let Some(agent) = agents.get_mut(1)
                    {
                        agent.participant_role = ParticipantRole::Other(name.clone()).into();
                    }
                }
                4 => unspoken_message(event, name),
                _ => {}
            },
        }
    }
}

/// Adds a message of a kind that is not listed, which is not spoken and has no line in the transcript.
fn unspoken_message(event: &mut Event, kind: &str) {
    let ringback_event::Field::Value(rows) = &mut event.payload.transcripts else { return };
    let Some(row) = rows.first_mut() else { return };
    let Some(Ok(mut messages)) = row.messages.value().map(ringback_event::JsonText::decode) else {
        return;
    };
    let Some(last) = messages.last().cloned() else { return };
    messages.push(ringback_event::Message {
        message_type: MessageType::Other(kind.to_owned()),
        ..last
    });
    if let Ok(text) = ringback_event::JsonText::encode(&messages) {
        row.messages = text.into();
    }
}
