//! The same attacks by TLS: what an attack sends goes through a relay that speaks TLS to the server,
//! so that the tables do not know.

use std::cell::Cell;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, version};

use crate::client;
use crate::pair::{Pair, place_behind};
use crate::support::process::Server;

thread_local! {
    static IS_ON: Cell<bool> = const { Cell::new(false) };
}

/// From here on every ground of this test is attacked by TLS.
pub(crate) fn begin() {
    IS_ON.set(true);
}

pub(crate) fn is_on() -> bool {
    IS_ON.get()
}

/// A certificate, and the place from which a server that shows it is attacked.
#[derive(Debug)]
pub(crate) struct Relay {
    pair: Pair,
    place: Option<SocketAddr>,
    /// Connections that shook hands.
    carried: Arc<AtomicUsize>,
}

impl Relay {
    pub(crate) fn new() -> Self {
        Self {
            pair: Pair::new(9),
            place: None,
            carried: Arc::default(),
        }
    }

    /// What the server needs.
    pub(crate) fn flags(&self) -> Vec<String> {
        self.pair.flags()
    }

    /// Opens the place; it goes with the process.
    pub(crate) fn open(&mut self, server: &Server) {
        let tls = place_behind(server, "https and wss on ");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        self.place = Some(listener.local_addr().expect("it is bound"));
        let config = client::config(&version::TLS13);
        let carried = Arc::clone(&self.carried);
        thread::spawn(move || {
            for raw in listener.incoming().flatten() {
                let (config, carried) = (Arc::clone(&config), Arc::clone(&carried));
                // An error is an end like another: the attack sees that it is cut.
                thread::spawn(move || carry(&raw, tls, &config, &carried));
            }
        });
    }

    /// How many connections shook hands.
    pub(crate) fn carried(&self) -> usize {
        self.carried.load(Ordering::Relaxed)
    }

    pub(crate) fn place(&self) -> SocketAddr {
        self.place.expect("it is open")
    }
}

/// One connection, until both sides have ended.
fn carry(
    raw: &TcpStream,
    server: SocketAddr,
    config: &Arc<ClientConfig>,
    carried: &AtomicUsize,
) -> io::Result<()> {
    let mut tcp = TcpStream::connect(server)?;
    for stream in [raw, &tcp] {
        stream.set_nodelay(true)?;
    }
    let name = ServerName::try_from("localhost").expect("a name");
    let mut tls = ClientConnection::new(Arc::clone(config), name).expect("a client");
    while tls.is_handshaking() {
        tls.complete_io(&mut tcp)?;
    }
    carried.fetch_add(1, Ordering::Relaxed);
    let tls = Mutex::new(tls);
    thread::scope(|scope| {
        scope.spawn(|| {
            if up(raw, &tcp, &tls).is_err() {
                let _ = tcp.shutdown(Shutdown::Both);
            }
        });
        if down(raw, &tcp, &tls).is_err() {
            let _ = raw.shutdown(Shutdown::Both);
        }
    });
    Ok(())
}

/// What the attack sends, to the server; its end, too. Nobody else sends there.
fn up(mut raw: &TcpStream, mut tcp: &TcpStream, tls: &Mutex<ClientConnection>) -> io::Result<()> {
    let mut bytes = [0; 16 * 1024];
    loop {
        let count = raw.read(&mut bytes)?;
        let mut records = Vec::new();
        {
            let mut tls = tls.lock().unwrap_or_else(PoisonError::into_inner);
            match count {
                0 => tls.send_close_notify(),
                _ => tls.writer().write_all(&bytes[..count])?,
            }
            while tls.wants_write() {
                tls.write_tls(&mut records)?;
            }
        }
        tcp.write_all(&records)?;
        if count == 0 {
            return tcp.shutdown(Shutdown::Write);
        }
    }
}

/// What the server answers, and its end.
fn down(mut raw: &TcpStream, mut tcp: &TcpStream, tls: &Mutex<ClientConnection>) -> io::Result<()> {
    let mut bytes = [0; 16 * 1024];
    loop {
        let count = tcp.read(&mut bytes)?;
        let mut texts = Vec::new();
        let ended = {
            let mut tls = tls.lock().unwrap_or_else(PoisonError::into_inner);
            let mut records = &bytes[..count];
            let mut ended = count == 0;
            while !records.is_empty() {
                tls.read_tls(&mut records)?;
                let state = tls.process_new_packets().map_err(io::Error::other)?;
                let start = texts.len();
                texts.resize(start + state.plaintext_bytes_to_read(), 0);
                tls.reader().read_exact(&mut texts[start..])?;
                ended |= state.peer_has_closed();
            }
            ended
        };
        raw.write_all(&texts)?;
        if ended {
            return raw.shutdown(Shutdown::Write);
        }
    }
}
