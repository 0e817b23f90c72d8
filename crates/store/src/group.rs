//! Group commit: what has arrived together is written together.
//!
//! A commit costs the same for one row and for sixty-four. A chunk is what waits at the moment
//! that the one before is done. In a crowd it is gathered for a moment longer, so that lanes which
//! have just been answered come along again; a lone message never waits, and is as fast as ever.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use contracts::{Failure, FailureKind, MessageId};
use futures::FutureExt;
use tokio::sync::{mpsc, oneshot};

/// The most that is written at once.
pub const CHUNK: usize = 64;
/// So many in one chunk are a crowd.
const CROWD: usize = 3;
/// How long a chunk is gathered behind a crowd: about as long as a commit takes on a fast disk.
const GATHERING: Duration = Duration::from_millis(1);

/// Something that can be written together with others of its kind.
pub trait Operation: Send + Sync + Sized + 'static {
    /// What it is written with.
    type Context: Send + Sync + 'static;
    /// What comes of it.
    type Output: Send + 'static;
    /// What can go wrong.
    type Error: Failure + Clone + From<Stopped> + Send + 'static;

    /// The message that it is about. A chunk is written in this order, so that two replicas
    /// that lock the same rows do it in the same order.
    fn message_id(&self) -> MessageId;

    /// Writes all or none of them; answers in the order of `chunk`.
    fn run(
        context: &Self::Context,
        chunk: &[Self],
    ) -> impl Future<Output = Result<Vec<Self::Output>, Self::Error>> + Send;
}

/// The group no longer takes anything: its code failed, or the process is ending.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the group commit stopped before it was done")]
pub struct Stopped;

type Waiting<Op> = (Op, oneshot::Sender<Result<<Op as Operation>::Output, <Op as Operation>::Error>>);

/// Writes operations of one kind, together where they arrive together. Clones share the work.
pub struct Group<Op: Operation> {
    sender: mpsc::Sender<Waiting<Op>>,
}

impl<Op: Operation> Clone for Group<Op> {
    fn clone(&self) -> Self {
        Group { sender: self.sender.clone() }
    }
}

impl<Op: Operation> Group<Op> {
    /// Starts it; it ends when the last clone is dropped.
    pub fn start(context: Op::Context) -> Self {
        let (sender, receiver) = mpsc::channel(CHUNK);
        tokio::spawn(work(Arc::new(context), receiver));
        Group { sender }
    }

    /// Writes one operation, possibly together with others, and gives its own result.
    pub async fn submit(&self, operation: Op) -> Result<Op::Output, Op::Error> {
        let (answer, result) = oneshot::channel();
        self.sender.send((operation, answer)).await.map_err(|_| Stopped)?;
        result.await.map_err(|_| Stopped)?
    }
}

async fn work<Op: Operation>(context: Arc<Op::Context>, mut receiver: mpsc::Receiver<Waiting<Op>>) {
    let mut waiting = Vec::with_capacity(CHUNK);
    let mut crowd = false;
    while receiver.recv_many(&mut waiting, CHUNK).await > 0 {
        if crowd {
            gather(&mut receiver, &mut waiting).await;
        }
        crowd = waiting.len() >= CROWD;
        waiting.sort_by_key(|(operation, _)| operation.message_id());
        let (operations, answers): (Vec<Op>, Vec<_>) = waiting.drain(..).unzip();
        // After a panic the answers are dropped, which tells those who wait; the next chunk is a new chance.
        let results = AssertUnwindSafe(write(&*context, &operations)).catch_unwind().await;
        for (answer, result) in answers.into_iter().zip(results.unwrap_or_default()) {
            let _ = answer.send(result);
        }
    }
}

/// Takes in what comes within a moment, as much as a chunk holds.
async fn gather<T>(receiver: &mut mpsc::Receiver<T>, waiting: &mut Vec<T>) {
    let more = async {
        while waiting.len() < CHUNK && receiver.recv_many(waiting, CHUNK - waiting.len()).await > 0 {}
    };
    // Over or not: what has come has come.
    let _ = tokio::time::timeout(GATHERING, more).await;
}

async fn write<Op: Operation>(context: &Op::Context, chunk: &[Op]) -> Vec<Result<Op::Output, Op::Error>> {
    match Op::run(context, chunk).await {
        Ok(outputs) => outputs.into_iter().map(Ok).collect(),
        // One by one, what is wrong with one does not fail the others.
        Err(error) if chunk.len() > 1 && is_about_the_data(error.kind()) => {
            tracing::debug!(size = chunk.len(), %error, "a chunk failed as a whole: writing it one by one");
            let mut results = Vec::with_capacity(chunk.len());
            for operation in chunk {
                let one = Op::run(context, std::slice::from_ref(operation)).await;
                results
                    .push(one.and_then(|outputs| outputs.into_iter().next().ok_or_else(|| Stopped.into())));
            }
            results
        }
        Err(error) => chunk.iter().map(|_| Err(error.clone())).collect(),
    }
}

fn is_about_the_data(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::Transient | FailureKind::Permanent)
}
