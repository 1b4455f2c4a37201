//! nginx in front of several servers, sending every request to the next one.

use std::fmt::Write as _;
use std::time::Duration;

use steelyard_testkit::{Launch, Process, free_port, tools};
use tempfile::TempDir;

pub(crate) struct Balancer {
    _dir: TempDir,
    _nginx: Process,
    port: u16,
}

impl Balancer {
    pub(crate) fn start(addresses: &[String]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = free_port().unwrap();
        let root = dir.path().display();
        let mut servers = String::new();
        for address in addresses {
            writeln!(servers, "server {address};").unwrap();
        }
        let config = format!(
            "daemon off; worker_processes 1; pid {root}/pid; error_log {root}/error.log;\n\
             events {{ worker_connections 1024; }}\n\
             http {{\n access_log off; large_client_header_buffers 4 128k; client_body_temp_path {root}/body; proxy_temp_path {root}/proxy;\n\
             fastcgi_temp_path {root}/f; uwsgi_temp_path {root}/u; scgi_temp_path {root}/s;\n\
             upstream hub {{ {servers} }}\n\
             server {{ listen 127.0.0.1:{port}; client_max_body_size 0;\n\
             location / {{ proxy_pass http://hub; proxy_http_version 1.1; proxy_set_header Host $http_host;\n\
             proxy_set_header Connection \"\"; proxy_request_buffering off; proxy_buffering off;\n\
             proxy_read_timeout 300s; }} }} }}\n"
        );
        let path = dir.path().join("nginx.conf");
        std::fs::write(&path, config).unwrap();
        let program =
            tools::on_path("nginx").or_else(|_| tools::on_path("/usr/sbin/nginx")).unwrap();
        let mut nginx =
            Launch::new("nginx", program).args(["-c", path.to_str().unwrap()]).spawn().unwrap();
        nginx.wait_for_port(([127, 0, 0, 1], port).into(), Duration::from_secs(10)).unwrap();
        Self { _dir: dir, _nginx: nginx, port }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}
