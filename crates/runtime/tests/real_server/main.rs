//! What the runtime promises, tried on a real nats-server.

mod faults;
mod outages;
mod publishing;
mod rights;
mod shutdown;
mod support;
mod topology;
mod watching;
