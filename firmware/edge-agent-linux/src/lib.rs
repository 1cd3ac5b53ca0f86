//! edge-agent-linux
