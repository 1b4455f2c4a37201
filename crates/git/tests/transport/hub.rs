//! A hub in miniature: one repository over HTTP/1.1, made of nothing but the parts under test.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use futures_util::StreamExt as _;
use steelyard_core::Oid;
use steelyard_git::cache_dir::{self, FileSource};
use steelyard_git::protocol::RefRecord;
use steelyard_git::protocol::advert::{
    receive_pack_advert, upload_pack_v0_advert, upload_pack_v2_advert,
};
use steelyard_git::protocol::ls_refs::{V2Command, answer_ls_refs, read_v2_command};
use steelyard_git::protocol::receive::{ReceiveRequest, read_request, report_status};
use steelyard_git::tool::{GitBinary, Quarantine, ToolError};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Take};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::fixture::IDLE;

const AGENT: &str = "steelyard/test";
const HEAD: &str = "refs/heads/main";

type Body = Take<BufReader<OwnedReadHalf>>;

pub struct Hub {
    pub git: GitBinary,
    pub dir: PathBuf,
    pub refs: Mutex<Vec<RefRecord>>,
    /// Paths and, for protocol v2, commands that were asked for.
    pub log: Mutex<Vec<String>>,
    pub max_input_bytes: u64,
}

impl Hub {
    /// A hub whose repository holds `pack`, if any, and `refs`.
    pub fn new(git: GitBinary, dir: &Path, refs: Vec<RefRecord>) -> Self {
        cache_dir::write_skeleton(dir).unwrap();
        Self {
            git,
            dir: dir.to_owned(),
            refs: Mutex::new(refs),
            log: Mutex::default(),
            max_input_bytes: 1 << 20,
        }
    }

    /// Lets `pack` pass quarantine and installs it.
    pub async fn add_pack(&self, pack: &[u8]) {
        let objects = self.dir.with_extension("import");
        let quarantine = Quarantine { objects: &objects, git_dir: &self.dir };
        let indexed = self.git.index_pack(quarantine, pack, 1 << 30, IDLE).await.unwrap();
        let name = format!("pack-{}", indexed.checksum);
        let (pack, idx) =
            (FileSource::Path(&indexed.pack_path), FileSource::Path(&indexed.idx_path));
        cache_dir::install_pack(&self.dir, &name, pack, idx).unwrap();
        std::fs::remove_dir_all(objects).unwrap();
    }

    pub async fn serve(self: Arc<Self>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(self.clone().answer(stream));
            }
        });
        address
    }

    async fn answer(self: Arc<Self>, stream: TcpStream) {
        let (reader, mut writer) = stream.into_split();
        let mut reader = BufReader::new(reader);
        let mut request = String::new();
        reader.read_line(&mut request).await.unwrap();
        let (mut length, mut protocol) = (0, String::new());
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).await.unwrap();
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().unwrap(),
                "git-protocol" => protocol = value.to_owned(),
                "transfer-encoding" | "content-encoding" => panic!("not spoken here: {line}"),
                _ => {}
            }
        }
        let path = request.split(' ').nth(1).unwrap().to_owned();
        self.log.lock().unwrap().push(path.clone());
        let service = if path.contains("upload-pack") { "upload-pack" } else { "receive-pack" };
        let what = if path.contains("/info/refs") { "advertisement" } else { "result" };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/x-git-{service}-{what}\r\n\
             Connection: close\r\n\r\n"
        );
        writer.write_all(head.as_bytes()).await.unwrap();
        let is_v2 = protocol == "version=2";
        let body = reader.take(length);
        match (service, what) {
            ("upload-pack", "advertisement") => {
                writer.write_all(&self.advert(is_v2)).await.unwrap();
            }
            ("upload-pack", _) => self.fetch(body, writer, is_v2.then_some("version=2")).await,
            (_, "advertisement") => {
                let advert = receive_pack_advert(&self.refs.lock().unwrap(), AGENT);
                writer.write_all(&advert).await.unwrap();
            }
            _ => self.push(body, writer).await,
        }
    }

    fn advert(&self, is_v2: bool) -> Vec<u8> {
        if is_v2 {
            return upload_pack_v2_advert(AGENT);
        }
        upload_pack_v0_advert(&self.refs.lock().unwrap(), Some(HEAD), AGENT)
    }

    async fn fetch(&self, mut body: Body, mut writer: OwnedWriteHalf, protocol: Option<&str>) {
        let mut request = Vec::new();
        if protocol.is_some() {
            let command;
            (command, request) = read_v2_command(&mut body).await.unwrap();
            self.log.lock().unwrap().push(format!("{command:?}"));
            match command {
                V2Command::LsRefs(wanted) => {
                    let answer = answer_ls_refs(&wanted, &self.refs.lock().unwrap(), Some(HEAD));
                    return writer.write_all(&answer).await.unwrap();
                }
                V2Command::Empty => return,
                V2Command::Fetch => {}
                V2Command::Other(name) => panic!("{name} is not offered"),
            }
        }
        cache_dir::write_packed_refs(&self.dir, &self.refs.lock().unwrap(), HEAD).unwrap();
        let stdin = std::io::Cursor::new(request).chain(body);
        let mut output = self.git.upload_pack(&self.dir, protocol, stdin, IDLE).await.unwrap();
        while let Some(chunk) = output.next().await {
            match chunk {
                Ok(chunk) => writer.write_all(&chunk).await.unwrap(),
                Err(ToolError::Exit { text, .. }) => self.log.lock().unwrap().push(text),
                Err(error) => panic!("{error}"),
            }
        }
    }

    async fn push(&self, mut body: Body, mut writer: OwnedWriteHalf) {
        let request = read_request(&mut body).await.unwrap();
        if request.commands.is_empty() {
            return;
        }
        let side_band = request.capabilities.side_band_64k;
        let checked = self.check(&request, &mut body).await;
        let (unpack, results) = match checked {
            Ok(()) => (Ok(()), self.update(&request)),
            Err(reason) => {
                let failed = |command: &_| fail(command, "unpacker error");
                (Err(reason), request.commands.iter().map(failed).collect())
            }
        };
        // What git did not want is still in the pipe; the client expects to get rid of it.
        tokio::io::copy(&mut body, &mut tokio::io::sink()).await.unwrap();
        let report =
            report_status(unpack.as_ref().map(|_| ()).map_err(String::as_str), &results, side_band);
        writer.write_all(&report).await.unwrap();
    }

    async fn check(&self, request: &ReceiveRequest, body: &mut Body) -> Result<(), String> {
        if !request.expects_pack() {
            return Ok(());
        }
        cache_dir::write_packed_refs(&self.dir, &self.refs.lock().unwrap(), HEAD).unwrap();
        let objects = tempfile::tempdir().unwrap();
        let quarantine = Quarantine { objects: objects.path(), git_dir: &self.dir };
        let indexed = self
            .git
            .index_pack(quarantine, body, self.max_input_bytes, IDLE)
            .await
            .map_err(|error| error.to_string())?;
        let tips: Vec<Oid> =
            request.commands.iter().map(|c| c.new).filter(|new| !new.is_zero()).collect();
        self.git.connectivity(quarantine, &tips, IDLE).await.map_err(|error| error.to_string())?;
        let name = format!("pack-{}", indexed.checksum);
        let (pack, idx) =
            (FileSource::Path(&indexed.pack_path), FileSource::Path(&indexed.idx_path));
        cache_dir::install_pack(&self.dir, &name, pack, idx).unwrap();
        Ok(())
    }

    fn update(&self, request: &ReceiveRequest) -> Vec<(String, Result<(), String>)> {
        let mut refs = self.refs.lock().unwrap();
        let mut results = Vec::new();
        for command in &request.commands {
            if command.name.starts_with("refs/heads/protected") {
                results.push(fail(command, "the branch is protected"));
                continue;
            }
            refs.retain(|record| record.name != command.name);
            if !command.is_delete() {
                let (name, oid) = (command.name.clone(), command.new);
                refs.push(RefRecord { name, oid, peeled: None });
            }
            results.push((command.name.clone(), Ok(())));
        }
        refs.sort_by(|a, b| a.name.cmp(&b.name));
        results
    }
}

fn fail(
    command: &steelyard_git::protocol::receive::RefCommand,
    reason: &str,
) -> (String, Result<(), String>) {
    (command.name.clone(), Err(reason.to_owned()))
}
