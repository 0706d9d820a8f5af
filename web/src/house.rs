//! What the daemon hands to the pages, and what the pages share among themselves.

use std::future::Future;
use std::net::IpAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kukaku_schema::failure::FailureForm;
use kukaku_schema::intake::{Arrival, Intake, NotKept, Receipt};
use kukaku_schema::order::OrderRefused;
use kukaku_schema::registers::sheet::SheetFile;
use kukaku_schema::{DurationUs, Lang, OrderState, UtcMicros};
use kukaku_store::query::{self, Pool};
use kukaku_store::users::{PasswordRules, Role, Users};
use kukaku_store::{Changed, NewFindingAct, NewLook};
use tokio::sync::{Semaphore, SemaphorePermit, broadcast};

use crate::directory::DirectoryCache;
use crate::error::{OpenError, WebError};
use crate::limits::AddressLimits;
use crate::looks::OpenLooks;
use crate::posted::PostedLogs;

/// Queries that run at once: more would only wait for the same two disks.
const READERS: usize = 4;
/// Queries that may wait for their turn; beyond it a page says "busy" at once.
const READERS_WAITING: usize = 256;
/// Longest a query may take: a page nobody waits for any longer. It is interrupted then, because
/// a reader that stays holds the write-ahead log.
const QUERY_LONGEST: Duration = Duration::from_secs(10);
/// Passwords that are checked at once: 19 MiB and a core each.
const PASSWORDS_AT_ONCE: usize = 2;
/// Sign-ins that may wait for their turn; beyond it a spray would make everybody wait.
const PASSWORDS_WAITING: usize = 32;
/// Acts on work orders that may wait for the one before them; more are no people and no one system.
const ORDERS_WAITING: usize = 32;
/// Pages that listen for changes at once.
pub(crate) const LISTENERS_MAX: usize = 128;

/// What the pages need of the daemon, beside the store.
///
/// Called on threads that may block.
pub trait Commands: Send + Sync {
    /// How the daemon is, for the page of its parts.
    fn status(&self) -> Status;

    /// Bytes free on the disk of the store; none: not known.
    fn free_bytes(&self) -> Option<u64>;

    /// Records what somebody does about a finding; it is durable then.
    ///
    /// # Errors
    /// Why it could not be recorded.
    fn act_on_finding(&self, act: NewFindingAct) -> Result<(), String>;

    /// Records that a user of a client looks at something; it is durable then.
    ///
    /// # Errors
    /// Why it could not be recorded: he must not see it then.
    fn looked(&self, look: NewLook) -> Result<(), String>;

    /// Records `toml` as the site's registers, valid from now on where it says nothing else.
    /// `who` is the signed-in user, `why` what he wrote; both are journaled.
    ///
    /// # Errors
    /// Sentences for the person, each naming line, key and what was expected.
    fn import_registers(&self, toml: &str, who: &str, why: &str) -> Result<ImportOutcome, Vec<String>>;

    /// Says line by line what taking in one table would change, and changes nothing.
    ///
    /// # Errors
    /// Sentences for the person, each naming line, column and what was expected.
    fn plan_sheet(&self, sheet: &SheetFile, lang: Lang) -> Result<Vec<String>, Vec<String>>;

    /// Takes in one table, valid from now on where it says nothing else; as for the whole.
    ///
    /// # Errors
    /// As for the plan.
    fn import_sheet(&self, sheet: &SheetFile, who: &str, why: &str) -> Result<ImportOutcome, Vec<String>>;

    /// The file of a work order that the city answers with its own tool.
    ///
    /// # Errors
    /// There is no such order, or it doesn't wait for the city.
    fn order_sheet(&self, order: &str) -> Result<String, OrderRefused>;

    /// Takes in the answer that the city signed to the order `of`, or to any; `who` is the
    /// signed-in user, or the key.
    ///
    /// # Errors
    /// Why it was not taken.
    fn take_answer(&self, answer: &str, of: Option<&str>, who: &str) -> Result<TakenAnswer, NotTaken>;

    /// Takes in a failure report, `who` being the signed-in user.
    ///
    /// # Errors
    /// Why it was refused.
    fn report_failure(&self, form: FailureForm, who: &str) -> Result<(), OrderRefused>;
}

/// An answer of the city's that was taken in; it is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenAnswer {
    /// The order.
    pub order: String,
    /// How it stands by it.
    pub state: OrderState,
    /// The journal entry.
    pub entry: u64,
    /// The same answer had been taken in before; nothing was recorded now.
    pub before: bool,
}

/// Why an answer of the city's was not taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotTaken {
    /// It is refused, and kept as unreadable.
    Refused(OrderRefused),
    /// The store or the writer failed: it may not be durable.
    NotKept(String),
}

/// How the daemon is.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// When it started.
    pub started_at: UtcMicros,
    /// Its version.
    pub version: String,
    /// The public key that signs the journal, and what people compare of it; none: not known.
    pub signing_key: Option<(String, String)>,
    /// Each link and each way of alerting: what it is and how it stands.
    pub parts: Vec<Part>,
}

/// One link or way of alerting.
#[derive(Debug, Clone)]
pub struct Part {
    /// What it is: `mqtt 127.0.0.1:1883`, `mail`.
    pub name: String,
    /// Whether it works.
    pub working: bool,
    /// More, in Japanese and in English.
    pub note: (String, String),
}

/// What an import of registers did.
#[derive(Debug, Clone, Copy, Default)]
pub struct ImportOutcome {
    /// Entries that are new.
    pub added: usize,
    /// Entries that were changed.
    pub changed: usize,
    /// Entries that ended.
    pub ended: usize,
}

/// A clock that tells the daemon's time; tests bring their own.
pub type Clock = Arc<dyn Fn() -> UtcMicros + Send + Sync>;

/// Whether users of a role may come from an address.
pub type MayCome = Arc<dyn Fn(Role, IpAddr) -> bool + Send + Sync>;

/// Begins to listen to the writer.
pub type Changes = Arc<dyn Fn() -> broadcast::Receiver<Changed> + Send + Sync>;

/// All that the pages are given.
pub struct House<I: Intake> {
    /// The file of the store.
    pub store: PathBuf,
    /// The way into the writer's queue.
    pub intake: I,
    /// Begins to listen to what the writer says after each commit.
    pub changes: Changes,
    /// What only the daemon can do.
    pub commands: Arc<dyn Commands>,
    /// The logs that sources may post.
    pub logs: Arc<PostedLogs>,
    /// The daemon's time.
    pub clock: Clock,
    /// The site's own certificate authority as PEM, for people to install; none where the
    /// customer's is used.
    pub site_ca_pem: Option<String>,
    /// What is asked of the passwords that people choose.
    pub passwords: PasswordRules,
    /// From where users of each role may come.
    pub may_come: MayCome,
}

/// How long an answer about the daemon's parts serves every page: it may read files.
const STATUS_FRESH: DurationUs = DurationUs::from_secs(5);

type SubmitFuture = Pin<Box<dyn Future<Output = Result<Receipt, NotKept>> + Send>>;

/// What every handler shares.
pub(crate) struct Shared {
    /// The file of the store.
    pub store: PathBuf,
    pool: Arc<Pool>,
    readers: Semaphore,
    readers_waiting: Semaphore,
    pub users: Arc<Users>,
    passwords: Semaphore,
    passwords_waiting: Semaphore,
    orders: Semaphore,
    orders_waiting: Semaphore,
    submit: Box<dyn Fn(Arrival) -> SubmitFuture + Send + Sync>,
    pub changes: Changes,
    commands: Arc<dyn Commands>,
    status: Mutex<Option<(UtcMicros, Status)>>,
    pub logs: Arc<PostedLogs>,
    pub clock: Clock,
    pub site_ca_pem: Option<String>,
    pub may_come: MayCome,
    pub directory: DirectoryCache,
    pub looks: OpenLooks,
    pub listeners: Arc<Semaphore>,
    pub sign_in_limits: AddressLimits,
    pub intake_limits: AddressLimits,
    pub loopback_only: bool,
}

/// The handle to it that axum clones for each request.
pub(crate) type App = Arc<Shared>;

impl Shared {
    /// Opens what the pages need of the store.
    pub fn open<I: Intake>(house: House<I>, loopback_only: bool) -> Result<App, OpenError> {
        let pool = Pool::open(&house.store, READERS)?;
        let users = Users::open(&house.store)?.with_rules(house.passwords);
        let intake = house.intake;
        Ok(Arc::new(Self {
            store: house.store,
            pool: Arc::new(pool),
            readers: Semaphore::new(READERS),
            readers_waiting: Semaphore::new(READERS_WAITING),
            users: Arc::new(users),
            passwords: Semaphore::new(PASSWORDS_AT_ONCE),
            passwords_waiting: Semaphore::new(PASSWORDS_WAITING),
            orders: Semaphore::new(1),
            orders_waiting: Semaphore::new(ORDERS_WAITING),
            submit: Box::new(move |arrival| {
                let intake = intake.clone();
                Box::pin(async move { intake.submit(arrival).await })
            }),
            changes: house.changes,
            commands: house.commands,
            status: Mutex::default(),
            logs: house.logs,
            clock: house.clock,
            site_ca_pem: house.site_ca_pem,
            may_come: house.may_come,
            directory: DirectoryCache::default(),
            looks: OpenLooks::default(),
            listeners: Arc::new(Semaphore::new(LISTENERS_MAX)),
            sign_in_limits: AddressLimits::sign_in(),
            intake_limits: AddressLimits::bad_keys(),
            loopback_only,
        }))
    }

    /// The daemon's time.
    pub fn now(&self) -> UtcMicros {
        (self.clock)()
    }

    /// Hands an arrival to the writer's queue; waits while it is full.
    pub async fn submit(&self, arrival: Arrival) -> Result<Receipt, NotKept> {
        (self.submit)(arrival).await
    }

    /// Runs a query on a read-only connection that sees what `scope` may, for at most `QUERY_LONGEST`.
    pub async fn read<T: Send + 'static>(
        &self,
        scope: query::Scope,
        query: impl FnOnce(&query::Reader) -> Result<T, kukaku_store::StoreError> + Send + 'static,
    ) -> Result<T, WebError> {
        let _waiting = self.readers_waiting.try_acquire().map_err(|_| WebError::Busy)?;
        let _turn = self.readers.acquire().await.map_err(|_| WebError::Busy)?;
        let pool = Arc::clone(&self.pool);
        let leased = tokio::task::spawn_blocking(move || pool.lease(&scope)).await;
        let reader = leased.map_err(|e| WebError::Bug(format!("a reader ended early: {e}")))??;
        let interrupt = reader.interrupt_handle();
        let work = tokio::task::spawn_blocking(move || query(&reader));
        match tokio::time::timeout(QUERY_LONGEST, work).await {
            Ok(done) => Ok(done.map_err(|e| WebError::Bug(format!("a query ended early: {e}")))??),
            Err(_) => {
                interrupt.interrupt();
                Err(WebError::TooSlow)
            }
        }
    }

    /// Does something with users, keys or sign-ins that is quick.
    pub async fn with_users<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Users) -> Result<T, kukaku_store::users::UsersError> + Send + 'static,
    ) -> Result<T, WebError> {
        let users = Arc::clone(&self.users);
        let done = tokio::task::spawn_blocking(move || act(&users)).await;
        Ok(done.map_err(|e| WebError::Bug(format!("an act on users ended early: {e}")))??)
    }

    /// Does something that checks passwords: a few at once, the rest in a bounded line.
    pub async fn with_passwords<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Users) -> Result<T, kukaku_store::users::UsersError> + Send + 'static,
    ) -> Result<T, WebError> {
        let _waiting = self.passwords_waiting.try_acquire().map_err(|_| WebError::Busy)?;
        let _turn = self.passwords.acquire().await.map_err(|_| WebError::Busy)?;
        self.with_users(act).await
    }

    /// Waits until no other act on a work order is between its reading and its commit: the same form
    /// sent twice at once would find no order both times.
    pub async fn order_turn(&self) -> Result<SemaphorePermit<'_>, WebError> {
        let _waiting = self.orders_waiting.try_acquire().map_err(|_| WebError::Busy)?;
        self.orders.acquire().await.map_err(|_| WebError::Busy)
    }

    /// How the daemon is, at most `STATUS_FRESH` ago.
    pub async fn status(&self) -> Result<Status, WebError> {
        let now = self.now();
        let fresh = |at: UtcMicros| (0..STATUS_FRESH.0).contains(&now.since(at).0);
        let known = self.status.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, status)) = known.filter(|(at, _)| fresh(*at)) {
            return Ok(status);
        }
        let status = self.with_commands(|commands| commands.status()).await?;
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, status.clone()));
        Ok(status)
    }

    /// Asks the daemon for something on a thread that may block.
    pub async fn with_commands<T: Send + 'static>(
        &self,
        act: impl FnOnce(&dyn Commands) -> T + Send + 'static,
    ) -> Result<T, WebError> {
        let commands = Arc::clone(&self.commands);
        let done = tokio::task::spawn_blocking(move || act(commands.as_ref())).await;
        done.map_err(|e| WebError::Bug(format!("a command ended early: {e}")))
    }
}
