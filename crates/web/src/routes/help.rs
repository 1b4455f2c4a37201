//! Help that is about this hub: its own address stands in every command.

use std::sync::LazyLock;

use askama::Template;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use steelyard_http::ApiError;
use steelyard_service::Result;

use crate::frame::{Frame, Visit};
use crate::respond;

/// A client and what one types to use it with this hub.
struct Client {
    id: &'static str,
    title: &'static str,
    about: &'static str,
    language: &'static str,
    code: String,
}

#[derive(Template)]
#[template(path = "setup.html")]
struct SetupPage {
    frame: Frame,
    origin: String,
    clients: Vec<Client>,
}

pub(super) async fn setup(visit: Visit) -> Result<Response, ApiError> {
    let frame = visit.frame.clone().section("setup").markdown("/setup.md".to_owned());
    let page = SetupPage { frame, clients: clients(&visit.origin), origin: visit.origin };
    if visit.as_markdown || visit.uri.path().ends_with(".md") {
        let mut text = format!("# Set up a client for {}\n{ACCOUNT}", page.origin);
        for Client { title, about, language, code, .. } in &page.clients {
            text.push_str(&format!("\n## {title}\n\n{about}\n\n```{language}\n{code}\n```\n"));
        }
        return Ok(respond::markdown(text));
    }
    Ok(respond::page(&page)?)
}

/// The page's words about accounts and tokens, as Markdown.
const ACCOUNT: &str = "\n## Who you are\n\nWhat is public needs no account. For the rest, `hf auth login` shows an address and a code: open the \
address where you are signed in, and allow it (huggingface_hub 1.33 and newer). Everything else takes an access token, which stands here as \
`hf_…`: make one under [Settings, Access tokens](/settings/tokens). [Make a repository](/new) to have a place for your files.\n";

fn clients(origin: &str) -> Vec<Client> {
    let client = |&(id, title, about, language, code): &ClientText| Client {
        id,
        title,
        about,
        language,
        code: code.replace("ORIGIN", origin),
    };
    CLIENTS.iter().map(client).collect()
}

type ClientText = (&'static str, &'static str, &'static str, &'static str, &'static str);

/// Id, title, what to know, language, and code in which `ORIGIN` stands for this hub.
const CLIENTS: &[ClientText] = &[
    (
        "hf",
        "hf, the command line",
        "Set the endpoint once; every other client below reads the same variable. Versions before 1.33 log in with hf auth login --token hf_…",
        "bash",
        "export HF_ENDPOINT=ORIGIN\nhf auth login\nhf download NAMESPACE/NAME\nhf upload NAMESPACE/NAME ./folder",
    ),
    (
        "python",
        "Python: huggingface_hub",
        "The variable must be set before the import, or the endpoint given.",
        "python",
        "from huggingface_hub import HfApi, snapshot_download\n\napi = HfApi(endpoint=\"ORIGIN\", token=\"hf_…\")\nsnapshot_download(\"NAMESPACE/NAME\", endpoint=\"ORIGIN\")",
    ),
    (
        "transformers",
        "transformers, datasets, diffusers, sentence-transformers",
        "They load through huggingface_hub: with HF_ENDPOINT set, names are looked up here.",
        "bash",
        "HF_ENDPOINT=ORIGIN python -c 'from transformers import pipeline; print(pipeline(model=\"NAMESPACE/NAME\")(\"text\"))'",
    ),
    (
        "git",
        "git and git-lfs",
        "An access token is the password; any user name will do.",
        "bash",
        "git lfs install\ngit clone ORIGIN/NAMESPACE/NAME\ngit clone ORIGIN/datasets/NAMESPACE/NAME",
    ),
    (
        "curl",
        "curl",
        "One file, whole or in part. Private repositories need the header.",
        "bash",
        "curl -LO ORIGIN/NAMESPACE/NAME/resolve/main/config.json\ncurl -L -H \"Authorization: Bearer hf_…\" -r 0-1023 ORIGIN/NAMESPACE/NAME/resolve/main/model.safetensors",
    ),
    (
        "vllm",
        "vLLM",
        "",
        "bash",
        "HF_ENDPOINT=ORIGIN HF_TOKEN=hf_… vllm serve NAMESPACE/NAME --revision COMMIT",
    ),
    (
        "llama",
        "llama.cpp",
        "The part after the colon picks the quantization.",
        "bash",
        "HF_ENDPOINT=ORIGIN/ llama-cli -hf NAMESPACE/NAME:Q4_K_M",
    ),
    (
        "docker",
        "Docker",
        "Weights stay in a volume, not in the image.",
        "bash",
        "docker run -e HF_ENDPOINT=ORIGIN -e HF_TOKEN=hf_… -v hub-cache:/root/.cache/huggingface IMAGE",
    ),
    (
        "kubernetes",
        "Kubernetes",
        "The token belongs into a Secret.",
        "yaml",
        "env:\n  - name: HF_ENDPOINT\n    value: ORIGIN\n  - name: HF_TOKEN\n    valueFrom:\n      secretKeyRef:\n        name: hub-token\n        key: token",
    ),
];

static DOCUMENT: LazyLock<String> =
    LazyLock::new(|| steelyard_http::openapi::document().to_string());

/// The OpenAPI document of the routes that programs use.
pub(super) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}

/// The hub for programs that read: where things stand, and how to ask.
pub(super) async fn llms(visit: Visit) -> Result<Response, ApiError> {
    let text = LLMS.replace("ORIGIN", &visit.origin);
    Ok(respond::markdown(text))
}

const LLMS: &str = "# Steelyard

> A self-hosted hub for machine-learning models, datasets and Spaces at ORIGIN. It answers the API of the Hugging Face Hub, \
so that its clients work with HF_ENDPOINT=ORIGIN. Pages are HTML; each is also Markdown, under its address with `.md`.

## Find

- [Models](ORIGIN/models.md), [datasets](ORIGIN/datasets.md), [Spaces](ORIGIN/spaces.md): lists; `?q=` takes a structured \
query such as `task:text-classification lang:en size:<100MB`, `?sort=` an order, `?cursor=` a place.
- [Search](ORIGIN/search.md): everything, `?q=`.
- [Compare](ORIGIN/compare.md): up to five models, `?id=ns/name&id=ns/name`.

## Read

- `ORIGIN/{namespace}/{name}.md`: a model's card with its facts; datasets and Spaces under `/datasets/` and `/spaces/`.
- `ORIGIN/{namespace}/{name}/resolve/{revision}/{path}`: a file. `/raw/` gives what git holds.
- `ORIGIN/{namespace}.md`: a user or an organisation.

## Use

- [Set-up](ORIGIN/setup.md): every client with this hub's address.
- [Guides](ORIGIN/docs.md): how to use and to run the hub.
- [API](ORIGIN/docs/api.md): every route; [the OpenAPI document](ORIGIN/api/openapi.json).
- [Doctor](ORIGIN/doctor.md): why a request failed, `?request=` with its X-Request-Id or `?url=`.
";
