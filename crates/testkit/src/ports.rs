use std::net::{Ipv4Addr, TcpListener};

use crate::Error;

/// Finds a loopback port that nobody listens on now. Somebody else may take it first: callers retry.
pub fn free_port() -> Result<u16, Error> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(Error::io("find a free port"))
}
