//! Signed requests with the verdict that the vendors' own libraries give them.

use std::path::{Path, PathBuf};

use super::*;

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
    #[serde(default)]
    agreement: Option<String>,
}

fn null_is_empty<'de, D: serde::Deserializer<'de>>(value: D) -> Result<BTreeMap<String, String>, D::Error> {
    Ok(<Option<BTreeMap<String, String>> as serde::Deserialize>::deserialize(value)?.unwrap_or_default())
}

impl Vector {
    /// The provider whose definition judges a vector of this file.
    fn provider(&self, file: &str) -> String {
        file.to_owned()
    }

    fn verdict(&self, provider: &str) -> Result<usize, String> {
        let settings = SourceSettings {
            secrets: self.secrets.iter().map(Secret::new).collect(),
            params: self.params.clone(),
            ..settings(provider)
        };
        let source = Source::new(settings, &providers()).map_err(|mistakes| format!("{mistakes:?}"))?;
        let pairs: Vec<_> = self.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let (headers, body) = (headers(&pairs), Bytes::copy_from_slice(self.body.as_bytes()));
        let path = self.url.splitn(4, '/').nth(3).map_or_else(|| "/".to_owned(), |path| format!("/{path}"));
        let webhook = Webhook { path_and_query: &path, headers: &headers, body: &body };
        source
            .verify(&webhook, self.now)
            .map(|verified| verified.secret_position)
            .map_err(|rejection| rejection.to_string())
    }
}

fn vectors_in(dir: &Path) -> Vec<(String, Vec<Vector>)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    let read = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let json: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let list = json.get("vectors").unwrap_or(&json).clone();
        (name, serde_json::from_value(list).unwrap())
    };
    files.into_iter().map(read).collect()
}

/// Judges every vector on which the libraries agree; returns how many there were.
fn judge(dir: &Path) -> usize {
    let mut wrong = Vec::new();
    let mut judged = 0;
    for (file, vectors) in vectors_in(dir) {
        for vector in vectors
            .iter()
            .filter(|vector| vector.agreement.as_deref().is_none_or(|word| matches!(word, "all" | "no-sdk")))
        {
            let provider = vector.provider(&file);
            let verdict = vector.verdict(&provider);
            judged += 1;
            if verdict.is_ok() != (vector.expect == "valid") {
                wrong.push(format!("{provider} {}: expected {}, {verdict:?}", vector.name, vector.expect));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {judged}:\n{}", wrong.len(), wrong.join("\n"));
    judged
}

#[test]
fn every_vector_gets_the_verdict_of_the_vendor_s_library() {
    let judged = judge(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors"));
    assert!(judged >= 25, "only {judged} vectors were found");
}
