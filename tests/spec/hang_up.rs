//! A provider that hangs up cannot cut the work short.

use futures_util::future::join_all;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::servers::eventually;
use crate::webhooks::{Webhook, payment};
use crate::world::{Plan, World};

#[tokio::test]
async fn an_event_whose_sender_hung_up_before_the_save_is_applied() {
    let world = World::start().await;
    let webhook = payment("pi_1").of_order("order-1").succeeded();

    let reply = world.proxies[0].hold_reply_to(&webhook.id);
    let connection = send_raw(&world, &webhook).await;
    reply.is_there().await;
    drop(connection);
    reply.release();

    eventually("the event is applied", async || world.order("order-1").await).await;
    assert_eq!(world.send(&webhook).await.outcome(), "duplicate");
}

#[tokio::test]
async fn a_hundred_senders_that_do_not_wait_for_the_answer_have_their_events_applied() {
    for world in [World::start().await, Plan::sqlite().start().await] {
        let webhooks: Vec<_> = (0..100).map(|number| payment(&format!("pi_{number}")).succeeded()).collect();

        join_all(webhooks.iter().map(async |webhook| {
            let mut connection = send_raw(&world, webhook).await;
            connection.shutdown().await.unwrap();
        }))
        .await;

        eventually("all are applied", async || (world.count("events").await == 100).then_some(())).await;
    }
}

/// Sends a whole request, and leaves the answer unread.
async fn send_raw(world: &World, webhook: &Webhook) -> TcpStream {
    let address = world.replicas[0].address();
    let mut connection = TcpStream::connect(address).await.unwrap();
    let headers: String =
        webhook.signed().iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!(
        "POST /webhooks/stripe HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\n{headers}\r\n",
        webhook.body.len()
    );
    connection.write_all(&[head.as_bytes(), &webhook.body].concat()).await.unwrap();
    connection
}
