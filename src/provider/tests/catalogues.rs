//! Vendors' lists of their types, in `tests/catalogues/`: the first line says where each was read.

use super::*;

#[test]
fn every_type_of_a_vendor_s_catalogue_is_decided_by_its_definition() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/catalogues");
    let mut undecided = Vec::new();
    let mut compared = 0;
    for file in std::fs::read_dir(directory).unwrap() {
        let path = file.unwrap().path();
        let provider = path.file_stem().unwrap().to_str().unwrap();
        let source = source(settings(provider));
        let list = std::fs::read_to_string(&path).unwrap();
        let (page, types) = list.split_once('\n').unwrap();
        assert!(page.starts_with("# ") && types.lines().count() > 10, "{provider}: {page}");
        let unknown = types.lines().filter(|type_name| !source.facts.decides(type_name));
        undecided.extend(unknown.map(|type_name| format!("{provider} {type_name}")));
        compared += 1;
    }
    assert!(compared >= 12, "{compared} catalogues");
    assert!(undecided.is_empty(), "nobody decided what these mean: {undecided:#?}");
}
