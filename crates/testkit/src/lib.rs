//! Private real servers on free ports, a Discord stand-in and faults on demand, for tests and the demo.
