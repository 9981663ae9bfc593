//! Asking a realm's authorizer, beside the realm's lock.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use crossweave_router_core::boundary::{AuthorizeRequest, Decision, Input, QuestionId};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::debug;

use super::RealmCell;
use crate::authorizer::procedure;
use crate::dispatch::Effects;

/// Questions that may be with the authorizer of one realm at a time; further ones wait their turn.
pub(super) const QUESTIONS_MAX: usize = 256;
/// Questions that may wait; further ones fail at once.
pub(super) const QUESTIONS_WAITING_MAX: usize = 4_096;
/// An answer that takes longer, the wait included, has failed.
pub(super) const ANSWER_DEADLINE: Duration = Duration::from_secs(5);

impl RealmCell {
    /// Asks the authorizer and tells the realm its answer.
    pub(super) async fn answer(self: Arc<Self>, question: QuestionId, request: AuthorizeRequest) {
        let failed = |why: &str| Decision::Failed(why.into());
        let waiting = self.asked.fetch_add(1, Ordering::Relaxed);
        let decision = match waiting < QUESTIONS_WAITING_MAX {
            true => timeout(ANSWER_DEADLINE, self.ask(question, request)).await,
            false => Ok(failed("too many questions wait for their answer")),
        };
        self.asked.fetch_sub(1, Ordering::Relaxed);
        let decision = decision.unwrap_or_else(|_| failed("no answer within 5 s"));
        let mut effects = Effects::default();
        if self.handle(&mut effects, |run| run.input(Input::Answer(question, decision))).is_err() {
            debug!(realm = %self.name, "an authorizer answered for a realm that is down");
        }
        self.finish(effects);
    }

    /// The authorizer's decision. Whatever else happens is a failure.
    async fn ask(self: &Arc<Self>, question: QuestionId, request: AuthorizeRequest) -> Decision {
        let failed = |why: &str| Decision::Failed(why.into());
        let Ok(_turn) = self.questions.acquire().await else { return failed("the realm is closed") };
        if !self.is_asked(question) {
            return failed("nobody waits for the answer any more");
        }
        if let Some(procedure) = request.procedure.clone() {
            return procedure::ask(self, &procedure, request, ANSWER_DEADLINE).await;
        }
        let Some(authorizer) = self.authorizer.clone() else { return failed("the realm has no authorizer") };
        let realm = self.name.clone();
        let asked = tokio::spawn(async move { authorizer.authorize(&realm, request).await });
        AbortOnDrop(asked).await.unwrap_or_else(|| failed("it panicked"))
    }

    fn is_asked(&self, question: QuestionId) -> bool {
        self.state.lock().realm.as_ref().is_some_and(|realm| realm.is_asked(question))
    }
}

/// A task that ends with whoever waits for it. Its result, if it did not panic.
pub(crate) struct AbortOnDrop<T>(pub(crate) JoinHandle<T>);

impl<T> Future for AbortOnDrop<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        Pin::new(&mut self.0).poll(cx).map(Result::ok)
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
