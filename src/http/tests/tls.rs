//! TLS on the listener, spoken by a real client: what it takes, what it shows, and how long it waits.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use rustls_pki_types::{CertificateDer, ServerName};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::{Health, World, read_all, routes, statuses};
use crate::http::tls::{Tls, TlsFiles, TlsProblem};

const LIVEZ: &[u8] = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
const CLOSED_WITHIN: Duration = Duration::from_secs(10);

/// A certificate for `localhost` that vouches for itself, in files.
struct Identity {
    files: TlsFiles,
    der: CertificateDer<'static>,
    _directory: TempDir,
}

impl Identity {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let cert = CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: String| -> PathBuf {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let files =
            TlsFiles { cert: write("cert.pem", cert.pem()), key: write("key.pem", key.serialize_pem()) };
        Self { files, der: cert.der().clone(), _directory: directory }
    }

    fn tls(&self) -> Tls {
        Tls::read(&self.files).unwrap()
    }

    /// A client that trusts this certificate and no other.
    async fn connect(
        &self,
        world: &World,
        alpn: &[&[u8]],
    ) -> std::io::Result<TlsStream<tokio::net::TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let mut config = builder
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, world.connect().await).await
    }

    async fn livez(&self, world: &World) -> std::io::Result<Vec<u16>> {
        let mut stream = self.connect(world, &[]).await?;
        stream.write_all(LIVEZ).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(statuses(&String::from_utf8_lossy(&answer)))
    }
}

async fn world(tls: &Tls, connections_max: usize) -> World {
    World::behind(connections_max, routes(Health::new()), Some(tls.clone())).await
}

#[tokio::test]
async fn a_request_over_tls_is_answered_and_the_connection_ends_in_good_order() {
    let identity = Identity::new();
    let world = world(&identity.tls(), 8).await;
    assert_eq!(identity.livez(&world).await.unwrap(), [200], "and no truncation is reported");
}

#[tokio::test]
async fn http_1_1_is_the_only_protocol_that_is_agreed_on() {
    let identity = Identity::new();
    let world = world(&identity.tls(), 8).await;
    let stream = identity.connect(&world, &[b"h2", b"http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert!(identity.connect(&world, &[b"h2"]).await.is_err());
}

#[tokio::test]
async fn plain_http_gets_no_answer_from_a_listener_that_speaks_tls() {
    let identity = Identity::new();
    let world = world(&identity.tls(), 8).await;
    assert_eq!(statuses(&world.exchange(LIVEZ).await), Vec::<u16>::new());
}

#[tokio::test]
async fn a_replaced_certificate_is_shown_from_the_next_handshake_on() {
    let (old, new) = (Identity::new(), Identity::new());
    let tls = old.tls();
    let world = world(&tls, 8).await;
    let mut kept = old.connect(&world, &[]).await.unwrap();

    tls.replace(&new.tls());

    assert_eq!(new.livez(&world).await.unwrap(), [200]);
    assert!(old.livez(&world).await.is_err(), "the old one is not shown any more");
    kept.write_all(LIVEZ).await.unwrap();
    let mut answer = Vec::new();
    kept.read_to_end(&mut answer).await.unwrap();
    assert_eq!(statuses(&String::from_utf8_lossy(&answer)), [200], "who was connected stays so");
}

#[tokio::test]
async fn slow_handshakes_are_closed_within_ten_seconds_and_give_their_slots_back() {
    let identity = Identity::new();
    let world = world(&identity.tls(), 3).await;
    let begun = Instant::now();
    // The first bytes of a TLS record that announces 512, of which no more, or one a second, follow.
    let half_hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    let (mut silent, mut half, dripping) =
        (world.connect().await, world.connect().await, world.connect().await);
    half.write_all(half_hello).await.unwrap();
    let (mut answers, mut writer) = dripping.into_split();
    let drip = async {
        writer.write_all(half_hello).await.unwrap();
        while writer.write_all(b"x").await.is_ok() {
            // The pace of a slow client.
            sleep(Duration::from_secs(1)).await;
        }
    };
    let mut rest = Vec::new();
    let served = identity.livez(&world);
    let (served, silent, half, _, ()) = tokio::join!(
        served,
        read_all(&mut silent),
        read_all(&mut half),
        answers.read_to_end(&mut rest),
        drip
    );
    assert_eq!((silent.as_str(), half.as_str()), ("", ""));
    assert_eq!(served.unwrap(), [200], "a slot was free again");
    assert!(begun.elapsed() < CLOSED_WITHIN, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_client_that_is_slow_after_its_handshake_is_closed_as_over_plain_http() {
    let identity = Identity::new();
    let world = world(&identity.tls(), 8).await;
    let begun = Instant::now();
    let mut stream = identity.connect(&world, &[]).await.unwrap();
    stream.write_all(b"POST /length HTTP/1.1\r\nContent-Length: 1000\r\n\r\nhalf").await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert_eq!(statuses(&String::from_utf8_lossy(&answer)), [408]);
    assert!(begun.elapsed() < CLOSED_WITHIN, "{:?}", begun.elapsed());
}

#[test]
fn files_that_do_not_fit_are_refused_by_name() {
    let (one, other) = (Identity::new(), Identity::new());
    let read = |cert: &PathBuf, key: &PathBuf| {
        Tls::read(&TlsFiles { cert: cert.clone(), key: key.clone() }).unwrap_err()
    };
    let nowhere = PathBuf::from("/nowhere/cert.pem");
    for (problem, expected) in [
        (read(&nowhere, &one.files.key), "/nowhere/cert.pem: No such file"),
        (read(&one.files.key, &one.files.key), "expected certificates"),
    ] {
        assert!(matches!(&problem, TlsProblem::Cert(why) if why.contains(expected)), "{problem:?}");
    }
    for (problem, expected) in [
        (read(&one.files.cert, &nowhere), "/nowhere/cert.pem: No such file"),
        (read(&one.files.cert, &one.files.cert), "expected a private key"),
        (read(&one.files.cert, &other.files.key), "expected the key of"),
    ] {
        assert!(matches!(&problem, TlsProblem::Key(why) if why.contains(expected)), "{problem:?}");
    }
}
