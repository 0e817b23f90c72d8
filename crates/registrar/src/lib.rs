//! Station: writes orders, reviews and enquiries to PostgreSQL, the rest to a file.
