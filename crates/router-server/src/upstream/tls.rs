//! TLS to providers: rustls with the system's roots and, beside them, Mozilla's.

use rustls::RootCertStore;

/// A client configuration that works with and without a system store: a bare container has none.
///
/// # Errors
/// If the crypto provider offers no usable protocol version (a build fault).
pub fn client_config() -> Result<rustls::ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let config = rustls::ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
