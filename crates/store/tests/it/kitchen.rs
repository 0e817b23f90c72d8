use contracts::MessageId;
use contracts::kitchen::{State, Step};
use store::Store;
use store::kitchen::{NewStep, Pressed, StepError};

use crate::{execute, fresh, number, one_message, order, url};

async fn an_order(store: &Store) -> (MessageId, i64) {
    let id = one_message(store).await;
    let number = number(&store.register_orders(&[order(id)]).await.unwrap()[0]);
    (id, number)
}

fn press(number: i64, step: Step) -> NewStep {
    NewStep { number, step, who: "Ada".to_owned(), why: None, after: None }
}

fn void(number: i64, why: &str) -> NewStep {
    NewStep { why: Some(why.to_owned()), ..press(number, Step::Void) }
}

async fn states(store: &Store, id: MessageId) -> Vec<(i32, State)> {
    store.order_steps(id).await.unwrap().iter().map(|taken| (taken.step, taken.state)).collect()
}

#[tokio::test]
async fn an_order_goes_from_accepted_to_collected_and_its_history_says_when_and_who() {
    let store = fresh().await;
    let (id, number) = an_order(&store).await;
    let open = store.open_orders(5).await.unwrap();
    assert_eq!((open[0].number, open[0].state), (number, State::Accepted));
    assert_eq!(open[0].items, "2 large Lentil Soup, 2 Lentil Soup");
    for step in [Step::Start, Step::Ready, Step::Recall, Step::Ready, Step::Collect] {
        let Pressed::Now(taken) = store.take_step(&press(number, step)).await.unwrap() else {
            panic!("{step} was not taken")
        };
        assert_eq!((taken.state, taken.who.as_str(), taken.why), (step.to(), "Ada", None));
    }
    use State::{Collected, Preparing, Ready};
    assert_eq!(
        states(&store, id).await,
        [(1, Preparing), (2, Ready), (3, Preparing), (4, Ready), (5, Collected)]
    );
    assert!(store.order_steps(id).await.unwrap().is_sorted_by_key(|taken| taken.at));
    assert!(store.open_orders(5).await.unwrap().is_empty());
    assert_eq!(store.journey(id).await.unwrap().unwrap().kitchen.len(), 5);
}

#[tokio::test]
async fn of_many_who_press_at_once_one_takes_the_step_and_the_others_hear_that_it_is_so() {
    let store = fresh().await;
    for _ in 0..5 {
        let (id, number) = an_order(&store).await;
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { store.take_step(&press(number, Step::Start)).await.unwrap() })
            })
            .collect();
        let mut taken = 0;
        for task in tasks {
            match task.await.unwrap() {
                Pressed::Now(_) => taken += 1,
                Pressed::Before(state, last) => {
                    assert_eq!((state, last.unwrap().step), (State::Preparing, 1));
                }
            }
        }
        assert_eq!(taken, 1);
        assert_eq!(states(&store, id).await, [(1, State::Preparing)]);
    }
}

#[tokio::test]
async fn of_a_start_and_a_void_at_once_the_history_stays_legal() {
    let store = fresh().await;
    for _ in 0..10 {
        let (id, number) = an_order(&store).await;
        let (start, called_off) = (press(number, Step::Start), void(number, "the customer left"));
        let (started, voided) = tokio::join!(store.take_step(&start), store.take_step(&called_off));
        assert!(matches!(voided, Ok(Pressed::Now(_))), "{voided:?}");
        let history = states(&store, id).await;
        match started {
            Ok(_) => assert_eq!(history, [(1, State::Preparing), (2, State::Voided)]),
            Err(StepError::Illegal { state: State::Voided, .. }) => {
                assert_eq!(history, [(1, State::Voided)]);
            }
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn an_illegal_step_is_refused_with_the_order_its_state_and_what_is_possible() {
    let store = fresh().await;
    let (id, number) = an_order(&store).await;
    let refused = store.take_step(&press(number, Step::Collect)).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        format!("order {number} is accepted: 'collect' is not possible. Possible: start, void.")
    );
    store.take_step(&press(number, Step::Start)).await.unwrap();
    store.take_step(&press(number, Step::Ready)).await.unwrap();
    let refused = store.take_step(&void(number, "too late")).await.unwrap_err();
    assert!(refused.to_string().contains("is ready") && refused.to_string().contains("collect, recall"));
    assert_eq!(states(&store, id).await, [(1, State::Preparing), (2, State::Ready)]);

    let unknown = store.take_step(&press(4_711, Step::Start)).await.unwrap_err();
    assert_eq!(unknown.to_string(), "there is no order 4711");
}

#[tokio::test]
async fn a_void_keeps_its_first_reason_and_is_not_taken_without_one() {
    let store = fresh().await;
    let (id, number) = an_order(&store).await;
    for why in [None, Some(" ".to_owned())] {
        let error = store.take_step(&NewStep { why, ..press(number, Step::Void) }).await.unwrap_err();
        assert!(matches!(error, StepError::NoReason(_)), "{error}");
    }
    let nobody = NewStep { who: " ".to_owned(), ..press(number, Step::Start) };
    assert!(matches!(store.take_step(&nobody).await, Err(StepError::NoName(_))));
    assert!(states(&store, id).await.is_empty());

    store.take_step(&void(number, "the customer left")).await.unwrap();
    let again = store.take_step(&void(number, "another reason")).await.unwrap();
    let Pressed::Before(State::Voided, Some(first)) = again else { panic!("{again:?}") };
    assert_eq!(first.why.as_deref(), Some("the customer left"));
    assert_eq!(states(&store, id).await, [(1, State::Voided)]);
    let late = store.take_step(&press(number, Step::Start)).await.unwrap_err();
    assert!(late.to_string().ends_with("Nothing is possible any more."), "{late}");
}

#[tokio::test]
async fn a_state_that_this_version_does_not_know_is_not_stepped_over() {
    let url = url().await;
    let store = Store::connect(&url, 2).await.unwrap();
    let (id, number) = an_order(&store).await;
    execute(&url, "ALTER TABLE orders DROP CONSTRAINT orders_state_known; UPDATE orders SET state = 'eaten'")
        .await;
    let error = store.take_step(&press(number, Step::Start)).await.unwrap_err();
    assert!(error.to_string().contains("unknown state 'eaten'"), "{error}");
    assert!(states(&store, id).await.is_empty());
}

#[tokio::test]
async fn a_press_that_is_repeated_counts_once_whatever_others_have_pressed_since() {
    let store = fresh().await;
    let (id, number) = an_order(&store).await;
    let after = |seen, step| NewStep { after: Some(seen), ..press(number, step) };
    store.take_step(&after(0, Step::Start)).await.unwrap();
    store.take_step(&after(1, Step::Ready)).await.unwrap();
    // The answer was lost, and somebody has recalled the order before it is pressed again.
    store.take_step(&after(2, Step::Recall)).await.unwrap();
    let again = store.take_step(&after(1, Step::Ready)).await.unwrap();
    let Pressed::Before(State::Preparing, Some(first)) = again else { panic!("{again:?}") };
    assert_eq!((first.step, first.state), (2, State::Ready));
    // Another step than the one that was taken meanwhile: whoever pressed looked at something else.
    let other = store.take_step(&NewStep { after: Some(1), ..void(number, "gone") }).await;
    assert!(matches!(other, Err(StepError::Overtaken { state: State::Preparing, .. })), "{other:?}");
    assert_eq!(states(&store, id).await.len(), 3);
}

#[tokio::test]
async fn names_and_reasons_that_no_ticket_could_show_are_refused() {
    let store = fresh().await;
    let (id, number) = an_order(&store).await;
    for bad in [
        void(number, &"x".repeat(501)),
        void(number, "a\u{7}b"),
        NewStep { who: "x".repeat(81), ..press(number, Step::Start) },
    ] {
        let refused = store.take_step(&bad).await;
        assert!(matches!(refused, Err(StepError::TooLong(_))), "{refused:?}");
    }
    assert!(states(&store, id).await.is_empty());
}

#[tokio::test]
async fn each_step_is_told_once_and_those_of_an_order_in_their_order() {
    let store = fresh().await;
    let (first, number) = an_order(&store).await;
    let (second, other) = an_order(&store).await;
    for (number, step) in [(number, Step::Start), (number, Step::Ready), (other, Step::Start)] {
        store.take_step(&press(number, step)).await.unwrap();
    }
    let batch = store.steps_to_tell(10).await.unwrap();
    let told: Vec<_> = batch.steps().iter().map(|step| (step.number, step.taken.step)).collect();
    assert_eq!(told, [(number, 1), (other, 1)]);
    // Another relay at the same moment finds nothing: neither these nor what comes after them.
    assert!(store.steps_to_tell(10).await.unwrap().steps().is_empty());
    // The bus confirmed one of them.
    batch.commit(&[0]).await.unwrap();
    let batch = store.steps_to_tell(10).await.unwrap();
    let told: Vec<_> = batch.steps().iter().map(|step| (step.message.id, step.taken.step)).collect();
    assert_eq!(told, [(first, 2), (second, 1)]);
    batch.commit(&[0, 1]).await.unwrap();
    assert!(store.steps_to_tell(10).await.unwrap().steps().is_empty());

    // The bus has lost its storage.
    assert_eq!(store.tell_steps_again(chrono::Utc::now() + chrono::TimeDelta::minutes(1)).await.unwrap(), 3);
    assert_eq!(store.steps_to_tell(10).await.unwrap().steps().len(), 2);
    let tickets = store.tickets(5).await.unwrap();
    assert_eq!((tickets[0].state, tickets[0].steps, tickets[1].steps), (State::Ready, 2, 1));
    assert_eq!((tickets[0].lines.len(), tickets[0].text.as_str()), (2, "message 0"));
    assert_eq!(tickets[0].lines[0].phrase, "lentil soop");
}
