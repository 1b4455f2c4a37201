//! Files stored in xorbs, for clients that know nothing of them and for clients that look for them.

use serde_json::{Value, json};
use steelyard_core::TokenRole;
use steelyard_core::Visibility::{Private, Public};

use crate::client::Packed;
use crate::world::{Answer, ORIGIN, World, hub_token, on_every_store};

on_every_store!(
    a_file_is_there_for_clients_that_know_nothing_of_xet,
    a_file_says_that_it_can_be_put_together,
    listings_name_the_hash,
    a_file_that_came_whole_is_told_as_before_until_it_moves,
    uploads_by_git_go_to_the_content_store_where_clients_can,
    downloads_by_git_come_from_the_hub,
    what_is_in_quarantine_is_as_good_as_missing,
);

async fn committed(w: &World, seed: u64, count: usize) -> (Packed, String) {
    w.create_repo("alice", "m", Public).await;
    let packed = Packed::noise(seed, count);
    w.upload("alice/m", "alice", &packed).await;
    let commit = w.commit("alice/m", "alice", "sub dir/a.bin", &packed).await.expect(200).json();
    (packed, commit["commitOid"].as_str().unwrap().to_owned())
}

const FILE: &str = "/alice/m/resolve/main/sub%20dir/a.bin";
const TREE: &str = "/api/models/alice/m/tree/main?recursive=true";

async fn get(w: &World, url: &str, headers: &[(&str, &str)]) -> Answer {
    w.call("GET", url, None, headers, "").await
}

/// curl, browsers, huggingface_hub without hf_xet and all before 0.30.
async fn a_file_is_there_for_clients_that_know_nothing_of_xet(w: World) {
    let (packed, commit) = committed(&w, 1, 700_000).await;
    let sha256 = packed.sha256.to_string();
    let head = w.call("HEAD", FILE, None, &[], "").await.expect(200);
    assert!(head.body.is_empty());
    let whole = get(&w, FILE, &[]).await.expect(200);
    assert!(whole.body == packed.data, "never a redirect: the object store has no such object");
    for answer in [&head, &whole] {
        assert_eq!(answer.header("content-length"), "700000");
        assert_eq!(answer.header("x-linked-size"), "700000");
        assert_eq!(answer.header("etag"), format!("\"{sha256}\""));
        assert_eq!(answer.header("x-linked-etag"), format!("\"{sha256}\""));
        assert_eq!(answer.header("x-repo-commit"), commit);
        assert_eq!(answer.header("accept-ranges"), "bytes");
        assert_eq!(answer.header("content-type"), "application/octet-stream");
        assert!(answer.header("content-disposition").contains("filename=\"a.bin\""));
        assert!(answer.header("location").is_empty());
    }
    for (range, part, content_range) in [
        ("bytes=0-0", 0..1, "bytes 0-0/700000"),
        ("bytes=65530-131080", 65_530..131_081, "bytes 65530-131080/700000"),
        ("bytes=699999-", 699_999..700_000, "bytes 699999-699999/700000"),
        ("bytes=-100000", 600_000..700_000, "bytes 600000-699999/700000"),
    ] {
        let answer = get(&w, FILE, &[("range", range)]).await.expect(206);
        assert!(answer.body == packed.data[part], "{range}");
        assert_eq!(answer.header("content-range"), content_range);
    }
    let beyond = get(&w, FILE, &[("range", "bytes=700000-")]).await.expect(416);
    assert_eq!(beyond.header("content-range"), "bytes */700000");
    let tag = format!("\"{sha256}\"");
    get(&w, FILE, &[("if-none-match", &tag)]).await.expect(304);
    let resumed = get(&w, FILE, &[("range", "bytes=5-"), ("if-range", &tag)]).await.expect(206);
    assert!(resumed.body == packed.data[5..]);
    let changed = get(&w, FILE, &[("range", "bytes=5-"), ("if-range", "\"x\"")]).await.expect(200);
    assert!(changed.body == packed.data);
}

/// huggingface_hub reads hash and `xet-auth` (utils/_xet.py); huggingface.js wants both links and a body of its own.
async fn a_file_says_that_it_can_be_put_together(w: World) {
    let (packed, commit) = committed(&w, 2, 100_000).await;
    let token_url = format!("{ORIGIN}/api/models/alice/m/xet-read-token/{commit}");
    let plan_url = format!("{ORIGIN}/api/xet/v2/reconstructions/{}", packed.file);
    for method in ["HEAD", "GET"] {
        let answer = w.call(method, FILE, None, &[], "").await.expect(200);
        assert_eq!(answer.header("x-xet-hash"), packed.file.to_string());
        let links = format!(
            "<{token_url}>; rel=\"xet-auth\", <{plan_url}>; rel=\"xet-reconstruction-info\""
        );
        assert_eq!(answer.header("link"), links);
        let exposed = answer.header("access-control-expose-headers");
        assert!(exposed.contains("X-Xet-Hash") && exposed.contains("Link"), "{exposed}");
    }
    // The address that is named gives a token for the file.
    let token = w.ask("GET", &token_url, None).await.expect(200).json();
    let token = token["accessToken"].as_str().unwrap();
    w.call("GET", &plan_url, Some(token), &[], "").await.expect(200);

    let media_type = "application/vnd.xet-fileinfo+json";
    let accept = format!("{media_type}, */*");
    let wanted = [("accept", &*accept), ("range", "bytes=0-0")];
    let info = get(&w, FILE, &wanted).await.expect(200);
    assert_eq!(info.header("content-type"), media_type);
    assert_eq!(info.header("x-linked-size"), "100000");
    assert_eq!(info.header("x-linked-etag"), format!("\"{}\"", packed.sha256));
    assert!(info.header("vary").contains("Accept"));
    let hash = packed.file.to_string();
    let body = json!({"hash": hash, "refreshUrl": token_url, "reconstructionUrl": plan_url});
    assert_eq!(info.json(), body);
    let no = [("accept", "*/*"), ("range", "bytes=0-0")];
    assert_eq!(get(&w, FILE, &no).await.expect(206).body[..], packed.data[..1]);
    // A file that git holds has nothing to tell of.
    let card = get(&w, "/alice/m/resolve/main/.gitattributes", &wanted).await;
    assert!(card.header("x-xet-hash").is_empty() && card.header("link").is_empty());
}

async fn listings_name_the_hash(w: World) {
    let (packed, commit) = committed(&w, 3, 50_000).await;
    let hash = packed.file.to_string();
    let lfs = json!({"oid": packed.sha256, "size": 50_000, "pointerSize": 130});
    let check = |listed: &Value| {
        let find = |path: &str| {
            let entries = listed.as_array().unwrap();
            entries.iter().find(|entry| entry["path"] == path).unwrap_or_else(|| panic!("{listed}"))
        };
        let (file, other) = (find("sub dir/a.bin"), find(".gitattributes"));
        assert_eq!(file["xetHash"], *hash);
        let told: Value =
            ["oid", "size"].iter().map(|name| (*name, file["lfs"][name].clone())).collect();
        assert_eq!(told, json!({"oid": lfs["oid"], "size": lfs["size"]}));
        assert!(other.get("xetHash").is_none() && other.get("lfs").is_none());
    };
    for revision in ["main", &commit] {
        let url = format!("/api/models/alice/m/tree/{revision}?recursive=true&expand=false");
        check(&get(&w, &url, &[]).await.expect(200).json());
    }
    let body = json!({"paths": ["sub dir/a.bin", ".gitattributes", "nothing"]}).to_string();
    let url = "/api/models/alice/m/paths-info/main";
    let headers = [("content-type", "application/json")];
    check(&w.call("POST", url, None, &headers, body).await.expect(200).json());
}

/// What git-lfs and older clients upload moves into xorbs by and by.
async fn a_file_that_came_whole_is_told_as_before_until_it_moves(w: World) {
    w.create_repo("alice", "m", Public).await;
    let packed = Packed::noise(4, 300_000);
    let granted = batch(&w, "alice", "upload", &["basic"], &packed).await;
    assert_eq!(granted["transfer"], "basic");
    let actions = &granted["objects"][0]["actions"];
    let (put, verify) = (&actions["upload"]["href"], &actions["verify"]["href"]);
    w.call("PUT", put.as_str().unwrap(), None, &[], packed.data.clone()).await.expect(200);
    let pointer = json!({"oid": packed.sha256, "size": 300_000}).to_string();
    w.call("POST", verify.as_str().unwrap(), None, &[], pointer).await.expect(200);
    w.commit("alice/m", "alice", "sub dir/a.bin", &packed).await.expect(200);

    let before = w.call("HEAD", FILE, None, &[], "").await.expect(200);
    assert!(before.header("x-xet-hash").is_empty() && before.header("link").is_empty());
    assert!(!get(&w, TREE, &[]).await.body.windows(7).any(|text| text == b"xetHash"));
    let answer = get(&w, FILE, &[]).await;
    assert_eq!(
        answer.status.as_u16(),
        if answer.header("location").is_empty() { 200 } else { 302 }
    );

    assert_eq!(w.hub.run_jobs_until_idle().await.unwrap().failed, 0);
    let after = w.call("HEAD", FILE, None, &[], "").await.expect(200);
    assert_eq!(after.header("x-xet-hash"), packed.file.to_string());
    assert_eq!(after.header("etag"), before.header("etag"));
    assert!(get(&w, TREE, &[]).await.body.windows(7).any(|text| text == b"xetHash"));
    let answer = get(&w, FILE, &[]).await.expect(200);
    assert!(answer.body == packed.data, "the object is left over and not handed out any more");
    let href = download_href(&w, &packed).await;
    assert!(href.starts_with(ORIGIN), "{href}");
    assert!(get(&w, &href, &[]).await.expect(200).body == packed.data);
}

async fn batch(
    w: &World,
    user: &str,
    operation: &str,
    transfers: &[&str],
    packed: &Packed,
) -> Value {
    let object = json!({"oid": packed.sha256, "size": packed.data.len()});
    let body = json!({"operation": operation, "transfers": transfers, "objects": [object]});
    let token = hub_token(user, TokenRole::Write);
    let url = "/alice/m.git/info/lfs/objects/batch";
    w.call("POST", url, Some(&token), &[], body.to_string()).await.expect(200).json()
}

async fn download_href(w: &World, packed: &Packed) -> String {
    let granted = batch(w, "bob", "download", &["basic", "xet"], packed).await;
    assert_eq!(granted["transfer"], "basic", "git-xet does not download");
    granted["objects"][0]["actions"]["download"]["href"].as_str().unwrap().to_owned()
}

/// huggingface_hub 0.36 to 1.14, huggingface.js and git-xet ask the batch.
async fn uploads_by_git_go_to_the_content_store_where_clients_can(w: World) {
    w.create_repo("alice", "m", Public).await;
    let packed = Packed::noise(5, 200_000);
    let transfers = ["basic", "multipart", "xet"];
    let granted = batch(&w, "alice", "upload", &transfers, &packed).await;
    assert_eq!(granted["transfer"], "xet");
    let action = &granted["objects"][0]["actions"]["upload"];
    let header = |name: &str| action["header"][name].as_str().unwrap().to_owned();
    assert_eq!(header("X-Xet-Cas-Url"), format!("{ORIGIN}/api/xet"));
    let expires: i64 = header("X-Xet-Token-Expiration").parse().unwrap();
    assert!(expires > w.hub.now().secs() + 600, "{expires}");
    // The token is good, and the address gives another one.
    let refreshed = w.ask("GET", action["href"].as_str().unwrap(), Some("alice")).await;
    let refreshed = refreshed.expect(200).json()["accessToken"].as_str().unwrap().to_owned();
    for token in [header("X-Xet-Access-Token"), refreshed] {
        w.put_xorb(&token, &packed).await.expect(200);
        w.cas("POST", "/v1/shards", &token, packed.shard()).await.expect(200);
    }
    w.commit("alice/m", "alice", "sub dir/a.bin", &packed).await.expect(200);
    assert!(get(&w, FILE, &[]).await.expect(200).body == packed.data);
    // It is there: nothing to do, and no token for nothing.
    let again = batch(&w, "alice", "upload", &transfers, &packed).await;
    assert_eq!(again["transfer"], "basic");
    assert_eq!(again["objects"], json!([{"oid": packed.sha256, "size": 200_000}]));
    // An empty file has no chunk, so whoever has one among others sends all of them whole.
    let empty = Packed::noise(6, 1);
    let objects = json!([
        {"oid": empty.sha256, "size": 1},
        {"oid": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "size": 0},
    ]);
    let body = json!({"operation": "upload", "transfers": transfers, "objects": objects});
    let token = hub_token("alice", TokenRole::Write);
    let url = "/alice/m.git/info/lfs/objects/batch";
    let mixed = w.call("POST", url, Some(&token), &[], body.to_string()).await.expect(200).json();
    assert_eq!(mixed["transfer"], "basic");
    assert!(mixed["objects"][0]["actions"]["upload"]["href"].is_string());
    // Who may only propose gets a token for that.
    let theirs = Packed::noise(7, 1000);
    let granted = batch(&w, "bob", "upload", &transfers, &theirs).await;
    let token = granted["objects"][0]["actions"]["upload"]["header"]["X-Xet-Access-Token"].as_str();
    w.put_xorb(token.unwrap(), &theirs).await.expect(200);
    w.cas("POST", "/v1/shards", token.unwrap(), theirs.shard()).await.expect(200);
    w.commit("alice/m", "bob", "b.bin", &theirs).await.expect(403);
    w.commit("alice/m", "alice", "b.bin", &theirs).await.expect(200);
}

async fn downloads_by_git_come_from_the_hub(w: World) {
    let (packed, _) = committed(&w, 8, 150_000).await;
    let href = download_href(&w, &packed).await;
    assert!(href.starts_with(ORIGIN), "{href}");
    assert!(get(&w, &href, &[]).await.expect(200).body == packed.data);
    let part = get(&w, &href, &[("range", "bytes=70000-80000")]).await.expect(206);
    assert!(part.body == packed.data[70_000..80_001]);
    w.create_repo("alice", "other", Private).await;
    let elsewhere = href.replace("/lfs/object/1/", "/lfs/object/2/");
    assert_ne!(elsewhere, href);
    get(&w, &elsewhere, &[]).await.expect(403);
}

/// The uploader of a large file said that it was another one.
async fn what_is_in_quarantine_is_as_good_as_missing(w: World) {
    let (packed, _) = committed(&w, 9, 150_000).await;
    let href = download_href(&w, &packed).await;
    let mut tx = w.hub.db().write().await.unwrap();
    let sql =
        "UPDATE lfs_link SET claimed_file_id = (SELECT MAX(id) FROM xet_file), quarantined_at = 1";
    assert_eq!(tx.execute(sql, Vec::new()).await.unwrap(), 1);
    tx.commit().await.unwrap();
    for method in ["HEAD", "GET"] {
        let answer = w.call(method, FILE, None, &[("if-none-match", "*")], "").await.expect(404);
        assert_eq!(answer.header("x-error-code"), "EntryNotFound");
        assert!(answer.header("x-error-message").contains("quarantine"));
        assert!(answer.header("x-repo-commit").is_empty(), "clients would remember that for good");
        assert!(answer.header("x-xet-hash").is_empty());
    }
    assert!(!get(&w, TREE, &[]).await.expect(200).body.windows(7).any(|text| text == b"xetHash"));
    get(&w, &href, &[]).await.expect(404);
    let down = batch(&w, "bob", "download", &["basic"], &packed).await;
    assert_eq!(down["objects"][0]["error"]["code"], 404);
    let up = batch(&w, "alice", "upload", &["basic"], &packed).await;
    let put = up["objects"][0]["actions"]["upload"]["href"].as_str().unwrap().to_owned();
    let verify = up["objects"][0]["actions"]["verify"]["href"].as_str().unwrap().to_owned();
    w.call("PUT", &put, None, &[], packed.data.clone()).await.expect(200);
    let pointer = json!({"oid": packed.sha256, "size": 150_000}).to_string();
    w.call("POST", &verify, None, &[], pointer).await.expect(200);
    assert!(get(&w, FILE, &[]).await.expect(200).body == packed.data, "uploaded again, it is back");
}
