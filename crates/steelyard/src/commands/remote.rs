//! Asking a running hub over HTTP.

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::cli::{RemoteArgs, SettingFlags};

/// A running hub, and who asks it.
pub(super) struct Remote {
    endpoint: String,
    token: Option<String>,
}

impl Remote {
    /// The hub that the arguments, the environment or the configuration name.
    pub(super) fn new(flags: &SettingFlags, args: &RemoteArgs) -> Result<Self> {
        let endpoint = match &args.endpoint {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => {
                let server = super::load(flags)?.config.server;
                format!("http://{}", server.listen.0)
            }
        };
        Ok(Self { endpoint, token: args.token.clone().or_else(saved_token) })
    }

    /// The JSON at a path; what the hub says is wrong becomes the error.
    pub(super) fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Value> {
        super::runtime()?.block_on(async {
            // Fails only when a provider is set already.
            rustls::crypto::ring::default_provider().install_default().ok();
            let client = reqwest::Client::builder().build().context("cannot make a client")?;
            let pairs = query.iter().map(|(key, value)| (*key, value.as_str()));
            let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            let mut request = client.get(format!("{}{path}?{text}", self.endpoint));
            if let Some(token) = &self.token {
                request = request.bearer_auth(token);
            }
            let answer = request
                .send()
                .await
                .with_context(|| format!("no hub answers at {}", self.endpoint))?;
            let status = answer.status();
            let body: Value = answer.json().await.unwrap_or_default();
            if status.is_success() {
                return Ok(body);
            }
            let told = body["error"].as_str().unwrap_or("no reason was given");
            bail!("{} says {status}: {told}", self.endpoint)
        })
    }
}

/// What `hf auth login` saved.
fn saved_token() -> Option<String> {
    let home = match std::env::var_os("HF_HOME") {
        Some(home) => home.into(),
        None => std::path::PathBuf::from(std::env::var_os("HOME")?).join(".cache/huggingface"),
    };
    let token = std::fs::read_to_string(home.join("token")).ok()?;
    Some(token.trim().to_owned()).filter(|token| !token.is_empty())
}
