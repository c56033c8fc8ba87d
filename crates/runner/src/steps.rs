//! One step after the other.

use ringback_exchange::{Attempt, Exchange, Header, Headers, Outcome, Reply, Verdict, curl};
use ringback_generator::{Archetype, Recipe};
use ringback_report::{Breach, RunEvent, terminal};
use ringback_scenario::{Action, Calls, Expect, Fire, Redeliver, Scenario, Step, interpolate_text};
use ringback_sender::{Delivery, send_once};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::check::Settings;
use crate::scene::{Scene, describe};
use crate::{answer, calls, edit, identity};

/// Why a scenario could not be carried out.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The file asks for what cannot be done.
    Scenario(String),
    /// The surroundings are not as needed.
    Surroundings(String),
}

impl Trouble {
    /// Adds the step to what the file asks for.
    fn in_step(self, step: &Step) -> Self {
        match self {
            Self::Scenario(why) => {
                Self::Scenario(format!("step `{}` (line {}): {why}", step.id, step.line))
            }
            other => other,
        }
    }
}

/// What a scenario has done so far.
pub(crate) struct Played {
    /// What is to be thought of it.
    pub(crate) verdict: Verdict,
    /// What it produced, step by step.
    pub(crate) produced: Vec<Produced>,
    /// The ids that are new in every run, by label.
    pub(crate) labels: Vec<(String, String)>,
}

/// What one step produced.
pub(crate) struct Produced {
    pub(crate) title: String,
    pub(crate) in_snapshot: bool,
    pub(crate) what: Product,
}

pub(crate) enum Product {
    /// Replies, and whether they came one after the other.
    Replies {
        replies: Vec<Reply>,
        in_order: bool,
    },
    Calls(Vec<Exchange>),
}

/// What a step sent, for later steps to refer to.
struct Sent {
    step: String,
    /// The event; `null` for a body that is no JSON.
    event: Value,
    body: Vec<u8>,
    headers: Headers,
    reply: Option<Reply>,
}

/// What became of one step.
struct StepOutcome {
    summary: String,
    verdict: Verdict,
    breaches: Vec<Breach>,
    reproduce: Option<String>,
    product: Product,
}

/// Plays the steps until one fails. `past` are the ids of the conversations of earlier scenarios.
pub(crate) async fn play(
    file: &str,
    scenario: &Scenario,
    identity: u64,
    scene: &Scene,
    settings: &Settings,
    past: &[String],
    on_event: &mut impl FnMut(RunEvent),
) -> Result<Played, Trouble> {
    let mut play = Play { scenario, scene, settings, past, identity, sent: Vec::new() };
    let mut played = Played { verdict: Verdict::Pass, produced: Vec::new(), labels: Vec::new() };
    for step in &scenario.steps {
        let outcome = match &step.action {
            Action::Fire(fire) => play.fire(step, fire).await,
            Action::Redeliver(redeliver) => play.redeliver(redeliver).await,
            Action::Calls(calls) => play.calls(calls).await,
        };
        let outcome = outcome.map_err(|trouble| trouble.in_step(step))?;
        let verdict = outcome.verdict;
        on_event(RunEvent::StepFinished {
            file: file.to_owned(),
            line: step.line,
            step: step.id.clone(),
            summary: outcome.summary,
            verdict,
            breaches: outcome.breaches,
            reproduce: outcome.reproduce.filter(|_| verdict != Verdict::Pass),
        });
        played.produced.push(Produced {
            title: format!("{}: {}", step.id, title(&step.action)),
            in_snapshot: step.in_snapshot,
            what: outcome.product,
        });
        if verdict != Verdict::Pass {
            // What follows builds on this step; its failures would only hide the first.
            played.verdict = verdict;
            break;
        }
    }
    for sent in &play.sent {
        for (id, label) in identity::labels(&sent.step, &sent.event) {
            // The first step to send an id names it.
            if !played.labels.iter().any(|(known, _)| *known == id) {
                played.labels.push((id, label));
            }
        }
    }
    Ok(played)
}

fn title(action: &Action) -> String {
    match action {
        Action::Fire(fire) if fire.body.is_some() => "fire a body".to_owned(),
        Action::Fire(fire) => format!("fire {}", fire.archetype.as_deref().unwrap_or("an event")),
        Action::Redeliver(Redeliver { step, times: 1, .. }) => format!("redeliver {step}"),
        Action::Redeliver(Redeliver { step, times, at_once, .. }) => {
            let how = if *at_once { " at once" } else { "" };
            format!("redeliver {step} {times} times{how}")
        }
        Action::Calls(calls) => format!("calls to {}", calls.downstream),
    }
}

struct Play<'a> {
    scenario: &'a Scenario,
    scene: &'a Scene,
    settings: &'a Settings,
    past: &'a [String],
    identity: u64,
    sent: Vec<Sent>,
}

impl Play<'_> {
    async fn fire(&mut self, step: &Step, fire: &Fire) -> Result<StepOutcome, Trouble> {
        let (event, body) = self.event(fire)?;
        let lookup = |reference: &str| self.lookup(reference);
        let header = |(name, value): &(String, String)| {
            Ok((name.clone(), interpolate_text(value, &lookup).map_err(wrong)?))
        };
        let headers: Headers = fire
            .headers
            .iter()
            .map(header)
            .collect::<Result<Vec<_>, Trouble>>()?
            .into_iter()
            .collect();
        let attempt = self.send(&event, &body, &headers).await?;
        let (verdict, breaches) =
            answer::judge(&attempt, &fire.expect, &|reference| self.lookup(reference));
        let outcome = sum_up(&[attempt], true, verdict, breaches)?;
        let reply = match &outcome.product {
            Product::Replies { replies, .. } => replies.first().cloned(),
            Product::Calls(_) => None,
        };
        self.sent.push(Sent { step: step.id.clone(), event, body, headers, reply });
        Ok(outcome)
    }

    /// Makes the event of a step and its bytes.
    fn event(&self, fire: &Fire) -> Result<(Value, Vec<u8>), Trouble> {
        let lookup = |reference: &str| self.lookup(reference);
        if let Some(body) = &fire.body {
            let body = interpolate_text(body, &lookup).map_err(wrong)?;
            let event = serde_json::from_str(&body).unwrap_or(Value::Null);
            return Ok((event, body.into_bytes()));
        }
        let archetype = fire.archetype.as_deref().map(str::parse::<Archetype>).transpose();
        let recipe = Recipe {
            archetype: archetype.map_err(wrong)?,
            identity: self.identity,
            ..Recipe::new(self.scenario.seed)
        };
        let bytes = ringback_generator::bytes(&recipe, fire.index);
        let mut event: Value = serde_json::from_slice(&bytes).map_err(wrong)?;
        if fire.edits.is_empty() {
            return Ok((event, bytes));
        }
        edit::apply(&mut event, &fire.edits, &lookup).map_err(Trouble::Scenario)?;
        let bytes = serde_json::to_vec(&event).map_err(wrong)?;
        Ok((event, bytes))
    }

    async fn redeliver(&mut self, redeliver: &Redeliver) -> Result<StepOutcome, Trouble> {
        let Some(sent) = self.sent.iter().find(|sent| sent.step == redeliver.step) else {
            return Err(Trouble::Scenario(format!("step `{}` has sent nothing", redeliver.step)));
        };
        let mut attempts = Vec::new();
        if redeliver.at_once {
            let mut flight = JoinSet::new();
            for _ in 0..redeliver.times {
                let delivery = self.delivery(&sent.event, &sent.body, &sent.headers)?;
                let target = self.scene.target.clone();
                flight.spawn(async move { send_once(&target, delivery).await });
            }
            attempts = flight.join_all().await;
        } else {
            for _ in 0..redeliver.times {
                attempts.push(self.send(&sent.event, &sent.body, &sent.headers).await?);
            }
        }
        let (verdict, breaches) = self.judge_all(&attempts, &redeliver.expect);
        sum_up(&attempts, !redeliver.at_once, verdict, breaches)
    }

    /// Judges several answers: the first that does not hold speaks for all.
    fn judge_all(&self, attempts: &[Attempt], expect: &Expect) -> (Verdict, Vec<Breach>) {
        let lookup = |reference: &str| self.lookup(reference);
        let judged = attempts.iter().map(|attempt| answer::judge(attempt, expect, &lookup));
        let mut wrong = judged.enumerate().filter(|(_, (verdict, _))| *verdict != Verdict::Pass);
        let Some((index, (verdict, mut breaches))) = wrong.next() else {
            return (Verdict::Pass, Vec::new());
        };
        if attempts.len() > 1 {
            for breach in &mut breaches {
                breach.what = format!("{} of answer {}", breach.what, index + 1);
            }
        }
        (verdict, breaches)
    }

    async fn calls(&self, calls: &Calls) -> Result<StepOutcome, Trouble> {
        let Some(recording) = self.scene.recordings.get(&calls.downstream) else {
            return Err(Trouble::Scenario(format!("no downstream `{}`", calls.downstream)));
        };
        let lookup = |reference: &str| self.lookup(reference);
        let is_past = |call: &Exchange| {
            let body = call.request.body.to_text();
            let has = |id: &String| body.contains(id) || call.request.target.contains(id);
            self.past.iter().any(has)
        };
        let found = calls::judge(calls, recording, &lookup, &is_past).await?;
        let number = terminal::count(found.matched.len(), "call");
        Ok(StepOutcome {
            summary: format!("{number} to {}", calls.downstream),
            verdict: found.verdict,
            breaches: found.breaches,
            reproduce: None,
            product: Product::Calls(found.matched),
        })
    }

    async fn send(
        &self,
        event: &Value,
        body: &[u8],
        headers: &Headers,
    ) -> Result<Attempt, Trouble> {
        let delivery = self.delivery(event, body, headers)?;
        Ok(send_once(&self.scene.target, delivery).await)
    }

    /// Makes a delivery; its signature is as fresh as its sending, whatever is sent again.
    fn delivery(&self, event: &Value, body: &[u8], headers: &Headers) -> Result<Delivery, Trouble> {
        let mut headers = headers.clone();
        if let Some(secret) = &self.scene.secret {
            let id = event.get("eventId").and_then(Value::as_str).unwrap_or("unknown");
            let now_s = (self.settings.now_s)();
            let signed = ringback_signature::sign(secret, id, now_s, body);
            // What the scenario says itself stands: that is how it forges.
            let is_new = |line: &Header| headers.get_all(&line.0).next().is_none();
            let signed: Vec<Header> = signed.0.into_iter().filter(is_new).collect();
            headers.0.extend(signed);
        }
        let delivery = Delivery::new(0, body.to_vec()).with_headers(&headers);
        delivery.map_err(|error| Trouble::Scenario(describe(&error)))
    }

    /// Finds what `first.event.payload.id` or `env.NAME` leads to.
    fn lookup(&self, reference: &str) -> Option<Value> {
        let (scope, rest) = reference.split_once('.')?;
        if scope == "env" {
            return (self.settings.env)(rest).map(Value::from);
        }
        let sent = self.sent.iter().find(|sent| sent.step == scope)?;
        let (part, path) = rest.split_once('.').unwrap_or((rest, ""));
        let whole = match part {
            "event" => sent.event.clone(),
            "reply" => {
                let reply = sent.reply.as_ref()?;
                let body = serde_json::from_slice(&reply.body.0)
                    .unwrap_or_else(|_| Value::from(reply.body.to_text()));
                json!({ "status": reply.status, "body": body })
            }
            _ => return None,
        };
        let pointer =
            if path.is_empty() { String::new() } else { format!("/{}", path.replace('.', "/")) };
        whole.pointer(&pointer).cloned()
    }
}

/// Makes an error of what a scenario asks for.
fn wrong(error: impl std::error::Error) -> Trouble {
    Trouble::Scenario(describe(&error))
}

/// Sums attempts up; a target that cannot be reached is a matter of the surroundings.
fn sum_up(
    attempts: &[Attempt],
    in_order: bool,
    verdict: Verdict,
    breaches: Vec<Breach>,
) -> Result<StepOutcome, Trouble> {
    let mut replies = Vec::new();
    let mut said = Vec::new();
    for attempt in attempts {
        let duration = terminal::duration(attempt.duration_ms);
        match &attempt.outcome {
            Outcome::Answered(reply) => {
                said.push(format!("HTTP {} in {duration}", reply.status));
                replies.push(reply.clone());
            }
            Outcome::Failed(failure) if failure.kind.is_unreachable() => {
                return Err(Trouble::Surroundings(format!(
                    "{} cannot be reached: {} ({})",
                    attempt.url, failure.kind, failure.detail
                )));
            }
            Outcome::Failed(failure) => said.push(format!("{} after {duration}", failure.kind)),
        }
    }
    Ok(StepOutcome {
        summary: said.join(", "),
        verdict,
        breaches,
        reproduce: attempts.first().map(|attempt| curl(&attempt.url, &attempt.request)),
        product: Product::Replies { replies, in_order },
    })
}
