//! Station: takes customer messages in by HTTP and CSV, and relays them to the bus.
