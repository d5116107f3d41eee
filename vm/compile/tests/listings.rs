//! Programs beside their expected listings; `BLESS=1` rewrites the expectations.

use std::path::Path;

#[test]
fn listings() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/listings");
    let bless = std::env::var_os("BLESS").is_some();
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|e| e != "lua") {
            continue;
        }
        let chunk = perilune_compile::compile(&std::fs::read(&path).unwrap(), b"=listing").unwrap();
        let listing = perilune_isa::disassemble(&chunk.0);
        let expected = path.with_extension("txt");
        if bless {
            std::fs::write(&expected, &listing).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&expected).unwrap(), listing, "{}", path.display());
        count += 1;
    }
    assert!(count > 0);
}
