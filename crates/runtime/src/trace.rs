//! W3C trace context: one trace is one customer message on its way through all stations.
//!
//! Ids are made here even without an exporter, so that every event and every dead letter can be
//! traced; with one, the spans of `telemetry` use the same ids.

use async_nats::HeaderMap;
use contracts::header;

/// A place in a trace: what `traceparent` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The trace.
    pub trace_id: u128,
    /// The span in it.
    pub span_id: u64,
    /// Whether the span is recorded.
    pub sampled: bool,
    /// Vendors' part, passed on as it came.
    pub state: Option<String>,
}

impl Trace {
    /// The beginning of a new trace.
    pub fn start() -> Self {
        Trace { trace_id: nonzero(rand::random), span_id: nonzero(rand::random), sampled: true, state: None }
    }

    /// A new span in the same trace.
    pub fn child(&self) -> Self {
        Trace { span_id: nonzero(rand::random), ..self.clone() }
    }

    /// Reads the headers of an event, if they hold a valid trace context.
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let mut trace = Trace::parse(headers.get(header::TRACEPARENT)?.as_str())?;
        trace.state = headers.get(header::TRACESTATE).map(|value| value.as_str().to_owned());
        Some(trace)
    }

    /// Reads a `traceparent`, of version 00 or a later one that begins the same way.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let sized = version.len() == 2 && trace.len() == 32 && span.len() == 16 && flags.len() == 2;
        let lower = |s: &str| s.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if !sized || version == "ff" || (version == "00" && parts.next().is_some()) {
            return None;
        }
        if ![version, trace, span, flags].into_iter().all(lower) {
            return None;
        }
        let trace_id = u128::from_str_radix(trace, 16).ok().filter(|id| *id != 0)?;
        let span_id = u64::from_str_radix(span, 16).ok().filter(|id| *id != 0)?;
        let sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
        Some(Trace { trace_id, span_id, sampled, state: None })
    }

    /// As the header has it.
    pub fn traceparent(&self) -> String {
        format!("00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, u8::from(self.sampled))
    }

    /// The trace id as it is printed.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace_id)
    }

    /// Writes it into the headers of an event.
    pub fn write(&self, headers: &mut HeaderMap) {
        headers.insert(header::TRACEPARENT, self.traceparent());
        if let Some(state) = &self.state {
            headers.insert(header::TRACESTATE, state.as_str());
        }
    }
}

fn nonzero<T: Default + PartialEq>(mut draw: impl FnMut() -> T) -> T {
    loop {
        let id = draw();
        if id != T::default() {
            return id;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_read_back_as_it_was_written() {
        let trace = Trace::start();
        assert_eq!(Trace::parse(&trace.traceparent()), Some(trace.clone()));
        let child = trace.child();
        assert_eq!(child.trace_id, trace.trace_id);
        assert_ne!(child.span_id, trace.span_id);
    }

    #[test]
    fn what_is_no_trace_context_is_not_taken_for_one() {
        for text in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        ] {
            assert_eq!(Trace::parse(text), None, "{text}");
        }
    }
}
