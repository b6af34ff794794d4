//! TLS to Postgres and to Redis: the private authority is named in the settings, and nobody else is trusted.

use sqlx::postgres::PgSslMode;

use crate::database::Database;
use crate::replica::{Replica, Settings, run, write_settings};
use crate::servers::{Authority, CANARY, Postgres, eventually};
use crate::webhooks::{SECRET, payment};

const UNAVAILABLE: i32 = 69;

/// A Postgres that speaks TLS only, as `localhost`.
async fn postgres(authority: &Authority) -> (Postgres, u16) {
    let mut postgres = Postgres::start_with_tls(&authority.issue("localhost")).await;
    let port = postgres.create_database().await.get_port();
    (postgres, port)
}

fn settings(url: &str) -> Settings {
    [
        ("database_url", format!("'{url}'")),
        ("lock.backend", "'postgres'".to_owned()),
        ("sources.stripe.provider", "'stripe'".to_owned()),
        ("sources.stripe.secrets", format!("['{SECRET}']")),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn url(host: &str, port: u16, parameters: &str) -> String {
    format!("postgres://postgres:{CANARY}_database@{host}:{port}/postgres?{parameters}")
}

async fn migrate(url: &str) -> (Option<i32>, String) {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("paylatch.toml");
    write_settings(&settings(url), &config);
    let output = run(directory.path(), Some(&config), &["migrate"]).await;
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test]
async fn a_postgres_of_a_private_authority_is_verified_in_full_and_used_for_events_and_leases() {
    let authority = Authority::new();
    let (postgres, port) = postgres(&authority).await;
    let ca = authority.ca();
    let verified = url("localhost", port, &format!("sslmode=verify-full&sslrootcert={}", ca.display()));
    let (code, told) = migrate(&verified).await;
    assert_eq!(code, Some(0), "{told}");
    let replica = Replica::start(&settings(&verified)).await;

    let answer = replica.send(&payment("pi_1").of_order("order-1").succeeded()).await;

    assert_eq!(answer.outcome(), "applied");
    let database = Database::postgres(postgres.options().clone().ssl_mode(PgSslMode::Require));
    let plain = "select count(*) from pg_stat_ssl join pg_stat_activity using (pid)
                  where usename = 'postgres' and client_addr is not null and not ssl";
    assert_eq!(database.number(plain).await, 0, "every session is encrypted");
    // The first connection takes longer than a call may: until it is there, events go without a lease.
    eventually("a lease is taken over TLS", async || {
        replica.send(&payment(&format!("pi_{:x}", rand::random::<u64>())).succeeded()).await;
        let taken = replica.metric("paylatch_lock_acquire_total", &["postgres", "acquired"]).await;
        (taken > 0.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_postgres_that_nobody_vouches_for_is_refused_and_the_reason_is_told() {
    let authority = Authority::new();
    let (_postgres, port) = postgres(&authority).await;
    let stranger = Authority::new();
    let (ours, others) = (authority.ca(), stranger.ca());
    for (host, parameters, expected) in [
        ("localhost", "sslmode=verify-full".to_owned(), "UnknownIssuer"),
        ("localhost", format!("sslmode=verify-full&sslrootcert={}", others.display()), "certificate"),
        ("127.0.0.1", format!("sslmode=verify-full&sslrootcert={}", ours.display()), "not valid for"),
        ("localhost", "sslmode=disable".to_owned(), "pg_hba.conf"),
    ] {
        let (code, told) = migrate(&url(host, port, &parameters)).await;
        assert_eq!(code, Some(UNAVAILABLE), "{parameters}: {told}");
        assert!(told.contains(expected), "{parameters}: {told}");
    }
}

#[cfg(feature = "tls")]
mod listener {
    //! HTTPS without a proxy.

    use std::fs;
    use std::sync::Arc;

    use nix::sys::signal::Signal;
    use rustls_pki_types::pem::PemObject;
    use rustls_pki_types::{CertificateDer, ServerName};
    use tokio::net::TcpStream;
    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};

    use super::{Authority, Replica, eventually};
    use crate::settings::good;

    /// Whether what the replica shows is vouched for by this authority.
    async fn is_trusted(replica: &Replica, authority: &Authority) -> bool {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(authority.ca()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let socket = TcpStream::connect(replica.address()).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, socket).await.is_ok()
    }

    async fn is_ready(replica: &Replica) {
        eventually("it is ready over https", async || {
            replica.cli(&["healthcheck"]).await.status.success().then_some(())
        })
        .await;
    }

    #[tokio::test]
    async fn a_renewed_certificate_is_shown_after_sighup_and_one_that_does_not_read_changes_nothing() {
        let (first, second) = (Authority::new(), Authority::new());
        let (shown, renewed) = (first.issue("localhost"), second.issue("localhost"));
        let (mut settings, _directory) = good().await;
        settings.insert("http.tls_cert_file".into(), format!("'{}'", shown.cert.display()));
        settings.insert("http.tls_key_file".into(), format!("'{}'", shown.key.display()));
        let replica = Replica::launch(&settings);
        is_ready(&replica).await;
        assert!(is_trusted(&replica, &first).await);

        fs::write(&shown.cert, "no certificate").unwrap();
        replica.signal(Signal::SIGHUP);
        replica.says("everything stays as it was").await;
        assert!(replica.output().contains("http.tls_cert_file"), "{}", replica.output());
        assert!(is_trusted(&replica, &first).await, "the old one is shown still");

        fs::copy(&renewed.cert, &shown.cert).unwrap();
        fs::copy(&renewed.key, &shown.key).unwrap();
        replica.signal(Signal::SIGHUP);
        replica.says("the settings were read again\"").await;
        assert!(is_trusted(&replica, &second).await && !is_trusted(&replica, &first).await);
        is_ready(&replica).await;
    }
}
