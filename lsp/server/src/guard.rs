//! The last line of defence: a panic in a handler becomes an internal error.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use tower_lsp_server::jsonrpc::{Error, Id, Request, Response};
use tower_service::Service;

/// A service whose futures do not panic.
pub(crate) struct Guard<S>(pub(crate) S);

impl<S> Service<Request> for Guard<S>
where
    S: Service<Request, Response = Option<Response>>,
    S::Future: Send + 'static,
{
    type Response = Option<Response>;
    type Error = S::Error;
    type Future = Guarded<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Guarded<S::Future> {
        let id = request.id().cloned();
        // The handlers are boxed futures: making one runs none of it.
        Guarded { future: Some(Box::pin(self.0.call(request))), id }
    }
}

/// A future that answers for the one inside of it when that panics.
pub(crate) struct Guarded<F> {
    future: Option<Pin<Box<F>>>,
    id: Option<Id>,
}

impl<F, E> Future for Guarded<F>
where
    F: Future<Output = Result<Option<Response>, E>>,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Some(future) = self.future.as_mut() else { return Poll::Ready(Ok(None)) };
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(progress) => progress,
            Err(_) => {
                // What panicked must not be polled again.
                self.future = None;
                let answer = self.id.take().map(|id| Response::from_error(id, Error::internal_error()));
                Poll::Ready(Ok(answer))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    struct Panics;

    impl Service<Request> for Panics {
        type Response = Option<Response>;
        type Error = Infallible;
        type Future = Pin<Box<dyn Future<Output = Result<Option<Response>, Infallible>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request) -> Self::Future {
            Box::pin(async move { panic!("{}", request.method()) })
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_panic_is_answered_as_an_internal_error() {
        let mut service = Guard(Panics);
        let answer = service.call(Request::build("boom").id(7).finish()).await.unwrap().expect("an answer");
        assert_eq!(answer.error(), Some(&Error::internal_error()));
        assert_eq!(answer.id(), &Id::Number(7));
        assert_eq!(service.call(Request::build("boom").finish()).await.unwrap(), None);
    }
}
