//! The command line: one file for each command. Answers go to stdout, everything else to stderr.

mod actions;
mod addresses;
mod announce;
mod announcements;
mod audit;
#[cfg(feature = "bench")]
mod bench;
mod caller_input;
mod certificates;
mod check;
mod completions;
mod config;
mod confirm;
mod context;
mod dev;
mod edit;
mod endpoints;
mod events;
mod expect;
mod failure;
mod fixtures;
mod healthcheck;
mod import;
mod listen;
mod listing;
mod locks;
mod man;
mod migrate;
mod one_order;
mod orders;
mod output;
mod payments;
mod progress;
mod providers;
mod purge;
mod readings;
mod receipts;
mod reconcile;
mod replay;
mod reprocess;
mod samples;
mod secret;
mod send;
mod sender;
mod serve;
mod settlement;
mod sign;
mod start;
mod stored;
mod tail;
mod verify;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use self::context::Context;
use self::failure::{Exit, Failure};
use self::start::{ChosenSettings, start, wrong_usage};
use crate::http::openapi_text;

/// Takes payment webhooks and applies each event exactly once to orders.
#[derive(Parser)]
#[command(name = "paylatch", version, arg_required_else_help = true, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 ok, 1 failed, 2 usage, 69 dependency unavailable, 78 settings.")]
struct Paylatch {
    #[command(flatten)]
    chosen: ChosenSettings,
    #[command(subcommand)]
    command: Command,
}

/// Measures a running server with signed webhooks that are built before the run: captured Stripe payments with ids that
/// never occurred, so use a database made for it.
///
/// With --rate the loop is open: webhooks are due by the clock, and a slow answer counts against all that waited behind
/// it. Without, each connection sends again when it was answered.
#[cfg(feature = "bench")]
#[derive(Parser)]
#[command(name = "paylatch-bench", version, max_term_width = 100)]
#[command(after_help = "Example: paylatch-bench --connections 256 --duration 10 --json")]
struct PaylatchBench {
    #[command(flatten)]
    chosen: ChosenSettings,
    #[command(flatten)]
    bench: bench::Bench,
}

#[derive(Subcommand)]
enum Command {
    /// Run everything on this machine, with nothing installed.
    #[command(after_help = "Example: paylatch dev --replay fixtures/stripe")]
    Dev(dev::Dev),
    /// Take webhooks, in production.
    #[command(after_help = "Example: paylatch serve --config /etc/paylatch.toml")]
    Serve(serve::Serve),
    /// Bring the database's schema up to this version.
    #[command(after_help = "Example: PAYLATCH_DATABASE_URL=postgres://app@db/app paylatch migrate")]
    Migrate(migrate::Migrate),
    /// Print a curl line that sends a signed webhook.
    #[command(after_help = "Example: paylatch sign --source stripe event.json | sh")]
    Sign(sign::Sign),
    /// Print the signing secret of a source that `paylatch dev` made.
    #[command(after_help = "Example: paylatch secret stripe")]
    Secret(secret::PrintSecret),
    /// Say whether a webhook verifies, and why not.
    #[command(
        after_help = "Example: paylatch verify --source stripe --body event.json --header 'Stripe-Signature: t=1,v1=00'"
    )]
    Verify(verify::Verify),
    /// Sign and send fixtures, and sum up what became of them.
    #[command(
        after_help = "Examples: paylatch replay --source stripe fixtures/stripe --times 3 --shuffle 7\n          \
                      paylatch replay --source stripe --event evt_1"
    )]
    Replay(replay::Replay),
    /// Send one webhook of a type: a sample that is in the program, with new ids.
    #[command(
        after_help = "Example: paylatch send stripe payment_intent.succeeded --amount 4200 --order ord_7"
    )]
    Send(send::Send),
    /// Show orders, or one with its timeline.
    #[command(after_help = "Example: paylatch orders order-1001 --json")]
    Orders(orders::Orders),
    /// Show events, and what was decided about each.
    #[command(after_help = "Example: paylatch events --order order-1001")]
    Events(events::Events),
    /// Show what providers are answered, as it happens.
    #[command(after_help = "Example: paylatch tail --source stripe --outcome refused")]
    Tail(tail::Tail),
    /// Say which order a payment belongs to.
    #[command(
        after_help = "Example: paylatch payments assign pi_1 order-1001 --source stripe --note 'told by phone'"
    )]
    Payments(payments::Payments),
    /// Show what people changed, by a command or the API, and why.
    #[command(after_help = "Example: paylatch actions --limit 20")]
    Actions(actions::Actions),
    /// State what an order should cost, and see what came of it.
    #[command(after_help = "Example: paylatch expect order-1001 100.00 USD --due 2d")]
    Expect(expect::Expect),
    /// Turn the log of changed orders on or off, which endpoints and applications are told from.
    #[command(after_help = "Example: paylatch announce on")]
    Announce(announce::Announce),
    /// Take announcements and print them, for trying out; fail and be slow on purpose.
    #[command(after_help = "Example: paylatch listen --port 8090 --fail 20 --slow 500")]
    Listen(listen::Listen),
    /// Show the endpoints that are told of changed orders, and how far each was told; pause, resume, forget or test one.
    #[command(after_help = "Example: paylatch endpoints test shop")]
    Endpoints(endpoints::Endpoints),
    /// Show announcements that wait or were given up, or send orders again.
    #[command(after_help = "Example: paylatch announcements --given-up")]
    Announcements(announcements::Announcements),
    /// Recompute orders and payments from the events, and list what differs.
    #[command(after_help = "Example: paylatch audit --repair")]
    Audit(audit::Audit),
    /// Read stored events again, with today's definitions and settings.
    #[command(after_help = "Example: paylatch reprocess --parked --type charge.refunded --dry-run")]
    Reprocess(reprocess::Reprocess),
    /// Take in events that were exported from the provider's API. No signature vouches for them: you do.
    #[command(after_help = "Example: paylatch import --source stripe events.json")]
    Import(import::Import),
    /// Compare the provider's own record with the stored events. Nothing of it changes an order.
    #[command(
        after_help = "Example: paylatch reconcile --source stripe --report stripe-itemized balance.csv"
    )]
    Reconcile(reconcile::Reconcile),
    /// Clear old bodies. Rows stay, so duplicates are known for ever.
    #[command(after_help = "Example: paylatch purge --payloads-older-than 90d --dry-run")]
    Purge(purge::Purge),
    /// Fetch the certificates that a provider signs with.
    #[command(after_help = "Example: paylatch certificates fetch --source paypal URL")]
    Certificates(certificates::Certificates),
    /// Show what is locked now, and by which instance.
    #[command(after_help = "Example: paylatch locks --json")]
    Locks(locks::ListLocks),
    /// Check settings, clock, lock service, database and schema; say what to do.
    #[command(after_help = "Example: paylatch check --production")]
    Check(check::Check),
    /// Ask the server of these settings whether it is ready.
    #[command(after_help = "Example: paylatch healthcheck --url http://10.0.0.7:8080")]
    Healthcheck(healthcheck::Healthcheck),
    /// Show every setting as it holds, and where it comes from.
    #[command(after_help = "Example: PAYLATCH_LOCK_BACKEND=local paylatch config")]
    Config(config::Config),
    /// List the providers.
    #[command(after_help = "Example: paylatch providers --json")]
    Providers(providers::ListProviders),
    /// Print the description of the admin listener's API (OpenAPI 3.1).
    #[command(after_help = "Example: paylatch openapi > paylatch.json")]
    Openapi,
    /// Print the manual page.
    #[command(after_help = "Example: paylatch man > /usr/local/share/man/man1/paylatch.1")]
    Man,
    /// Print a shell's completion script.
    #[command(after_help = "Example: paylatch completions bash > /etc/bash_completion.d/paylatch")]
    Completions(completions::Completions),
}

/// Runs the command that `arguments` name, and tells the shell how it went.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>, environment: BTreeMap<String, String>) -> ExitCode {
    match Paylatch::try_parse_from(arguments) {
        Ok(Paylatch { chosen, command }) => {
            start(chosen, environment, async |context| run_command(context, command).await)
        }
        Err(error) => wrong_usage(&error),
    }
}

/// The same for the load generator.
#[cfg(feature = "bench")]
#[must_use]
pub fn run_bench(
    arguments: impl IntoIterator<Item = OsString>,
    environment: BTreeMap<String, String>,
) -> ExitCode {
    match PaylatchBench::try_parse_from(arguments) {
        Ok(PaylatchBench { chosen, bench }) => start(chosen, environment, async |context| {
            bench::run(context, &bench).await.map(|is_clean| if is_clean { Exit::Ok } else { Exit::Failed })
        }),
        Err(error) => wrong_usage(&error),
    }
}

async fn run_command(context: &mut Context, command: Command) -> Result<Exit, Failure> {
    let accepted = match command {
        Command::Dev(dev) => {
            context.input.flags.extend(dev.listen.flags());
            dev::run(context, &dev).await?
        }
        Command::Serve(serve) => {
            context.input.flags.extend(serve.listen.flags());
            serve::run(context, &serve).await.map(|()| true)?
        }
        Command::Migrate(migrate) => migrate::run(context, &migrate).await.map(|()| true)?,
        Command::Sign(sign) => sign::run(context, &sign).await.map(|()| true)?,
        Command::Secret(print) => secret::run(context, &print).map(|()| true)?,
        Command::Verify(verify) => verify::run(context, &verify)?,
        Command::Replay(replay) => replay::run(context, &replay).await?,
        Command::Send(one) => send::run(context, &one).await?,
        Command::Orders(orders) => orders::run(context, &orders).await.map(|()| true)?,
        Command::Events(events) => events::run(context, &events).await.map(|()| true)?,
        Command::Tail(tail) => tail::run(context, &tail).await.map(|()| true)?,
        Command::Payments(payments) => payments::run(context, &payments).await.map(|()| true)?,
        Command::Actions(actions) => actions::run(context, &actions).await.map(|()| true)?,
        Command::Expect(expect) => expect::run(context, &expect).await?,
        Command::Announce(announce) => announce::run(context, &announce).await.map(|()| true)?,
        Command::Listen(listen) => listen::run(context, &listen).await.map(|()| true)?,
        Command::Endpoints(endpoints) => endpoints::run(context, &endpoints).await?,
        Command::Announcements(list) => announcements::run(context, &list).await.map(|()| true)?,
        Command::Audit(audit) => audit::run(context, &audit).await?,
        Command::Reprocess(reprocess) => reprocess::run(context, &reprocess).await?,
        Command::Import(import) => import::run(context, &import).await?,
        Command::Reconcile(asked) => reconcile::run(context, &asked).await?,
        Command::Purge(purge) => purge::run(context, &purge).await?,
        Command::Certificates(own) => certificates::run(context, &own).await.map(|()| true)?,
        Command::Locks(list) => locks::run(context, &list).await.map(|()| true)?,
        Command::Check(check) => return check::run(context, &check).await,
        Command::Healthcheck(check) => healthcheck::run(context, &check).await.map(|()| true)?,
        Command::Config(config) => config::run(context, &config).map(|()| true)?,
        Command::Providers(list) => providers::run(context, &list).map(|()| true)?,
        Command::Openapi => {
            context.output.line(openapi_text());
            true
        }
        Command::Man => {
            context.output.line(man::page(Paylatch::command()));
            true
        }
        Command::Completions(completions) => {
            completions::run(context.output, Paylatch::command(), &completions);
            true
        }
    };
    Ok(if accepted { Exit::Ok } else { Exit::Failed })
}
