//! Veza as a program embeds it, with files in a directory.

use veza::core::config::{Period, Secret};
use veza::core::db::Migrator;
use veza::web::Routes;
use veza::{Config, Platform};

use crate::Outcome;

/// `app URL PORT DIRECTORY KEY`
pub fn run(arguments: &[String]) -> Outcome {
    let [_, url, port, directory, key] = arguments else { return Err("app URL PORT DIRECTORY KEY".into()) };
    let mut config = Config::default();
    config.database.url = Some(Secret::new(url));
    config.database.pool.connections = 8;
    config.web.listen = vec![([127, 0, 0, 1], port.parse()?).into()];
    config.web.public_url = "http://127.0.0.1".to_owned();
    config.web.workers = 1;
    config.tenant.root_secret = Some(Secret::new("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
    config.tenant.requests_per_minute = 10_000_000;
    config.tenant.access_token_lifetime = Period::from_secs(6 * 3600);
    config.tenant.open_signup = true;
    config.storage.directory = Some(directory.into());
    config.storage.accel_location = Some("/veza-blobs/".to_owned());
    config.storage.root_key_file = Some(key.into());
    actix_web::rt::System::new().block_on(async {
        let platform = Platform::open(config, Migrator::veza(), None).await?;
        platform.start();
        platform.start_worker(platform.runtime())?;
        let veza = platform.routes();
        let mount = move |routes: &mut Routes<'_>| veza(routes);
        platform.web().site().listen(mount)?.await?;
        Ok(())
    })
}
