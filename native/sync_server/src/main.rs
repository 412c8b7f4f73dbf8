//! Runs the server until its standard input ends, so that it does not outlive who started it.

use std::io::{Read, Write};

use sync_server::SyncServer;

fn main() -> std::io::Result<()> {
    let server = SyncServer::start()?;
    let mut output = std::io::stdout();
    writeln!(output, "{}", server.port())?;
    output.flush()?;
    let mut nothing = Vec::new();
    std::io::stdin().read_to_end(&mut nothing)?;
    Ok(())
}
