//! `veza storage …`.

mod client;
mod copy;
mod list;
mod note;
mod operator;
mod place;
mod progress;
mod remove;
mod resumable;
mod transfer;

use std::path::Path;
use std::process::ExitCode;

use self::client::Client;
use super::{block_on, print};
use crate::cli::StorageCommand;
use crate::error::Error;

pub(super) fn run(file: Option<&Path>, command: StorageCommand) -> Result<ExitCode, Error> {
    if let Some(data) = command.data() {
        let config = crate::database::configure(file, data)?;
        return block_on(operator::run(config, command));
    }
    block_on(async {
        match command {
            StorageCommand::Ls(args) => list::ls(&Client::new(&args.client)?, &args).await,
            StorageCommand::Du(args) => list::du(&Client::new(&args.client)?, &args).await,
            StorageCommand::Cp(args) => copy::cp(&Client::new(&args.client)?, &args).await,
            StorageCommand::Rm(args) => remove::rm(&Client::new(&args.client)?, &args).await,
            other => Err(Error::Other(format!("{other:?} is the operator's"))),
        }
    })
}

/// A line for people, or one of JSON.
fn line(json: bool, value: &serde_json::Value, text: impl FnOnce() -> String) -> String {
    if json { format!("{value}\n") } else { format!("{}\n", text()) }
}
