//! Hosts with networks of their own, of which one is cut off. Needs Linux, and the right to make
//! network namespaces.

use std::{
    process::{self, Command, Stdio},
    thread,
};

use crate::support::{Node, Place, json, ok, wait_for};

/// Hosts on one bridge, which go away with it.
struct Lan {
    bridge: String,
    hosts: usize,
}

impl Lan {
    /// Makes the hosts, of a test with a name of its own, or says why that cannot be.
    fn new(test: &str, hosts: usize) -> Option<Self> {
        let bridge = format!("netabase-{test}-{}", process::id());
        let lan = Self { bridge, hosts };
        if lan.make().is_none() {
            test_data::missing("network namespaces cannot be made here");
            return None;
        }
        Some(lan)
    }

    fn make(&self) -> Option<()> {
        let hub = &*self.bridge;
        ip(&["netns", "add", hub])?;
        ip(&["-n", hub, "link", "add", "bridge", "type", "bridge"])?;
        ip(&["-n", hub, "link", "set", "bridge", "up"])?;
        for host in 0..self.hosts {
            let (name, port) = (&*self.host(host), &*port(host));
            ip(&["netns", "add", name])?;
            let link = ["type", "veth", "peer", "name", "eth0", "netns", name];
            ip(&[&["-n", hub, "link", "add", port][..], &link].concat())?;
            ip(&["-n", hub, "link", "set", port, "master", "bridge", "up"])?;
            let address = format!("{}/24", Self::address(host));
            ip(&["-n", name, "address", "add", &address, "dev", "eth0"])?;
            ip(&["-n", name, "link", "set", "eth0", "up"])?;
            ip(&["-n", name, "link", "set", "lo", "up"])?;
        }
        Some(())
    }

    fn host(&self, host: usize) -> String {
        format!("{}-{host}", self.bridge)
    }

    fn address(host: usize) -> String {
        format!("10.77.0.{}", host + 1)
    }

    /// Has all that is sent to a host and by it get lost, or not any more.
    fn set_link(&self, host: usize, state: &str) {
        let set = ["-n", &self.bridge, "link", "set", &port(host), state];
        ip(&set).expect("the link is there");
    }

    /// Returns the command of a host.
    fn command(&self, host: usize) -> Command {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.host(host)])
            .arg(env!("CARGO_BIN_EXE_netabase"));
        command
    }

    /// Starts a node on a host.
    fn run(&self, host: usize, store: &str, more: &[&str]) -> Node {
        let command = self.command(host);
        let listen = format!("/ip4/{}/tcp/4001", Self::address(host));
        Place::run_as(command, &listen, store, more)
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        let hosts = (0..self.hosts).map(|host| self.host(host));
        for name in hosts.chain([self.bridge.clone()]) {
            // It may not have been made.
            let _ = ip(&["netns", "delete", &name]);
        }
    }
}

fn port(host: usize) -> String {
    format!("port{host}")
}

/// Runs `ip`; nothing where it fails.
fn ip(arguments: &[&str]) -> Option<()> {
    let mut command = Command::new("ip");
    let status = command
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.ok()?.success().then_some(())
}

#[test]
fn a_host_that_is_cut_off_keeps_nobody_from_fetching_and_catches_up_afterwards() {
    let Some(lan) = Lan::new("cut", 3) else {
        return;
    };
    let place = Place::new();
    let [first, second, third] = ["first", "second", "third"].map(|name| place.path(name));
    let large = place.add(&first, "large", 24 << 20);
    assert_eq!(place.add(&second, "large", 24 << 20), large);
    let later = place.add(&second, "later", 100_000);

    // Both give 4 MiB a second.
    let limit = ["--upload-limit", "4194304"];
    let roots = ["--announce", &large, "--announce", &later];
    let one = lan.run(0, &first, &[&limit[..], &roots[..2]].concat());
    let one = one.announced();
    let known = ["--bootstrap", &one.address];
    let two = lan.run(1, &second, &[&limit[..], &roots, &known].concat());
    let two = two.announced();
    let addresses = [known, ["--bootstrap", &two.address]].concat();
    let three = lan.run(2, &third, &addresses);

    let (path, store) = (large.clone(), third.clone());
    let fetch = thread::spawn(move || ok(&["peer", "fetch", &path, "--store", &store]));
    wait_for("a third of it, from both", || {
        let status = three.status();
        let download = status["downloads"].get(0)?;
        let is_far = download["bytesHeld"].as_u64()? > 8 << 20;
        assert!(!is_far || download["sources"] == 2, "{status}");
        is_far.then_some(())
    });
    lan.set_link(0, "down");
    let text = fetch.join().expect("it was fetched");
    assert!(text.starts_with("fetched 1 path, "), "{text}");
    ok(&["store", "verify", "--store", &third]);

    // What the one that was cut off did not hear of meanwhile it has once the others are there.
    lan.set_link(0, "up");
    wait_for("what was announced meanwhile", || {
        let fetch = ["peer", "fetch", &later, "--store", &first, "--json"];
        let output = Command::new(env!("CARGO_BIN_EXE_netabase"))
            .args(fetch)
            .output();
        output
            .expect("the command starts")
            .status
            .success()
            .then_some(())
    });
    let status = json(&["peer", "status", "--store", &first, "--json"]);
    assert_eq!(status["shared"], 2);
    for node in [one, two, three] {
        node.terminate();
    }
}

#[cfg(feature = "mdns")]
#[test]
fn hosts_of_one_network_that_were_told_of_nobody_find_each_other_and_fetch() {
    let Some(lan) = Lan::new("mdns", 3) else {
        return;
    };
    let place = Place::new();
    let [first, second, third] = ["first", "second", "third"].map(|name| place.path(name));
    let path = place.add(&first, "text", 1_000_000);
    let one = lan
        .run(0, &first, &["--mdns", "--announce", &path])
        .announced();
    let two = lan.run(1, &second, &["--mdns"]);
    let id = one.status()["id"].clone();
    wait_for("a peer that was found", || {
        let status = two.status();
        let connected = status["connected"].as_array()?;
        connected.contains(&id).then_some(())
    });
    let text = ok(&["peer", "fetch", &path, "--store", &second]);
    assert!(text.starts_with("fetched 1 path, "), "{text}");
    ok(&["store", "verify", "--store", &second]);

    // A command that is its own node looks for them too.
    let fetch = ["peer", "fetch", &path, "--store", &third, "--mdns"];
    let output = lan.command(2).args(fetch).output().expect("it starts");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(text.starts_with("fetched 1 path, "), "{text}");
    one.terminate();
    two.terminate();
}
