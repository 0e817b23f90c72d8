//! The page as a person uses it: headless Chromium against a real running line.
//!
//! The tests share one line, one dashboard and one browser driver; each has a browser session of its own. With
//! `GREENBITE_SCREENSHOTS=<folder>` each view is photographed in both themes and two widths.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests may, as tests may"
)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use anyhow::{Context, ensure};
use base64::Engine;
use contracts::Service;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use testkit::line::Options;
use testkit::{Home, Line, Process, find_program, free_port, wait_until};
use tokio::runtime::Runtime;
use tokio::sync::{OnceCell, RwLock};

const PATIENCE: Duration = Duration::from_secs(60);

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static WORLD: OnceCell<World> = OnceCell::const_new();
/// Tests share the line; those that pause, spoil, clear or restart something have it to themselves.
static LINE: RwLock<()> = RwLock::const_new(());

struct World {
    line: Line,
    page: String,
    token: String,
    driver: u16,
    _driver: Process,
    home: Home,
}

async fn world() -> &'static World {
    WORLD.get_or_try_init(World::start).await.unwrap()
}

impl World {
    async fn start() -> anyhow::Result<World> {
        let line = Line::with(Options { dashboard: true, ..Options::default() }).await?;
        let (page, token) = line.page_address().context("no page")?;
        let home = Home::temporary()?;
        let driver = free_port()?;
        let mut command = Command::new(find_program("chromedriver", "chromium-driver")?);
        command.arg(format!("--port={driver}"));
        let mut process =
            Process::spawn("chromedriver", command, &home.path().join("driver.log"), Signal::SIGTERM)?;
        process
            .ready(Duration::from_secs(30), || async move {
                tokio::net::TcpStream::connect(("127.0.0.1", driver)).await.is_ok()
            })
            .await?;
        Ok(World { line, page, token, driver, _driver: process, home })
    }

    async fn browser(&self, width: u32, height: u32) -> anyhow::Result<Client> {
        let binary =
            find_program("chromium", "chromium").or_else(|_| find_program("google-chrome", "chromium"))?;
        let profile = self.home.path().join(format!("profile-{}", free_port()?));
        let capabilities = json!({
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": {
                "binary": binary,
                "args": [
                    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                    "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
                    "--disable-sync", "--enable-precise-memory-info", "--hide-scrollbars",
                    format!("--user-data-dir={}", profile.display()), format!("--window-size={width},{height}"),
                ],
            },
        });
        let capabilities = capabilities.as_object().cloned().context("capabilities")?;
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{}", self.driver))
            .await?;
        Ok(client)
    }

    /// A browser at this view, unlocked.
    async fn open(&self, path: &str) -> anyhow::Result<Client> {
        let client = self.browser(1440, 1000).await?;
        client.goto(&format!("{}{path}#token={}", self.page, self.token)).await?;
        Ok(client)
    }

    /// What the page's server says to a request, with this token.
    async fn request(&self, method: &str, path: &str, token: &str, more: &[&str]) -> anyhow::Result<u16> {
        ask(&self.page, method, path, token, more).await
    }
}

/// What a page's server says to a request, with this token.
async fn ask(page: &str, method: &str, path: &str, token: &str, more: &[&str]) -> anyhow::Result<u16> {
    let mut command = Command::new("python3");
    command.args([
            "-c",
            "import sys,urllib.request as u\nr=u.Request(sys.argv[2],method=sys.argv[1],data=b'{}' if sys.argv[1]=='POST' else None,\
             headers=dict(h.split(': ',1) for h in sys.argv[3:]))\ntry: print(u.urlopen(r,timeout=10).status)\nexcept u.HTTPError as e: print(e.code)",
            method,
            &format!("{page}{path}"),
            "Content-Type: application/json",
            &format!("Authorization: Bearer {token}"),
        ]);
    command.args(more);
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    String::from_utf8(output.stdout)?
        .trim()
        .parse()
        .context(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Runs a test in the shared runtime, beside others.
fn in_a_browser<F>(path: &str, test: impl FnOnce(&'static World, Client) -> F)
where
    F: Future<Output = anyhow::Result<()>>,
{
    RUNTIME.block_on(async {
        let _shared = LINE.read().await;
        run_in_a_browser(path, test).await;
    });
}

/// Runs a test that nobody else may see the line during.
fn alone_in_a_browser<F>(path: &str, test: impl FnOnce(&'static World, Client) -> F)
where
    F: Future<Output = anyhow::Result<()>>,
{
    RUNTIME.block_on(async {
        let _alone = LINE.write().await;
        run_in_a_browser(path, test).await;
    });
}

/// Closes the browser whatever happens; a page that throws, or that its policy keeps from something, has failed.
async fn run_in_a_browser<F>(path: &str, test: impl FnOnce(&'static World, Client) -> F)
where
    F: Future<Output = anyhow::Result<()>>,
{
    let world = world().await;
    let client = world.open(path).await.unwrap();
    let mut result = test(world, client.clone()).await;
    if let Err(error) = &result {
        let text = client.execute("return document.body.innerText", vec![]).await;
        for service in [Service::Notifier, Service::Registrar, Service::Dashboard] {
            let log = world.line.log(service, 0);
            let end: Vec<&str> = log.lines().rev().take(20).collect();
            eprintln!("the end of {service}'s log, newest first: {end:#?}");
        }
        eprintln!("{}\nthe page shows: {text:?}\n{error:#}", world.line.state().await);
    }
    let wrong = wrongs(&client).await;
    if result.is_ok() {
        result = wrong.and_then(|wrong| {
            ensure!(wrong.is_empty(), "the browser complains: {wrong:#?}");
            Ok(())
        });
    }
    let _ = client.close().await;
    result.unwrap();
}

/// What the browser's console holds against the page. That a server was away is no fault of the page.
async fn wrongs(client: &Client) -> anyhow::Result<Vec<String>> {
    let log = driver(client, "se/log", json!({ "type": "browser" })).await?;
    let entries: Vec<Value> = serde_json::from_value(log)?;
    Ok(entries
        .into_iter()
        .filter(|entry| entry["level"] == "SEVERE" && entry["source"] != "network")
        .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
        .collect())
}

/// A script that finds the ticket of a message on the desk: a `review`, an `order`, an `enquiry`.
fn ticket_of(kind: &str, id: i64) -> String {
    format!(
        "[...document.querySelectorAll('.ticket.{kind}')].find(t => t.querySelector('footer a')?.textContent.endsWith('#{id}'))"
    )
}

/// Waits until a script's result is true.
async fn until(client: &Client, what: &str, script: &str) -> anyhow::Result<()> {
    wait_until(what, PATIENCE, || async {
        let answer = client.execute(&format!("return !!({script})"), vec![]).await?;
        Ok((answer == Value::Bool(true)).then_some(()))
    })
    .await
}

async fn click(client: &Client, css: &str) -> anyhow::Result<()> {
    client.wait().at_most(PATIENCE).for_element(Locator::Css(css)).await?.click().await?;
    Ok(())
}

async fn fill(client: &Client, css: &str, text: &str) -> anyhow::Result<()> {
    let field = client.wait().at_most(PATIENCE).for_element(Locator::Css(css)).await?;
    field.clear().await?;
    field.send_keys(text).await?;
    Ok(())
}

async fn send(client: &Client, text: &str) -> anyhow::Result<i64> {
    fill(client, "#own", text).await?;
    client.execute("[...document.querySelectorAll('button')].find(b => b.textContent == 'Send and follow it').click()", vec![]).await?;
    until(client, "the message's journey opens", "/^\\/messages\\/\\d+$/.test(location.pathname)").await?;
    let id = client.execute("return Number(location.pathname.split('/').pop())", vec![]).await?;
    id.as_i64().context("no id")
}

#[test]
fn a_message_sent_from_the_page_reaches_notified_before_ones_eyes() {
    in_a_browser("/teach", async |world, client| {
        let id = send(&client, "Two Classic Cheeseburgers and a Lemonade please").await?;
        until(&client, "the notifier has told the kitchen", "document.querySelector('.steps .discord')")
            .await?;
        let stations = client
            .execute(
                "return [...document.querySelectorAll('.step h2')].map(h => h.firstChild.textContent)",
                vec![],
            )
            .await?;
        let stations: Vec<String> = serde_json::from_value(stations)?;
        ensure!(
            stations == ["ingest", "classifier", "extractor", "menu-validator", "registrar", "notifier"],
            "{stations:?}"
        );
        until(&client, "the reasons are shown", "document.querySelectorAll('.step .reason').length >= 5")
            .await?;
        ensure!(world.line.outcome(id).await?.as_deref() == Some("order"));
        Ok(())
    });
}

#[test]
fn what_happens_while_a_journey_is_looked_up_is_shown_too() {
    in_a_browser("/teach", async |_, client| {
        // An answer that is two seconds old when it comes: the message has gone all its way meanwhile.
        client
            .execute(
                "const get = window.fetch; window.fetch = async (path, ...rest) => { \
                     const answer = await get(path, ...rest); \
                     if (/^.api.messages.[0-9]+$/.test(path)) await new Promise((done) => setTimeout(done, 2000)); \
                     return answer; }",
                vec![],
            )
            .await?;
        send(&client, "Two Lemonades please").await?;
        until(&client, "the notifier has told the kitchen", "document.querySelector('.steps .discord')").await
    });
}

#[test]
fn what_happens_between_a_views_look_and_the_pages_snapshot_is_shown_too() {
    RUNTIME.block_on(async {
        let _shared = LINE.read().await;
        let world = world().await;
        let client = world.browser(1440, 1000).await.unwrap();
        let shown = async {
            // The live state begins three seconds after the view has looked for itself.
            let source = "const get = window.fetch; window.fetch = async (path, ...rest) => { \
                          if (path == '/api/snapshot') await new Promise((done) => setTimeout(done, 3000)); \
                          return get(path, ...rest); }";
            let command =
                json!({ "cmd": "Page.addScriptToEvaluateOnNewDocument", "params": { "source": source } });
            driver(&client, "goog/cdp/execute", command).await?;
            client.goto(&format!("{}/desk#token={}", world.page, world.token)).await?;
            until(&client, "the desk is shown", "document.querySelector('.desk-columns .empty, .ticket')")
                .await?;
            let id = world.line.send(&["I would like 60 Classic Cheeseburgers please"]).await?[0];
            until(&client, "the review is on the desk", &ticket_of("review", id)).await
        }
        .await;
        let _ = client.close().await;
        shown.unwrap();
    });
}

#[test]
fn the_line_shows_every_station_and_counts_what_happened() {
    in_a_browser("/", async |world, client| {
        world
            .line
            .send(&["One Lemonade please", "When do you close today?", "Thanks, that was great!"])
            .await?;
        until(
            &client,
            "all seven stations are up",
            "document.querySelectorAll('.station[data-state=up]').length == 7",
        )
        .await?;
        until(&client, "events are listed", "document.querySelectorAll('.log li').length > 5").await?;
        until(
            &client,
            "orders are counted",
            "document.querySelector('.outcome.order dd').textContent.match(/[1-9]/)",
        )
        .await?;
        until(&client, "charts are drawn", "document.querySelectorAll('.chart canvas').length == 2").await
    });
}

#[test]
fn script_in_a_customers_message_is_shown_as_text() {
    in_a_browser("/teach", async |_, client| {
        let words =
            "<script>window.broken = true</script><img src=x onerror=\"window.broken = true\"> two Lemonades";
        send(&client, words).await?;
        until(&client, "the words are shown", "document.querySelector('blockquote.words')").await?;
        let shown =
            client.execute("return document.querySelector('blockquote.words').textContent", vec![]).await?;
        ensure!(shown == words, "{shown}");
        until(&client, "the journey is complete", "document.querySelector('.steps .discord')").await?;
        let broken = client.execute("return window.broken === true", vec![]).await?;
        ensure!(broken == false, "the customer's script ran");
        let elements = client
            .execute("return document.querySelectorAll('main script, main img').length", vec![])
            .await?;
        ensure!(elements == 0, "the customer's elements are in the page");
        Ok(())
    });
}

#[test]
fn a_paused_station_shows_lag_and_drains_on_resume() {
    alone_in_a_browser("/teach", async |world, client| {
        let extractor = "li[data-station=extractor]";
        click(&client, &format!("{extractor} button")).await?;
        until(
            &client,
            "it is paused",
            &format!("document.querySelector('{extractor} button').textContent == 'Resume'"),
        )
        .await?;
        // What was asked for before the pause has come by now.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let ids = world.line.send(&vec!["Three French Fries please"; 30]).await?;
        until(
            &client,
            "lag grows",
            &format!("parseInt(document.querySelector('{extractor} .lag').textContent) >= 20"),
        )
        .await?;
        click(&client, &format!("{extractor} button")).await?;
        until(
            &client,
            "it drains",
            &format!("document.querySelector('{extractor} .lag').textContent.startsWith('0 waiting')"),
        )
        .await?;
        world.line.wait_until_settled(PATIENCE).await?;
        for id in ids {
            ensure!(world.line.outcome(id).await?.as_deref() == Some("order"), "message {id}");
        }
        Ok(())
    });
}

#[test]
fn a_review_settled_on_the_page_becomes_a_registered_order() {
    in_a_browser("/desk", async |world, client| {
        // More than anybody orders: a person has to look at it.
        let id = world.line.send(&["I would like 60 Classic Cheeseburgers please"]).await?[0];
        let ticket = ticket_of("review", id);
        until(&client, "the review is on the desk", &ticket).await?;
        // In one go: the desk is drawn anew whenever something happens.
        let decide = format!(
            "const ticket = {ticket}; ticket.querySelector('input').value = 'Ana'; ticket.querySelector('button.primary').click()"
        );
        client.execute(&decide, vec![]).await?;
        wait_until("the review is an order", PATIENCE, || async {
            Ok((world.line.outcome(id).await?.as_deref() == Some("order")).then_some(()))
        })
        .await?;
        let (by, total): (String, i64) = sqlx::query_as(
            "SELECT r.decided_by, o.total_cents FROM reviews r JOIN orders o USING (message_id) WHERE message_id = $1",
        )
        .bind(id)
        .fetch_one(world.line.pool())
        .await?;
        ensure!(by == "Ana" && total > 0, "{by} {total}");
        until(&client, "the order is on the desk", &ticket_of("order", id)).await?;
        until(&client, "the review is gone", &format!("!{ticket}")).await
    });
}

#[test]
fn a_persons_answer_closes_an_enquiry_and_is_learned_when_it_is_confirmed() {
    in_a_browser("/desk", async |world, client| {
        let id = world.line.send(&["Do you have a telescope for guests?"]).await?[0];
        let ticket = ticket_of("enquiry", id);
        until(&client, "the enquiry is on the desk", &ticket).await?;
        let answer = format!(
            "const ticket = {ticket}; ticket.querySelector('input').value = 'Ana'; \
             ticket.querySelector('textarea').value = 'On the roof.'; ticket.querySelector('button.primary').click()"
        );
        client.execute(&answer, vec![]).await?;
        until(&client, "the enquiry is closed", &format!(
            "(t => t && !t.querySelector('textarea') && t.textContent.includes('Ana: On the roof.'))({ticket})"
        ))
        .await?;
        let draft = format!("document.querySelector('[data-draft=\"learned-{id}\"]')");
        until(&client, "the draft is shown", &draft).await?;
        let confirm = format!(
            "const ticket = {draft}; ticket.querySelector('input').value = 'Ana'; \
             ticket.querySelector('textarea').value = 'Do you have a telescope?'; \
             ticket.querySelector('button.primary').click()"
        );
        client.execute(&confirm, vec![]).await?;
        until(&client, "the draft is gone", &format!("!{draft}")).await?;
        let (question, by): (String, String) = sqlx::query_as(
            "SELECT questions[1], approved_by FROM knowledge WHERE learned_from = $1 AND NOT draft",
        )
        .bind(id)
        .fetch_one(world.line.pool())
        .await?;
        ensure!(question == "Do you have a telescope?" && by == "Ana", "{question} {by}");
        Ok(())
    });
}

/// An empty kitchen: what other tests have ordered was eaten.
async fn sweep(world: &World) -> anyhow::Result<()> {
    sqlx::query("UPDATE orders SET state = 'collected' WHERE state <> 'voided'")
        .execute(world.line.pool())
        .await?;
    Ok(())
}

/// The ticket of a message's order on the kitchen's screen, as a script finds it.
async fn kitchen_ticket(world: &World, client: &Client, id: i64) -> anyhow::Result<(i64, String)> {
    wait_until("the message is an order", PATIENCE, || async {
        Ok((world.line.outcome(id).await?.as_deref() == Some("order")).then_some(()))
    })
    .await?;
    let number: i64 = sqlx::query_scalar("SELECT id FROM orders WHERE message_id = $1")
        .bind(id)
        .fetch_one(world.line.pool())
        .await?;
    let ticket = format!("document.querySelector('.kitchen-ticket[data-order=\"{number}\"]')");
    until(client, "the ticket is on the screen", &ticket).await?;
    settled(client, &ticket).await?;
    Ok((number, ticket))
}

/// Waits until a press on a ticket counts: it does not while the ticket has only just come to its place.
async fn settled(client: &Client, ticket: &str) -> anyhow::Result<()> {
    until(client, "the ticket has settled", &format!("{ticket}?.classList.contains('settling') === false"))
        .await
}

/// Takes the next step by a press on its button.
async fn next(client: &Client, ticket: &str) -> anyhow::Result<()> {
    settled(client, ticket).await?;
    client.execute(&format!("{ticket}.querySelector('.next').click()"), vec![]).await?;
    Ok(())
}

/// The states that an order went through, by its history.
async fn history(world: &World, number: i64) -> anyhow::Result<Vec<String>> {
    let query =
        "SELECT s.state FROM order_steps s JOIN orders o USING (message_id) WHERE o.id = $1 ORDER BY step";
    Ok(sqlx::query_scalar(query).bind(number).fetch_all(world.line.pool()).await?)
}

#[test]
fn a_cook_takes_an_order_through_the_kitchen_by_touch_and_keyboard() {
    alone_in_a_browser("/kitchen", async |world, client| {
        sweep(world).await?;
        let id = world.line.send(&["Two Hamburgers without onions and a Lemonade please"]).await?[0];
        let (number, ticket) = kitchen_ticket(world, &client, id).await?;
        until(
            &client,
            "what not to put in is told",
            &format!("/onion/i.test({ticket}.querySelector('.wish.remove').textContent)"),
        )
        .await?;
        until(
            &client,
            "all of it is counted",
            "/Hamburger/.test(document.querySelector('.all-day').textContent)",
        )
        .await?;

        ensure!(
            client
                .execute("return document.querySelector('nav a[href=\"/report\"]').offsetWidth > 0", vec![])
                .await?
                == Value::Bool(true),
            "the day's figures are one press away"
        );
        // A tick stays over a reload.
        client.execute(&format!("{ticket}.querySelector('.tick').click()"), vec![]).await?;
        client.refresh().await?;
        until(&client, "the tick is still there", &format!("{ticket}?.querySelector('.item.ticked')"))
            .await?;

        next(&client, &ticket).await?;
        until(&client, "it is being made", &format!("{ticket}?.classList.contains('preparing')")).await?;
        settled(&client, &ticket).await?;
        client.execute(&format!("{ticket}.focus()"), vec![]).await?;
        client.active_element().await?.send_keys("\u{e007}").await?;
        until(&client, "it is ready", &format!("{ticket}?.closest('.pass')")).await?;
        settled(&client, &ticket).await?;
        client.execute(&format!("{ticket}.focus()"), vec![]).await?;
        client.active_element().await?.send_keys("r").await?;
        until(&client, "it is recalled", &format!("{ticket}?.closest('.board')")).await?;

        // The customer's message and why it was read so, behind one tap.
        settled(&client, &ticket).await?;
        client.execute(&format!("{ticket}.querySelector('.why').click()"), vec![]).await?;
        until(
            &client,
            "the customer's words are shown",
            "/Two Hamburgers without/.test(document.querySelector('dialog .words').textContent)",
        )
        .await?;
        until(
            &client,
            "the line's reasons are shown",
            "document.querySelectorAll('dialog .reasons li').length >= 3",
        )
        .await?;
        click(&client, "dialog button.primary").await?;

        settled(&client, &ticket).await?;
        client.execute(&format!("{ticket}.querySelector('[data-part=void]').click()"), vec![]).await?;
        fill(&client, "dialog input", "the customer left").await?;
        tokio::time::sleep(Duration::from_millis(700)).await;
        click(&client, "dialog form button.danger").await?;
        until(&client, "the ticket is gone", &format!("!{ticket}")).await?;
        ensure!(history(world, number).await? == ["preparing", "ready", "preparing", "voided"]);
        let why: String =
            sqlx::query_scalar("SELECT why FROM order_steps WHERE message_id = $1 AND state = 'voided'")
                .bind(id)
                .fetch_one(world.line.pool())
                .await?;
        ensure!(why == "the customer left", "{why}");
        Ok(())
    });
}

#[test]
fn two_screens_that_press_at_once_make_one_step_and_both_show_it() {
    alone_in_a_browser("/kitchen", async |world, client| {
        sweep(world).await?;
        let id = world.line.send(&["Two Lemonades please"]).await?[0];
        let (number, ticket) = kitchen_ticket(world, &client, id).await?;
        let other = world.open("/kitchen").await?;
        let result = async {
            kitchen_ticket(world, &other, id).await?;
            settled(&client, &ticket).await?;
            let press = format!("{ticket}.querySelector('.next').click()");
            let (one, two) = tokio::join!(client.execute(&press, vec![]), other.execute(&press, vec![]));
            one?;
            two?;
            for screen in [&client, &other] {
                until(screen, "it is being made", &format!("{ticket}?.classList.contains('preparing')"))
                    .await?;
            }
            until(&other, "nothing waits", "!document.querySelector('.held')").await?;
            ensure!(history(world, number).await? == ["preparing"]);
            wrongs(&other).await
        }
        .await;
        let _ = other.close().await;
        ensure!(result?.is_empty());
        Ok(())
    });
}

#[test]
fn a_press_while_the_server_is_away_waits_visibly_and_counts_once_when_it_is_back() {
    alone_in_a_browser("/kitchen", async |world, client| {
        sweep(world).await?;
        let id = world.line.send(&["Two Lemonades please"]).await?[0];
        let (number, ticket) = kitchen_ticket(world, &client, id).await?;
        world.line.postgres.stop().await;
        client.execute(&format!("{ticket}.querySelector('.next').click()"), vec![]).await?;
        until(&client, "it waits", &format!("{ticket}.querySelector('.held')")).await?;
        until(
            &client,
            "the list says that it is from before",
            "!document.querySelector('.kitchen .trouble').hidden",
        )
        .await?;
        // Not even a reload loses it.
        client.refresh().await?;
        until(
            &client,
            "the page tells what waits",
            &format!("document.querySelector('.kitchen .trouble')?.textContent.includes('Start {number}')"),
        )
        .await?;
        let pressed = "Object.keys(JSON.parse(localStorage.getItem('greenbite-kitchen-waiting'))).length";
        until(&client, "it still waits", &format!("{pressed} == 1")).await?;
        world.line.postgres.start_again().await?;
        until(&client, "it is being made", &format!("{ticket}?.classList.contains('preparing')")).await?;
        until(&client, "nothing waits", &format!("{pressed} == 0 && !document.querySelector('.held')"))
            .await?;
        ensure!(history(world, number).await? == ["preparing"]);

        // What came in while this screen had no connection is there once it has one, and once.
        world.line.stop(Service::Dashboard, 0).await;
        until(&client, "the page notices", "!greenbite.live.connected").await?;
        let later = world.line.send(&["One Lemonade please"]).await?[0];
        world.line.wait_until_settled(PATIENCE).await?;
        world.line.spawn(Service::Dashboard, 0)?;
        world.line.wait_until_ready(Service::Dashboard, 0).await?;
        kitchen_ticket(world, &client, later).await?;
        until(&client, "each ticket is there once", "(all => all.length == new Set(all).size)([...document.querySelectorAll('.kitchen-ticket')].map(t => t.dataset.order))").await
    });
}

#[test]
fn timers_turn_and_allergies_stand_out_and_the_sound_can_be_switched() {
    alone_in_a_browser("/kitchen", async |world, client| {
        sweep(world).await?;
        let id = world.line.send(&["One Lemonade please"]).await?[0];
        let (number, ticket) = kitchen_ticket(world, &client, id).await?;
        // As a person at the desk may let it pass: the order of a customer who warns.
        sqlx::query("UPDATE messages SET text = 'Una limonada. Soy alérgico a las nueces!' WHERE id = $1")
            .bind(id)
            .execute(world.line.pool())
            .await?;
        sqlx::query("UPDATE orders SET created_at = created_at - interval '9 minutes' WHERE id = $1")
            .bind(number)
            .execute(world.line.pool())
            .await?;
        until(&client, "it is amber", &format!("{ticket}?.dataset.age == 'amber'")).await?;
        until(
            &client,
            "the allergy stands out",
            &format!("/nuts/.test({ticket}?.querySelector('.warning')?.textContent)"),
        )
        .await?;
        click(&client, "#settings").await?;
        fill(&client, "dialog input[name=amber]", "2").await?;
        fill(&client, "dialog input[name=red]", "5").await?;
        click(&client, "dialog button.primary").await?;
        until(&client, "it is red", &format!("{ticket}?.dataset.age == 'red'")).await?;
        click(&client, "#sound").await?;
        client.refresh().await?;
        until(&client, "sound and minutes stay", &format!("document.querySelector('#sound')?.getAttribute('aria-pressed') == 'true' && {ticket}?.dataset.age == 'red'")).await
    });
}

#[test]
fn a_double_tap_and_a_held_key_take_one_step_and_leave_the_next_order_alone() {
    alone_in_a_browser("/kitchen", async |world, client| {
        sweep(world).await?;
        let ids = world.line.send(&["One Lemonade please", "Two Lemonades please"]).await?;
        let (first, ticket) = kitchen_ticket(world, &client, ids[0]).await?;
        let (second, other) = kitchen_ticket(world, &client, ids[1]).await?;
        let preparing = format!("{ticket}?.classList.contains('preparing')");
        // As fast as a finger: where the button was, whatever is there by then.
        settled(&client, &ticket).await?;
        client
            .execute(
                &format!(
                    "const box = {ticket}.querySelector('.next').getBoundingClientRect();
                     const tap = () => document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)?.click();
                     tap(); for (const ms of [60, 150, 300, 450]) setTimeout(tap, ms);"
                ),
                vec![],
            )
            .await?;
        until(&client, "it is being made", &preparing).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        ensure!(history(world, first).await? == ["preparing"]);

        // When it leaves the board, the next order comes under the finger.
        settled(&client, &ticket).await?;
        client
            .execute(
                &format!(
                    "const box = {ticket}.querySelector('.next').getBoundingClientRect();
                     const tap = () => document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)?.click();
                     tap();
                     new MutationObserver((_, watch) => {{
                       if ({ticket}?.closest('.pass')) {{ watch.disconnect(); tap(); setTimeout(tap, 200); }}
                     }}).observe(document.querySelector('main'), {{ childList: true, subtree: true }});"
                ),
                vec![],
            )
            .await?;
        until(&client, "it is ready", &format!("{ticket}?.closest('.pass')")).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        ensure!(history(world, first).await? == ["preparing", "ready"]);
        ensure!(history(world, second).await?.is_empty(), "the second tap has hit the next order");

        // A held Enter: the keyboard repeats it as long as it is down.
        settled(&client, &other).await?;
        client.execute(&format!("{other}.focus()"), vec![]).await?;
        for repeat in [false, true, true, true, true] {
            let key = json!({ "type": "keyDown", "key": "Enter", "code": "Enter", "text": "\r", "windowsVirtualKeyCode": 13, "autoRepeat": repeat });
            driver(&client, "goog/cdp/execute", json!({ "cmd": "Input.dispatchKeyEvent", "params": key }))
                .await?;
            tokio::time::sleep(Duration::from_millis(400)).await;
        }
        until(&client, "it is being made", &format!("{other}?.classList.contains('preparing')")).await?;
        ensure!(history(world, second).await? == ["preparing"]);
        Ok(())
    });
}

#[test]
fn a_server_that_does_not_answer_is_told_in_words_that_a_cook_understands() {
    in_a_browser("/kitchen", async |_, client| {
        until(&client, "the list is there", "document.querySelector('.board')?.children.length").await?;
        let told = "(() => { const says = document.querySelector('.kitchen .trouble'); return says.hidden ? '' : says.textContent; })()";
        // A network that is gone.
        client
            .execute("window.real = window.fetch; window.fetch = () => Promise.reject(new TypeError('Failed to fetch'))", vec![])
            .await?;
        until(
            &client,
            "that it cannot be reached is told",
            &format!("/cannot be reached. Is this device on the network/.test({told})"),
        )
        .await?;
        // A server that takes the question and never answers: only the time-out ends it.
        client
            .execute(
                "window.fetch = (_, options) => new Promise((_, fail) => options.signal?.addEventListener('abort', () => fail(options.signal.reason)))",
                vec![],
            )
            .await?;
        until(
            &client,
            "that it does not answer is told",
            &format!("/has not answered for 8 seconds/.test({told})"),
        )
        .await?;
        client.execute("window.fetch = window.real", vec![]).await?;
        until(&client, "and that it answers again", &format!("{told} === ''")).await
    });
}

/// What a busy kitchen has on its screen.
const EVENING: &[&str] = &[
    "Two Classic Cheeseburgers without onions and a large Lemonade please",
    "3 Hamburgers, no onions, and two French Fries please",
    "I'll have a Classic Cheeseburger with extra ketchup and one French Fries",
    "Two large Hamburgers, no onions",
    "One Lemonade please",
    "Four French Fries and two Lemonades please",
    "A Classic Cheeseburger, no cheese please",
    "Two Hamburgers please",
];

#[test]
fn the_kitchens_screen_fits_a_tablet_and_a_phone_and_can_be_pressed_with_a_thumb() {
    alone_in_a_browser("/kitchen", async |world, client| {
        sweep(world).await?;
        world.line.send(EVENING).await?;
        world.line.wait_until_settled(PATIENCE).await?;
        let numbers: Vec<i64> =
            sqlx::query_scalar("SELECT id FROM orders WHERE state = 'accepted' ORDER BY id LIMIT 6")
                .fetch_all(world.line.pool())
                .await?;
        ensure!(numbers.len() == 6, "{numbers:?}");
        // The first is the oldest.
        let mut old = 20;
        for number in &numbers {
            old -= 3;
            sqlx::query("UPDATE orders SET created_at = now() - make_interval(mins => $2, secs => 7 * $2) WHERE id = $1")
                .bind(number)
                .bind(old)
                .execute(world.line.pool())
                .await?;
        }
        sqlx::query("UPDATE messages SET text = 'I am allergic to nuts! ' || text WHERE id = (SELECT message_id FROM orders WHERE id = $1)")
            .bind(numbers[0])
            .execute(world.line.pool())
            .await?;
        let note = "[{\"op\": \"note\", \"name\": \"sauce on the side\"}, {\"op\": \"remove\", \"name\": \"Cheese\"}]";
        sqlx::query("UPDATE order_items SET modifiers = $2::jsonb WHERE order_id = $1 AND position = 1")
            .bind(numbers[0])
            .bind(note)
            .execute(world.line.pool())
            .await?;
        for (number, steps) in [(numbers[0], 1), (numbers[2], 2)] {
            for step in ["start", "ready"].iter().take(steps) {
                world.line.greenbite(&["order", step, &number.to_string()]).await?;
            }
        }
        let folder = std::env::var("GREENBITE_SCREENSHOTS").ok();
        for (width, height) in [(1280, 800), (390, 844)] {
            let metrics =
                json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
            driver(
                &client,
                "goog/cdp/execute",
                json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": metrics }),
            )
            .await?;
            for theme in ["dark", "light"] {
                client.goto(&format!("{}/kitchen?theme={theme}#token={}", world.page, world.token)).await?;
                until(&client, "the tickets are shown", "document.querySelectorAll('.kitchen-ticket').length >= 6 && document.querySelector('.kitchen-ticket .warning') && document.querySelector('.wish.note')").await?;
                let wide = client.execute("return document.documentElement.scrollWidth", vec![]).await?;
                ensure!(wide.as_u64().is_some_and(|wide| wide <= width), "{wide} wide on {width}");
                let small = client.execute(
                    "return [...document.querySelectorAll('main button')].filter(b => b.offsetHeight < 37 || b.offsetWidth < 40 || b.scrollWidth > b.clientWidth + 2).map(b => b.textContent)",
                    vec![],
                ).await?;
                ensure!(small == json!([]), "too small for a thumb: {small}");
                let first = client.execute("return parseFloat(getComputedStyle(document.querySelector('.board .what')).fontSize)", vec![]).await?;
                ensure!(first.as_f64().is_some_and(|size| size >= 24.0), "an item is {first} px high");
                if let Some(folder) = &folder {
                    let name = format!("kitchen-{theme}-{width}.png");
                    photograph(&client, u32::try_from(width)?, height * 2, &Path::new(folder).join(name))
                        .await?;
                }
            }
        }
        Ok(())
    });
}

#[test]
fn the_days_figures_on_the_page_are_those_of_the_tables_and_follow_the_line() {
    in_a_browser("/report", async |world, client| {
        world.line.send(&["Two Classic Cheeseburgers please"]).await?;
        let shown = "Number(document.querySelector('.outcome.order dd')?.textContent.replaceAll(',', ''))";
        wait_until("the page shows as many orders as there are", PATIENCE, || async {
            let orders: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM orders
                 WHERE (created_at AT TIME ZONE 'UTC')::date = (now() AT TIME ZONE 'UTC')::date AND state <> 'voided'",
            )
            .fetch_one(world.line.pool())
            .await?;
            let page = client.execute(&format!("return {shown}"), vec![]).await?;
            Ok((orders > 0 && page.as_f64() == Some(orders as f64)).then_some(()))
        })
        .await?;
        until(&client, "the hour has its bar", "document.querySelector('.hour-bar')?.offsetWidth > 2")
            .await?;
        // A day before there was a restaurant.
        client.goto(&format!("{}/report?day=2020-02-29#token={}", world.page, world.token)).await?;
        until(&client, "it is empty", "document.querySelector('.report-body .empty')").await?;
        until(
            &client,
            "the day is the one that was asked for",
            "document.querySelector('input[type=date]').value === '2020-02-29'",
        )
        .await?;
        click(&client, "button[aria-label='The day after']").await?;
        until(&client, "the address is the next day's", "location.search === '?day=2020-03-01'").await?;
        until(
            &client,
            "the spreadsheet is that day's",
            "[...document.querySelectorAll('.command code')].some(c => c.textContent === 'greenbite export orders --day 2020-03-01')",
        )
        .await?;
        // As fast as they can be pressed, and before the first answer.
        client
            .execute(
                "const back = document.querySelector(\"button[aria-label='The day before']\"); back.click(); back.click(); back.click();",
                vec![],
            )
            .await?;
        until(&client, "it is three days before", "location.search === '?day=2020-02-27'").await?;
        client
            .execute(
                "document.querySelector('a[href=\"/kitchen\"]').click(); document.querySelector('a[href=\"/report\"]').click();
                 const back = document.querySelector(\"button[aria-label='The day before']\"); back.click(); back.click();
                 window.twoDaysAgo = new Date(Date.now() - 2 * 86400000).toISOString().slice(0, 10);",
                vec![],
            )
            .await?;
        until(&client, "it is two days before today", "location.search === `?day=${window.twoDaysAgo}`").await
    });
}

/// Puts a row into the database that the relay takes for published, and rubbish on the bus in its place.
async fn spoil(world: &World, text: &str) -> anyhow::Result<i64> {
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO messages (source, text, published_at) VALUES ('test', $1, now()) RETURNING id",
    )
    .bind(text)
    .fetch_one(world.line.pool())
    .await?;
    let bus = world.line.nats.client("provision").await?;
    bus.publish(format!("greenbite.received.message.{id}"), format!("{{\"message\":{{\"id\":{id}}}").into())
        .await?;
    bus.flush().await?;
    Ok(id)
}

fn card_of(id: i64) -> String {
    format!(
        "[...document.querySelectorAll('.dead-list > li')].find(l => l.querySelector('a[href=\"/messages/{id}\"]'))"
    )
}

async fn press(client: &Client, card: &str, button: &str) -> anyhow::Result<()> {
    let script =
        format!("[...{card}.querySelectorAll('button')].find(b => b.textContent == '{button}').click()");
    client.execute(&script, vec![]).await?;
    Ok(())
}

#[test]
fn a_replayed_dead_letter_completes() {
    alone_in_a_browser("/dead-letters", async |world, client| {
        let id = spoil(world, "Two Lemonades please").await?;
        let card = card_of(id);
        until(&client, "the dead letter is listed", &card).await?;
        until(&client, "it is counted", "Number(document.querySelector('#dead-count').textContent) >= 1")
            .await?;
        until(&client, "it names its code", &format!("{card}.querySelector('h2 a').textContent == 'GB101'"))
            .await?;
        press(&client, &card, "Replay").await?;
        until(&client, "the dead letter is gone", &format!("!{card}")).await?;
        wait_until("the message is an order", PATIENCE, || async {
            Ok((world.line.outcome(id).await?.as_deref() == Some("order")).then_some(()))
        })
        .await
    });
}

#[test]
fn a_mended_dead_letter_completes_as_it_was_mended() {
    alone_in_a_browser("/dead-letters", async |world, client| {
        let id = spoil(world, "Two Lemonades please").await?;
        let card = card_of(id);
        until(&client, "the dead letter is listed", &card).await?;
        let mended = json!({
            "message": { "id": id, "received_at": "2026-01-01T12:00:00Z", "source": "test", "text": "Three Lemonades please" },
        });
        client
            .execute(
                &format!(
                    "const card = {card}; for (const d of card.querySelectorAll('details')) d.open = true; \
                     card.querySelector('textarea').value = arguments[0]"
                ),
                vec![json!(mended.to_string())],
            )
            .await?;
        press(&client, &card, "Replay as edited").await?;
        until(&client, "the dead letter is gone", &format!("!{card}")).await?;
        wait_until("the message is an order", PATIENCE, || async {
            Ok((world.line.outcome(id).await?.as_deref() == Some("order")).then_some(()))
        })
        .await?;
        let quantity: i32 = sqlx::query_scalar(
            "SELECT quantity FROM order_items JOIN orders ON orders.id = order_id WHERE message_id = $1",
        )
        .bind(id)
        .fetch_one(world.line.pool())
        .await?;
        ensure!(quantity == 3, "the order has {quantity}");
        Ok(())
    });
}

#[test]
fn all_of_a_code_are_replayed_at_once_and_what_is_discarded_is_given_up() {
    alone_in_a_browser("/dead-letters", async |world, client| {
        let given_up = spoil(world, "One Lemonade please").await?;
        let card = card_of(given_up);
        until(&client, "the dead letter is listed", &card).await?;
        client.execute("window.confirm = () => true", vec![]).await?;
        press(&client, &card, "Discard").await?;
        until(&client, "the dead letter is gone", &format!("!{card}")).await?;
        ensure!(world.line.outcome(given_up).await?.as_deref() == Some("discarded"));

        let ids = [spoil(world, "Two Lemonades please").await?, spoil(world, "One Lemonade please").await?];
        for id in ids {
            until(&client, "the dead letter is listed", &card_of(id)).await?;
        }
        client
            .execute(
                "[...document.querySelectorAll('main button')].find(b => /^Replay all \\d+ of GB101$/.test(b.textContent)).click()",
                vec![],
            )
            .await?;
        until(&client, "no dead letter is left", "!document.querySelector('.dead-list li[data-sequence]')")
            .await?;
        for id in ids {
            wait_until("the message is an order", PATIENCE, || async {
                Ok((world.line.outcome(id).await?.as_deref() == Some("order")).then_some(()))
            })
            .await?;
        }
        Ok(())
    });
}

#[test]
fn a_class_begins_anew_with_nothing_but_the_menu() {
    alone_in_a_browser("/teach", async |world, client| {
        world.line.send(&["One Lemonade please", "Are you open on Sundays?"]).await?;
        world.line.wait_until_settled(PATIENCE).await?;
        client.execute("window.prompt = () => 'no'", vec![]).await?;
        click(&client, "#clear").await?;
        let kept: i64 =
            sqlx::query_scalar("SELECT count(*) FROM messages").fetch_one(world.line.pool()).await?;
        ensure!(kept >= 2, "it is cleared without the word");
        client.execute("window.prompt = () => 'CLEAR'", vec![]).await?;
        click(&client, "#clear").await?;
        wait_until("all is gone", PATIENCE, || async {
            let left: i64 = sqlx::query_scalar(
                "SELECT (SELECT count(*) FROM messages) + (SELECT count(*) FROM orders) + (SELECT count(*) FROM enquiries)",
            )
            .fetch_one(world.line.pool())
            .await?;
            Ok((left == 0).then_some(()))
        })
        .await?;
        let menu: i64 =
            sqlx::query_scalar("SELECT count(*) FROM menu_items").fetch_one(world.line.pool()).await?;
        ensure!(menu > 0, "the menu is gone too");
        // And the line goes on with new messages.
        let id = send(&client, "Two Lemonades please").await?;
        until(&client, "the new message is told of", "document.querySelector('.steps .discord')").await?;
        ensure!(world.line.outcome(id).await?.as_deref() == Some("order"));
        Ok(())
    });
}

#[test]
fn the_tap_shows_what_passes_on_a_subject_and_pauses() {
    in_a_browser("/tap?subject=greenbite.registered.*.*", async |world, client| {
        tokio::time::sleep(Duration::from_millis(500)).await;
        world.line.send(&["One Lemonade please", "Are you open on Sundays?"]).await?;
        until(&client, "events are shown", "document.querySelectorAll('.tap-list .subject').length >= 2")
            .await?;
        let subjects = client
            .execute(
                "return [...document.querySelectorAll('.tap-list .subject')].map(s => s.textContent)",
                vec![],
            )
            .await?;
        let subjects: Vec<String> = serde_json::from_value(subjects)?;
        ensure!(subjects.iter().all(|subject| subject.starts_with("greenbite.registered.")), "{subjects:?}");
        click(&client, "button[aria-pressed]").await?;
        let before =
            client.execute("return document.querySelectorAll('.tap-list .subject').length", vec![]).await?;
        world.line.send(&["One Lemonade please"; 5]).await?;
        until(
            &client,
            "it says what passed meanwhile",
            "/[1-9]\\d* passed meanwhile/.test(document.querySelector('main').textContent)",
        )
        .await?;
        let after =
            client.execute("return document.querySelectorAll('.tap-list .subject').length", vec![]).await?;
        ensure!(before == after);
        fill(&client, ".tap-form input[type=text]", "greenbite..x").await?;
        client.execute("document.querySelector('.tap-form').requestSubmit()", vec![]).await?;
        until(&client, "a subject that is none is refused", "document.querySelector('.toast.bad')").await
    });
}

#[test]
fn the_simulation_starts_once_and_can_be_started_again_when_it_is_done() {
    alone_in_a_browser("/teach", async |_, client| {
        fill(&client, "#count", "25").await?;
        fill(&client, "#speed", "3").await?;
        until(&client, "it can be started", "!document.querySelector('#start').disabled").await?;
        click(&client, "#start").await?;
        until(&client, "it cannot be started twice", "document.querySelector('#start').disabled").await?;
        until(&client, "it can be started again", "!document.querySelector('#start').disabled").await?;
        until(
            &client,
            "it says what it did",
            "document.querySelector('main').textContent.includes('25 sent')",
        )
        .await?;
        until(&client, "its log shows the newest", "(l => l.scrollHeight - l.scrollTop - l.clientHeight < 30)(document.querySelector('.teach .log, main .log'))").await
    });
}

#[test]
fn a_dropped_connection_resumes_without_a_gap() {
    alone_in_a_browser("/", async |world, client| {
        until(&client, "it is connected", "greenbite.live.connected && greenbite.live.state").await?;
        world.line.send(&["One Lemonade please"; 3]).await?;
        world.line.wait_until_settled(PATIENCE).await?;
        client.execute("window.seen = []; window.watching = setInterval(() => { for (const e of greenbite.live.recent) if (!seen.includes(e.seq)) seen.push(e.seq); }, 50)", vec![]).await?;
        world.line.stop(Service::Dashboard, 0).await;
        until(&client, "the page notices", "!greenbite.live.connected").await?;
        world.line.send(&["Two Lemonades please"; 10]).await?;
        world.line.wait_until_settled(PATIENCE).await?;
        world.line.spawn(Service::Dashboard, 0)?;
        world.line.wait_until_ready(Service::Dashboard, 0).await?;
        until(&client, "the page is back", "greenbite.live.connected").await?;
        world.line.send(&["One Lemonade please"]).await?;
        world.line.wait_until_settled(PATIENCE).await?;
        let bus = world.line.nats.client("provision").await?;
        let mut stream = async_nats::jetstream::new(bus).get_stream("GREENBITE").await?;
        let last = stream.info().await?.state.last_sequence;
        until(&client, "the page has the newest", &format!("seen.includes({last})")).await?;
        let seen: BTreeSet<u64> = serde_json::from_value(client.execute("return seen", vec![]).await?)?;
        let first = *seen.first().context("nothing seen")?;
        let missed: Vec<u64> = (first..=last).filter(|sequence| !seen.contains(sequence)).collect();
        ensure!(missed.is_empty(), "missed {missed:?} of {first}..={last}");
        Ok(())
    });
}

#[test]
fn without_the_token_and_from_other_sites_the_page_only_reads() {
    RUNTIME.block_on(async {
        let _shared = LINE.read().await;
        let world = world().await;
        for path in [
            "/api/messages",
            "/api/orders/1/steps",
            "/api/enquiries/1/answer",
            "/api/knowledge/1/confirm",
            "/api/clear",
            "/api/stations/extractor/pause",
            "/api/simulation/start",
        ] {
            assert_eq!(world.request("POST", path, "wrong", &[]).await.unwrap(), 401, "{path}");
        }
        let other = ["Origin: http://evil.example", "Sec-Fetch-Site: cross-site"];
        assert_eq!(world.request("POST", "/api/unlock", &world.token, &other).await.unwrap(), 403);
        assert_eq!(world.request("GET", "/api/snapshot", "", &["Host: evil.example"]).await.unwrap(), 421);
        assert_eq!(world.request("GET", "/api/snapshot", "", &[]).await.unwrap(), 200);
        let client = world.browser(1200, 900).await.unwrap();
        client.goto(&format!("{}/teach", world.page)).await.unwrap();
        let locked =
            until(&client, "it says so", "document.querySelector('#unlock').textContent == 'Read only'")
                .await;
        let _ = client.close().await;
        locked.unwrap();
    });
}

#[test]
fn a_hundred_messages_a_second_keep_the_page_responsive() {
    alone_in_a_browser("/", async |world, client| {
        until(&client, "it is connected", "greenbite.live.connected").await?;
        let heap = "return performance.memory.usedJSHeapSize / 1048576";
        let before = client.execute(heap, vec![]).await?.as_f64().unwrap_or(0.0);
        client.execute("greenbite.longTasks.length = 0", vec![]).await?;
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        for _ in 0..600 {
            tick.tick().await;
            world.line.send(&["One Lemonade and two French Fries please"; 10]).await?;
        }
        let tasks: Vec<f64> =
            serde_json::from_value(client.execute("return greenbite.longTasks", vec![]).await?)?;
        let after = client.execute(heap, vec![]).await?.as_f64().unwrap_or(0.0);
        let longest = tasks.iter().copied().fold(0.0, f64::max);
        println!(
            "60 s at 100 messages/s: {} long tasks, {:.0} ms in all, the longest {longest:.0} ms; heap {before:.0} to {after:.0} MiB",
            tasks.len(),
            tasks.iter().sum::<f64>()
        );
        world.line.wait_until_settled(Duration::from_secs(180)).await?;
        until(&client, "the page has caught up", "greenbite.live.state.outcomes.open === 0").await?;
        let list = client.execute("return document.querySelectorAll('.log li').length", vec![]).await?;
        ensure!(list.as_u64().is_some_and(|rows| rows <= 60), "the log grows without bound: {list}");
        let kept = client.execute("return greenbite.live.recent.length", vec![]).await?;
        ensure!(kept.as_u64().is_some_and(|events| events <= 400), "the page keeps {kept} events");
        Ok(())
    });
}

/// What customers write, of every kind, for views that have something to show.
const TRAFFIC: &[&str] = &[
    "Two Classic Cheeseburgers without onions and a large Lemonade please",
    "One Lemonade please",
    "Can I get 3 Hamburgers, no onions, and two French Fries?",
    "I'll have a Classic Cheeseburger with extra ketchup and one French Fries",
    "When do you close today?",
    "Thanks, that was great!",
    "Two large Hamburgers, no onions",
    "Do you have gluten free buns?",
    "A pork burger and two Lemonades please",
    "I would like 60 Classic Cheeseburgers please",
    "One chese burgr and a lemonad",
    "Where do I pick my order up?",
];

#[test]
fn every_view_fits_a_phone_and_a_wide_screen_in_both_themes() {
    RUNTIME.block_on(async {
        let _alone = LINE.write().await;
        let world = world().await;
        let id = world
            .line
            .send(&[
                "Hi! 2 large Classic Cheeseburgers without onions, a Lemonade and a mushroom burgr please",
            ])
            .await
            .unwrap()[0];
        world.line.send(TRAFFIC).await.unwrap();
        world.line.wait_until_settled(PATIENCE).await.unwrap();
        let spoilt = spoil(world, "Two Lemonades please").await.unwrap();
        let folder = std::env::var("GREENBITE_SCREENSHOTS").ok();
        if folder.is_some() {
            // For charts that have something to show.
            for _ in 0..100 {
                world.line.send(TRAFFIC).await.unwrap();
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        for (width, height) in [(1440, 1000), (390, 844)] {
            let client = world.browser(width, height).await.unwrap();
            let result = fits(world, &client, (width, height), id, folder.as_deref()).await;
            let _ = client.close().await;
            result.unwrap();
        }
        world.line.greenbite(&["dlq", "replay", "--all"]).await.unwrap();
        wait_until("the spoilt message is an order", PATIENCE, || async {
            Ok((world.line.outcome(spoilt).await?.as_deref() == Some("order")).then_some(()))
        })
        .await
        .unwrap();
    });
}

/// Opens each view in each theme: it is no wider than the window and throws nothing. Photographs it, if asked to.
async fn fits(
    world: &World,
    client: &Client,
    (width, height): (u32, u32),
    id: i64,
    folder: Option<&str>,
) -> anyhow::Result<()> {
    let phone = width < 600;
    let journey = format!("/messages/{id}");
    let views = [
        ("line", "/"),
        ("journeys", "/messages"),
        ("journey", journey.as_str()),
        ("kitchen", "/kitchen"),
        ("desk", "/desk"),
        ("report", "/report"),
        ("tap", "/tap"),
        ("dead-letters", "/dead-letters"),
        ("teach", "/teach"),
    ];
    // A window has a frame and a smallest width; this sets what the page itself gets.
    let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone });
    let command = json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": metrics });
    driver(client, "goog/cdp/execute", command).await?;
    for theme in ["dark", "light"] {
        for (name, path) in views {
            client.goto(&format!("{}{path}?theme={theme}#token={}", world.page, world.token)).await?;
            until(client, "the page is live", "window.greenbite && greenbite.live.connected").await?;
            tokio::time::sleep(Duration::from_millis(1_200)).await;
            if ["line", "tap"].contains(&name) {
                for _ in 0..3 {
                    world.line.send(TRAFFIC).await?;
                    tokio::time::sleep(Duration::from_millis(250)).await;
                }
            }
            let wide = client.execute("return document.documentElement.scrollWidth", vec![]).await?;
            ensure!(
                wide.as_u64().is_some_and(|wide| wide <= u64::from(width)),
                "{name} is {wide} wide on {width}"
            );
            if let Some(folder) = folder {
                let name = format!("{name}-{theme}{}.png", if phone { "-phone" } else { "" });
                photograph(client, width, if phone { 1_900 } else { 1_500 }, &Path::new(folder).join(name))
                    .await?;
            }
        }
    }
    let wrong = wrongs(client).await?;
    ensure!(wrong.is_empty(), "the browser complains: {wrong:#?}");
    Ok(())
}

/// The whole page down to a height.
async fn photograph(client: &Client, width: u32, most: u64, path: &Path) -> anyhow::Result<()> {
    let height = client.execute("return document.documentElement.scrollHeight", vec![]).await?;
    let height = height.as_u64().unwrap_or(most).min(most);
    let clip = json!({ "x": 0, "y": 0, "width": width, "height": height, "scale": 1 });
    let parameters = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
    let answer =
        driver(client, "goog/cdp/execute", json!({ "cmd": "Page.captureScreenshot", "params": parameters }))
            .await?;
    let picture =
        base64::engine::general_purpose::STANDARD.decode(answer["data"].as_str().context("no picture")?)?;
    std::fs::create_dir_all(path.parent().context("no folder")?)?;
    std::fs::write(path, picture)?;
    Ok(())
}

/// A command of the browser's driver that the client library has no name for.
async fn driver(client: &Client, path: &str, parameters: Value) -> anyhow::Result<Value> {
    #[derive(Debug)]
    struct Extra(String, Value);
    impl fantoccini::wd::WebDriverCompatibleCommand for Extra {
        fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
            base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.0))
        }

        fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
            (http::Method::POST, Some(self.1.to_string()))
        }
    }
    Ok(client.issue_cmd(Extra(path.to_owned(), parameters)).await?)
}

#[test]
fn a_restaurants_page_is_read_with_a_token_and_has_nothing_for_classes() {
    in_a_browser("/", async |world, client| {
        let folder = world.home.path().join("production");
        world.line.write_access(&folder)?;
        let port = free_port()?;
        let mut command = Command::new(world.line.binaries().join("dashboard"));
        command
            .arg("--config")
            .arg(folder.join("dashboard.toml"))
            .env("GREENBITE_DASHBOARD__LISTEN", format!("127.0.0.1:{port}"))
            .env("GREENBITE_DASHBOARD__MODE", "production")
            .env("GREENBITE_DASHBOARD__READ_TOKEN", "may-look");
        let mut process = Process::spawn("dashboard", command, &folder.join("log"), Signal::SIGTERM)?;
        process
            .ready(Duration::from_secs(30), || async move {
                tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()
            })
            .await?;
        let page = format!("http://127.0.0.1:{port}");

        for path in [
            "/",
            "/desk",
            "/kitchen",
            "/api/kitchen",
            "/report",
            "/errors/GB401",
            "/assets/app.js",
            "/api/snapshot",
            "/api/desk",
            "/api/report",
            "/api/stream",
            "/api/tap?subject=greenbite.%3E",
        ] {
            for (token, wanted) in [("", 401), ("guessed", 401), ("may-look", 200), (&*world.token, 200)] {
                let status = ask(&page, "GET", path, token, &[]).await?;
                ensure!(status == wanted, "GET {path} with '{token}': {status}");
            }
        }
        for path in [
            "/api/simulation/start",
            "/api/simulation/stop",
            "/api/stations/extractor/pause",
            "/api/stations/extractor/resume",
            "/api/clear",
            "/api/messages",
        ] {
            let status = ask(&page, "POST", path, &world.token, &[]).await?;
            ensure!(status == 403, "POST {path} with the owner's token: {status}");
            let status = ask(&page, "POST", path, "may-look", &[]).await?;
            ensure!(status == 401, "POST {path} with the reader's token: {status}");
        }
        ensure!(ask(&page, "GET", "/teach", &world.token, &[]).await? == 403);
        ensure!(ask(&page, "POST", "/api/unlock", "may-look", &[]).await? == 401);
        ensure!(ask(&page, "POST", "/api/unlock", &world.token, &[]).await? == 200);

        client.goto(&format!("{page}/desk")).await?;
        fill(&client, "#token", "guessed").await?;
        click(&client, "#enter button").await?;
        until(&client, "it is refused", "document.querySelector('#refused').textContent").await?;
        fill(&client, "#token", "may-look").await?;
        click(&client, "#enter button").await?;
        until(
            &client,
            "the desk is shown, live",
            "window.greenbite?.live.connected && document.querySelector('h1')",
        )
        .await?;
        let teach =
            client.execute("return document.querySelectorAll('a[href=\"/teach\"]').length", vec![]).await?;
        ensure!(teach == 0, "the page links to the panel for teachers");
        let lock = client.execute("return document.getElementById('unlock').textContent", vec![]).await?;
        ensure!(lock == "Read only", "the reader's token unlocks: {lock}");

        // The address that is printed lets the owner in at once.
        client.execute("document.cookie = 'greenbite-pass=; Max-Age=0; Path=/'", vec![]).await?;
        driver(&client, "goog/cdp/execute", json!({ "cmd": "Network.clearBrowserCookies", "params": {} }))
            .await?;
        client.goto(&format!("{page}/#token={}", world.token)).await?;
        until(
            &client,
            "the owner is in",
            "document.documentElement.dataset.write == 'yes' && window.greenbite.live.connected",
        )
        .await?;
        process.stop(Duration::from_secs(20)).await;
        Ok(())
    });
}
