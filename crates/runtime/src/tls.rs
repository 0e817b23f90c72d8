//! Which library encrypts: ring, for all that speaks TLS here.

/// Has HTTP clients encrypt by ring. To be called before the first one is built; once more does no harm.
pub fn use_ring() {
    // An error says only that it has been chosen already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
