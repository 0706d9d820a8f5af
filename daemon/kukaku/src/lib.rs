//! The program: configuration, wiring, clock, ingest pipeline, outbox, command line.
