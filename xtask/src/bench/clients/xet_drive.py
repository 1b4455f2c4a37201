"""Drives hf_xet as huggingface_hub does, against any server of its protocol; prints what happened as JSON.

Usage: xet_drive.py up SERVER FILE...
       xet_drive.py down SERVER HASH SIZE DEST

SERVER is the address that gives tokens (with HF_TOKEN), or `cas:` and the address of a server that wants none.
"""

import json
import os
import sys
import time

import hf_xet

verb, server, rest = sys.argv[1], sys.argv[2], sys.argv[3:]
session = hf_xet.XetSession()
if server.startswith("cas:"):
    where = {"endpoint": server.removeprefix("cas:"), "token": "none", "token_expiry_unix_secs": int(time.time()) + 86400}
else:
    auth = {"Authorization": f"Bearer {os.environ['HF_TOKEN']}"}
    where = {"token_refresh_url": server, "token_refresh_headers": auth}

started = time.monotonic()
if verb == "up":
    commit = session.new_upload_commit(**where)
    handles = [commit.start_upload_file(path, sha256=hf_xet.COMPUTE_SHA256) for path in rest]
    report = commit.wait_to_finish()
    seconds = time.monotonic() - started
    infos = [handle.result().xet_info for handle in handles]
    files = [{"hash": info.hash, "size": info.file_size, "sha256": info.sha256} for info in infos]
    wire = report.dedup_metrics.total_bytes_uploaded
    print(json.dumps({"seconds": seconds, "files": files, "wire": wire}))
else:
    file_hash, size, dest = rest
    with session.new_file_download_group(**where) as group:
        group.start_download_file(hf_xet.XetFileInfo(file_hash, int(size)), dest)
    print(json.dumps({"seconds": time.monotonic() - started}))
