//! What the hub answers itself must be what the git program would answer.

use std::path::Path;

use crate::fixture::{Fixture, gits, since};
use steelyard_git::pktline::{self, DELIM, FLUSH};
use steelyard_git::protocol::advert::{
    receive_pack_advert, upload_pack_v0_advert, upload_pack_v2_advert,
};
use steelyard_git::protocol::ls_refs::{V2Command, answer_ls_refs, parse_v2_command};

const SETTINGS: [&str; 6] = [
    "-c",
    "uploadpack.allowFilter=true",
    "-c",
    "uploadpack.allowAnySHA1InWant=true",
    "-c",
    "transfer.advertiseSID=false",
];

fn real(fixture: &Fixture, repo: &Path, protocol: &str, args: &[&str], stdin: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    use std::process::Stdio;
    let mut child = fixture
        .command(repo)
        .args(SETTINGS)
        .args(args)
        .arg(repo)
        .env("GIT_PROTOCOL", protocol)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin).unwrap();
    child.wait_with_output().unwrap().stdout
}

fn with_service(service: &str, advert: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    pktline::write_text(&mut out, &format!("# service={service}"));
    out.extend_from_slice(FLUSH);
    out.extend_from_slice(advert);
    out
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn adverts_are_those_of_git() {
    for git in gits() {
        let fixture = Fixture::new(&git);
        let repo = fixture.repository("repo");
        let repo = repo.join(".git");
        let refs = fixture.refs(&repo);
        assert_eq!(refs.len(), 4);
        let agent = format!("git/{}", git.version());

        let args = ["upload-pack", "--stateless-rpc", "--advertise-refs"];
        // Older ones lack some of what is offered here.
        if git.version() >= since(2, 32) {
            // Git before 2.40 always offers object-info, which this hub does not, and ends with one flush too many.
            let v2 = text(&real(&fixture, &repo, "version=2", &args, b""));
            let v2 = v2.replace("0010object-info\n", "").replace("00000000", "0000");
            assert_eq!(text(&upload_pack_v2_advert(&agent)), v2, "{agent}");
        }

        let v0 = real(&fixture, &repo, "", &args, b"");
        let ours = upload_pack_v0_advert(&refs, Some("refs/heads/main"), &agent);
        assert_eq!(text(&ours), text(&with_service("git-upload-pack", &v0)), "{agent}");

        let push = real(
            &fixture,
            &repo,
            "",
            &["receive-pack", "--stateless-rpc", "--advertise-refs"],
            b"",
        );
        let ours = receive_pack_advert(&refs, &agent);
        assert_eq!(text(&ours), text(&with_service("git-receive-pack", &push)), "{agent}");
    }
}

#[test]
fn adverts_of_an_empty_repository_are_those_of_git() {
    for git in gits() {
        let fixture = Fixture::new(&git);
        let repo = fixture.path("empty");
        fixture.git(fixture.dir.path(), &["init", "-q", "--bare", "empty"]);
        let agent = format!("git/{}", git.version());
        let push = real(
            &fixture,
            &repo,
            "",
            &["receive-pack", "--stateless-rpc", "--advertise-refs"],
            b"",
        );
        let ours = receive_pack_advert(&[], &agent);
        assert_eq!(text(&ours), text(&with_service("git-receive-pack", &push)));
        // Older ones say nothing at all, so that a client cannot learn the object format.
        if git.version() >= since(2, 41) {
            let args = ["upload-pack", "--stateless-rpc", "--advertise-refs"];
            let v0 = real(&fixture, &repo, "", &args, b"");
            let ours = upload_pack_v0_advert(&[], Some("refs/heads/main"), &agent);
            assert_eq!(text(&ours), text(&with_service("git-upload-pack", &v0)));
        }
    }
}

fn ls_refs_request(arguments: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    pktline::write_text(&mut out, "command=ls-refs");
    pktline::write_text(&mut out, "object-format=sha1");
    out.extend_from_slice(DELIM);
    for argument in arguments {
        pktline::write_text(&mut out, argument);
    }
    out.extend_from_slice(FLUSH);
    out
}

const ARGUMENTS: [&[&str]; 10] = [
    &[],
    &["peel", "symrefs", "unborn"],
    &["peel", "symrefs", "ref-prefix HEAD", "ref-prefix refs/heads/", "ref-prefix refs/tags/"],
    &["peel", "ref-prefix refs/tags/"],
    &["symrefs", "unborn", "ref-prefix H"],
    &["ref-prefix refs/heads/ma", "ref-prefix refs/heads/main"],
    &["ref-prefix refs/heads/mainx"],
    &["ref-prefix "],
    &["unborn", "ref-prefix HEAD"],
    &["ref-prefix refs/heads/dev/one", "ref-prefix refs/heads/dev", "ref-prefix refs/tags/v"],
];

#[test]
fn ls_refs_answers_are_those_of_git() {
    for git in gits() {
        let fixture = Fixture::new(&git);
        let born = fixture.repository("born").join(".git");
        fixture.git(fixture.dir.path(), &["init", "-q", "--bare", "empty"]);
        let empty = fixture.path("empty");
        fixture.git(fixture.dir.path(), &["clone", "-q", "--bare", "born", "unborn"]);
        let unborn = fixture.path("unborn");
        fixture.git(&unborn, &["symbolic-ref", "HEAD", "refs/heads/not-there"]);

        let cases = [
            (&born, "refs/heads/main"),
            (&empty, "refs/heads/main"),
            (&unborn, "refs/heads/not-there"),
        ];
        for (repo, head) in cases {
            let refs = fixture.refs(repo);
            let unborn_is_known = git.version() >= since(2, 31);
            let asks_for_unborn = |arguments: &&&[&str]| arguments.contains(&"unborn");
            for arguments in ARGUMENTS.iter().filter(|all| unborn_is_known || !asks_for_unborn(all))
            {
                let request = ls_refs_request(arguments);
                let args = ["upload-pack", "--stateless-rpc"];
                let theirs = real(&fixture, repo, "version=2", &args, &request);
                let V2Command::LsRefs(parsed) = parse_v2_command(&request).unwrap() else {
                    panic!("{arguments:?} is a request for refs");
                };
                let ours = answer_ls_refs(&parsed, &refs, Some(head));
                assert_eq!(text(&ours), text(&theirs), "{} {arguments:?}", repo.display());
                assert!(theirs.ends_with(FLUSH), "git answered");
            }
        }
    }
}
