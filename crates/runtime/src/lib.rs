//! What every station stands on: bus, lanes, publish-once, dead letters, settings, health, telemetry.
