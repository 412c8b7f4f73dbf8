//! What reaches out of the database is taken away before anybody can use it: FTS3's function that
//! takes and gives pointers, with which SQL could write anywhere in this process, and extensions of
//! SQLite3MultipleCiphers (in the build with encryption) that let SQL read and write any file, and
//! those of sqlean that read or write past their arguments.

use libsql::ffi;

use super::raw_connection::RawConnection;
use crate::error::Result;

pub(super) fn remove(raw: &RawConnection) -> Result<()> {
    for arguments in [1, 2] {
        check(raw, raw.remove_function(c"fts3_tokenizer", arguments))?;
    }
    #[cfg(feature = "encryption")]
    remove_extensions(raw)?;
    // `base85` is written past its end.
    #[cfg(feature = "sqlean")]
    for function in [c"encode", c"decode", c"crypto_encode", c"crypto_decode"] {
        check(raw, raw.remove_function(function, 2))?;
    }
    Ok(())
}

#[cfg(feature = "encryption")]
fn remove_extensions(raw: &RawConnection) -> Result<()> {
    // With the numbers of arguments that they are registered for.
    for (function, arguments) in [(c"readfile", 1), (c"writefile", -1), (c"lsmode", 1)] {
        check(raw, raw.remove_function(function, arguments))?;
    }
    for module in [c"fsdir", c"csv", c"vsv", c"zipfile"] {
        check(raw, raw.remove_module(module))?;
    }
    Ok(())
}

fn check(raw: &RawConnection, code: i32) -> Result<()> {
    match code {
        ffi::SQLITE_OK => Ok(()),
        code => Err(raw.error(code, None)),
    }
}
