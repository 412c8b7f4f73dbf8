//! Settings of a connection that are on or off:
//! <https://sqlite.org/c3ref/c_dbconfig_defensive.html>.

use std::sync::Arc;

use libsql::ffi;

use super::call::Call;
use super::connection::{Connection, TransactionState};
use super::open::OpenOptions;
use super::raw_connection::RawConnection;
use crate::error::{Error, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum DbSetting {
    EnableFkey = ffi::SQLITE_DBCONFIG_ENABLE_FKEY,
    EnableTrigger = ffi::SQLITE_DBCONFIG_ENABLE_TRIGGER,
    EnableView = ffi::SQLITE_DBCONFIG_ENABLE_VIEW,
    NoCkptOnClose = ffi::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE,
    EnableQpsg = ffi::SQLITE_DBCONFIG_ENABLE_QPSG,
    TriggerEqp = ffi::SQLITE_DBCONFIG_TRIGGER_EQP,
    Defensive = ffi::SQLITE_DBCONFIG_DEFENSIVE,
    WritableSchema = ffi::SQLITE_DBCONFIG_WRITABLE_SCHEMA,
    LegacyAlterTable = ffi::SQLITE_DBCONFIG_LEGACY_ALTER_TABLE,
    LegacyFileFormat = ffi::SQLITE_DBCONFIG_LEGACY_FILE_FORMAT,
    DqsDml = ffi::SQLITE_DBCONFIG_DQS_DML,
    DqsDdl = ffi::SQLITE_DBCONFIG_DQS_DDL,
    TrustedSchema = ffi::SQLITE_DBCONFIG_TRUSTED_SCHEMA,
    StmtScanstatus = ffi::SQLITE_DBCONFIG_STMT_SCANSTATUS,
    ReverseScanorder = ffi::SQLITE_DBCONFIG_REVERSE_SCANORDER,
}

impl DbSetting {
    pub const ALL: [DbSetting; 15] = [
        DbSetting::EnableFkey,
        DbSetting::EnableTrigger,
        DbSetting::EnableView,
        DbSetting::NoCkptOnClose,
        DbSetting::EnableQpsg,
        DbSetting::TriggerEqp,
        DbSetting::Defensive,
        DbSetting::WritableSchema,
        DbSetting::LegacyAlterTable,
        DbSetting::LegacyFileFormat,
        DbSetting::DqsDml,
        DbSetting::DqsDdl,
        DbSetting::TrustedSchema,
        DbSetting::StmtScanstatus,
        DbSetting::ReverseScanorder,
    ];

    /// SQLite's name for it, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            DbSetting::EnableFkey => "enable_fkey",
            DbSetting::EnableTrigger => "enable_trigger",
            DbSetting::EnableView => "enable_view",
            DbSetting::NoCkptOnClose => "no_ckpt_on_close",
            DbSetting::EnableQpsg => "enable_qpsg",
            DbSetting::TriggerEqp => "trigger_eqp",
            DbSetting::Defensive => "defensive",
            DbSetting::WritableSchema => "writable_schema",
            DbSetting::LegacyAlterTable => "legacy_alter_table",
            DbSetting::LegacyFileFormat => "legacy_file_format",
            DbSetting::DqsDml => "dqs_dml",
            DbSetting::DqsDdl => "dqs_ddl",
            DbSetting::TrustedSchema => "trusted_schema",
            DbSetting::StmtScanstatus => "stmt_scanstatus",
            DbSetting::ReverseScanorder => "reverse_scanorder",
        }
    }

    pub fn named(name: &str) -> Option<DbSetting> {
        DbSetting::ALL
            .into_iter()
            .find(|setting| setting.name() == name)
    }

    /// Settings that have an option of their own.
    fn of_options(self, options: &OpenOptions) -> Option<bool> {
        match self {
            DbSetting::EnableFkey => Some(options.foreign_keys),
            DbSetting::TrustedSchema => Some(options.trusted_schema),
            DbSetting::DqsDml | DbSetting::DqsDdl => Some(options.double_quoted_strings),
            _ => None,
        }
    }
}

impl Connection {
    pub fn db_setting(&self, setting: DbSetting) -> Result<bool> {
        self.raw()
            .db_setting(setting as i32)
            .map_err(|code| self.raw().error(code, None))
    }

    /// Statements prepared before are prepared anew by SQLite when they run next.
    pub fn set_db_setting(&mut self, setting: DbSetting, on: bool) -> Result<()> {
        self.check(self.raw().db_config(setting as i32, on))
    }

    /// The settings that the connection was opened with.
    pub(super) fn apply_db_config(&self) -> Result<()> {
        for (setting, on) in &self.options.db_config {
            self.check(self.raw().db_config(*setting as i32, *on))?;
        }
        Ok(())
    }

    /// Makes the main database an empty one, also where it is too damaged for SQL:
    /// <https://sqlite.org/c3ref/c_dbconfig_defensive.html#sqlitedbconfigresetdatabase>.
    pub fn reset_database(&mut self, call: &Call) -> Result<()> {
        if self.options.offline.is_some() {
            return Err(Error::Unsupported(
                "reset_database: what a copy holds that is written offline is its server's, too"
                    .to_owned(),
            ));
        }
        self.check_no_transaction("reset_database")?;
        let _resetting = Resetting::begin(self)?;
        self.execute("VACUUM", call)
    }

    pub(super) fn check_no_transaction(&self, what: &'static str) -> Result<()> {
        self.check_unoccupied()?;
        if self.autocommit() && self.transaction_state() == TransactionState::None {
            Ok(())
        } else {
            Err(Error::NotInTransaction(what))
        }
    }
}

/// While it lives, a VACUUM empties the database: it must not outlive the one that is meant to.
struct Resetting(Arc<RawConnection>);

impl Resetting {
    fn begin(connection: &Connection) -> Result<Resetting> {
        let raw = connection.shared_raw();
        connection.check(raw.db_config(ffi::SQLITE_DBCONFIG_RESET_DATABASE, true))?;
        Ok(Resetting(Arc::clone(raw)))
    }
}

impl Drop for Resetting {
    fn drop(&mut self) {
        self.0.db_config(ffi::SQLITE_DBCONFIG_RESET_DATABASE, false);
    }
}

/// Every setting: as the options say, or as a new connection has it.
pub(super) fn complete(
    raw: &RawConnection,
    options: &OpenOptions,
) -> Result<Vec<(DbSetting, bool)>> {
    let chosen = |setting| {
        let given = options.db_config.iter().rev();
        let given = given
            .filter(|(given, _)| *given == setting)
            .map(|(_, on)| *on);
        given.chain(setting.of_options(options)).next()
    };
    DbSetting::ALL
        .into_iter()
        .map(|setting| match chosen(setting) {
            Some(on) => Ok((setting, on)),
            None => match raw.db_setting(setting as i32) {
                Ok(on) => Ok((setting, on)),
                Err(code) => Err(raw.error(code, None)),
            },
        })
        .collect()
}
