//! Where every request comes in, and where its answer goes out.
//!
//! A read that nobody has to be waited for is answered at once; everything else gets a future of its
//! own. Farewell, log and metrics see every answer, that to a panic included, and audit every one
//! that can have a record, which that to a read that succeeds has not. They stand before and after
//! the operation instead of around it: layers would copy what is under way once for each of them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::{Method, Request, header};
use axum::response::Response;
use countersign_access::Caller;
use futures_util::FutureExt as _;
use tower::Service;
use tracing::Instrument as _;

use crate::app::App;
use crate::arrival::Arrival;
use crate::audit;
use crate::error::ApiError;
use crate::farewell::Farewell;
use crate::log;
use crate::metrics::Measured;
use crate::route::{DocumentName, Route};
use crate::routes;

/// The service of one connection, or of all where it is not known who is at the other end.
#[derive(Clone)]
pub(crate) struct Entrance {
    app: App,
    near: Option<SocketAddr>,
}

impl Entrance {
    /// Of connections whose other end the requests name themselves, or nobody does.
    pub(crate) fn of(app: App) -> Self {
        Self { app, near: None }
    }

    /// Of the connection to `near`.
    pub(crate) fn of_connection(app: App, near: SocketAddr) -> Self {
        Self { app, near: Some(near) }
    }
}

impl<B> Service<Request<B>> for Entrance
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answering {
        let app = &self.app;
        let arrival = Arrival::of(app, self.near, &request);
        match at_once(app, &arrival, &request) {
            AtOnce::Answered(response) => {
                Answering::Answered(Some(Exit::of(&arrival, &request).pass(app, response)))
            }
            AtOnce::Admitted(admitted) => {
                let (app, request) = (app.clone(), request.map(Body::new));
                match (admitted, &arrival.route) {
                    (Some(Ok(caller)), Route::GetRole(_, DocumentName::Current(_))) => {
                        Answering::Coming(Box::pin(read(app, arrival, caller, request)))
                    }
                    (admitted, _) => {
                        Answering::Coming(Box::pin(enter(app, arrival, admitted, request)))
                    }
                }
            }
        }
    }
}

/// An answer that is there already, or comes.
pub(crate) enum Answering {
    Answered(Option<Response>),
    Coming(Pin<Box<dyn Future<Output = Response> + Send>>),
}

impl Future for Answering {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Answered(response) => response.take().map_or(Poll::Pending, Poll::Ready),
            Self::Coming(coming) => coming.poll_unpin(cx),
        }
        .map(Ok)
    }
}

/// Whether a request may come at all, as far as that is known without waiting.
type Admitted = Option<Result<Caller, ApiError>>;

/// What can be done for a request without waiting.
enum AtOnce {
    Answered(Response),
    Admitted(Admitted),
}

fn at_once<B>(app: &App, arrival: &Arrival, request: &Request<B>) -> AtOnce {
    panic::catch_unwind(AssertUnwindSafe(|| {
        let admitted = routes::admit_at_once(app, arrival, request);
        let answered = match &admitted {
            Some(Ok(_)) => routes::read_at_once(app, arrival, request.headers()),
            Some(Err(_)) | None => None,
        };
        answered.map_or(AtOnce::Admitted(admitted), AtOnce::Answered)
    }))
    // It is answered as a refusal is, so that what may have a record gets one.
    .unwrap_or_else(|payload| AtOnce::Admitted(Some(Err(routes::panicked(payload)))))
}

/// A read that may come. Its record is made nowhere: only refusals of reads have one.
#[expect(clippy::manual_async_fn, reason = "an `async fn` has room for its parameters twice")]
fn read(
    app: App,
    arrival: Arrival,
    caller: Caller,
    request: axum::extract::Request,
) -> impl Future<Output = Response> + Send {
    async move {
        let reading = AssertUnwindSafe(routes::read_by_lead(&app, &arrival, request.headers()));
        let read = reading.catch_unwind().instrument(log::span(&arrival)).await;
        match read.unwrap_or_else(|payload| Some(routes::after_panic(payload))) {
            Some(response) => Exit::of(&arrival, &request).pass(&app, response),
            None => Box::pin(enter(app, arrival, Some(Ok(caller)), request)).await,
        }
    }
}

async fn enter(
    app: App,
    arrival: Arrival,
    admitted: Admitted,
    mut request: axum::extract::Request,
) -> Response {
    let (app, arrival) = (&app, &arrival);
    let exit = Exit::of(arrival, &request);
    let asked = audit::asked(app, arrival, &mut request);
    let answered = AssertUnwindSafe(routes::dispatch(app, arrival, admitted, request));
    let answered = answered.catch_unwind().instrument(log::span(arrival)).await;
    let mut response = answered.unwrap_or_else(routes::after_panic);
    if let Some(asked) = asked {
        audit::judge(app, &asked, &mut response).await;
    }
    exit.pass(app, response)
}

/// What an answer passes, as far as that is known before it.
struct Exit<'a> {
    arrival: &'a Arrival,
    body: WithBody,
    farewell: Farewell,
    line: log::Line<'a>,
    measured: Option<Measured>,
}

impl<'a> Exit<'a> {
    fn of<B>(arrival: &'a Arrival, request: &Request<B>) -> Self {
        let body = if request.method() == Method::HEAD { WithBody::No } else { WithBody::Yes };
        Self {
            arrival,
            body,
            farewell: Farewell::of(request),
            line: log::Line::of(arrival, request),
            measured: Measured::of(arrival, request),
        }
    }

    fn pass(self, app: &App, mut response: Response) -> Response {
        let Self { arrival, body, farewell, line, measured } = self;
        if let Some(measured) = measured {
            app.metrics.record(measured, arrival.at.elapsed(), &response);
        }
        line.write(&response);
        log::name(arrival, &mut response);
        farewell.say(app, &mut response);
        if body == WithBody::No {
            leave_out_body(&mut response);
        }
        response
    }
}

/// Whether an answer has a body: that to HEAD tells how long it would be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WithBody {
    Yes,
    No,
}

fn leave_out_body(response: &mut Response) {
    if let Some(length) = response.body().size_hint().exact() {
        response.headers_mut().entry(header::CONTENT_LENGTH).or_insert(length.into());
    }
    *response.body_mut() = Body::empty();
}
