//! What a failure means for the person who set the proxy up, and which line to change.
//!
//! Absent: finding failures.

use super::failure::Failure;
#[cfg(feature = "tls")]
use super::failure::TlsFault;

/// What the failure means, and what to do, line by line.
pub(super) fn lines(failure: &Failure) -> &'static [&'static str] {
    match failure {
        Failure::Name(_) => &["The domain has no record, or it is misspelt."],
        Failure::Connect(_) => &[
            "Nobody listens there, or a firewall is in between: systemctl status nginx roshambo,",
            "and the provider's firewall.",
        ],
        #[cfg(feature = "tls")]
        Failure::Tls(fault) => certificate(fault),
        Failure::WantsTls => &["Ask with wss:// instead of ws://."],
        Failure::ToTls(..) => {
            &["The site sends everybody on to https://, as it should: ask with wss://."]
        }
        Failure::Moved(..) => &[
            "No client of a WebSocket follows: the location that opens sockets must not",
            "`return` or `rewrite`. A `return 301 https://...` belongs to port 80 alone.",
        ],
        Failure::Status(400 | 426) => &[
            "The proxy does not pass the upgrade on. In nginx's location:",
            "    proxy_http_version 1.1;",
            "    proxy_set_header Upgrade $http_upgrade;",
            "    proxy_set_header Connection \"upgrade\";",
        ],
        Failure::Status(200 | 404) => &[
            "Something else answers there: the address has another base path than the server",
            "(--base-path), or nginx's location and proxy_pass do not lead to it. A proxy_pass",
            "with a path, even / alone, replaces what the location matched:",
            "    proxy_pass http://roshambo;",
        ],
        Failure::Status(401 | 403) => &["The proxy wants to know who asks: a rule of its own."],
        Failure::Status(502) => &[
            "nginx cannot reach roshambo: systemctl status roshambo, and the address in",
            "    upstream roshambo { server unix:/run/roshambo/roshambo.sock; }",
            "which the package's socket unit opens for the group www-data. Without socket",
            "activation, and without the package, it is what --listen says:",
            "    upstream roshambo { server 127.0.0.1:9595; }",
        ],
        Failure::Status(503 | 429) => &[
            "Full, restarting, or too many connections from this address: see BASE/readyz,",
            "--max-connections, and limit_conn in nginx.",
        ],
        Failure::Status(504) => &["roshambo is reached and does not answer: its log says why."],
        Failure::Status(_) => &["No part of roshambo gives this status: it is the proxy's."],
        Failure::Handshake(_) => {
            &["What listens there speaks no HTTP, or TLS: a port with `ssl` wants wss://."]
        }
        Failure::Silence(_) => &[
            "The connection is there and carries nothing: a proxy that buffers",
            "(proxy_buffering does not matter for sockets, a provider's \"accelerator\" may),",
            "or a server that hangs.",
        ],
        Failure::Ended(_, Some(1012)) => &["The server restarts: try again in a moment."],
        Failure::Ended(_, Some(_)) => &["The server ended it: its log says why."],
        Failure::Ended(_, None) => &[
            "A proxy cut it. Its time-out has to be longer than --ping-interval (25s):",
            "    proxy_read_timeout 90s;",
            "    proxy_send_timeout 90s;",
        ],
        Failure::Astray(_) => &[
            "It does not run, is full, or the proxy does not look at the address: in nginx's site",
            "    map $arg_i $roshambo_instance { default roshambo_a; b roshambo_b; }",
        ],
        Failure::Strangers(..) => {
            &["Each has another --store, or the store cannot be asked just now: their logs say so."]
        }
        Failure::Unexpected(_) => &["The server is of another version, or not roshambo at all."],
    }
}

/// What to do about a certificate.
#[cfg(feature = "tls")]
fn certificate(fault: &TlsFault) -> &'static [&'static str] {
    match fault {
        TlsFault::NotTls => &[
            "The port is there without TLS. In nginx's server:",
            "    listen 443 ssl;",
        ],
        TlsFault::Gap(_) => &[
            "Desktop browsers find the missing part by themselves, phones and mini programs do",
            "not. Use the full chain, your certificate first and then those above it:",
            "    ssl_certificate /etc/letsencrypt/live/YOUR.DOMAIN/fullchain.pem;",
        ],
        TlsFault::SelfSigned | TlsFault::UnknownAuthority(_) => &[
            "Nobody but you believes it. Get one that phones know (systemd/README.md, Deploy,",
            "step 4), and",
            "    ssl_certificate /etc/letsencrypt/live/YOUR.DOMAIN/fullchain.pem;",
            "For an authority of your own: SSL_CERT_FILE=its.pem roshambo probe ...",
        ],
        TlsFault::WrongName(_) => &[
            "It is another site's certificate: nginx has no server for this name, or that names",
            "a wrong file:",
            "    server_name YOUR.DOMAIN;",
            "    ssl_certificate /etc/letsencrypt/live/YOUR.DOMAIN/fullchain.pem;",
        ],
        TlsFault::Expired(_) => &[
            "It was not renewed, or nginx still has the old one in memory:",
            "certbot renew && systemctl reload nginx",
        ],
        TlsFault::NotYet(_) => &["Look at the clocks of both machines: timedatectl"],
        TlsFault::Other(_) => &[
            "WeChat wants TLS 1.2 or newer. In nginx's server:",
            "    ssl_protocols TLSv1.2 TLSv1.3;",
        ],
    }
}
