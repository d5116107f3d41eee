//! `perilune dap`: the debug adapter, on standard input and output or for clients that connect.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use lexopt::Arg;
use perilune_dap::Options;

use crate::command::{Arguments, Command, Failure, Outcome, output, unexpected};
use crate::entry::ExitCode;

/// `dap`
pub const COMMAND: Command = Command {
    name: "dap",
    arguments: "[--listen ADDR]",
    summary: "serve the Debug Adapter Protocol on standard input and output",
    details: "  --listen ADDR   serve every client that connects to [HOST:]PORT (loopback only); with port 0 the\n                  \
              system chooses, and the address is printed\n",
    run,
};

fn run(arguments: Arguments<'_>) -> Outcome {
    let mut parser = arguments.parser();
    let mut listen = None;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("listen") => listen = Some(address(&parser.value()?)?),
            other => return Err(unexpected(other)),
        }
    }
    let perilune = std::env::current_exe().map_err(|error| Failure::Failed(format!("cannot find perilune: {error}")))?;
    let options = Options { perilune };
    match listen {
        None => perilune_dap::serve_stdio(options).map_err(|error| Failure::Failed(error.to_string()))?,
        Some(address) => serve(address, &options)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn serve(address: SocketAddr, options: &Options) -> Result<(), Failure> {
    if !address.ip().is_loopback() {
        return Err(Failure::Usage(format!("'--listen' takes a loopback address, as whoever connects may run programs; {address} is none")));
    }
    let cannot = |error: std::io::Error| Failure::Failed(format!("cannot listen at {address}: {error}"));
    let listener = TcpListener::bind(address).map_err(cannot)?;
    output(&format!("listening at {}\n", listener.local_addr().map_err(cannot)?))?;
    perilune_dap::serve(&listener, options).map_err(|error| Failure::Failed(error.to_string()))
}

fn address(value: &std::ffi::OsStr) -> Result<SocketAddr, Failure> {
    let text = value.to_str().unwrap_or_default();
    let port = text.parse().ok().map(|port: u16| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    let named = || text.strip_prefix("localhost:")?.parse().ok().map(|port: u16| (Ipv4Addr::LOCALHOST, port).into());
    port.or_else(|| text.parse().ok())
        .or_else(named)
        .ok_or_else(|| Failure::Usage(format!("'--listen' takes [HOST:]PORT, not '{}'", value.display())))
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn a_port_alone_is_loopback() {
        for text in ["4711", "127.0.0.1:4711", "localhost:4711"] {
            assert_eq!(address(text.as_ref()).expect("an address").to_string(), "127.0.0.1:4711");
        }
        assert_eq!(address("[::1]:1".as_ref()).expect("an address").to_string(), "[::1]:1");
        assert!(address("here".as_ref()).is_err());
    }
}
