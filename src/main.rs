//! The `watchbell` binary: everything is in the library.

fn main() -> std::process::ExitCode {
    watchbell::cli::main()
}
