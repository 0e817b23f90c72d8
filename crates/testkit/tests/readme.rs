//! The README's commands do what it says, against a running line.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may, as tests may")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use contracts::Service;
use futures::StreamExt;
use nix::sys::signal::Signal;
use testkit::{Line, Process, find_program, readme, repository, wait_until};

/// The demo's folder, as the README names it.
const FOLDER: &str = ".local/demo";

/// What a shell in the repository's root that has read the line's variables makes of a command.
async fn in_a_shell(folder: &Path, command: &str) -> Output {
    let script = format!(". '{}/env' && {command}", folder.display());
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).current_dir(repository());
    tokio::task::spawn_blocking(move || shell.output()).await.unwrap().unwrap()
}

/// A variable as `env` sets it.
async fn variable(folder: &Path, name: &str) -> String {
    let output = in_a_shell(folder, &format!("printf %s \"${name}\"")).await;
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn assert_done(command: &str, output: &Output) {
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && !said.trim().is_empty(), "`{command}` ({}):\n{said}", output.status);
}

/// Starts one more station by the README's line, until it is ready.
async fn one_more(folder: &Path, command: &str, station: &str) {
    let script = format!(". '{}/env' && exec {command}", folder.display());
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).current_dir(repository());
    let log = folder.join("one-more.log");
    let mut process = Process::spawn(station, shell, &log, Signal::SIGTERM).unwrap();
    let subject = format!("$SRV.PING.greenbite-{station}");
    let teacher = teacher(folder).await;
    let two = wait_until("two of them answer", Duration::from_secs(60), || async {
        let inbox = teacher.new_inbox();
        let answers = teacher.subscribe(inbox.clone()).await?;
        teacher.publish_with_reply(subject.clone(), inbox, "".into()).await?;
        let count = answers.take_until(tokio::time::sleep(Duration::from_millis(500))).count().await;
        Ok((count == 2).then_some(()))
    });
    two.await.unwrap_or_else(|error| panic!("{error:#}\n{}", std::fs::read_to_string(&log).unwrap()));
    assert!(process.stop(Duration::from_secs(20)).await.success());
}

/// The bus as `nats` would meet it by the variables alone.
async fn teacher(folder: &Path) -> async_nats::Client {
    let user = variable(folder, "NATS_USER").await;
    async_nats::ConnectOptions::with_user_and_password(user.clone(), variable(folder, "NATS_PASSWORD").await)
        .custom_inbox_prefix(contracts::topology::inbox_prefix(&user))
        .connect(variable(folder, "NATS_URL").await)
        .await
        .unwrap()
}

/// `nats sub 'subject'`: the subject may be heard with these credentials, and something comes on it.
async fn is_heard(line: &Line, folder: &Path, command: &str) {
    let subject = command.split('\'').nth(1).unwrap_or_else(|| panic!("`{command}` names no subject"));
    let teacher = teacher(folder).await;
    let mut heard = teacher.subscribe(subject.to_owned()).await.unwrap();
    teacher.flush().await.unwrap();
    // The one message that the README follows has gone its way: its last step is told of once more, to nobody.
    if subject.ends_with(".42") {
        teacher.publish("greenbite.notified.misc.42", "{}".into()).await.unwrap();
    } else {
        line.send(&["Two Classic Cheeseburgers please"]).await.unwrap();
    }
    let first = tokio::time::timeout(Duration::from_secs(20), heard.next()).await;
    assert!(first.is_ok_and(|first| first.is_some()), "nothing comes on {subject}");
}

#[tokio::test]
async fn every_command_of_the_readme_that_watches_the_line_or_takes_it_apart_works() {
    let line = Line::start().await.unwrap();
    let place = testkit::Home::temporary().unwrap();
    let folder = place.path();
    line.write_access(folder).unwrap();
    for file in ["greenbite.toml", "classifier.toml", "env"] {
        let mode = std::fs::metadata(folder.join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file} holds passwords");
    }
    line.send(&["One Lemonade please"; 42]).await.unwrap();
    line.wait_until_settled(Duration::from_secs(120)).await.unwrap();

    let text = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let mut ours = 0;
    let parts = ["Watch it", "Take it apart"].map(|part| readme::commands(&text, part).unwrap());
    for shown in parts.into_iter().flatten() {
        let binaries = line.binaries().display().to_string();
        let command =
            shown.command.replace(FOLDER, &folder.display().to_string()).replace("target/debug", &binaries);
        let program = command.split_whitespace().next().unwrap_or_default();
        let name = program.rsplit('/').next().unwrap_or_default();
        let station = Service::STATIONS.into_iter().find(|station| station.as_str() == name);
        match name {
            _ if station.is_some() => one_more(folder, &command, name).await,
            "greenbite" => assert_done(&shown.command, &in_a_shell(folder, &command).await),
            // Reading the variables is what every other command here begins with.
            "." => assert_done(&shown.command, &in_a_shell(folder, &format!("{command} && echo read")).await),
            "nats" if command.starts_with("nats sub") => is_heard(&line, folder, &command).await,
            // Others' programs: run where they are. What they need to get in is in the variables.
            "nats" | "psql" | "printf" => {
                let tool = if name == "printf" { "nc" } else { name };
                if find_program(tool, tool).is_ok() {
                    assert_done(&shown.command, &in_a_shell(folder, &command).await);
                }
                teacher(folder).await;
            }
            // The containers have a test of their own: `cargo xtask compose-test`.
            "docker" | "passwords" => continue,
            _ => panic!("nobody knows how to try `{}`", shown.command),
        }
        ours += 1;
    }
    assert!(ours >= 10, "the README shows only {ours} commands of ours: is it still read as it is written?");
}

#[test]
fn the_recipe_that_the_readme_names_is_the_line_that_it_says() {
    let line = format!("target/debug/greenbite --config {FOLDER}/greenbite.toml");
    let text = std::fs::read_to_string(repository().join("README.md")).unwrap();
    assert!(text.contains("`just gb journey 42`") && text.contains(&format!("`{line} journey 42`")));
    let recipes = std::fs::read_to_string(repository().join("justfile")).unwrap();
    assert!(recipes.contains(&format!("\ngb *arguments:\n    {line} {{{{arguments}}}}\n")), "{recipes}");
}
