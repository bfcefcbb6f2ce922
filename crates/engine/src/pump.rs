//! The pure loop around the engine: batches of inputs go in; commits, released effects and answers
//! come out.
