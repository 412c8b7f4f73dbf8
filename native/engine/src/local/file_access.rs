//! The build with encryption brings SQLite3MultipleCiphers' extensions along, some of which let
//! SQL read and write any file of the system. They are taken away before anybody can use them.

use libsql::ffi;

use super::raw_connection::RawConnection;
use crate::error::Result;

pub(super) fn remove(raw: &RawConnection) -> Result<()> {
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
