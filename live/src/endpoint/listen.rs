//! Where an endpoint listens, and the secret that strangers lack.

use std::fs::{self, Permissions};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::str::FromStr;

use super::EndpointError;
use crate::session::Directory;
use crate::wire::{Address, Stream};

/// Where an endpoint listens; parsed from the value of `--live`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listen {
    /// At a socket in the session directory.
    #[default]
    Unix,
    /// At a TCP address; clients need the token of the session file.
    Tcp(SocketAddr),
}

/// A value that names no place to listen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address to listen at: `unix`, `PORT` or `HOST:PORT` is accepted")]
pub struct ListenError(String);

impl FromStr for Listen {
    type Err = ListenError;

    /// Nothing and `unix` are the Unix socket; a port without a host is on the loopback interface.
    fn from_str(text: &str) -> Result<Listen, ListenError> {
        if text.is_empty() || text == "unix" {
            return Ok(Listen::Unix);
        }
        let port = text.strip_prefix(':').unwrap_or(text);
        if let Some(port) = parse_port(port) {
            return Ok(Listen::Tcp(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)));
        }
        let mut addresses = text.to_socket_addrs().map_err(|_| ListenError(text.to_string()))?;
        addresses.next().map(Listen::Tcp).ok_or_else(|| ListenError(text.to_string()))
    }
}

fn parse_port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

impl Listen {
    pub(super) fn bind(&self, directory: &Directory, pid: u32) -> Result<Listener, EndpointError> {
        let (wanted, bound) = match self {
            Listen::Unix => {
                let path = directory.socket(pid);
                (Address::Unix(path.clone()), bind_unix(&path))
            }
            Listen::Tcp(address) => (Address::Tcp(*address), bind_tcp(*address)),
        };
        bound.map_err(|source| EndpointError::Listen { address: wanted.to_string(), source })
    }

    /// A new secret; a Unix socket needs none, as the directory keeps others out.
    pub(super) fn token(&self) -> io::Result<Option<String>> {
        if *self == Listen::Unix {
            return Ok(None);
        }
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }
}

fn bind_unix(path: &Path) -> io::Result<Listener> {
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    Ok(Listener { socket: Socket::Unix(listener), address: Address::Unix(path.to_path_buf()) })
}

fn bind_tcp(address: SocketAddr) -> io::Result<Listener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let address = Address::Tcp(listener.local_addr()?);
    Ok(Listener { socket: Socket::Tcp(listener), address })
}

/// Compares secrets in a time that does not tell where they differ.
pub(super) fn is_same_secret(one: &str, other: &str) -> bool {
    let differences =
        one.bytes().zip(other.bytes()).fold(0, |all, (a, b)| std::hint::black_box(all | (a ^ b)));
    one.len() == other.len() && differences == 0
}

/// A bound socket that does not block.
#[derive(Debug)]
pub(super) struct Listener {
    socket: Socket,
    address: Address,
}

#[derive(Debug)]
enum Socket {
    Unix(UnixListener),
    Tcp(TcpListener),
}

impl Listener {
    /// Where it can be reached: the port is the one that the system chose.
    pub fn address(&self) -> &Address {
        &self.address
    }

    pub fn accept(&self) -> io::Result<Stream> {
        match &self.socket {
            Socket::Unix(listener) => {
                let stream = listener.accept()?.0;
                stream.set_nonblocking(false)?;
                Ok(Stream::Unix(stream))
            }
            Socket::Tcp(listener) => {
                let stream = listener.accept()?.0;
                stream.set_nonblocking(false)?;
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.socket {
            Socket::Unix(listener) => listener.as_fd(),
            Socket::Tcp(listener) => listener.as_fd(),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Address::Unix(path) = &self.address {
            // Whoever looks through the directory removes what stays.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_the_option_are_told_apart() {
        let parse = |text: &str| match text.parse() {
            Ok(Listen::Unix) => "unix".to_string(),
            Ok(Listen::Tcp(address)) => address.to_string(),
            Err(error) => ListenError::to_string(&error),
        };
        assert_eq!(parse(""), "unix");
        assert_eq!(parse("unix"), "unix");
        assert_eq!(parse("8123"), "127.0.0.1:8123");
        assert_eq!(parse(":0"), "127.0.0.1:0");
        assert_eq!(parse("0.0.0.0:9000"), "0.0.0.0:9000");
        assert_eq!(parse("[::1]:9000"), "[::1]:9000");
        let wrong = "`99999` is no address to listen at: `unix`, `PORT` or `HOST:PORT` is accepted";
        assert_eq!(parse("99999"), wrong);
        for wrong in ["localhost", "+80", "::", ":-1", "127.0.0.1:", "127.0.0.1:x"] {
            assert!(wrong.parse::<Listen>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn secrets_are_random_and_compared_whole() {
        let listen: Listen = "0".parse().unwrap();
        let (one, other) = (listen.token().unwrap().unwrap(), listen.token().unwrap().unwrap());
        assert_eq!(one.len(), 64);
        assert_ne!(one, other);
        assert!(is_same_secret(&one, &one.clone()));
        assert!(!is_same_secret(&one, &other));
        assert!(!is_same_secret(&one, &one[..63]));
        assert!(!is_same_secret(&one, ""));
    }
}
