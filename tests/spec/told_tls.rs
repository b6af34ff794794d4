//! Told over TLS: whom an endpoint's settings name is trusted and nobody else, and who asks for a certificate is shown ours.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::StatusCode;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::lock_servers::{Clients, TlsRedis};
use crate::receiver::SECRET;
use crate::servers::{Authority, Issued, eventually};
use crate::webhooks::payment;
use crate::world::Plan;

/// A web server that takes everything from clients of `authority`, and counts it; tells its port.
async fn receiver(authority: &Authority, taken: Arc<AtomicUsize>) -> u16 {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let own = authority.issue("127.0.0.1");
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority.ca()).unwrap()).unwrap();
    let clients =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let chain = vec![CertificateDer::from_pem_file(&own.cert).unwrap()];
    let key = PrivateKeyDer::from_pem_file(&own.key).unwrap();
    let config = config.with_client_cert_verifier(clients).with_single_cert(chain, key).unwrap();
    let (acceptor, listener) =
        (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let port = listener.local_addr().unwrap().port();
    let routes = Router::new().fallback(async move || {
        taken.fetch_add(1, Ordering::Relaxed);
        StatusCode::NO_CONTENT
    });
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, service) = (acceptor.clone(), TowerToHyperService::new(routes.clone()));
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                }
            });
        }
    });
    port
}

fn trusting(plan: Plan, authority: &Authority, shown: Option<&Issued>) -> Plan {
    let plan = plan
        .set("endpoints.shop.secrets", &format!("['{SECRET}']"))
        .set("endpoints.shop.tls_ca_file", &format!("'{}'", authority.ca().display()));
    match shown {
        None => plan,
        Some(own) => plan
            .set("endpoints.shop.tls_client_cert_file", &format!("'{}'", own.cert.display()))
            .set("endpoints.shop.tls_client_key_file", &format!("'{}'", own.key.display())),
    }
}

#[tokio::test]
async fn an_endpoint_that_asks_for_a_certificate_is_shown_ours_and_only_whom_we_trust_is_told() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let taken = Arc::new(AtomicUsize::new(0));
    let port = receiver(&authority, Arc::clone(&taken)).await;
    let redis = TlsRedis::start(&authority, Clients::Certified);
    let own = authority.issue("paylatch");
    for url in [format!("https://127.0.0.1:{port}/"), format!("{}/?stream=orders", redis.url())] {
        let plan = || Plan::sqlite().set("endpoints.shop.url", &format!("'{url}'"));
        for (trusted, shown) in [(&authority, None), (&stranger, Some(&own))] {
            let world = trusting(plan(), trusted, shown).start().await;
            let tried = world.cli(&["endpoints", "test", "shop"]).await;
            assert_eq!(tried.status.code(), Some(1), "{url}: {}", String::from_utf8_lossy(&tried.stdout));
        }
        let world = trusting(plan(), &authority, Some(&own)).start().await;
        world.send(&payment("pi_1").of_order("order-1").succeeded()).await;
        eventually("it is told", async || {
            let told = world.database.number("select count(*) from endpoints where told_at is not null");
            (told.await == 1).then_some(())
        })
        .await;
    }
    assert_eq!(taken.load(Ordering::Relaxed), 1);
}
