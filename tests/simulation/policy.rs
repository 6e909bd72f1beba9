//! How well players are brought together: figures, and bounds on them.
