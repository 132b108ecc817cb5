//! `migrate`: brings the database up, or says where it stands.

use std::collections::BTreeMap;
use std::io::Write;

use router_store::{DataDir, MigrationStatus, Store, StoreErrorKind, StoreOptions};

use super::args::MigrateArgs;
use super::install::{Install, block_on, sqlite_file};
use super::{Exit, Failed};

/// Runs the command. With `--status`, exit code 1 says that migrations are pending.
///
/// # Errors
/// Exit code 4 if the database is newer than this program; else what the store says.
pub fn run(
    args: &MigrateArgs,
    env: &BTreeMap<String, String>,
    out: &mut dyn Write,
    _err: &mut dyn Write,
) -> Result<Exit, Failed> {
    let install = Install::new(&args.install, env);
    let loaded = install.load(false, false)?;
    block_on(async {
        if args.status {
            let store = install.open(&loaded).await?;
            let status = store.migration_status().await;
            store.close().await;
            return tell(&status?, out);
        }
        let url = loaded.system.database.url.expose();
        let store = open_or_make(&install, url).await?;
        let status = store.migrate().await;
        store.close().await;
        let status = status?;
        tell(&status, out)
    })
}

/// Opens the database; makes an SQLite file that never was. One that vanished is not made anew.
async fn open_or_make(install: &Install, url: &str) -> Result<Store, Failed> {
    let absent = sqlite_file(url).is_some_and(|path| !path.exists());
    if !absent {
        return Ok(Store::open(url, StoreOptions::default()).await?);
    }
    // The folder is locked only while the file is made: nobody else is there yet, or an instance is.
    let folder = DataDir::open(&install.data_dir)?;
    let create = !folder.knows_database(url);
    let store = Store::open(url, StoreOptions { create, ..StoreOptions::default() }).await?;
    folder.remember_database(url)?;
    Ok(store)
}

fn tell(status: &MigrationStatus, out: &mut dyn Write) -> Result<Exit, Failed> {
    for migration in &status.migrations {
        let state = if migration.applied { "applied" } else { "pending" };
        writeln!(out, "{:04} {} {state}", migration.version, migration.name)?;
    }
    if let Some(version) = status.unknown.last() {
        let message = format!("the database is newer than this program: it has migration {version}");
        return Err(Failed::new(StoreErrorKind::DatabaseNewer.into(), message));
    }
    match status.pending() {
        0 => {
            writeln!(out, "the database is up to date")?;
            Ok(Exit::Ok)
        }
        pending => {
            writeln!(out, "{pending} pending; run: smart-ai-router migrate")?;
            Ok(Exit::Failure)
        }
    }
}
