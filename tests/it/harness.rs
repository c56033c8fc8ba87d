//! A folder of its own, the program with a clean environment, and receivers that misbehave.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// The longest that anything in a test may take; a test that waits so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A folder of its own, removed at the end.
pub(crate) struct Folder(tempfile::TempDir);

/// What a finished program left.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The program, in this folder, with nothing of the tester's environment but the path.
    pub(crate) fn ringback(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringback"));
        command.current_dir(self.0.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        finish(self.ringback().args(args), b"")
    }

    /// Runs the program with something on its standard input.
    pub(crate) fn run_with(&self, args: &[&str], stdin: &[u8]) -> Output {
        finish(self.ringback().args(args), stdin)
    }

    /// Starts a server and waits until it says that it is up.
    pub(crate) fn start(&self, args: &[&str]) -> Server {
        Server::start(self.ringback().args(args))
    }
}

/// Runs a command to its end.
pub(crate) fn finish(command: &mut Command, stdin: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let stdin = stdin.to_owned();
    // The program may end without reading all; that is its right.
    let writer = thread::spawn(move || drop(pipe.write_all(&stdin)));
    let watch = Watch::over(&child);
    let output = child.wait_with_output().unwrap();
    drop(watch);
    writer.join().unwrap();
    Output {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl Output {
    /// Checks the exit code and returns the output.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// The lines of standard output as JSON.
    pub(crate) fn json_lines(&self) -> Vec<serde_json::Value> {
        let lines = self.stdout.lines();
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Kills a program that takes longer than anybody should wait; dropped, it watches no more.
struct Watch {
    _done: mpsc::Sender<()>,
}

impl Watch {
    fn over(child: &Child) -> Self {
        let (done, is_done) = mpsc::channel::<()>();
        let id = child.id().to_string();
        thread::spawn(move || {
            if is_done.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = Command::new("kill").args(["-9", &id]).status();
            }
        });
        Self { _done: done }
    }
}

/// A program that runs until it is told to end.
pub(crate) struct Server {
    child: Child,
    /// Where it is reached, as it said.
    pub(crate) url: String,
    stderr: mpsc::Receiver<String>,
}

impl Server {
    /// Starts it and waits for its line with a URL on standard error.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pipe = BufReader::new(child.stderr.take().unwrap());
        let (said, stderr) = mpsc::channel();
        thread::spawn(move || {
            for line in pipe.lines().map_while(Result::ok) {
                if said.send(line).is_err() {
                    break;
                }
            }
        });
        let line = stderr.recv_timeout(PATIENCE).expect("the server says that it is up");
        let url = line.split_whitespace().find(|word| word.starts_with("http"));
        let url = url.unwrap_or_else(|| panic!("no address in: {line}")).to_owned();
        Self { child, url, stderr }
    }

    /// The address without scheme and path.
    pub(crate) fn addr(&self) -> SocketAddr {
        let rest = self.url.trim_start_matches("http://").trim_start_matches("https://");
        rest.split('/').next().unwrap().parse().unwrap()
    }

    pub(crate) fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        kill.arg(format!("-{name}")).arg(self.child.id().to_string());
        assert!(kill.status().unwrap().success());
    }

    /// Asks it to end and returns what it left.
    pub(crate) fn end(mut self) -> Output {
        self.signal("TERM");
        self.wait()
    }

    /// The most memory that it has used so far, in KiB, as the kernel counts.
    pub(crate) fn peak_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// Waits for its end without reading what it prints.
    pub(crate) fn wait_unread(&mut self) -> Option<i32> {
        let _watch = Watch::over(&self.child);
        self.child.wait().unwrap().code()
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> Output {
        let _watch = Watch::over(&self.child);
        let mut stdout = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        let status = self.child.wait().unwrap();
        let stderr = self.stderr.iter().collect::<Vec<_>>().join("\n");
        Output { code: status.code(), stdout, stderr }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A receiver that answers each connection with fixed bytes, and hands over what it was sent.
pub(crate) fn raw_receiver(
    answer: impl Fn(&mut TcpStream) + Send + 'static,
) -> (SocketAddr, mpsc::Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let (seen, requests) = mpsc::channel();
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let request = read_request(&mut stream);
            answer(&mut stream);
            if seen.send(request).is_err() {
                break;
            }
        }
    });
    (addr, requests)
}

/// A receiver that always answers `status` with `body`.
pub(crate) fn receiver(status: &'static str, body: &'static str) -> SocketAddr {
    let (addr, requests) = raw_receiver(move |stream| {
        let length = body.len();
        let head =
            format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n");
        let _ = write!(stream, "{head}\r\n{body}");
    });
    thread::spawn(move || for _ in requests {});
    addr
}

/// Reads a request whose length is given in its head.
pub(crate) fn read_request(stream: &mut TcpStream) -> Vec<u8> {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut request = Vec::new();
    let mut byte = [0; 1];
    while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) > 0 {
        request.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&request).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.trim().parse().unwrap())];
    let _ = stream.read_exact(&mut body);
    request.extend(body);
    request
}

/// Sends bytes to an address and returns all that comes back until the connection ends.
pub(crate) fn exchange(addr: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// An address where nothing listens: a port that no test gets from the system.
pub(crate) fn nobody() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 1))
}

/// A fixed address of this machine that no other test uses; `test` tells tests apart.
pub(crate) fn fixed(test: u8) -> SocketAddr {
    SocketAddr::from(([127, 77, 0, test], 4010))
}

/// The root of the project.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Tells whether a program that is not ours is there to be tested with; in CI it must be.
///
/// A stranger's machine may lack one, and the suite should pass there too; CI sets `RINGBACK_PEERS` so
/// that no such test can go missing unnoticed.
#[expect(clippy::print_stderr, reason = "who runs the tests should know what was passed over")]
pub(crate) fn has_peer(command: &str, args: &[&str]) -> bool {
    let mut peer = Command::new(command);
    peer.args(args).stdout(Stdio::null()).stderr(Stdio::null());
    if peer.status().is_ok_and(|status| status.success()) {
        return true;
    }
    assert!(std::env::var_os("RINGBACK_PEERS").is_none(), "`{command} {}` fails", args.join(" "));
    eprintln!("passed over: `{command} {}` fails here", args.join(" "));
    false
}
