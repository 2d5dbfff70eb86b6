//! Debian's `dockerd` with a containerd, images and containers of its own.
//!
//! It runs in PID and mount namespaces of its own: when the handle is dropped the kernel ends all
//! that it started, containers and shims too, and takes its mounts away. There it has an empty
//! `/run`, so that it meets no daemon of the machine's, and its own `/etc/hosts`, which finds the
//! registry's name on loopback.
//! What never comes in: what a client asks of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::process::{PATIENCE, Process, Program, find, missing};
use super::registry;

const DAEMON: &str = "/usr/sbin/dockerd";
const POLL: Duration = Duration::from_millis(10);

/// Prepares the namespace; its first argument is the file of hosts, then comes the daemon.
const APART: &str = "mount -t tmpfs tmpfs /run && mount --bind \"$0\" /etc/hosts && exec \"$@\"";

/// A running daemon without network, bridge or firewall rules.
#[derive(Debug)]
pub struct Dockerd {
    process: Process,
    directory: TempDir,
}

impl Dockerd {
    /// Starts it and waits until it takes requests.
    ///
    /// # Errors
    /// A program is missing (the message names the package), the caller is not root, or the daemon
    /// does not start.
    pub async fn start() -> Result<Self> {
        if !rustix::process::geteuid().is_root() {
            bail!("dockerd needs namespaces and mounts: run this test as root");
        }
        if !Path::new(DAEMON).is_file() {
            return Err(missing(DAEMON, "docker.io"));
        }
        let directory = TempDir::new()?;
        let process = Process::spawn("dockerd", &program(directory.path())?, None)?;
        let mut daemon = Self { process, directory };
        daemon
            .process
            .line(|line| line.contains("API listen on").then_some(()))
            .await
            .context("dockerd does not start")?;
        Ok(daemon)
    }

    /// The Unix socket on which it takes requests.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("docker.sock")
    }
}

impl Drop for Dockerd {
    /// What is being killed may still write for a moment, so the directory is removed until it is
    /// gone.
    fn drop(&mut self) {
        self.process.kill9().ok();
        let deadline = Instant::now() + PATIENCE;
        while fs::remove_dir_all(self.directory.path()).is_err() && Instant::now() < deadline {
            sleep(POLL);
        }
    }
}

fn program(directory: &Path) -> Result<Program> {
    let hosts = directory.join("hosts");
    fs::write(&hosts, format!("127.0.0.1 localhost\n127.0.0.1 {}\n", registry::NAME))?;
    let below = |name: &str| directory.join(name).to_string_lossy().into_owned();
    let apart = ["--mount", "--mount-proc", "--pid", "--fork", "--kill-child", "--"];
    Ok(Program::new(find("unshare", "util-linux")?)
        .env("NO_PROXY", registry::NAME)
        .args(apart)
        .args(["/bin/sh", "-c", APART])
        .args([below("hosts").as_str(), DAEMON])
        .args(["--storage-driver=vfs", "--iptables=false", "--ip6tables=false", "--bridge=none"])
        .args(["--exec-opt", "native.cgroupdriver=cgroupfs"])
        .args(["--data-root", &below("data"), "--exec-root", &below("exec")])
        .args(["--pidfile", &below("docker.pid")])
        .args([format!("--host=unix://{}", below("docker.sock"))]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_dropped_daemon_leaves_no_process_and_no_file() {
        let daemon = Dockerd::start().await.unwrap();
        let directory = daemon.directory.path().to_owned();
        assert!(daemon.socket().exists());
        let running = named_in_a_command_line(&directory);
        assert!(running.iter().any(|line| line.starts_with("containerd ")), "{running:?}");
        drop(daemon);
        assert!(!directory.exists());
        assert_eq!(named_in_a_command_line(&directory), Vec::<String>::new());
    }

    /// The command lines of all processes that name `directory`.
    fn named_in_a_command_line(directory: &Path) -> Vec<String> {
        let directory = directory.to_string_lossy();
        fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| fs::read(entry.unwrap().path().join("cmdline")).ok())
            .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
            .filter(|line| line.contains(&*directory))
            .collect()
    }
}
