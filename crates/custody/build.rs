//! Makes Rust of `notary.proto`, without `protoc`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=src/remote/notary.proto");
    let files = protox::compile(["notary.proto"], ["src/remote"])?;
    tonic_prost_build::configure().compile_fds(files)?;
    Ok(())
}
