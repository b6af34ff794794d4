//! Every layer, every kind of mistake.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{File, Flag, Layers, Mistakes, Needs, Settings};
use crate::provider::CustomerClaims;

const CANARY: &str = "whsec_canary";

fn file(text: &str) -> Layers {
    Layers { file: Some(File { path: "paylatch.toml".into(), text: text.to_owned() }), ..Layers::default() }
}

fn with_environment(layers: Layers, variables: &[(&str, &str)]) -> Layers {
    let environment: BTreeMap<_, _> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Layers { environment, ..layers }
}

fn with_flag(layers: Layers, setting: &str, value: &str) -> Layers {
    let flag = Flag { setting: setting.to_owned(), value: value.to_owned(), written: "--set" };
    Layers { flags: vec![flag], ..layers }
}

fn read(layers: Layers) -> Result<Settings, Mistakes> {
    Settings::read(layers, Needs::default())
}

/// The mistakes as they are told.
fn told(layers: Layers) -> Vec<String> {
    read(layers).unwrap_err().0.iter().map(ToString::to_string).collect()
}

fn told_of_file(text: &str) -> Vec<String> {
    told(file(text))
}

#[test]
fn flags_go_before_environment_before_file_before_defaults() {
    let layers = file("[lock]\nttl_ms = 1000");
    assert_eq!(read(Layers::default()).unwrap().lock.ttl, Duration::from_millis(2_000));
    assert_eq!(read(layers.clone()).unwrap().lock.ttl, Duration::from_millis(1_000));
    let layers = with_environment(layers, &[("PAYLATCH_LOCK__TTL_MS", "3000")]);
    assert_eq!(read(layers.clone()).unwrap().lock.ttl, Duration::from_millis(3_000));
    let layers = with_flag(layers, "lock.ttl_ms", "4000");
    assert_eq!(read(layers).unwrap().lock.ttl, Duration::from_millis(4_000));
}

#[test]
fn each_setting_is_shown_with_its_origin_and_without_its_secret() {
    let layers = file("admin_token = \"whsec_canary\"\n[lock]\nwait_ms = 3000");
    let variables = [("PAYLATCH_DATABASE_URL", "postgres://app:whsec_canary@db/pay")];
    let settings = read(with_flag(with_environment(layers, &variables), "listen", "127.0.0.1:0")).unwrap();
    let shown = |name: &str| {
        let resolved = settings.resolved.iter().find(|resolved| resolved.setting == name).unwrap();
        let origin = resolved.origin.as_ref().map_or("default".to_owned(), ToString::to_string);
        format!("{} from {origin}", resolved.shown)
    };
    assert_eq!(
        ["listen", "database_url", "lock.wait_ms", "admin_token", "lock.ttl_ms"].map(shown),
        [
            "127.0.0.1:0 from --set",
            "postgres://app:****@db/pay from PAYLATCH_DATABASE_URL",
            "3000 from paylatch.toml:3",
            "[secret] from paylatch.toml:1",
            "2000 from default",
        ]
    );
    assert!(!format!("{settings:?}").contains(CANARY));
}

#[test]
fn a_mistake_names_the_setting_its_origin_and_what_was_expected() {
    for (text, expected) in [
        (
            "listen = 'localhost'",
            "listen (paylatch.toml:1): is \"localhost\"; expected an IP address and a port",
        ),
        (
            "\n[lock]\nttl_ms = 'soon'",
            "lock.ttl_ms (paylatch.toml:3): is \"soon\"; expected a whole number of milliseconds from 100 to 600000",
        ),
        ("intake.lanes = 0", "intake.lanes (paylatch.toml:1): is 0; expected a whole number from 1 to 64"),
        ("intake.lanes = -1", "intake.lanes (paylatch.toml:1): is -1; expected a whole number"),
        ("intake.lanes = 1.5", "is a number with decimals; expected a whole number"),
        (
            "lock.backend = 'reddis'",
            "expected one of local, redis, redlock, postgres, etcd, zookeeper; did you mean redis?",
        ),
        ("lock.urls = 'redis://h'", "lock.urls (paylatch.toml:1): is a text; expected a list of texts"),
        ("lock.urls = [1]", "is an array of other things than strings; expected a list of texts"),
        ("lock = 3", "lock (paylatch.toml:1): expected a table: [lock]"),
        ("lokc.ttl_ms = 3", "lokc.ttl_ms (paylatch.toml:1): is no setting; did you mean lock.ttl_ms?"),
        (
            "database_url = 'mysql://root:whsec_canary@h/d'",
            "database_url (paylatch.toml:1): expected postgres://",
        ),
        ("admin_token_file = '/nowhere'", "admin_token_file (paylatch.toml:1): cannot read /nowhere"),
        ("log.format = true", "log.format (paylatch.toml:1): is a boolean; expected a text"),
        ("[sources.\"a b\"]", "is no name of a source; expected 1 to 255 letters, digits, - and _"),
    ] {
        let told = told_of_file(text);
        assert!(told.iter().any(|mistake| mistake.contains(expected)), "{text}: {told:?}");
        assert!(!told.concat().contains(CANARY), "{told:?}");
    }
}

#[test]
fn relations_between_settings_are_checked() {
    for (text, expected) in [
        (
            "admin_listen = '0.0.0.0:8081'",
            "admin_token (not set): expected a token, because admin_listen 0.0.0.0:8081 is not loopback",
        ),
        (
            "admin_listen = '127.0.0.1:8080'",
            "admin_listen (paylatch.toml:1): is 127.0.0.1:8080, as listen is",
        ),
        (
            "database_url = 'sqlite://x.db'\nintake.lanes = 2",
            "intake.lanes (paylatch.toml:2): is 2; expected 1: SQLite has one writer",
        ),
        (
            "intake.batch_events_max = 20\nintake.queue_events_max = 10",
            "expected at most intake.queue_events_max, which is 10",
        ),
        (
            "http.body_bytes_max = 4096\nhttp.body_bytes_in_flight_max = 2048",
            "expected at most http.body_bytes_in_flight_max, which is 2048",
        ),
        ("lock.backend = 'redis'", "lock.urls (not set): expected the URLs of the redis servers"),
        ("lock.urls = ['redis://h']", "is set, but lock.backend is local"),
        ("lock.backend = 'redis'\nlock.urls = ['http://h']", "lock.urls (paylatch.toml:2): "),
        (
            "[source.stripe]\nmode = 'live'",
            "source.stripe.mode (paylatch.toml:2): is no setting; did you mean sources.stripe.mode?",
        ),
        (
            "admin_token = 'a'\nadmin_token_file = 'b'",
            "admin_token_file (paylatch.toml:2): is set beside admin_token",
        ),
    ] {
        let told = told_of_file(text);
        assert!(told.iter().any(|mistake| mistake.contains(expected)), "{text}: {told:?}");
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let layers = file("listen = 'x'\nadmin_listen = 'y'\n[http]\nbody_bytes_max = 'big'");
    let layers = with_environment(layers, &[("PAYLATCH_LOCK_TTL_MS", "soon"), ("PAYLATCH_LOCK_TTL", "1")]);
    let told = told(layers).join("\n");
    for name in [
        "listen",
        "admin_listen",
        "http.body_bytes_max",
        "lock.ttl_ms (PAYLATCH_LOCK_TTL_MS)",
        "PAYLATCH_LOCK_TTL ",
    ] {
        assert!(told.contains(name), "{name} is not in:\n{told}");
    }
}

#[test]
fn a_file_that_is_no_toml_is_told_by_line_and_never_by_its_text() {
    let told = told_of_file("listen = '127.0.0.1:1'\nadmin_token = \"whsec_canary\n");
    assert!(told[0].starts_with("the settings file (paylatch.toml:2): is no TOML"), "{told:?}");
    assert!(!told.concat().contains(CANARY), "{told:?}");
}

#[test]
fn what_a_command_needs_is_missed() {
    let needs = Needs { database: true, sources: true };
    let told = Settings::read(Layers::default(), needs).unwrap_err().to_string();
    assert!(told.contains("database_url (not set): expected postgres://"), "{told}");
    assert!(told.contains("sources (not set): expected at least one source"), "{told}");
}

#[test]
fn a_waiting_time_shorter_than_a_lease_is_advised_against() {
    let settings = read(file("lock.wait_ms = 1000")).unwrap();
    let of_locks = |settings: &Settings| -> Vec<String> {
        let advice = settings.advice.iter().filter(|advice| advice.setting.starts_with("lock."));
        advice.map(ToString::to_string).collect()
    };
    assert!(of_locks(&settings)[0].contains("lock.wait_ms: is shorter than lock.ttl_ms"));
    assert_eq!(of_locks(&read(Layers::default()).unwrap()), Vec::<String>::new());
}

#[test]
fn variables_take_a_double_underscore_and_in_the_fixed_tables_a_single_one() {
    for name in ["PAYLATCH_HTTP_BODY_BYTES_MAX", "PAYLATCH_HTTP__BODY_BYTES_MAX"] {
        let settings = read(with_environment(Layers::default(), &[(name, "2048")])).unwrap();
        assert_eq!(settings.http.body_bytes_max, 2_048);
    }
    let both = [("PAYLATCH_LOCK_TTL_MS", "1000"), ("PAYLATCH_LOCK__TTL_MS", "1000")];
    let told = told(with_environment(Layers::default(), &both));
    assert_eq!(
        told,
        ["lock.ttl_ms (PAYLATCH_LOCK_TTL_MS): is set by PAYLATCH_LOCK__TTL_MS also; expected one of them"]
    );
}

#[test]
fn an_unknown_variable_is_a_mistake_but_not_a_foreign_or_an_empty_one() {
    let foreign = [
        ("PAYLATCH_SERVICE_HOST", "10.0.0.1"),
        ("PAYLATCH_PORT_80_TCP", "tcp://"),
        ("PAYLATCH_LISTN", ""),
        ("HOME", "/"),
    ];
    assert!(read(with_environment(Layers::default(), &foreign)).is_ok());
    let told = told(with_environment(Layers::default(), &[("PAYLATCH_LISTN", "127.0.0.1:1")]));
    assert_eq!(told, ["PAYLATCH_LISTN (environment): names no setting; did you mean PAYLATCH_LISTEN?"]);
}

/// Sources, with the built-in providers.
mod sources {
    use super::*;

    fn names(layers: Layers) -> Vec<String> {
        let settings = read(layers).unwrap();
        settings.sources.iter().map(|source| source.name().to_string()).collect()
    }

    #[test]
    fn a_source_may_come_from_the_file_the_environment_or_both() {
        let in_file = file("[sources.My_Shop]\nprovider = 'stripe'");
        let secrets = ("PAYLATCH_SOURCES__MY_SHOP__SECRETS", "whsec_canaryaa, whsec_canarybb");
        assert_eq!(names(with_environment(in_file, &[secrets])), ["My_Shop"]);
        let provider = ("PAYLATCH_SOURCES__MY_SHOP__PROVIDER", "stripe");
        assert_eq!(names(with_environment(Layers::default(), &[secrets, provider])), ["my-shop"]);
    }

    #[test]
    fn the_provider_is_the_source_s_name_unless_it_is_told() {
        let variables = [("PAYLATCH_SOURCES__STRIPE__SECRETS", "whsec_canaryaa")];
        assert_eq!(names(with_environment(Layers::default(), &variables)), ["stripe"]);
    }

    #[test]
    fn params_may_come_from_the_environment() {
        let layers = file("[sources.stripe]\nsecrets = ['whsec_canaryaa']\nparams.nonsense = 'x'");
        let told =
            told(with_environment(layers, &[("PAYLATCH_SOURCES__STRIPE__PARAMS__NOTHING", "x")])).join("\n");
        assert!(told.contains("sources.stripe.params.nonsense (paylatch.toml:3)"), "{told}");
        assert!(
            told.contains("sources.stripe.params.nothing (PAYLATCH_SOURCES__STRIPE__PARAMS__NOTHING)"),
            "{told}"
        );
    }

    #[test]
    fn what_a_source_says_of_its_merchant_is_typed() {
        let layers = file(
            "[sources.stripe]\nsecrets = ['whsec_canaryaa']\naccounts = ['acct_1', 'own']\nledger = 'shop'\nquiet_after = '6h'\n\
             customer_claims = 'ignore'\nignore_types = ['invoice.*']",
        );
        let layers = with_environment(layers, &[("PAYLATCH_SOURCES__STRIPE__QUIET_AFTER", "2d")]);
        let settings = read(layers).unwrap();
        let source = settings.sources[0].settings();
        assert_eq!(source.accounts, ["acct_1", "own"]);
        assert_eq!(settings.sources[0].ledger().as_str(), "shop");
        assert_eq!(source.quiet_after, Some(Duration::from_hours(48)));
        assert_eq!(source.customer_claims, CustomerClaims::Ignore);
        assert_eq!(source.ignore_types, ["invoice.*"]);
    }

    #[test]
    fn a_source_is_a_ledger_of_its_own_and_takes_every_claim_unless_it_says_otherwise() {
        let settings = read(file("[sources.stripe]\nsecrets = ['whsec_canaryaa']")).unwrap();
        assert_eq!(settings.sources[0].ledger().as_str(), "stripe");
        let source = settings.sources[0].settings();
        assert_eq!((source.customer_claims, source.quiet_after), (CustomerClaims::Accept, None));
        assert!(source.accounts.is_empty() && source.ignore_types.is_empty());
    }

    #[test]
    fn each_mistake_of_a_source_names_its_setting() {
        for (text, expected) in [
            (
                "[sources.shop]\nprovider = 'strype'\nsecrets = ['x']",
                "sources.shop.provider (paylatch.toml:2)",
            ),
            ("[sources.stripe]", "sources.stripe.secrets (not set)"),
            (
                "[sources.stripe]\nsecrets = ['']",
                "sources.stripe.secrets (paylatch.toml:2): holds an empty text",
            ),
            (
                "[sources.stripe]\nsecrets = ['whsec_canary']\nsecret_files = ['/nowhere']",
                "sources.stripe.secret_files (paylatch.toml:3): cannot read /nowhere",
            ),
            (
                "[sources.stripe]\nsecrets = ['whsec_canary']\nmode = 'life'",
                "expected one of live, test; did you mean live?",
            ),
            (
                "[sources.stripe]\nsecrets = ['whsec_canary']\ntolerance = 3",
                "sources.stripe.tolerance (paylatch.toml:3): is no setting; did you mean sources.stripe.tolerance_s?",
            ),
            (
                "[sources.stripe]\nsecrets = ['whsec_canary']\nquiet_after = '6 hours'",
                "sources.stripe.quiet_after (paylatch.toml:3): is \"6 hours\"; expected a whole number and a unit",
            ),
            (
                "[sources.stripe]\nsecrets = ['whsec_canary']\nquiet_after = '0s'",
                "sources.stripe.quiet_after (paylatch.toml:3): is \"0s\"; expected more than no time",
            ),
            (
                "[sources.stripe]\nsecrets = ['whsec_canary']\nledger = 'my shop'",
                "sources.stripe.ledger (paylatch.toml:3): is no name of a ledger",
            ),
            (
                "[sources.stripe]\nsecrets = ['whsec_canary']\ncustomer_claims = 'ignored'",
                "expected one of accept, ignore; did you mean ignore?",
            ),
            ("sources.stripe = 3", "sources.stripe (paylatch.toml:1): expected a table: [sources.stripe]"),
        ] {
            let told = told_of_file(text);
            assert!(told.iter().any(|mistake| mistake.contains(expected)), "{text}: {told:?}");
            assert!(!told.concat().contains(CANARY), "{told:?}");
        }
    }

    #[test]
    fn a_secret_file_is_read_without_its_line_break() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        std::fs::write(&path, "whsec_canaryaa\n").unwrap();
        let text = format!("[sources.stripe]\nsecret_files = [{:?}]", path.display().to_string());
        assert_eq!(names(file(&text)), ["stripe"]);
    }
}

/// Who may ask the admin listener.
mod admin {
    use super::*;

    #[test]
    fn the_settings_of_the_admin_listener_are_typed() {
        let layers = file(
            "admin_token = 'canary_operator_token'\nadmin_view_token = 'canary_viewer_token'\nadmin_view_bodies = true\n\
             admin_public_origin = 'https://ops.example/paylatch/'\nproxy_user_header = 'X-Forwarded-User'",
        );
        let admin = read(layers).unwrap().admin;
        assert!(admin.view_bodies && admin.view_token.is_some());
        assert_eq!(admin.public_origin.as_deref(), Some("https://ops.example/paylatch"));
        assert_eq!(admin.proxy_user_header.unwrap(), "x-forwarded-user");
        let switched =
            with_environment(file("admin_token = 'canary_a'"), &[("PAYLATCH_ADMIN_VIEW_TOKEN", "canary_b")]);
        let switched = with_flag(switched, "admin_view_bodies", "true");
        assert!(read(switched).unwrap().admin.view_bodies);
    }

    #[test]
    fn a_viewer_is_told_apart_from_an_operator() {
        for (text, expected) in [
            (
                "admin_view_token = 'canary_a'",
                "admin_view_token (paylatch.toml:1): is set, but without admin_token",
            ),
            (
                "admin_token = 'canary_a'\nadmin_view_token = 'canary_a'",
                "admin_view_token (paylatch.toml:2): is the admin_token",
            ),
            ("admin_view_bodies = true", "admin_view_bodies (paylatch.toml:1): is set, but there is no"),
            (
                "admin_view_bodies = 'yes'",
                "admin_view_bodies (paylatch.toml:1): is \"yes\"; expected true or false",
            ),
            ("admin_public_origin = 'ops.example'", "admin_public_origin (paylatch.toml:1): expected a URL"),
            ("admin_public_origin = 'https://ops.example/?a'", "expected a URL such as https://ops.example"),
            (
                "proxy_user_header = 'X User'",
                "proxy_user_header (paylatch.toml:1): expected the name of a header",
            ),
        ] {
            let told = told_of_file(text);
            assert!(told.iter().any(|mistake| mistake.contains(expected)), "{text}: {told:?}");
        }
    }
}

#[test]
fn a_schema_of_postgres_has_a_plain_name() {
    let with_schema =
        |name: &str, url: &str| file(&format!("database_url = '{url}'\ndatabase_schema = '{name}'"));
    let settings = read(with_schema("paylatch_2", "postgres://h/d")).unwrap();
    assert_eq!(settings.store.unwrap().schema.as_deref(), Some("paylatch_2"));
    for (name, url, expected) in [
        ("Pay", "postgres://h/d", "is no plain name of a schema"),
        ("1st", "postgres://h/d", "is no plain name of a schema"),
        ("pg_own", "postgres://h/d", "is no plain name of a schema"),
        ("a; drop table orders", "postgres://h/d", "is no plain name of a schema"),
        ("pay", "sqlite://x.db", "SQLite has no schemas"),
    ] {
        let told = told(with_schema(name, url)).join("\n");
        assert!(told.contains("database_schema (paylatch.toml:2)") && told.contains(expected), "{told}");
    }
}

/// What real money should not be taken with.
mod production {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Settings of which nothing is advised against.
    const FIT: &str = "admin_token = 'canary_0123456789abcdef'\ndatabase_url = 'postgres://app@127.0.0.1/pay'\n\
                       [sources.stripe]\nsecrets = ['whsec_canary_0123456789abcdef']\nmode = 'live'\n";

    fn advised_against(text: &str) -> Vec<String> {
        let settings = read(file(text)).unwrap();
        let advice = settings.advice.iter().filter(|advice| advice.fails_production);
        advice.map(ToString::to_string).collect()
    }

    #[test]
    fn nothing_is_advised_against_where_all_is_well() {
        assert_eq!(advised_against(FIT), Vec::<String>::new());
    }

    #[test]
    fn a_secret_that_can_never_verify_is_refused() {
        for (secret, expected) in [
            ("whsec_...", "secret 1 is the dots that stand for a secret"),
            ("...", "secret 1 is the dots that stand for a secret"),
            ("whsec_", "secret 1 is `whsec_` alone"),
            ("\"whsec_canary_0123456789\"", "secret 1 has quotes around it"),
            ("sk_live_canary_0123456789", "secret 1 looks like one of Stripe's API keys"),
        ] {
            let told = told_of_file(&format!("[sources.stripe]\nsecrets = ['{secret}']"));
            assert_eq!(told.len(), 1, "{secret}: {told:?}");
            assert!(told[0].starts_with("sources.stripe.secrets (paylatch.toml:2): "), "{told:?}");
            assert!(told[0].contains(expected) && !told[0].contains(CANARY), "{told:?}");
        }
    }

    #[test]
    fn what_lets_a_stranger_in_is_advised_against() {
        for (was, is, expected) in [
            (
                "whsec_canary_0123456789abcdef",
                "changeme",
                "sources.stripe.secrets: secret 1 looks like a text",
            ),
            ("whsec_canary_0123456789abcdef", "canary", "sources.stripe.secrets: secret 1 has fewer than 16"),
            ("canary_0123456789abcdef", "canary", "admin_token: has fewer than 16"),
            ("admin_token = 'canary_0123456789abcdef'", "", "admin_token: is not set"),
            ("mode = 'live'", "", "sources.stripe.mode: is not set"),
            ("127.0.0.1", "db", "database_url: goes to db unencrypted"),
            (
                "[sources.stripe]",
                "lock.backend = 'redis'\nlock.urls = ['redis://redis']\n[sources.stripe]",
                "lock.urls: goes to redis unencrypted",
            ),
            (
                "[sources.stripe]",
                "[sources.club]\nprovider = 'stripe'\nmode = 'live'\nsecrets = ['whsec_canary_0123456789abcdef']\n[sources.stripe]",
                "sources.stripe.secrets: has a secret of source club",
            ),
            (
                "[sources.stripe]",
                "[sources.adyen]\nmode = 'live'\nsecrets = ['c0dec0de0123456789abcdef']\n[sources.stripe]",
                "sources.adyen.params.capture: is not set",
            ),
        ] {
            let told = advised_against(&FIT.replacen(was, is, 1));
            assert!(told.len() == 1 && told[0].starts_with(expected), "{is}: {told:?}");
        }
    }

    #[test]
    fn a_secret_of_a_file_of_its_own_does_not_stand_in_the_settings_file() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
        let write = |name: &str, text: &str, mode: u32| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            path.display().to_string()
        };
        let token = write("token", "canary_0123456789abcdef", 0o600);
        let secret = write("secret", "whsec_canary_0123456789abcdef", 0o600);
        let of = |database: &str| {
            format!(
                "admin_token_file = '{token}'\ndatabase_url = 'postgres://{database}@127.0.0.1/pay'\n\
                 [sources.stripe]\nsecret_files = ['{secret}']\nmode = 'live'\n"
            )
        };
        let settings_file = write("paylatch.toml", "", 0o644);
        for (database, expected) in [("app", None), ("app:canary", Some("database_url: stands in "))] {
            let file = File { path: settings_file.clone().into(), text: of(database) };
            let settings = read(Layers { file: Some(file), ..Layers::default() }).unwrap();
            let told: Vec<_> = settings.advice.iter().map(ToString::to_string).collect();
            assert_eq!(told.len(), usize::from(expected.is_some()), "{told:?}");
            assert!(expected.is_none_or(|expected| told[0].starts_with(expected)), "{told:?}");
        }
    }

    #[test]
    fn an_account_that_says_how_it_captures_needs_no_advice() {
        let said = "[sources.adyen]\nmode = 'live'\nsecrets = ['c0dec0de0123456789abcdef']\nparams.capture = 'auto'\n";
        assert_eq!(advised_against(&format!("{FIT}{said}")), Vec::<String>::new());
    }

    #[test]
    fn a_file_that_others_may_write_is_advised_against() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        std::fs::write(&path, "whsec_canary_0123456789abcdef").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        let with_file = FIT.replace(
            "secrets = ['whsec_canary_0123456789abcdef']",
            &format!("secret_files = ['{}']", path.display()),
        );
        let told = advised_against(&with_file);
        assert!(told.len() == 1 && told[0].contains("`chmod 600 "), "{told:?}");
    }
}
