//! Builds the stock Lua 5.4 library and links it into the stand-alone interpreter.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    lua_src::Build::new()
        .build(lua_src::Lua54)
        .print_cargo_metadata();
    println!("cargo:rustc-link-arg=-rdynamic");
    println!("cargo:rustc-link-lib=dylib=m");
    println!("cargo:rustc-link-lib=dylib=dl");
}
