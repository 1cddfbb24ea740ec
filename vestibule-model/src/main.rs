//! Runs the model.

fn main() -> std::process::ExitCode {
    vestibule_model::cli::main()
}
