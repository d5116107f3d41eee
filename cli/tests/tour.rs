//! The guided demonstration, from its first step to its last, through the real protocols.

mod support;

#[test]
fn the_tour_shows_what_it_promises() {
    let place = support::Place::new(&[]);
    let left = place.run(&["tour"], "");
    assert_eq!(left.code, Some(0), "{left:?}");
    let promised = [
        "undefined global 'lien'",
        "stopped in work",
        "Scheduler:sleep",
        "live in main.lua",
        "describe is redefined",
        "before",
        "and on it goes: round",
        "All was as it should be",
    ];
    for text in promised {
        assert!(left.out.contains(text), "{text:?} in\n{}", left.out);
    }
    assert!(!left.out.contains('\x1b'), "no colours in a pipe");
    assert_eq!(place.run(&["sessions", "--format=json"], "").out, "[]\n", "nothing runs any more");
}

#[test]
fn a_pause_waits_for_enter_and_the_end_of_the_input_counts_as_that() {
    let left = support::run(&["tour", "--pause"], "\n\n");
    assert_eq!(left.code, Some(0), "{left:?}");
    assert_eq!(left.out.matches("Enter shows the next step").count(), 6);
}

#[test]
fn a_surprise_is_told_and_counts() {
    let place = support::Place::new(&[]);
    let mut command = place.command(&["tour"]);
    let child = command.env("TMPDIR", place.path().join("nowhere")).spawn().expect("perilune starts");
    let left = support::finish(child, "");
    assert_eq!(left.code, Some(1), "{left:?}");
    assert!(left.err.starts_with("perilune: tour: the preparation expected a folder for the program\n  and got "), "{left:?}");
}
