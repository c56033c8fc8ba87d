//! What a scenario plays in: the receiver, and the systems it calls.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};

use ringback_recorder::{
    Answer, Body, Condition, Config, Delay, Keep, Limits, Listener, PathPattern, Recording, Room,
    Route, Script, ScriptedReply, StartError,
};
use ringback_sample::Sample;
use ringback_scenario::{Downstream, Scenario, interpolate_text};
use ringback_sender::{Options, Target};
use ringback_signature::Secret;
use url::Url;

use crate::check::Settings;
use crate::steps::Trouble;

/// A port of this machine that the system chooses.
const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The downstream that the sample receiver writes its notes to.
const CRM: &str = "crm";

/// Everything that is up while a scenario plays.
pub(crate) struct Scene {
    pub(crate) target: Target,
    pub(crate) secret: Option<Secret>,
    pub(crate) recordings: HashMap<String, Recording>,
    listeners: Vec<Listener>,
    sample: Option<Sample>,
}

/// Sets the scene.
pub(crate) async fn set(scenario: &Scenario, settings: &Settings) -> Result<Scene, Trouble> {
    let secret = secret(scenario, settings).map_err(Trouble::Scenario)?;
    let mut listeners = Vec::new();
    let mut recordings = HashMap::new();
    let mut crm = None;
    for downstream in &scenario.downstream {
        let recording = Recording::new(Room::STANDARD);
        let listener = listen(downstream, recording.clone(), settings).await?;
        if downstream.name == CRM {
            let url = Url::parse(&listener.url());
            crm = Some(url.map_err(|error| Trouble::Surroundings(describe(&error)))?);
        }
        recordings.insert(downstream.name.clone(), recording);
        listeners.push(listener);
    }

    let options = Options {
        timeout: scenario.timeout,
        allow_hosts: settings.allow_hosts.clone(),
        owned_hosts: settings.owned_hosts.clone(),
        ..Options::default()
    };
    let (url, sample) = match &settings.target {
        Some(url) => (url.clone(), None),
        None => {
            let config = ringback_sample::Config {
                secrets: secret.iter().cloned().collect(),
                crm,
                now_s: settings.now_s,
            };
            let sample = Sample::start(ANY_PORT, config).await;
            let sample = sample.map_err(|error| Trouble::Surroundings(describe(&error)))?;
            (sample.url(), Some(sample))
        }
    };
    let target = Target::new(&url, &options).await;
    let target = target.map_err(|error| Trouble::Surroundings(describe(&error)))?;
    Ok(Scene { target, secret, recordings, listeners, sample })
}

impl Scene {
    /// Strikes the scene: what is under way is finished first.
    pub(crate) async fn strike(self) {
        drop(self.target);
        if let Some(sample) = self.sample {
            sample.finish().await;
        }
        for listener in self.listeners {
            // What a receiver still calls after its scenario is nobody's business.
            let _ = listener.finish().await;
        }
    }
}

fn secret(scenario: &Scenario, settings: &Settings) -> Result<Option<Secret>, String> {
    let Some(text) = &scenario.secret else { return Ok(settings.secret.clone()) };
    let lookup =
        |name: &str| name.strip_prefix("env.").and_then(settings.env).map(serde_json::Value::from);
    let text = interpolate_text(text, &lookup).map_err(|error| format!("sign.secret: {error}"))?;
    // The error of a secret never shows the secret.
    text.parse().map(Some).map_err(|error| format!("sign.secret: {error}"))
}

async fn listen(
    downstream: &Downstream,
    recording: Recording,
    settings: &Settings,
) -> Result<Listener, Trouble> {
    let name = &downstream.name;
    let here = |why: String| format!("downstream `{name}`: {why}");
    let addr = match (&settings.target, settings.downstream.get(name), &downstream.listen) {
        (_, Some(addr), _) => *addr,
        // The sample receiver is told where its downstream is, so any port will do.
        (None, None, _) => ANY_PORT,
        (Some(_), None, Some(listen)) => {
            let found = tokio::net::lookup_host(listen).await.ok().and_then(|mut it| it.next());
            found.ok_or_else(|| {
                Trouble::Scenario(here(format!("`{listen}` is no address to listen on")))
            })?
        }
        (Some(_), None, None) => {
            return Err(Trouble::Surroundings(here(format!(
                "it has no address that the receiver could know: give it `listen: 127.0.0.1:PORT` in \
                 the file, or `--downstream {name}=127.0.0.1:PORT`"
            ))));
        }
    };
    let routes = downstream.routes.iter().map(route).collect::<Result<_, _>>();
    let config = Config {
        addr,
        answer: Answer::Script(Script {
            routes: routes.map_err(Trouble::Scenario)?,
            ..Script::default()
        }),
        receipt: None,
        keep: Keep::Memory(recording),
        // The next scenario listens anew; a kept connection to this listener would be dead then.
        keep_alive: false,
        strict: false,
        h2c: false,
        tls: None,
        limits: Limits::STANDARD,
        clock: settings.clock.clone(),
        on_exchange: None,
        feed: None,
    };
    Listener::start(config).await.map_err(|error| match error {
        StartError::Route { .. } => Trouble::Scenario(here(describe(&error))),
        error => Trouble::Surroundings(here(describe(&error))),
    })
}

fn route(route: &ringback_scenario::Route) -> Result<Route, String> {
    let path: PathPattern = route.path.parse().map_err(|error| describe(&error))?;
    let reply = |reply: &ringback_scenario::RouteReply| ScriptedReply {
        status: reply.status,
        headers: reply
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect(),
        body: Body::Bytes(reply.body.clone().into()),
        delay: reply.delay.map_or(Delay::NONE, Delay::Fixed),
        times: reply.times,
        ..ScriptedReply::default()
    };
    let replies: Vec<_> = route.replies.iter().map(reply).collect();
    let when = Condition { method: route.method.clone(), path: Some(path), ..Condition::default() };
    Ok(Route { when, replies: replies.into() })
}

/// Writes an error with the chain of its sources.
pub(crate) fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
