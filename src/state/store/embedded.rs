//! The embedded store: one file of redb in a folder of the gate's own.
//!
//! Read whole at start, written in groups afterwards. What cannot be read is an error and never an empty ledger: a gate
//! that quietly forgot everybody would look like one that works.

use super::journal::{Change, Disk, DiskError};
use super::{Loaded, StoreError};
use crate::state::keyed::Keyed;
use crate::state::ledger::LoginId;
use crate::state::record::{self, Name, Revocation, RevokedName, Session, SessionId};
use crate::state::seal::Seal;
use redb::{Builder, Database, Key, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, TableError};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// The file in the folder that `[state] path` names.
const FILE: &str = "ledger.redb";
/// The layout of the tables below.
const LAYOUT: u64 = 1;
/// Memory for the pages last used; everything that is asked for stands in the ledger already.
const CACHE_BYTES: usize = 16 << 20;

const ABOUT: TableDefinition<&str, &[u8]> = TableDefinition::new("about");
const SESSIONS: TableDefinition<u64, &[u8]> = TableDefinition::new("sessions");
const NAMES: TableDefinition<[u8; 16], &[u8]> = TableDefinition::new("names");
const USED: TableDefinition<LoginId, &[u8]> = TableDefinition::new("used");
/// What versions before kept of log-ins that had only begun.
const BEGUN: TableDefinition<[u8; 16], &[u8]> = TableDefinition::new("begun");
const REVOKED: TableDefinition<RevokedName, &[u8]> = TableDefinition::new("revoked");

/// The file, open for this process alone.
pub struct Embedded {
    path: PathBuf,
    /// `None` after a failure, until it is open again.
    database: Option<Database>,
    seal: Seal,
}

impl Embedded {
    /// Opens or makes the store in `folder`, and reads all of it.
    pub fn open(folder: &Path, keyed: &Keyed) -> Result<(Self, Loaded), StoreError> {
        let seal = keyed.seal().ok_or(StoreError::NoSeal)?;
        let path = folder.join(FILE);
        prepare(folder).map_err(|source| StoreError::Folder { path: folder.to_owned(), source })?;
        let exists = path.try_exists().map_err(|source| StoreError::Folder { path: folder.to_owned(), source })?;
        if !exists {
            make(folder, &path, keyed)?;
        }
        let database = open(&path)?;
        check(&database, &path, keyed)?;
        forget_begun(&database).map_err(|e| StoreError::Damaged { path: path.clone(), why: e.to_string() })?;
        let loaded = load(&database, &seal).map_err(|why| StoreError::Damaged { path: path.clone(), why })?;
        Ok((Embedded { path, database: Some(database), seal }, loaded))
    }

    fn apply(&self, database: &Database, changes: &[Change]) -> Result<(), redb::Error> {
        let transaction = database.begin_write()?;
        {
            let mut sessions = transaction.open_table(SESSIONS)?;
            let mut names = transaction.open_table(NAMES)?;
            let mut used = transaction.open_table(USED)?;
            let mut revoked = transaction.open_table(REVOKED)?;
            for change in changes {
                match change {
                    Change::Session(bound) => {
                        let sealed = bound.record().and_then(|record| record.close(&self.seal, bound.id));
                        if let Some(sealed) = sealed {
                            sessions.insert(bound.id.0, sealed.as_slice())?;
                        }
                    }
                    Change::SessionGone(id) => drop(sessions.remove(id.0)?),
                    Change::Name(alias, name) => {
                        if let Some(sealed) = name.close(&self.seal, alias) {
                            names.insert(alias, sealed.as_slice())?;
                        }
                    }
                    Change::NameGone(alias) => drop(names.remove(alias)?),
                    Change::Used(id, until_s) => {
                        if let Some(sealed) = record::close_used(&self.seal, id, *until_s) {
                            used.insert(id, sealed.as_slice())?;
                        }
                    }
                    Change::UsedGone(id) => drop(used.remove(id)?),
                    Change::Revoked(name, revocation) => {
                        if let Some(sealed) = revocation.close(&self.seal, name) {
                            revoked.insert(name, sealed.as_slice())?;
                        }
                    }
                    Change::RevocationGone(name) => drop(revoked.remove(name)?),
                }
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

impl Disk for Embedded {
    fn write(&mut self, changes: &[Change]) -> Result<(), DiskError> {
        // After an error redb takes nothing more before the file is opened again.
        let database = match self.database.take() {
            Some(database) => database,
            None => open(&self.path).map_err(|e| DiskError(e.to_string()))?,
        };
        let written = catch_unwind(AssertUnwindSafe(|| self.apply(&database, changes)));
        match written {
            Ok(Ok(())) => {
                self.database = Some(database);
                Ok(())
            }
            Ok(Err(error)) => Err(DiskError(error.to_string())),
            Err(_) => Err(DiskError("the database library gave up".into())),
        }
    }
}

/// A folder that only the gate's user may enter.
fn prepare(folder: &Path) -> io::Result<()> {
    if !folder.is_dir() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    Ok(())
}

/// Made beside its place and moved there whole, so that no half-made store is ever found.
fn make(folder: &Path, path: &Path, keyed: &Keyed) -> Result<(), StoreError> {
    let failed = |source| StoreError::Folder { path: folder.to_owned(), source };
    let unmade = folder.join(format!("{FILE}.new"));
    match fs::remove_file(&unmade) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unmade).map_err(failed)?;
    let database = open(&unmade)?;
    let about = || -> Result<(), redb::Error> {
        let transaction = database.begin_write()?;
        {
            let mut about = transaction.open_table(ABOUT)?;
            about.insert("layout", LAYOUT.to_be_bytes().as_slice())?;
            about.insert("secret", keyed.store_id().as_slice())?;
            transaction.open_table(SESSIONS)?;
            transaction.open_table(NAMES)?;
            transaction.open_table(USED)?;
            transaction.open_table(REVOKED)?;
        }
        transaction.commit()?;
        Ok(())
    };
    about().map_err(|e| failed(io::Error::other(e)))?;
    drop(database);
    fs::rename(&unmade, path).map_err(failed)?;
    File::open(folder).and_then(|f| f.sync_all()).map_err(failed)
}

/// Checks every page on the way, since a file that something else wrote to must not be believed.
fn open(path: &Path) -> Result<Database, StoreError> {
    let damaged = |why: String| StoreError::Damaged { path: path.to_owned(), why };
    let opened =
        catch_unwind(|| Builder::new().set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true).create(path));
    match opened {
        Ok(Ok(database)) => Ok(database),
        Ok(Err(redb::DatabaseError::DatabaseAlreadyOpen)) => Err(StoreError::Locked(path.to_owned())),
        Ok(Err(redb::DatabaseError::Storage(redb::StorageError::Io(source))))
            if source.kind() != io::ErrorKind::InvalidData && source.kind() != io::ErrorKind::UnexpectedEof =>
        {
            Err(StoreError::Folder { path: path.to_owned(), source })
        }
        Ok(Err(error)) => Err(damaged(error.to_string())),
        Err(_) => Err(damaged("the database library gave up on it".into())),
    }
}

fn check(database: &Database, path: &Path, keyed: &Keyed) -> Result<(), StoreError> {
    let damaged = |e: redb::Error| StoreError::Damaged { path: path.to_owned(), why: e.to_string() };
    let layout = about(database, "layout").map_err(damaged)?.first_chunk().copied().map_or(0, u64::from_be_bytes);
    if layout != LAYOUT {
        return Err(StoreError::OtherLayout { path: path.to_owned(), layout });
    }
    if about(database, "secret").map_err(damaged)? != keyed.store_id() {
        return Err(StoreError::OtherSecret(path.to_owned()));
    }
    Ok(())
}

fn forget_begun(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    if transaction.delete_table(BEGUN)? {
        transaction.commit()?;
    } else {
        transaction.abort()?;
    }
    Ok(())
}

fn about(database: &Database, key: &str) -> Result<Vec<u8>, redb::Error> {
    let table = database.begin_read()?.open_table(ABOUT)?;
    Ok(table.get(key)?.map(|v| v.value().to_vec()).unwrap_or_default())
}

fn load(database: &Database, seal: &Seal) -> Result<Loaded, String> {
    let read = database.begin_read().map_err(|e| e.to_string())?;
    let mut loaded = Loaded::default();
    each(&read, SESSIONS, "session", |id, sealed| {
        let id = SessionId(id);
        let session = Session::open(seal, id, sealed)?;
        loaded.last_session = loaded.last_session.max(id);
        loaded.sessions.push((id, session));
        Some(())
    })?;
    each(&read, NAMES, "name", |alias, sealed| {
        loaded.names.push((alias, Name::open(seal, &alias, sealed)?));
        Some(())
    })?;
    each(&read, USED, "log-in", |id, sealed| {
        loaded.used.push((id, record::open_used(seal, &id, sealed)?));
        Some(())
    })?;
    each(&read, REVOKED, "revocation", |name, sealed| {
        loaded.revocations.push((name, Revocation::open(seal, &name, sealed)?));
        Some(())
    })?;
    Ok(loaded)
}

/// Gives every record of a table to `take`, which says `None` to one that this gate did not write.
fn each<K: Key>(
    read: &ReadTransaction,
    table: TableDefinition<'_, K, &'static [u8]>,
    what: &str,
    mut take: impl for<'k> FnMut(K::SelfType<'k>, &[u8]) -> Option<()>,
) -> Result<(), String> {
    let table = match read.open_table(table) {
        // Written by a version that had no such table.
        Err(TableError::TableDoesNotExist(_)) => return Ok(()),
        table => table.map_err(|e| e.to_string())?,
    };
    for entry in table.iter().map_err(|e| e.to_string())? {
        let (key, sealed) = entry.map_err(|e| e.to_string())?;
        take(key.value(), sealed.value()).ok_or_else(|| format!("a {what} that this gate did not write"))?;
    }
    Ok(())
}
