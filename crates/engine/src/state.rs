//! The live state: a fold of the facts, and the marks.
