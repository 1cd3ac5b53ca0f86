//! The embedded broker of the demo: rumqttd, on loopback only, in memory only.
//!
//! It is here so that one command on a bare machine shows the whole path. It has no access rules, forgets everything
//! when it stops, and drops the oldest messages of a slow subscriber; the delivery rules cope, but a hospital uses
//! mosquitto.

use std::collections::HashMap;
use std::net::SocketAddr;

use anyhow::Context as _;
use rumqttd::{Broker, Config, ConnectionSettings, RouterConfig, ServerSettings};

/// Serves MQTT 5 on 127.0.0.1 until the process ends.
pub fn serve(port: u16) -> anyhow::Result<()> {
    let connections = ConnectionSettings {
        connection_timeout_ms: 10_000,
        max_payload_size: 2 * delivery::batch::MAX_READ_BYTES,
        max_inflight_count: 200,
        auth: None,
        external_auth: None,
        dynamic_filters: true,
    };
    let server = ServerSettings {
        name: "loopback".to_owned(),
        listen: SocketAddr::from(([127, 0, 0, 1], port)),
        tls: None,
        next_connection_delay_ms: 1,
        connections,
    };
    let router = RouterConfig {
        max_connections: 256,
        max_outgoing_packet_count: 200,
        max_segment_size: 10 * 1024 * 1024,
        max_segment_count: 10,
        ..RouterConfig::default()
    };
    let config = Config { router, v5: Some(HashMap::from([("1".to_owned(), server)])), ..Config::default() };
    Broker::new(config).start().context("the embedded broker stopped")
}
