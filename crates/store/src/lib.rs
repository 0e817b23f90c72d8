//! All SQL of the line: one file a table family.
