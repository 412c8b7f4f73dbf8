//! The library stays mapped once it is loaded: the BEAM closes it when its module is purged, and the
//! threads of its own would go on in memory that is gone.

#![allow(
    clippy::print_stdout,
    reason = "it is how a build script speaks to cargo"
)]

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // macOS keeps a library that has thread-local values; so has this one.
    if std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "unix")
        && std::env::var("CARGO_CFG_TARGET_VENDOR").is_ok_and(|vendor| vendor != "apple")
    {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
