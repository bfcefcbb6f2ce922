//! Named cases of the rotation rules.
