//! A wire to a server that is cut by chance: before the server heard of a call, after it answered, or in between, so that the call
//! takes effect when nobody waits for it any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How often each happens to a message.
const CUT: f64 = 0.02;

pub(super) struct Wire {
    url: String,
    cuts: Arc<AtomicU64>,
}

impl Wire {
    /// In front of the server of this URL.
    pub(super) async fn start(server: &str, seed: u64) -> Self {
        let options: PgConnectOptions = server.parse().unwrap();
        let server = (options.get_host().to_owned(), options.get_port());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let cuts = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&cuts);
        tokio::task::spawn_local(async move {
            for connection in 0.. {
                let Ok((client, _)) = listener.accept().await else { return };
                let Ok(server) = TcpStream::connect(&server).await else { return };
                let random = StdRng::seed_from_u64(seed.wrapping_add(connection));
                tokio::task::spawn_local(pass(client, server, random, Arc::clone(&counted)));
            }
        });
        let mut url = options.host("127.0.0.1").port(own).to_url_lossy();
        url.set_query(None); // what only this program's driver knows
        Self { url: url.to_string(), cuts }
    }

    /// The server's URL, by way of this.
    pub(super) fn url(&self) -> String {
        self.url.clone()
    }

    /// How often it was cut.
    pub(super) fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::Relaxed)
    }
}

/// Passes messages to and fro until one is cut.
async fn pass(mut client: TcpStream, mut server: TcpStream, mut random: StdRng, cuts: Arc<AtomicU64>) {
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            length = client.read(&mut asked) => {
                let Ok(length @ 1..) = length else { return };
                let (is_lost, lands_later) = (random.random_bool(CUT), random.random_bool(CUT));
                if is_lost {
                    cuts.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                if server.write_all(&asked[..length]).await.is_err() {
                    return;
                }
                if lands_later {
                    cuts.fetch_add(1, Ordering::Relaxed);
                    drop(client);
                    // The server learns of it when it answers.
                    let _ = server.read(&mut answered).await;
                    return;
                }
            }
            length = server.read(&mut answered) => {
                let Ok(length @ 1..) = length else { return };
                if random.random_bool(CUT) {
                    cuts.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                if client.write_all(&answered[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}
