//! The shop: `orders shop.toml`, after `veza migrate` and our own migration.

use orders::packing::{Pack, pack};
use veza::{Config, Platform};

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args_os().nth(1).ok_or("name a configuration file")?;
    let config = Config::read(Some(file.as_ref()))?;
    if let Some(owner) = config.database.url_for(veza::core::db::Role::Owner) {
        orders::migrator().run(owner.expose(), |step| eprintln!("{step:?}"))?;
    }
    let platform = Platform::open(config, orders::migrator(), None).await?;
    platform.start();
    platform.start_worker(platform.runtime().handler::<Pack, _>(pack))?;
    let (veza, shop) = (platform.routes(), orders::route::routes(platform.db.clone()));
    let site = platform.web().site();
    site.listen(move |app| {
        veza(app);
        shop(app);
    })?
    .await?;
    Ok(())
}
