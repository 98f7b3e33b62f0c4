//! Tests of revocations across a restart: who was revoked stays out.

use super::*;
use crate::identity::SessionName;
use crate::state::revocations::{NotRevoked, Revocations, WHENEVER, Whom};

const KEEP_S: i64 = 100;
const ONE: Whom<'_> = Whom::Session(SessionName(1));
const OTHER: Whom<'_> = Whom::LogIn { issuer: "https://sso.test", id: "s1" };

fn on(disk: impl Disk, loaded: Loaded, now_s: i64) -> Revocations {
    let journal = Arc::new(Journal::new(disk, meters()).unwrap());
    Revocations::on_disk(Arc::new(Keyed::new(SECRET)), KEEP_S, journal, loaded.revocations, now_s)
}

fn open(folder: &Path, now_s: i64) -> Revocations {
    let (disk, loaded) = Embedded::open(folder, &Keyed::new(SECRET)).unwrap();
    on(disk, loaded, now_s)
}

#[tokio::test]
async fn a_restart_forgets_nobody_who_was_taken_away_for_as_long_as_was_said() {
    let folder = TempDir::new().unwrap();
    let list = open(folder.path(), 0);
    assert_eq!(list.revoke(ONE, WHENEVER, 0).await, Ok(()));
    assert_eq!(list.revoke(OTHER, 7, 50).await, Ok(()));
    drop(list);

    let list = open(folder.path(), 99);
    assert!(list.has(ONE) && list.has(OTHER));
    assert!(list.known() > 0, "each request asks");
    drop(list);

    let list = open(folder.path(), 120);
    assert!(!list.has(ONE) && list.has(OTHER));
    drop(list);
    let (_, loaded) = Embedded::open(folder.path(), &Keyed::new(SECRET)).unwrap();
    assert_eq!(loaded.revocations.len(), 1, "what is over is taken out of the file as well");
}

#[tokio::test]
async fn without_its_disk_a_gate_turns_away_at_once_says_so_and_writes_it_down_later() {
    let folder = TempDir::new().unwrap();
    let (disk, loaded) = Embedded::open(folder.path(), &Keyed::new(SECRET)).unwrap();
    let out = Arc::new(AtomicBool::new(true));
    let list = on(Loose { out: out.clone(), disk }, loaded, 0);
    assert_eq!(list.revoke(ONE, WHENEVER, 0).await, Err(NotRevoked::Store(StoreLost)));
    assert!(list.has(ONE));
    out.store(false, Ordering::Relaxed);
    assert_eq!(list.revoke(OTHER, WHENEVER, 0).await, Ok(()), "after the one before it");
    drop(list);
    assert!(open(folder.path(), 1).has(ONE));
}

#[test]
fn a_file_from_before_there_were_revocations_is_read() {
    let folder = TempDir::new().unwrap();
    drop(Embedded::open(folder.path(), &Keyed::new(SECRET)).unwrap());
    let database = redb::Database::open(folder.path().join("ledger.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    assert!(transaction.delete_table(redb::TableDefinition::<[u8; 9], &[u8]>::new("revoked")).unwrap());
    transaction.commit().unwrap();
    drop(database);
    let (_, loaded) = Embedded::open(folder.path(), &Keyed::new(SECRET)).unwrap();
    assert!(loaded.revocations.is_empty());
}
