//! What lets a stranger in: weak tokens, secrets that two sources share, files that others may read, connections that others
//! may listen to.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::hosts::{is_this_machine, without_port};
use super::reader::Reader;
use super::settings::Settings;

/// A file that its group may read is the group's business; these are for everybody.
const OTHERS_READ: u32 = 0o004;
const OTHERS_WRITE: u32 = 0o002;
const OTHERS_ENTER: u32 = 0o001;

/// Advises against each.
pub(super) fn check(settings: &Settings, reader: &mut Reader) {
    check_tokens(settings, reader);
    check_shared_secrets(settings, reader);
    check_files(reader);
    check_connections(settings, reader);
}

fn check_tokens(settings: &Settings, reader: &mut Reader) {
    let admin = &settings.admin;
    for (name, token) in [("admin_token", &admin.token), ("admin_view_token", &admin.view_token)] {
        if let Some(weakness) = token.as_ref().and_then(|token| token.misuse("").or(token.weakness(""))) {
            reader.advise_against(name, format!("{weakness}; make one: `openssl rand -hex 32`"));
        }
    }
    if admin.token.is_none() {
        let problem = "is not set: every user and every process of this machine may read payment data; make one: \
                       `openssl rand -hex 32`";
        reader.advise_against("admin_token", problem);
    }
}

/// Whoever may sign for the one may sign for the other.
fn check_shared_secrets(settings: &Settings, reader: &mut Reader) {
    for (position, source) in settings.sources.iter().enumerate() {
        let own = &source.settings().secrets;
        let shares = |other: &&crate::provider::Source| {
            other.settings().secrets.iter().any(|secret| own.contains(secret))
        };
        if let Some(other) = settings.sources.iter().take(position).find(shares) {
            let problem = format!(
                "has a secret of source {}: what is signed for one is taken at the other; give each endpoint its own",
                other.name()
            );
            reader.advise_against(&format!("sources.{}.secrets", source.name()), problem);
        }
    }
}

fn check_files(reader: &mut Reader) {
    for (setting, path) in reader.files_with_secrets() {
        if is_open_to_others(&path) {
            let shown = path.display();
            let problem =
                format!("stands in {shown}, which every user may read or write: `chmod 600 {shown}`");
            reader.advise_against(&setting, problem);
        }
    }
    // Who can write the settings can put secrets of their own there.
    if let Some(path) = reader.settings_file().filter(|path| mode(path) & OTHERS_WRITE != 0) {
        let shown = path.display().to_string();
        reader.advise_against(&shown, format!("every user may write it: `chmod 600 {shown}`"));
    }
}

/// A file that everybody may write is open wherever it is; one that everybody may read, where every directory above lets
/// them in.
fn is_open_to_others(path: &Path) -> bool {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let lets_in = |directory: &Path| mode(directory) & OTHERS_ENTER != 0;
    mode(&path) & OTHERS_WRITE != 0
        || (mode(&path) & OTHERS_READ != 0 && path.ancestors().skip(1).all(lets_in))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode())
}

/// What goes over a network unencrypted can be read and changed there: passwords, payment data, who holds a lease.
fn check_connections(settings: &Settings, reader: &mut Reader) {
    let database = settings.store.as_ref().map(|store| &store.url);
    let locks = settings.lock.urls.iter().filter(|url| Some(*url) != database);
    let named = database.map(|url| ("database_url", url)).into_iter();
    for (setting, url) in named.chain(locks.map(|url| ("lock.urls", url))) {
        if let Some((host, way_out)) = plain_connection(url.expose()) {
            let problem =
                format!("goes to {host} unencrypted, or without checking that it is {host}: use {way_out}");
            reader.advise_against(setting, problem);
        }
    }
}

/// The host of another machine that this URL leads to without TLS, and what would have TLS.
fn plain_connection(url: &str) -> Option<(&str, &'static str)> {
    let (scheme, rest) = url.split_once("://")?;
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    let way_out = match scheme {
        "postgres" | "postgresql" => {
            let is_verified = |parameter: &str| {
                matches!(
                    parameter.split_once('='),
                    Some(("sslmode" | "ssl-mode", "verify-full" | "verify-ca"))
                )
            };
            if query.split('&').any(is_verified) || query.split('&').any(|own| own.starts_with("host=/")) {
                return None;
            }
            "?sslmode=verify-full (and sslrootcert=FILE for an authority of your own)"
        }
        "redis" | "redis+cluster" | "redis+sentinel" => "rediss:// (and lock.ca_file)",
        "http" => "https://",
        _ => return None,
    };
    let authority = address.split('/').next().unwrap_or_default();
    let hosts = authority.rsplit('@').next().unwrap_or_default();
    hosts.split(',').map(without_port).find(|host| !is_this_machine(host)).map(|host| (host, way_out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_to_another_machine_without_tls_is_told_with_its_host() {
        for (url, host) in [
            ("postgres://app:canary@db/pay", Some("db")),
            ("postgres://app@db.example:5432/pay?sslmode=require", Some("db.example")),
            ("postgres://app@db/pay?sslmode=verify-full", None),
            ("postgres://app@localhost/pay", None),
            ("postgres://app@127.0.0.1:5432/pay", None),
            ("postgres://app@[::1]:5432/pay", None),
            ("postgres://app@%2Frun%2Fpostgresql/pay", None),
            ("postgres:///pay?host=/run/postgresql", None),
            ("redis://:canary@redis:6379", Some("redis")),
            ("redis+sentinel://127.0.0.1:26379/m", None),
            ("redis+cluster://10.0.0.7:6379", Some("10.0.0.7")),
            ("rediss://redis:6379", None),
            ("http://[2001:db8::7]:2379", Some("2001:db8::7")),
            ("sqlite://pay.db", None),
        ] {
            assert_eq!(plain_connection(url).map(|(host, _)| host), host, "{url}");
        }
    }

    #[test]
    fn a_file_is_open_to_others_where_they_can_reach_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        fs::write(&path, "canary").unwrap();
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        for (of_directory, of_file, is_open) in [
            (0o755, 0o600, false),
            (0o755, 0o640, false),
            (0o755, 0o644, true),
            (0o700, 0o644, false),
            (0o700, 0o666, true),
        ] {
            set(directory.path(), of_directory);
            set(&path, of_file);
            assert_eq!(is_open_to_others(&path), is_open, "{of_directory:o} {of_file:o}");
        }
    }
}
