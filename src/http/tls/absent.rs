//! A program without the feature `tls` refuses the settings for it.

use std::io;

use tokio::net::TcpStream;

use super::{TlsFiles, TlsProblem};

/// There is none.
#[derive(Debug, Clone)]
pub enum Tls {}

impl Tls {
    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub fn read(_: &TlsFiles) -> Result<Self, TlsProblem> {
        Err(TlsProblem::Cert("is set; expected a program built with `--features tls`".to_owned()))
    }

    /// Takes over what `newer` has read.
    pub fn replace(&self, newer: &Self) {
        match *newer {}
    }

    pub(in super::super) async fn accept(&self, _: TcpStream) -> io::Result<TcpStream> {
        match *self {}
    }
}
