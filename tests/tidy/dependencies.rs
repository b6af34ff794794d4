//! What stands in Cargo.toml is used, says why, and brings nothing unwanted.

use std::fs;

use super::{none, root, sources};

#[test]
fn no_dependency_speaks_http_2_or_brings_another_tls_than_rustls_with_ring() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let unwanted = ["h2", "openssl-sys", "native-tls", "aws-lc-rs"];
    none(unwanted.into_iter().filter(|name| lock.contains(&format!("name = \"{name}\""))).map(str::to_owned));
}

#[test]
fn every_dependency_is_used_and_says_why() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let code: String =
        ["src", "tests", "benches", "examples"].into_iter().flat_map(sources).map(|file| file.text).collect();
    none(dependencies(&manifest).into_iter().filter_map(|dependency| complaint(&dependency, &code)));
}

#[test]
fn a_dependency_that_nobody_names_or_explains_is_found() {
    let manifest = "[dependencies]\nrustls-webpki = \"1\" # certificates\nhex = \"1\"\ntime = \"1\" # dates\n[features]\nx = []\n";
    let complaints: Vec<_> = dependencies(manifest)
        .iter()
        .filter_map(|dependency| complaint(dependency, "use webpki::Cert; hex::encode(); some_time::now();"))
        .collect();
    assert_eq!(complaints, ["hex does not say why it is here", "time is named nowhere"]);
}

/// The name of a dependency, and why it is there.
type Dependency = (String, Option<String>);

fn dependencies(manifest: &str) -> Vec<Dependency> {
    let mut is_one = false;
    let mut found = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_one = line.ends_with("dependencies]");
        } else if let Some((name, rest)) = line.split_once(" = ").filter(|_| is_one) {
            let why = rest.rsplit_once(" # ").map(|(_, why)| why.to_owned());
            found.push((name.to_owned(), why));
        }
    }
    found
}

fn complaint((name, why): &Dependency, code: &str) -> Option<String> {
    if why.is_none() {
        return Some(format!("{name} does not say why it is here"));
    }
    // Two whose crates are named otherwise than their packages.
    let crate_name = match name.as_str() {
        "rustls-webpki" => "webpki".to_owned(),
        "md-5" => "md5".to_owned(),
        other => other.replace('-', "_"),
    };
    let is_whole = |at: usize| {
        let before = code[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && c != '_')
    };
    let path = format!("{crate_name}::");
    let is_named = code.match_indices(&path).any(|(at, _)| is_whole(at));
    (!is_named).then(|| format!("{name} is named nowhere"))
}
