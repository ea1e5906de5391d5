//! `cargo run --release --manifest-path benches/stream/Cargo.toml -- record [tracks] [seconds]`

mod record;
mod stage;

/// What a part ends with.
pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main(worker_threads = 2)]
async fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: usize| {
        arguments.get(at).map_or(Ok(default), |text| text.parse::<usize>())
    };
    match arguments.first().map(String::as_str) {
        Some("record") => record::run(number(1, 20)?, number(2, 30)?).await,
        _ => Err("say which part: record [tracks] [seconds]".into()),
    }
}
