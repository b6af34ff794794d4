//! The tools of whoever operates it, as the shell sees them: the real binary over a SQLite file of its own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what is not there fails the test")]

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Output};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

/// A merchant's machine: settings in a directory, a database beside them.
struct Machine {
    directory: TempDir,
    port: u16,
}

impl Machine {
    /// `source` stands under `[sources.stripe]`.
    fn new(source: &str) -> Self {
        let free_port = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let machine = Self { directory: TempDir::new().unwrap(), port: free_port() };
        machine.set_source(source, free_port());
        assert!(machine.run(&["migrate"]).status.success());
        machine
    }

    fn set_source(&self, source: &str, admin_port: u16) {
        let settings = format!(
            "listen = \"127.0.0.1:{}\"\nadmin_listen = \"127.0.0.1:{admin_port}\"\ndatabase_url = \"sqlite://{}\"\n\
             admin_token = \"canary_0123456789abcdef\"\n[sources.stripe]\nsecrets = [\"whsec_canary_0123456789abcdef\"]\n{source}\n",
            self.port,
            self.path("paylatch.db").display(),
        );
        let path = self.path("paylatch.toml");
        fs::write(&path, settings).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_paylatch"));
        command.args(arguments).current_dir(self.directory.path()).env_clear();
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(&output)))
    }

    /// Imports the fixtures of Stripe, as its API lists them.
    fn import(&self) -> Value {
        let mut names: Vec<_> =
            fs::read_dir(fixtures()).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        let bodies: Vec<_> = names.iter().map(|name| fs::read_to_string(name).unwrap()).collect();
        let page = format!("{{\"object\": \"list\", \"data\": [{}]}}", bodies.join(","));
        fs::write(self.path("events.json"), page).unwrap();
        self.json(&["import", "--source", "stripe", "events.json"])
    }
}

fn fixtures() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/stripe")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

#[test]
fn who_imports_is_kept() {
    let machine = Machine::new("");
    assert_eq!(machine.json(&["actions"]), serde_json::json!([]), "nobody used it before");
    machine.import();
    let by = ["--by", "ann", "--note", "after the outage", "--skip", "1"];
    machine.json(&[["import", "--source", "stripe", "events.json"].as_slice(), &by].concat());
    let actions = machine.json(&["actions"]);
    assert_eq!(actions.as_array().unwrap().len(), 2, "each for itself");
    let action = &actions[0];
    assert_eq!((&action["action"], &action["actor"]), (&"import_events".into(), &"ann".into()), "{action}");
    assert_eq!((&action["source"], &action["target"]), (&"stripe".into(), &"events.json".into()), "{action}");
    assert_eq!((&action["note"], &action["after"]["skip"]), (&"after the outage".into(), &1.into()));
}

#[test]
fn an_export_is_taken_in_once_and_marked_as_imported() {
    let machine = Machine::new("");

    let first = machine.import();
    let applied = machine.json(&["events", "--outcome", "applied"]);
    let orders = machine.json(&["orders"]);
    let second = machine.import();

    assert!(first["outcomes"]["applied"].as_u64().unwrap() > 5, "{first}");
    assert_eq!(first["unreadable"], serde_json::json!([]));
    assert!(applied.as_array().unwrap().iter().all(|event| event["reason"] == "imported"), "{applied}");
    let outcomes = second["outcomes"].as_object().unwrap();
    assert_eq!(outcomes.keys().collect::<Vec<_>>(), ["duplicate"], "{second}");
    assert_eq!(machine.json(&["orders"]), orders);
    assert!(machine.run(&["audit"]).status.success());
}

#[test]
fn what_is_no_event_is_told_and_the_rest_is_taken_in() {
    let machine = Machine::new("");
    let event = fs::read_to_string(fixtures().join("03-payment_intent.succeeded.json")).unwrap();
    fs::write(machine.path("lines"), format!("{{\"no\": \"event\"}}\n{}\n", event.replace('\n', " ")))
        .unwrap();
    let output = machine.run(&["import", "--source", "stripe", "lines"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("document 1: id is missing"), "{}", said(&output));
    assert_eq!(machine.json(&["events"]).as_array().unwrap().len(), 1);
}

#[test]
fn lists_of_events_as_other_providers_answer_them_are_taken_in_and_what_was_taken_in_is_passed_over() {
    let machine = Machine::new("");
    let source = |provider: &str| {
        let (name, secret) = (format!("sources.{provider}"), "c0dec0de".repeat(8));
        let setting = |name: String, value: &str| ["--set".to_owned(), format!("{name}={value}")];
        [
            setting(format!("{name}.provider"), provider),
            setting(format!("{name}.secrets"), &secret),
            setting(format!("{name}.public_url"), "https://shop.example/webhooks/square"),
        ]
        .concat()
    };
    for (provider, between) in [("square", ","), ("adyen", "\n")] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(provider);
        let files =
            fs::read_dir(folder).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
        let bodies: Vec<String> = files.collect();
        let text = bodies.join(between);
        let text = if between == "," { format!("{{\"events\":[{text}],\"cursor\":\"x\"}}") } else { text };
        fs::write(machine.path("export.json"), text).unwrap();
        let settings = source(provider);
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();

        let taken =
            machine.json(&[&["import", "--source", provider, "export.json"], settings.as_slice()].concat());
        assert!(taken["outcomes"]["applied"].as_u64().unwrap() > 5, "{taken}");
        assert_eq!(
            (&taken["unreadable"], &taken["documents"]),
            (&serde_json::json!([]), &bodies.len().into())
        );
        let skip = (bodies.len() - 1).to_string();
        let rest =
            [&["import", "--source", provider, "export.json", "--skip", &skip], settings.as_slice()].concat();
        let rest = machine.json(&rest);
        let duplicates = rest["outcomes"]["duplicate"].as_u64().unwrap();
        assert!((1..5).contains(&duplicates), "only the last one was read again: {rest}");
        let all = bodies.len().to_string();
        let none =
            [&["import", "--source", provider, "export.json", "--skip", &all], settings.as_slice()].concat();
        assert_eq!(machine.json(&none)["outcomes"], serde_json::json!({}), "nothing is left");
    }
}

#[test]
fn events_that_were_noted_are_applied_when_a_setting_lets_them() {
    let machine = Machine::new("mode = \"live\"");
    let all = machine.import()["outcomes"]["noted"].as_u64().unwrap();

    let unchanged = machine.json(&["reprocess", "--noted"]);
    assert_eq!((unchanged["same"].as_u64(), &unchanged["replaced"]), (Some(all), &serde_json::json!({})));

    machine.set_source("", 1);
    let dry = machine.json(&["reprocess", "--noted", "--dry-run"]);
    assert!(dry["replaced"]["applied"].as_u64().unwrap() > 5, "{dry}");
    assert_eq!(machine.json(&["orders"]), serde_json::json!([]));
    let told = machine.json(&["reprocess", "--noted", "--source", "stripe"]);
    assert!(told["replaced"]["applied"].as_u64().unwrap() > 5, "{told}");
    assert!(machine.run(&["audit"]).status.success());

    let straight = Machine::new("");
    straight.import();
    let amounts = |machine: &Machine| -> Vec<String> {
        let orders = machine.json(&["orders"]);
        let columns = ["order_id", "status", "captured", "refunded", "disputed", "anomaly", "last_event_at"];
        let row = |order: &Value| columns.map(|column| order[column].to_string()).join(" ");
        orders.as_array().unwrap().iter().map(row).collect()
    };
    assert_eq!(amounts(&machine), amounts(&straight), "as if they had been read so from the start");
}

#[test]
fn orders_that_come_to_be_paid_are_counted_beforehand_and_many_need_a_yes() {
    let machine = Machine::new("mode = \"live\"");
    let event = fs::read_to_string(fixtures().join("03-payment_intent.succeeded.json")).unwrap();
    let numbered = |n: usize| {
        event
            .replace("evt_1PlFix0003Hq2eZvKYlo2C", &format!("evt_{n}"))
            .replace("pi_", &format!("pi_{n}_"))
            .replace("ord_", &format!("ord_{n}_"))
    };
    let all: Vec<_> = (0..21).map(numbered).collect();
    fs::write(machine.path("all.json"), format!("[{}]", all.join(","))).unwrap();
    assert!(machine.run(&["import", "--source", "stripe", "all.json"]).status.success());
    assert_eq!(machine.json(&["orders"]), serde_json::json!([]), "they are of the other mode");

    machine.set_source("", 1);
    let dry = machine.json(&["reprocess", "--noted", "--dry-run"]);
    assert_eq!((&dry["orders"], &dry["orders_paid"]), (&21.into(), &21.into()), "{dry}");
    let refused = machine.run(&["reprocess", "--noted"]);
    assert!(
        said(&refused).contains("21 orders would change, 21 of them come to be paid"),
        "{}",
        said(&refused)
    );
    assert!(said(&refused).contains("(needs_yes)") && refused.status.code() == Some(1));
    assert_eq!(machine.json(&["orders"]), serde_json::json!([]), "nothing was written");
    let done = machine.json(&["reprocess", "--noted", "--yes"]);
    assert_eq!((&done["orders"], &done["orders_paid"]), (&21.into(), &21.into()), "{done}");
    assert_eq!(machine.json(&["orders", "--status", "paid"]).as_array().unwrap().len(), 21);
    let again = machine.json(&["reprocess", "--all", "--yes"]);
    assert_eq!((&again["orders"], &again["same"]), (&0.into(), &21.into()), "{again}");
}

#[test]
fn reprocessing_goes_on_where_it_was_ended_and_check_says_whether_anything_is_left() {
    let machine = Machine::new("mode = \"test\"");
    machine.import();
    let count = machine.json(&["events"]).as_array().unwrap().len();
    let resume = ["reprocess", "--all", "--resume", "--yes"];
    assert_eq!(machine.json(&resume)["read"], 0, "today's settings have read all");
    let notes = |machine: &Machine| said(&machine.run(&["check"])).contains("reprocess --all --resume");
    assert!(!notes(&machine));

    machine.set_source("mode = \"test\"\norder = [\"/data/object/metadata/basket\"]", 1);
    assert!(notes(&machine), "others have read them");
    let dry = machine.json(&[&resume[..], &["--dry-run"]].concat());
    assert_eq!((&dry["read"], &dry["same"]), (&count.into(), &count.into()), "{dry}");
    assert_eq!(machine.json(&[&resume[..], &["--type", "customer.created"]].concat())["same"], 1);
    assert_eq!(machine.json(&resume)["read"], count - 1, "one was read already");
    assert_eq!(machine.json(&resume)["read"], 0);
    assert!(!notes(&machine));
    assert_eq!(machine.json(&["reprocess", "--all"])["read"], count, "who does not resume reads all");
}

#[test]
fn a_conflict_of_an_old_definition_is_none_by_today_s() {
    let machine = Machine::new("order = [\"/data/object/metadata/basket\"]");
    let event = fs::read_to_string(fixtures().join("03-payment_intent.succeeded.json")).unwrap();
    let with_basket = |basket: &str| {
        event.replacen("\"metadata\": {", &format!("\"metadata\": {{\"basket\": \"{basket}\", "), 1)
    };
    let (first, second, third) = (with_basket("a"), with_basket("b"), with_basket("c"));
    assert!(first != event, "the fixture has metadata");
    fs::write(machine.path("both.json"), format!("[{first}, {second}]")).unwrap();
    fs::write(machine.path("third.json"), format!("[{third}]")).unwrap();
    let outcomes = machine.json(&["import", "--source", "stripe", "both.json"])["outcomes"].clone();
    assert_eq!(outcomes, serde_json::json!({ "applied": 1, "conflict": 1 }));

    machine.set_source("", 1);
    let outcomes = machine.json(&["import", "--source", "stripe", "third.json"])["outcomes"].clone();
    assert_eq!(outcomes, serde_json::json!({ "duplicate": 1 }), "nothing reads the basket any more");
    let dry = machine.json(&["reprocess", "--all", "--dry-run"]);
    assert_eq!(dry["conflicts_settled"], 1, "{dry}");
    let told = machine.json(&["reprocess", "--all", "--by", "ann"]);
    assert_eq!(told["conflicts_settled"], 1, "{told}");
    let event = &machine.json(&["events", "evt_1PlFix0003Hq2eZvKYlo2C"])[0];
    assert_eq!((&event["conflicts"], &event["needs_a_person"]), (&1.into(), &false.into()), "{event}");
    assert_eq!(event["acknowledgements"][0]["note"], "says the same by today's definition");
    assert_eq!(machine.json(&["reprocess", "--all"])["conflicts_settled"], 0, "once");
}

#[test]
fn a_source_that_is_neither_configured_nor_stored_is_refused_with_the_list() {
    let machine = Machine::new("");
    machine.import();
    for list in ["orders", "events"] {
        let refused = machine.run(&[list, "--source", "stirpe"]);
        assert_eq!(refused.status.code(), Some(2));
        assert!(said(&refused).contains("the sources are: stripe"), "{}", said(&refused));
        assert!(machine.run(&[list, "--source", "stripe"]).status.success());
    }
    // What is not configured any more is still stored.
    let settings = fs::read_to_string(machine.path("paylatch.toml")).unwrap();
    fs::write(
        machine.path("paylatch.toml"),
        settings.replace("[sources.stripe]", "[sources.other]\nprovider = \"stripe\""),
    )
    .unwrap();
    assert!(machine.run(&["orders", "--source", "stripe"]).status.success());
    assert!(said(&machine.run(&["orders", "--source", "adyen"])).contains("the sources are: other, stripe"));
}

#[test]
fn purged_bodies_are_counted_and_their_events_stay() {
    let machine = Machine::new("");
    machine.import();
    let count = machine.json(&["events"]).as_array().unwrap().len() as u64;

    let dry = machine.json(&["purge", "--payloads-older-than", "0s", "--dry-run"]);
    assert_eq!((dry["payloads"].as_u64(), dry["dry_run"].as_bool()), (Some(count), Some(true)));
    assert_eq!(machine.json(&["purge", "--payloads-older-than", "1d"])["payloads"], 0);
    assert_eq!(machine.json(&["purge", "--payloads-older-than", "0s"])["payloads"], count);
    let told = machine.json(&["reprocess", "--noted"]);
    assert_eq!(told["purged"], told["read"]);
    assert_eq!(machine.json(&["events"]).as_array().unwrap().len() as u64, count);
    let user =
        machine.command(&["purge", "--payloads-older-than", "0s"]).env("USER", "ann").output().unwrap();
    assert!(user.status.success(), "{}", said(&user));
    let actions = machine.json(&["actions"]);
    assert_eq!(
        actions.as_array().unwrap().len(),
        2,
        "beside the import one, for a purge that clears nothing changes nothing: {actions}"
    );
    assert_eq!(actions[0]["action"], "purge_payloads");
    let wrong = machine.run(&["purge", "--payloads-older-than", "90"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(said(&wrong).contains("such as 90d"), "{}", said(&wrong));
}

#[test]
fn a_settled_anomaly_lets_the_production_check_pass() {
    let machine = Machine::new("mode = \"test\"");
    let refund = fs::read_to_string(fixtures().join("07-refund.created.json")).unwrap();
    fs::write(machine.path("refund.json"), refund).unwrap();
    assert!(machine.run(&["import", "--source", "stripe", "refund.json"]).status.success());
    let orders = machine.json(&["orders", "--anomaly"]);
    let id = orders[0]["order_id"].as_str().unwrap();
    assert_eq!(machine.run(&["check", "--production"]).status.code(), Some(1));

    let note = ["orders", id, "--acknowledge", "--note", "captured elsewhere", "--by", "ann"];
    let told = machine.json(&note);

    assert_eq!(told["acknowledgements"][0]["note"], "captured elsewhere");
    assert_eq!(told["acknowledgements"][0]["anomaly"], told["anomaly"]);
    let check = machine.run(&["check", "--production"]);
    assert!(check.status.success(), "{}", said(&check));
    assert!(said(&machine.run(&["orders"])).contains("(acknowledged)"));
    assert!(said(&machine.run(&["orders", id])).contains("captured elsewhere"));
    let action = &machine.json(&["actions"])[0];
    assert_eq!((&action["actor"], &action["action"]), (&"ann".into(), &"acknowledge_order".into()));
    assert_eq!((&action["target"], &action["note"]), (&id.into(), &"captured elsewhere".into()));
}

#[test]
fn a_dead_event_and_a_conflict_that_are_settled_let_the_production_check_pass_and_stay() {
    let machine = Machine::new("mode = \"test\"");
    let event = fs::read_to_string(fixtures().join("03-payment_intent.succeeded.json")).unwrap();
    let id = "evt_1PlFix0003Hq2eZvKYlo2C";
    let other = event.replace("2000", "2001");
    assert!(event.contains(id) && other != event);
    fs::write(machine.path("both.json"), format!("[{event}, {other}]")).unwrap();
    assert!(machine.run(&["import", "--source", "stripe", "both.json"]).status.success());
    assert_eq!(machine.run(&["check", "--production"]).status.code(), Some(1));
    assert_eq!(machine.json(&["events", "--outcome", "conflict"])[0]["event_id"], id);
    assert!(said(&machine.run(&["events", id])).contains("applied, in conflict"));

    let told = machine.json(&["events", id, "--acknowledge", "--note", "the provider says 20.00"]);

    assert_eq!(told[0]["acknowledgements"][0]["note"], "the provider says 20.00");
    assert_eq!((&told[0]["conflicts"], &told[0]["needs_a_person"]), (&1.into(), &false.into()));
    let check = machine.run(&["check", "--production"]);
    assert!(check.status.success(), "{}", said(&check));
    let shown = said(&machine.run(&["events", id]));
    assert!(shown.contains("applied, in conflict (acknowledged)"), "{shown}");
    assert!(shown.contains("conflict acknowledged") && shown.contains("the provider says 20.00"), "{shown}");
    let nothing = machine.run(&["events", "evt_none", "--acknowledge"]);
    assert!(said(&nothing).contains("(unknown_event)"), "{}", said(&nothing));
}

#[test]
fn verify_names_the_cause_for_people_and_for_programs() {
    let machine = Machine::new("");
    let body = fixtures().join("03-payment_intent.succeeded.json");
    let signed = said(&machine.run(&["sign", "--source", "stripe", body.to_str().unwrap()]));
    let header = signed.split("-H '").find(|part| part.starts_with("stripe-signature")).unwrap();
    let header = header.split('\'').next().unwrap();
    let compact: Value = serde_json::from_slice(&fs::read(&body).unwrap()).unwrap();
    let stripped = fs::read_to_string(&body).unwrap().replace('\n', "");
    fs::write(machine.path("stripped.json"), stripped).unwrap();
    fs::write(machine.path("sorted.json"), serde_json::to_vec(&compact).unwrap()).unwrap();
    let verify =
        |file: &str| ["verify", "--source", "stripe", "--body", file, "--header", header].map(str::to_owned);
    let told = |file: &str| {
        let arguments = verify(file);
        machine.json(&arguments.each_ref().map(String::as_str))
    };

    assert_eq!(told(body.to_str().unwrap()), serde_json::json!({"valid": true, "reason": null}));
    let changed = told("stripped.json");
    assert_eq!([&changed["reason"], &changed["cause"]], ["signature_mismatch", "body_changed"]);
    assert!(changed["detail"].as_str().unwrap().contains("line breaks"), "{changed}");
    assert_eq!(told("sorted.json")["cause"], "body_rewritten");
    let people = machine.run(&verify("stripped.json").each_ref().map(String::as_str));
    assert_eq!(people.status.code(), Some(1));
    let people = said(&people);
    assert!(
        people.contains("cause: body_changed") && people.contains("hint: the signature holds"),
        "{people}"
    );
    assert!(!people.contains("canary"), "{people}");
}

#[test]
fn checks_and_replays_are_told_to_programs_and_every_shell_can_complete() {
    let machine = Machine::new("mode = \"test\"");
    let parts = machine.json(&["check"]);
    let names: Vec<_> = parts.as_array().unwrap().iter().map(|part| part["part"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["settings", "clock", "lock", "database", "contents", "types", "record", "payment", "waiting"]
    );
    assert!(parts.as_array().unwrap().iter().all(|part| part["ok"] == true), "{parts}");

    let replay = machine.json(&["replay", "--source", "stripe", fixtures().to_str().unwrap()]);
    assert_eq!(replay["outcomes"]["no answer"], replay["webhooks"], "nobody listens: {replay}");
    assert_eq!(replay["failures"].as_array().unwrap().len(), 1, "one reason, told once: {replay}");

    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(said(&machine.run(&["completions", shell])).contains("reprocess"), "{shell}");
    }
}

#[test]
fn locks_are_shown_and_no_server_is_not_ready() {
    let machine = Machine::new("");
    assert_eq!(machine.json(&["locks"]), serde_json::json!([]));
    let check = machine.run(&["healthcheck"]);
    assert_eq!(check.status.code(), Some(1));
    assert!(said(&check).contains("does not answer"), "{}", said(&check));
}

#[test]
fn a_supervisor_is_told_and_a_healthcheck_passes_and_the_file_belongs_to_the_server() {
    let machine = Machine::new("");
    let socket = UnixDatagram::bind(machine.path("notify")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut serve = machine.command(&["serve"]);
    let mut server = Server(serve.env("NOTIFY_SOCKET", machine.path("notify")).spawn().unwrap());

    assert!(next(&socket).contains("READY=1"));
    let check = machine.run(&["healthcheck"]);
    assert!(check.status.success(), "{}", said(&check));
    let beside = machine.run(&["reprocess", "--noted"]);
    assert_eq!(beside.status.code(), Some(78));
    assert!(said(&beside).contains("another process serves from"), "{}", said(&beside));

    server.signal(Signal::SIGHUP);
    assert!(next(&socket).contains("RELOADING=1"));
    assert!(next(&socket).contains("READY=1"));
    server.signal(Signal::SIGTERM);
    assert!(next(&socket).contains("STOPPING=1"));
    assert!(server.0.wait().unwrap().success());
}

/// Ended with the test, however that ends.
struct Server(Child);

impl Server {
    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.0.id().try_into().unwrap()), signal).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

fn next(socket: &UnixDatagram) -> String {
    let mut message = [0; 256];
    let length = socket.recv(&mut message).unwrap();
    String::from_utf8_lossy(&message[..length]).into_owned()
}

#[test]
fn the_list_of_providers_says_what_each_needs_and_what_to_subscribe_to() {
    let machine = Machine::new("");
    let listed = machine.json(&["providers"]);
    let listed = listed.as_array().unwrap();
    let of = |name: &str, field: &str| {
        listed.iter().find(|provider| provider["name"] == name).unwrap()[field].clone()
    };
    assert_eq!(of("paypal", "needs"), serde_json::json!(["cert_dir", "params.webhook_id"]));
    assert_eq!(of("square", "needs"), serde_json::json!(["secrets", "public_url"]));
    assert_eq!(of("adyen", "takes"), serde_json::json!(["params.capture"]));
    for provider in listed {
        for field in ["needs", "subscribe"] {
            assert!(!provider[field].as_array().unwrap().is_empty(), "{field}: {provider}");
        }
    }
    let table = String::from_utf8(machine.run(&["providers"]).stdout).unwrap();
    assert!(table.contains("payment_intent.succeeded") && table.contains("[params.capture]"), "{table}");
}

#[test]
fn a_wrong_definition_stops_the_program_and_names_its_file_the_table_the_key_and_what_was_expected() {
    let machine = Machine::new("");
    let definition = include_str!("../providers/stripe.toml").replacen("id = \"/id\"", "id = \"id\"", 1);
    fs::create_dir(machine.path("definitions")).unwrap();
    fs::write(machine.path("definitions/acme.toml"), definition).unwrap();

    let refused =
        machine.command(&["providers"]).env("PAYLATCH_PROVIDERS_DIR", "definitions").output().unwrap();

    assert_eq!(refused.status.code(), Some(78));
    for part in ["definitions/acme.toml", "[facts.id]", "`id` is not a selector; expected /pointer"] {
        assert!(said(&refused).contains(part), "{}", said(&refused));
    }
}

#[test]
fn a_word_that_no_order_or_event_has_is_refused_with_those_that_there_are() {
    let machine = Machine::new("");
    for (arguments, meant) in
        [(["orders", "--status", "payd"], "paid"), (["events", "--outcome", "parkd"], "parked")]
    {
        let told = machine.run(&arguments);
        assert_eq!(told.status.code(), Some(2), "{}", said(&told));
        assert!(said(&told).contains("possible values") && said(&told).contains(meant), "{}", said(&told));
    }
}

#[test]
fn the_files_of_sqlite_are_their_owner_s_alone_whatever_the_umask() {
    let machine = Machine::new("");
    let mut open_to_all = Command::new("sh");
    let migrate = format!("umask 0; exec {} migrate", env!("CARGO_BIN_EXE_paylatch"));
    open_to_all.args(["-c", &migrate]).current_dir(machine.directory.path()).env_clear();
    for name in ["paylatch.db", "paylatch.db.lock"] {
        fs::remove_file(machine.path(name)).unwrap();
    }
    assert!(open_to_all.status().unwrap().success());
    machine.import();

    let mut others: Vec<String> = Vec::new();
    for entry in fs::read_dir(machine.directory.path()).unwrap() {
        let entry = entry.unwrap();
        let is_database = entry.file_name().to_string_lossy().starts_with("paylatch.db");
        if is_database && entry.metadata().unwrap().permissions().mode() & 0o077 != 0 {
            others.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    assert_eq!(others, Vec::<String>::new());
    assert!(machine.path("paylatch.db.lock").exists());
}

#[test]
fn migrate_makes_no_directories_for_a_mistyped_path() {
    let machine = Machine::new("");
    let url = format!("database_url=sqlite://{}/nowhere/else.db", machine.directory.path().display());
    let told = machine.run(&["migrate", "--set", &url]);
    assert_eq!(told.status.code(), Some(78), "{}", said(&told));
    assert!(said(&told).contains("there is no directory"), "{}", said(&told));
    assert!(!machine.path("nowhere").exists());
}
