//! Words, numbers and spelling: text as people type it, made comparable.
