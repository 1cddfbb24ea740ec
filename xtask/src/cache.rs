//! The user's cache folder, and entries in it that are either complete or not there.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The folder all of this project's cached files lie under; it exists afterwards.
pub fn folder() -> Result<PathBuf> {
    let base = match env::var_os("XDG_CACHE_HOME").filter(|folder| Path::new(folder).is_absolute()) {
        Some(folder) => PathBuf::from(folder),
        None => env::home_dir().context("neither XDG_CACHE_HOME nor a home folder is set")?.join(".cache"),
    };
    let folder = base.join("vestibule");
    if folder.to_string_lossy().contains(':') {
        bail!("{} cannot be part of a search path: set XDG_CACHE_HOME to a folder without a colon", folder.display());
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}

/// The folder `name` in the cache, filled by `fill` if it is not there yet.
///
/// `fill` works in a temporary folder that is renamed when it returns, and under a lock: an entry that exists is
/// complete, however many processes ask for it and whenever they are interrupted.
pub fn entry(name: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let cache = folder()?;
    let _lock = lock(&cache.join(format!("{name}.lock")))?;
    let path = cache.join(name);
    if !path.is_dir() {
        let unfinished =
            tempfile::Builder::new().prefix(&format!("{name}-unfinished-")).tempdir_in(&cache).context("cache")?;
        fill(unfinished.path())?;
        fs::rename(unfinished.path(), &path)
            .with_context(|| format!("cannot move {} to {}", unfinished.path().display(), path.display()))?;
    }
    Ok(path)
}

/// Holds the lock at `path` until the returned file is dropped; waits while another process holds it.
fn lock(path: &Path) -> Result<File> {
    let file = File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
    file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}
