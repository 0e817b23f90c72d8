//! The four stages, one a category, which differ only in what they read and publish.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::Utc;
use contracts::topology::{NOTIFIER_ENQUIRY, NOTIFIER_MISC, NOTIFIER_ORDER, NOTIFIER_REVIEW};
use contracts::{
    Category, Channel, Code, ConsumerSpec, Decision, Delivery, Notified, Proposal, Registered, Service,
};
use runtime::{Context, Outcome, Stage, StageError};
use serde_json::Value;
use store::Store;
use store::group::Group;
use store::notifications::{Claim, Claimed, Claims, Sent};

use crate::compose::{Style, compose};
use crate::send::Sink;

/// The least pause before a message that another has in hand is looked at again.
const SOON: Duration = Duration::from_millis(100);
/// First and longest pause before an answer is looked for again.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(25), Duration::from_millis(200));

/// What the four stages share: where each category goes, and the claims.
pub struct Announcer {
    sinks: HashMap<Category, Sink>,
    style: Style,
    store: Store,
    answer_wait: Duration,
    claims: Group<Claim>,
    marks: Group<Sent>,
    /// What went out and could not be marked yet, with whether it said that it may be a repeat.
    unmarked: Mutex<HashMap<Claim, (Sent, bool)>>,
}

impl Announcer {
    /// With a sink for each category. A claim holds for `lease`, which is at least what a handler may take; an enquiry
    /// waits for `answer_wait` for the answer that is proposed.
    pub fn new(
        sinks: HashMap<Category, Sink>,
        style: Style,
        store: Store,
        lease: Duration,
        answer_wait: Duration,
    ) -> Self {
        Announcer {
            sinks,
            style,
            claims: Group::start(Claims { store: store.clone(), lease }),
            marks: Group::start(store.clone()),
            store,
            answer_wait,
            unmarked: Mutex::default(),
        }
    }

    async fn announce(
        &self,
        category: Category,
        spec: &ConsumerSpec,
        event: Registered,
    ) -> Result<Outcome, StageError> {
        let Some(sink) = self.sinks.get(&category).filter(|_| event.registration.category() == category)
        else {
            let reason =
                format!("what was registered is not of the category '{category}' that its subject names");
            return Err(StageError::permanent(Code::Malformed, reason));
        };
        // Before the claim: what is claimed and then not sent would come back as a possible repeat.
        let proposal = match category {
            Category::Enquiry => self.proposal(&event).await?,
            _ => None,
        };
        let give_up = sink.give_up();
        let claim = Claim { message_id: event.message.id, category };
        let (known, repeat) = self.claim(sink, claim, give_up).await?;
        let payload = compose(&event, proposal.as_ref(), &self.style, repeat);
        let again = matches!(known, Known::Marked(_));
        let sent = match known {
            Known::NotSent => self.send(sink, claim, &payload, repeat, give_up).await?,
            Known::Unmarked(sent) => self.mark(sent, repeat).await?,
            Known::Marked(sent) => sent,
        };
        let delivery = Delivery {
            channel: sent.channel,
            discord_message_id: sent.discord_message_id,
            possible_repeat: repeat,
            payload,
        };
        let decision = decision(&delivery, again);
        let Registered { message, trail, .. } = event;
        Ok(Outcome::publish(spec.outputs[0], Notified { message, category, delivery, trail }, decision))
    }

    /// The answer that is proposed to an enquiry. It is waited for until the enquiry has been registered for a moment: not
    /// from now on, so that a queue that had to wait anyway is not held up once more at each of its messages.
    async fn proposal(&self, event: &Registered) -> Result<Option<Proposal>, StageError> {
        let registered = event.trail.iter().rev().find(|entry| entry.station == Service::Registrar);
        let now = Utc::now();
        let waited = registered.map_or(Duration::ZERO, |entry| (now - entry.at).to_std().unwrap_or_default());
        let until = Instant::now() + self.answer_wait.saturating_sub(waited);
        let (mut pause, longest) = LOOK_AGAIN;
        loop {
            if let Some(looked) = self.store.proposal(event.message.id).await? {
                return Ok(looked.proposal);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            tokio::time::sleep(pause.min(left)).await;
            pause = (pause * 2).min(longest);
        }
    }

    /// What is known of it, and whether it says that it may be a repeat.
    async fn claim(&self, sink: &Sink, claim: Claim, give_up: Instant) -> Result<(Known, bool), StageError> {
        if let Some((sent, repeat)) = self.unmarked().get(&claim).cloned() {
            return Ok((Known::Unmarked(sent), repeat));
        }
        // Waiting comes first: what is claimed and then not sent would come back as a possible repeat.
        sink.admit(give_up).await?;
        Ok(match self.claims.submit(claim).await? {
            Claimed::New => (Known::NotSent, false),
            Claimed::MayHaveBeenSent => (Known::NotSent, true),
            Claimed::InHand { free_in } => {
                return Err(StageError::Transient {
                    reason: "another notifier is announcing it, or died while it did".to_owned(),
                    // By then it is known which.
                    retry_after: Some(free_in.max(SOON)),
                });
            }
            Claimed::AlreadySent { channel, discord_message_id, possible_repeat } => {
                (Known::Marked(Sent { claim, channel, discord_message_id }), possible_repeat)
            }
        })
    }

    async fn send(
        &self,
        sink: &Sink,
        claim: Claim,
        payload: &Value,
        repeat: bool,
        give_up: Instant,
    ) -> Result<Sent, StageError> {
        match sink.send(claim.message_id, claim.category, payload, give_up).await {
            Ok(discord_message_id) => {
                self.mark(Sent { claim, channel: sink.channel(), discord_message_id }, repeat).await
            }
            Err(error) => {
                if let Err(failure) = self.store.release_claim(claim, !error.surely_not_shown).await {
                    // The next try comes when the claim has run out, and says that it may be a repeat.
                    tracing::debug!(message_id = %claim.message_id, %failure, "a claim could not be given back");
                }
                Err(error.into())
            }
        }
    }

    /// Marks it as sent; until that is done, this process remembers, and does not send it again.
    async fn mark(&self, sent: Sent, repeat: bool) -> Result<Sent, StageError> {
        self.unmarked().insert(sent.claim, (sent.clone(), repeat));
        self.marks.submit(sent.clone()).await?;
        self.unmarked().remove(&sent.claim);
        Ok(sent)
    }

    fn unmarked(&self) -> MutexGuard<'_, HashMap<Claim, (Sent, bool)>> {
        self.unmarked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is known of a notification before anything is done about it.
enum Known {
    /// Claimed, to be sent.
    NotSent,
    /// It went out, but the database could not be told.
    Unmarked(Sent),
    /// It went out.
    Marked(Sent),
}

fn decision(delivery: &Delivery, again: bool) -> Decision {
    let (verdict, how, by) = match delivery.channel {
        Channel::Discord => ("sent", "shown on Discord", "discord"),
        Channel::File => ("written", "no webhook is set: written to the notifications' file", "file"),
    };
    let reason = match (again, delivery.possible_repeat) {
        (true, _) => format!("{how} before; not sent again"),
        (false, true) => format!("{how}, marked as a possible repeat"),
        (false, false) => how.to_owned(),
    };
    Decision::by_rules(verdict, reason).decided_by(by)
}

macro_rules! stages {
    ($($stage:ident of $category:ident: $spec:ident, $lanes:literal lanes a core;)+) => {$(
        #[doc = concat!("Announces what was registered as ", stringify!($category), ".")]
        pub struct $stage(pub Arc<Announcer>);

        impl Stage for $stage {
            const SPEC: &'static ConsumerSpec = &$spec;
            type In = Registered;
            const LANES_PER_CORE: usize = $lanes;

            async fn handle(&self, event: Registered, _: &Context) -> Result<Outcome, StageError> {
                self.0.announce(Category::$category, Self::SPEC, event).await
            }
        }
    )+};
}

// Each waits for a commit, for Discord, and for another commit.
stages! {
    Orders of Order: NOTIFIER_ORDER, 24 lanes a core;
    Reviews of Review: NOTIFIER_REVIEW, 8 lanes a core;
    Enquiries of Enquiry: NOTIFIER_ENQUIRY, 8 lanes a core;
    Misc of Misc: NOTIFIER_MISC, 8 lanes a core;
}
