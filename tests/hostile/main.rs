//! Whatever one peer, the kernel or the operator does, everybody else is served.
//!
//! Named attacks in tables on the built binary and real sockets, each with its expected status or
//! close code. Two bystanders play all the while (`ground`): after each attack their round goes on,
//! at the end of each table it must end with the right result, and no descriptor may be lost.
//! What `tests/loopback` shows already is not repeated here.

#[path = "../support/mod.rs"]
mod support;

#[cfg(feature = "tls")]
#[path = "../tls/secure.rs"]
#[allow(dead_code, reason = "tests/tls uses the rest")]
mod client;
#[cfg(feature = "tls")]
#[path = "../tls/pair.rs"]
#[allow(dead_code, reason = "tests/tls uses the rest")]
mod pair;
#[cfg(feature = "tls")]
mod secure;

mod descriptors;
mod dialects;
mod faults;
mod floods;
mod frames;
mod game;
mod ground;
mod http;

/// Declares each of these attacks once more, by TLS.
#[cfg(feature = "tls")]
macro_rules! by_tls {
    ($($part:ident: $($attack:ident)*;)*) => {
        mod by_tls {$(mod $part {$(
            #[test]
            fn $attack() {
                crate::secure::begin();
                crate::$part::$attack();
            }
        )*})*}
    };
}

#[cfg(feature = "tls")]
by_tls! {
    http:
        shapes_that_two_readers_would_read_differently
        targets_that_mean_something_elsewhere
        heads_that_are_no_heads
        upgrades_that_are_not_quite_right
        what_comes_in_one_piece_with_an_upgrade_is_frames
        a_head_that_comes_drop_by_drop_has_no_more_time_than_others
        connections_that_are_half_open_end
        what_follows_an_answer_is_thrown_away_up_to_a_bound;
    frames:
        after_a_goodbye_nothing_counts
        fragments_without_end
        a_character_in_several_fragments_is_a_character
        bad_text_is_noticed_in_its_fragment
        a_flood_of_pings_is_answered_while_it_is_read
        a_length_is_believed_only_as_far_as_it_is_allowed
        the_mask_may_be_anything;
    dialects:
        texts_that_are_no_event
        packets_that_are_malformed
        namespaces_that_do_not_exist_are_named_and_nothing_else
        payloads_that_are_not_what_their_event_needs
        greetings_that_are_strange_and_welcome
        what_an_opponent_is_told_is_clean
        before_its_connect_packet_a_socket_io_4_client_may_say_nothing_else
        binary_frames_end_a_connection_of_any_dialect;
    game:
        every_event_in_every_state
        tokens_are_not_guessed
        a_stolen_token_is_worth_one_connection_and_the_owner_is_told
        another_one_s_uid_brings_nothing
        room_codes_are_not_guessed_for_long;
}
