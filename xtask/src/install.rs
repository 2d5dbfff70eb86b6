//! Installs the programs that tests need: Debian packages and cargo's own tools.
//!
//! Only what is missing is installed, so that a second run needs no network. Services that a package
//! starts are stopped again: tests start programs of their own.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::task::run;

/// A program that tests start, and the Debian package that brings it.
struct Program {
    /// Where the package puts it.
    path: &'static str,
    package: &'static str,
}

const PROGRAMS: [Program; 17] = [
    Program { path: "/usr/bin/notary", package: "notary" },
    Program { path: "/usr/bin/notary-server", package: "notary" },
    Program { path: "/usr/bin/openssl", package: "openssl" },
    Program { path: "/usr/share/postgresql-common/pg_wrapper", package: "postgresql" },
    Program { path: "/usr/sbin/mariadbd", package: "mariadb-server" },
    Program { path: "/usr/bin/docker", package: "docker.io" },
    Program { path: "/usr/sbin/dockerd", package: "docker.io" },
    Program { path: "/usr/bin/docker-registry", package: "docker-registry" },
    Program { path: "/usr/bin/docker-compose", package: "docker-compose" },
    Program { path: "/usr/sbin/haproxy", package: "haproxy" },
    Program { path: "/usr/bin/softhsm2-util", package: "softhsm2" },
    Program { path: "/usr/lib/softhsm/libsofthsm2.so", package: "softhsm2" },
    Program { path: "/usr/bin/systemd-analyze", package: "systemd" },
    Program { path: "/usr/bin/strace", package: "strace" },
    Program { path: "/bin/busybox", package: "busybox-static" },
    Program { path: "/usr/lib/python3/dist-packages/jwt/__init__.py", package: "python3-jwt" },
    Program {
        path: "/usr/lib/python3/dist-packages/cryptography/__init__.py",
        package: "python3-cryptography",
    },
];

/// A service that comes with a package, and the program that it runs.
struct Service {
    package: &'static str,
    name: &'static str,
    program: &'static str,
}

const SERVICES: [Service; 5] = [
    Service { package: "docker.io", name: "docker", program: "dockerd" },
    Service { package: "docker.io", name: "containerd", program: "containerd" },
    Service { package: "mariadb-server", name: "mariadb", program: "mariadbd" },
    Service { package: "docker-registry", name: "docker-registry", program: "docker-registry" },
    Service { package: "haproxy", name: "haproxy", program: "haproxy" },
];

/// Tools that cargo installs: the sub-command and its version.
pub(crate) const FOR_TESTS: [(&str, &str); 2] = [("nextest", "0.9.143"), ("deny", "0.20.2")];
pub(crate) const FOR_FUZZING: [(&str, &str); 1] = [("fuzz", "0.13.2")];

/// Installs the Debian packages that are missing.
pub(crate) fn debian_packages() -> Result<()> {
    let mut missing: Vec<&str> = PROGRAMS
        .iter()
        .filter(|program| !Path::new(program.path).exists())
        .map(|program| program.package)
        .collect();
    missing.dedup();
    if missing.is_empty() {
        return Ok(());
    }
    let packages = missing.join(" ");
    let mut update = Command::new("apt-get");
    run(update.args(["update", "--quiet=2"])).with_context(|| by_hand(&packages))?;
    let mut install = Command::new("apt-get");
    install.env("DEBIAN_FRONTEND", "noninteractive");
    install.args(["install", "--quiet=2", "--yes", "--no-install-recommends"]).args(&missing);
    run(&mut install).with_context(|| by_hand(&packages))?;
    stop_services(&missing)
}

/// Stops what the packages that were just installed have started.
fn stop_services(installed: &[&str]) -> Result<()> {
    for Service { name, program, .. } in
        SERVICES.iter().filter(|service| installed.contains(&service.package))
    {
        // Fails where the service does not run or nothing runs services; what counts is below.
        Command::new("service").args([name, "stop"]).output().ok();
        if is_running(program)? {
            bail!("the service {name} is running and could not be stopped: stop it");
        }
    }
    Ok(())
}

fn is_running(program: &str) -> Result<bool> {
    let processes = fs::read_dir("/proc").context("cannot list the processes")?;
    Ok(processes
        .filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("comm")).ok())
        .any(|name| name.trim_end() == program))
}

/// Installs those of cargo's tools that are missing.
pub(crate) fn cargo_tools(tools: &[(&str, &str)]) -> Result<()> {
    for (tool, version) in tools {
        let asked = Command::new("cargo").args([tool, "--version"]).output();
        if asked.is_ok_and(|answer| answer.status.success()) {
            continue;
        }
        let mut install = Command::new("cargo");
        install.args(["install", "--locked", "--quiet", "--version", version]);
        run(install.arg(format!("cargo-{tool}")))?;
    }
    Ok(())
}

/// Refuses a machine on which a package did not bring its program.
pub(crate) fn check_programs() -> Result<()> {
    for Program { path, package } in &PROGRAMS {
        if !Path::new(path).exists() {
            bail!("{path} is missing although the Debian package {package} should bring it");
        }
    }
    Ok(())
}

fn by_hand(packages: &str) -> String {
    format!("could not install what the tests need; as root: apt-get install {packages}")
}
