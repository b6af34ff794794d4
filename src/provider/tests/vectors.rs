//! Signed requests with the verdict that the vendors' own libraries give them; where those differ, the stricter one's.

use std::path::PathBuf;

use super::*;
use crate::provider::Cause;

/// A file of vectors, with the certificates that they name.
#[derive(serde::Deserialize)]
struct File {
    #[serde(default)]
    certs: BTreeMap<String, String>,
    #[serde(default)]
    trust: BTreeMap<String, Vec<String>>,
    vectors: Vec<Vector>,
}

#[derive(serde::Deserialize)]
struct Vector {
    name: String,
    url: String,
    headers: BTreeMap<String, String>,
    body: String,
    secrets: Vec<String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    params: BTreeMap<String, String>,
    now: i64,
    expect: String,
}

fn null_is_empty<'de, D: serde::Deserializer<'de>>(value: D) -> Result<BTreeMap<String, String>, D::Error> {
    Ok(<Option<BTreeMap<String, String>> as serde::Deserialize>::deserialize(value)?.unwrap_or_default())
}

impl Vector {
    /// The provider whose definition judges a vector of this file: two files hold two schemes each.
    fn provider(&self, file: &str) -> String {
        match (file, self.params.get("variant").or(self.params.get("mode")).map(String::as_str)) {
            ("flutterwave", Some(variant)) => format!("flutterwave-{variant}"),
            ("adyen", Some("header")) => "adyen-platform".to_owned(),
            (file, _) => file.to_owned(),
        }
    }

    /// The params that are a source's: the others are other settings, or say how the vector was made.
    fn own_params(&self) -> BTreeMap<String, String> {
        let others = ["variant", "mode", "configured_url", "cert", "trust", "key_ids"];
        self.params.clone().into_iter().filter(|(name, _)| !others.contains(&name.as_str())).collect()
    }

    fn verdict(&self, provider: &str, file: &File) -> Result<usize, String> {
        let public_url = self.params.get("configured_url").unwrap_or(&self.url).clone();
        let certificates = self.certificates(file);
        let settings = SourceSettings {
            secrets: self.secrets.iter().map(Secret::new).collect(),
            params: self.own_params(),
            public_url: Some(public_url),
            cert_dir: certificates.as_ref().map(|dir| dir.path().to_owned()),
            ..settings(provider)
        };
        let source = Source::new(settings, providers()).map_err(|mistakes| format!("{mistakes:?}"))?;
        let pairs: Vec<_> = self.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let (headers, body) = (headers(&pairs), Bytes::copy_from_slice(self.body.as_bytes()));
        let path = self.url.splitn(4, '/').nth(3).map_or_else(|| "/".to_owned(), |path| format!("/{path}"));
        let webhook = Webhook { path_and_query: &path, headers: &headers, body: &body };
        source
            .verify(&webhook, self.now)
            .map(|verified| verified.secret_position)
            .map_err(|rejection| rejection.to_string())
    }

    /// A `cert_dir` that holds the vector's certificate under the name that its URL ends with.
    fn certificates(&self, file: &File) -> Option<tempfile::TempDir> {
        let trust = file.trust[self.params.get("trust")?].join("\n");
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("trust.pem"), trust).unwrap();
        let Some(certificate) = self.params.get("cert").map(|name| &file.certs[name]) else {
            return Some(dir);
        };
        let url = self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("paypal-cert-url"));
        let name = url.map_or("none", |(_, url)| url.rsplit('/').next().unwrap());
        std::fs::write(dir.path().join(format!("{name}.pem")), certificate).unwrap();
        Some(dir)
    }
}

fn files_in(dir: &Path) -> Vec<(String, File)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    let read = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap())
    };
    files.into_iter().map(read).collect()
}

/// Judges every vector; returns how many there were.
fn judge(dir: &Path) -> usize {
    let mut wrong = Vec::new();
    let mut judged = 0;
    for (name, file) in files_in(dir) {
        for vector in &file.vectors {
            let provider = vector.provider(&name);
            let verdict = vector.verdict(&provider, &file);
            judged += 1;
            if verdict.is_ok() != (vector.expect == "valid") {
                wrong.push(format!("{provider} {}: expected {}, {verdict:?}", vector.name, vector.expect));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {judged}:\n{}", wrong.len(), wrong.join("\n"));
    judged
}

/// A `cert_dir` with an authority and one of its certificates.
pub(super) fn certificates() -> &'static Path {
    static DIR: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/paypal.json");
        let file: File = serde_json::from_slice(&std::fs::read(own).unwrap()).unwrap();
        file.vectors[0].certificates(&file).unwrap()
    });
    DIR.path()
}

/// A request that PayPal's scheme signs, by a key that was made for it.
pub(super) struct SignedByPaypal {
    source: Source,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    now: i64,
}

impl SignedByPaypal {
    pub(super) fn new() -> Self {
        Self::at_endpoint(None)
    }

    /// At an endpoint of this id, if not of the one that it was sent to.
    fn at_endpoint(webhook_id: Option<&str>) -> Self {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/paypal.json");
        let file: File = serde_json::from_slice(&std::fs::read(own).unwrap()).unwrap();
        let vector = file.vectors.iter().find(|vector| vector.expect == "valid").unwrap();
        let directory = vector.certificates(&file).unwrap();
        let cert_dir = Some(directory.path().to_owned());
        let mut params = vector.own_params();
        params.extend(webhook_id.map(|id| ("webhook_id".to_owned(), id.to_owned())));
        Self {
            source: source(SourceSettings { params, cert_dir, ..settings("paypal") }),
            headers: vector.headers.clone().into_iter().collect(),
            body: vector.body.clone().into_bytes(),
            now: vector.now,
        }
    }

    /// Whether it still does after a change of its headers and body.
    pub(super) fn verifies(&self, change: impl FnOnce(&mut Vec<(String, String)>, &mut Vec<u8>)) -> bool {
        let (mut pairs, mut body) = (self.headers.clone(), self.body.clone());
        change(&mut pairs, &mut body);
        let (headers, body) = (headers(&pairs), Bytes::from(body));
        let webhook = Webhook { path_and_query: "/webhooks/paypal", headers: &headers, body: &body };
        self.source.verify(&webhook, self.now).is_ok()
    }
}

#[test]
fn every_vector_gets_the_verdict_of_the_vendor_s_library() {
    let judged = judge(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors"));
    assert!(judged >= 350, "only {judged} vectors were found");
}

#[test]
fn every_vector_beside_the_checkout_gets_its_verdict_too() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors");
    if shared.is_dir() {
        println!("{} vectors of {} judged", judge(&shared), shared.display());
    } else {
        println!("{} is not there; only the project's own vectors were judged", shared.display());
    }
}

#[test]
fn the_webhook_s_id_is_named_where_the_provider_s_certificate_signed_another_text() {
    let sent = SignedByPaypal::at_endpoint(Some("ANOTHER"));
    let (headers, body) = (headers(&sent.headers), Bytes::from(sent.body));
    let webhook = Webhook { path_and_query: "/webhooks/paypal", headers: &headers, body: &body };
    let rejection = sent.source.verify(&webhook, sent.now).unwrap_err();
    let found = sent.source.diagnose(&rejection, &webhook, sent.now, []).unwrap();
    assert_eq!(found.cause, Cause::OtherSettings, "{found:?}");
    assert!(found.detail.contains("params.webhook_id = `ANOTHER`"), "{found:?}");
}

#[test]
fn a_certificate_that_was_fetched_is_kept_only_if_it_leads_to_an_authority_and_is_in_date() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/paypal.json");
    let file: File = serde_json::from_slice(&std::fs::read(own).unwrap()).unwrap();
    let vector = &file.vectors[0];
    let directory = vector.certificates(&file).unwrap();
    let kept = directory.path().join("CERT-TEST.pem");
    let sound = std::fs::read(&kept).unwrap();
    std::fs::remove_file(&kept).unwrap();
    let cert_dir = Some(directory.path().to_owned());
    let source = source(SourceSettings { cert_dir, ..settings("paypal") });
    let certificates = source.certificates().unwrap();

    let untrusted = file.certs["test_leaf_untrusted_ca"].as_bytes();
    for (pem, now) in [(untrusted, vector.now), (&sound[..], 0), (b"<html>".as_slice(), vector.now)] {
        certificates.keep("CERT-TEST", pem, now).unwrap_err();
        assert!(!kept.exists());
    }
    assert_eq!(certificates.keep("CERT-TEST", &sound, vector.now).unwrap(), kept);
    assert_eq!(std::fs::read(&kept).unwrap(), sound);

    let hosts = "https://api.paypal.com/v1/notifications/certs/";
    assert_eq!(certificates.name_of(&format!("{hosts}CERT-1")).unwrap(), "CERT-1");
    for url in [
        "http://api.paypal.com/v1/notifications/certs/CERT-1".to_owned(),
        "https://api.paypal.com@evil.example/CERT-1".to_owned(),
        "https://api.paypal.com.evil.example/CERT-1".to_owned(),
        format!("{hosts}../../trust"),
        format!("{hosts}..%2fCERT"),
        hosts.to_owned(),
    ] {
        certificates.name_of(&url).unwrap_err();
    }
}
