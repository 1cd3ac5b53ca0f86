//! A connection that only tries whether both sides accept each other's certificates, for `check`.

use std::io::{self, Read as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, Stream};

use crate::TlsFiles;

const PATIENCE: Duration = Duration::from_secs(5);
/// A broker that refuses a certificate says so after the handshake; one that accepts it waits for the client.
const OBJECTIONS: Duration = Duration::from_millis(500);

impl TlsFiles {
    /// Shakes hands over `socket` and waits a moment for objections. The error says what to do.
    pub fn try_handshake(&self, host: &str, mut socket: TcpStream) -> Result<(), String> {
        let config = Arc::new(self.read().map_err(|error| error.to_string())?);
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| format!("broker.host {host} cannot be in a certificate (give a DNS name or an address)"))?;
        let mut connection = ClientConnection::new(config, name).map_err(|error| format!("TLS failed: {error}"))?;
        let outcome = socket
            .set_read_timeout(Some(PATIENCE))
            .and_then(|()| connection.complete_io(&mut socket))
            .and_then(|_| socket.set_read_timeout(Some(OBJECTIONS)))
            .and_then(|()| Stream::new(&mut connection, &mut socket).read(&mut [0]));
        match outcome {
            Ok(1..) => Ok(()),
            Ok(0) => self.said(host, &io::Error::from(io::ErrorKind::UnexpectedEof)),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                if connection.is_handshaking() {
                    Err("did not complete a TLS handshake within 5 s (is broker.port the one for TLS?)".to_owned())
                } else {
                    Ok(())
                }
            }
            Err(error) => self.said(host, &error),
        }
    }

    fn said(&self, host: &str, error: &io::Error) -> Result<(), String> {
        Err(self.explain(host, error, false).unwrap_or_else(|| error.to_string()))
    }
}
