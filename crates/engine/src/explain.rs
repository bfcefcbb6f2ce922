//! Timeline and `why`: queries over facts.
