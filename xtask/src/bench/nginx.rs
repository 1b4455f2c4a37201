//! nginx as one would set it up: static files with sendfile, and git http-backend behind fcgiwrap.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use steelyard_testkit::{Launch, Process, free_port, tools};

use super::Bench;
use crate::shell::probe;

pub(super) struct Nginx {
    _nginx: Process,
    _fcgiwrap: Process,
    pub(super) root: PathBuf,
    pub(super) address: String,
}

impl Nginx {
    /// Serves `root/static` as `/static` and the bare repositories in `root/git` as `/git`.
    pub(super) fn start(bench: &Bench, name: &str) -> Result<Self> {
        let root = bench.dir.path().join(name);
        std::fs::create_dir_all(root.join("static"))?;
        std::fs::create_dir_all(root.join("git"))?;
        let socket = root.join("fcgi.sock");
        let git = tools::git()?;
        let programs =
            probe(Command::new(&git).arg("--exec-path")).context("git --exec-path failed")?;
        let backend = Path::new(&programs).join("git-http-backend");
        let fcgiwrap = Launch::new("fcgiwrap", server("fcgiwrap")?)
            .args(["-c", "8", "-s"])
            .arg(format!("unix:{}", socket.display()))
            .spawn()?;
        let port = free_port()?;
        let config = root.join("nginx.conf");
        std::fs::write(&config, text(&root, port, &socket, &backend))?;
        let mut nginx = Launch::new("nginx", server("nginx")?).arg("-c").arg(&config).spawn()?;
        nginx.wait_for_port(([127, 0, 0, 1], port).into(), Duration::from_secs(10))?;
        Ok(Self { _nginx: nginx, _fcgiwrap: fcgiwrap, root, address: format!("127.0.0.1:{port}") })
    }
}

fn server(name: &str) -> Result<PathBuf> {
    Ok(tools::on_path(name).or_else(|_| tools::on_path(&format!("/usr/sbin/{name}")))?)
}

fn text(root: &Path, port: u16, socket: &Path, backend: &Path) -> String {
    let (root, socket, backend) = (root.display(), socket.display(), backend.display());
    format!(
        "daemon off; user root; worker_processes auto; pid {root}/pid; error_log {root}/error.log;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\n access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;\n\
         default_type application/octet-stream; open_file_cache max=1000;\n\
         client_body_temp_path {root}/b; proxy_temp_path {root}/p; fastcgi_temp_path {root}/f;\n\
         uwsgi_temp_path {root}/u; scgi_temp_path {root}/s;\n\
         server {{ listen 127.0.0.1:{port}; client_max_body_size 0;\n\
         location /static/ {{ root {root}; }}\n\
         location ~ ^/git(/.*)$ {{\n  fastcgi_pass unix:{socket}; fastcgi_request_buffering off; fastcgi_buffering off;\n\
         fastcgi_param SCRIPT_FILENAME {backend}; fastcgi_param PATH_INFO $1;\n\
         fastcgi_param GIT_PROJECT_ROOT {root}/git; fastcgi_param GIT_HTTP_EXPORT_ALL 1;\n\
         fastcgi_param REMOTE_USER bench; fastcgi_param REMOTE_ADDR $remote_addr;\n\
         fastcgi_param QUERY_STRING $query_string; fastcgi_param REQUEST_METHOD $request_method;\n\
         fastcgi_param CONTENT_TYPE $content_type; fastcgi_param CONTENT_LENGTH $content_length;\n\
         fastcgi_param HTTP_GIT_PROTOCOL $http_git_protocol; fastcgi_param GIT_PROTOCOL $http_git_protocol;\n\
         fastcgi_param SERVER_PROTOCOL $server_protocol; fastcgi_param PATH /usr/local/bin:/usr/bin:/bin;\n\
         }} }} }}\n"
    )
}
