//! How the program is linked.
#![forbid(unsafe_code)]

use std::path::Path;
use std::process::Command;

/// A fixed address spares every start some ten thousand relocations, and the pages they would touch; an unwinder
/// in the program itself spares it a shared library, which is a tenth of an empty script's time.
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = |what: &str| std::env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    if target("OS") == "linux" && target("ENV") == "gnu" {
        println!("cargo::rustc-link-arg-bins=-no-pie");
        match target("FEATURE").split(',').any(|feature| feature == "crt-static") {
            // The compiler asks for a program at any address, and that was undone just now.
            true => println!("cargo::rustc-link-arg-bins=-static"),
            false => link_unwinder(),
        }
    }
}

/// Links GCC's unwinder statically where the linker's driver knows of it. The linker meets it before the shared
/// one, which nothing needs then.
fn link_unwinder() {
    let is_native = std::env::var("HOST") == std::env::var("TARGET");
    let found = Command::new("cc").arg("-print-file-name=libgcc_eh.a").output();
    let Some(output) = found.ok().filter(|output| is_native && output.status.success()) else { return };
    let path = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let path = Path::new(&path);
    if let (true, Some(folder)) = (path.is_absolute() && path.exists(), path.parent()) {
        println!("cargo::rustc-link-search=native={}", folder.display());
        println!("cargo::rustc-link-lib=static:-bundle=gcc_eh");
    }
}
