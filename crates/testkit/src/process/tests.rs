use super::*;

const LONG: Duration = Duration::from_secs(20);

fn shell(script: &str) -> Launch {
    Launch::new("sh", "sh").arg("-c").arg(script)
}

#[test]
fn waits_for_a_line_of_either_stream() {
    let mut child = shell("echo one; echo two >&2; exec sleep 60").spawn().unwrap();
    assert_eq!(child.wait_for_line("two", LONG, |line| line == "two").unwrap(), "two");
    assert_eq!(child.wait_for_line("one", LONG, |line| line == "one").unwrap(), "one");
    assert!(child.is_running());
}

#[test]
fn an_early_end_is_told_with_the_output() {
    let mut child = shell("echo broken; exit 3").spawn().unwrap();
    let error = child.wait_for_line("ready", LONG, |line| line == "ready").unwrap_err().to_string();
    assert!(error.contains("exit status: 3") && error.contains("broken"), "{error}");
}

#[test]
fn waiting_ends_at_the_timeout() {
    let mut child = shell("echo waiting; exec sleep 60").spawn().unwrap();
    let error = child
        .wait_for_line("ready", Duration::from_millis(300), |line| line == "ready")
        .unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
}

#[test]
fn dropping_kills() {
    let child = shell("exec sleep 60").spawn().unwrap();
    let proc = format!("/proc/{}", child.pid());
    assert!(Path::new(&proc).exists());
    drop(child);
    assert!(!Path::new(&proc).exists());
}

#[test]
fn the_child_outlives_the_thread_that_asked_for_it() {
    let mut child = thread::spawn(|| shell("exec sleep 60").spawn().unwrap()).join().unwrap();
    thread::sleep(Duration::from_millis(50));
    assert!(child.is_running());
}

/// Not a test of its own: the parent that [`the_child_dies_with_this_process`] starts and kills.
#[test]
#[ignore = "runs until it is killed"]
fn parent_to_be_killed() {
    let mut child = shell("echo up; exec sleep 60").spawn().unwrap();
    // Only once it runs has it asked to be told of this process's death.
    child.wait_for_line("up", LONG, |line| line == "up").unwrap();
    eprintln!("child {}", child.pid());
    thread::sleep(Duration::from_secs(60));
}

#[test]
fn the_child_dies_with_this_process() {
    let mut parent = Launch::new("this test's program", std::env::current_exe().unwrap())
        .args(["--exact", "process::tests::parent_to_be_killed", "--ignored", "--nocapture"])
        .spawn()
        .unwrap();
    let line = parent.wait_for_line("its child", LONG, |line| line.starts_with("child ")).unwrap();
    parent.kill();
    let stat = format!("/proc/{}/stat", line.trim_start_matches("child "));
    let until = Instant::now() + LONG;
    while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(Instant::now() < until, "the grandchild still runs");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn terminate_lets_it_end_by_itself() {
    let mut child =
        shell("trap 'exit 7' TERM; echo up; while :; do sleep 0.02; done").spawn().unwrap();
    child.wait_for_line("up", LONG, |line| line == "up").unwrap();
    assert_eq!(child.terminate(LONG).unwrap().code(), Some(7));
}

#[test]
fn a_failed_run_carries_its_output() {
    let error = shell("echo told; exit 1").run().unwrap_err().to_string();
    assert!(error.contains("told"), "{error}");
    assert_eq!(shell("printf ok").run().unwrap().stdout, b"ok");
}
