//! From an alert's labels to a policy, a priority and a group.
