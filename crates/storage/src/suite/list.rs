//! The names of all cases, for an engine to run them: each as a test of its own where a store costs
//! nothing, all in one test where a server must be started first. No logic here.

use std::pin::Pin;
use std::sync::Arc;

/// What a case does while it runs.
pub type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A case of the conformance suite: its name, and what it does with an empty store.
pub type Case<S> = (&'static str, fn(Arc<S>) -> Running);

/// A racing case: its name, and what it does with two stores on one empty database.
pub type RacingCase<S> = (&'static str, fn(Arc<S>, Arc<S>) -> Running);

/// Hands the names of the conformance suite to the macro `$emit`, theme by theme.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_names {
    ($emit:ident, $with:tt) => {
        $crate::$emit! { @theme $with, metadata:
            bytes_come_back_exactly,
            a_large_document_comes_back_exactly,
            an_empty_document_comes_back,
            times_are_kept_to_the_microsecond,
            an_empty_store_has_nothing,
            a_store_that_answers_passes_its_check,
            newest_is_the_highest_number,
            the_highest_version_is_stored,
            older_versions_stay_readable,
            a_digest_under_another_role_is_absent,
            a_digest_under_another_gun_is_absent,
            the_same_bytes_may_be_stored_twice,
            heads_name_the_roles_that_were_asked_for,
            guns_that_differ_in_case_stay_apart,
            guns_that_differ_in_a_trailing_blank_stay_apart,
            guns_that_look_like_patterns_stay_apart,
            guns_that_differ_in_composition_stay_apart,
            guns_with_quotes_stay_apart,
            delete_removes_every_version_of_every_role,
            delete_leaves_longer_and_shorter_guns,
            delete_of_nothing_is_no_change,
            versions_restart_after_delete,
        }
        $crate::$emit! { @theme $with, conflicts:
            a_moved_head_is_told_and_nothing_is_stored,
            a_head_that_appeared_is_told,
            a_head_that_vanished_is_told,
            a_head_with_another_digest_has_moved,
            a_moved_head_of_a_role_that_is_only_read_counts,
            a_moved_head_outside_the_base_does_not_matter,
            a_version_that_is_stored_is_old,
            a_timestamp_version_that_is_stored_is_old,
            a_moved_head_is_told_before_an_old_version,
            one_old_role_of_several_keeps_all_out,
            the_same_version_twice_in_an_update_is_old,
            a_commit_stores_all_its_roles,
            a_gap_between_versions_is_stored,
            another_gun_is_no_conflict,
            a_document_that_is_gone_is_told_and_one_that_is_there_is_not,
        }
        $crate::$emit! { @theme $with, changefeed:
            a_commit_is_one_row_about_its_timestamp,
            a_deletion_is_one_row_of_version_0,
            no_match_is_empty,
            after_zero_are_the_first,
            latest_are_the_newest_oldest_first,
            before_an_id_are_the_nearest_below_it,
            after_an_id_are_the_next,
            a_limit_of_0_gives_none,
            ranges_of_one_gun_skip_the_others,
            the_feed_outlives_the_gun,
        }
        $crate::$emit! { @theme $with, published:
            what_was_published_is_listed_in_order,
            signing_again_is_no_publish,
            a_gun_is_listed_once_per_role,
            guns_with_a_young_timestamp_are_left_out,
            pages_miss_nothing_and_repeat_nothing,
            a_deleted_gun_is_not_listed,
        }
        $crate::$emit! { @theme $with, retention:
            heads_stay_whatever_is_listed,
            rows_of_another_gun_stay,
            a_moved_head_removes_nothing,
            a_removed_version_is_absent_and_stays_old,
            thinning_keeps_the_newest_change_of_every_gun,
            thinning_leaves_what_is_young,
            a_rehearsed_thinning_removes_nothing,
            numbers_of_removed_changes_are_not_given_again,
            giving_back_loses_nothing,
        }
        $crate::$emit! { @theme $with, change_numbers:
            changes_go_on_above_a_number,
            the_first_change_gets_a_number_above,
            numbers_never_go_back,
            a_number_that_cannot_be_asked_for_is_refused,
        }
        $crate::$emit! { @theme $with, keys:
            an_empty_store_has_no_keys,
            a_key_comes_back_exactly,
            a_second_key_gets_the_pending_one,
            pending_keys_are_per_gun_role_and_algorithm,
            pending_keys_are_per_home,
            a_key_that_signed_is_not_pending,
            keys_that_have_not_signed_are_counted_up_to_a_bound,
            mark_used_notes_the_latest_for_one_key,
            last_use_is_kept_to_the_microsecond,
            mark_used_of_an_absent_key_is_no_error,
            a_key_without_gun_and_role_is_bound_once,
            a_key_without_gun_or_role_is_bound_to_what_fits,
            bind_changes_no_other_key,
            a_binding_to_no_gun_or_another_role_is_refused,
            key_ids_are_exact,
            a_key_id_is_stored_once,
            a_used_key_is_not_stored_as_pending,
            a_key_of_another_role_is_refused,
            the_first_passphrase_check_stays,
        }
        $crate::$emit! { @theme $with, aliases:
            a_store_without_keys_has_no_aliases,
            every_alias_comes_once_in_order_with_its_newest_keys,
            keys_in_a_token_are_no_samples,
        }
        $crate::$emit! { @theme $with, key_upkeep:
            a_store_without_keys_has_nothing_to_keep_up,
            keys_under_an_alias_are_of_no_other,
            keys_in_a_token_are_under_no_alias,
            keys_in_a_token_are_gone_through_with_the_retired_ones,
            a_key_is_sealed_anew_and_stays_the_same,
            a_key_that_is_no_longer_sealed_so_is_not_sealed_anew,
            one_key_is_not_sealed_in_the_place_of_another,
            a_key_moves_into_a_token_and_back,
            a_retired_key_is_not_seen,
            a_retired_key_comes_back_as_it_was,
            a_retired_key_is_sealed_anew,
            only_a_retired_key_is_removed_for_good,
            retired_keys_are_found_by_their_age,
            pending_keys_are_found_by_their_age,
        }
        $crate::$emit! { @theme $with, passphrase_moves:
            a_store_without_a_passphrase_has_no_checks_and_no_processes,
            the_first_check_holds_and_names_no_alias,
            one_check_is_proposed_at_a_time,
            a_check_with_too_long_an_alias_is_not_proposed,
            a_proposal_is_withdrawn_by_its_exact_value,
            an_adopted_check_holds_and_is_no_proposal,
            only_the_proposed_check_is_adopted,
            processes_are_noted_and_forgotten,
            a_process_with_too_long_a_name_is_refused,
        }
        $crate::$emit! { @theme $with, key_bindings:
            a_store_without_bindings_has_none,
            a_binding_comes_back_exactly,
            a_key_is_bound_once,
            the_ids_of_bound_keys_are_exact,
            the_last_use_of_a_bound_key_is_noted,
            pages_of_bindings_hold_every_key_once_in_order,
            a_key_that_was_unbound_can_be_bound_anew,
        }
        $crate::$emit! { @theme $with, inventory:
            an_empty_store_has_no_inventory,
            pages_of_any_size_hold_every_gun_once,
            a_deleted_gun_is_not_gone_through,
            every_version_is_told_with_its_row,
        }
        $crate::$emit! { @theme $with, root_walk:
            a_store_without_roots_has_none_to_go_through,
            steps_of_any_size_hold_every_root_once,
            how_far_somebody_came_is_kept_for_each_signer,
        }
        $crate::$emit! { @theme $with, archive:
            archived_documents_come_back_with_their_dates,
            an_archived_version_that_is_stored_keeps_all_out,
            a_publish_follows_archived_documents,
            an_unannounced_removal_is_of_one_gun_and_no_change,
            archived_changes_keep_their_numbers_and_new_ones_follow,
            an_archived_number_that_is_taken_keeps_all_out,
            an_archived_key_comes_back_and_replaces_its_like,
            an_archived_key_of_another_role_keeps_all_out,
            a_key_is_removed_by_its_exact_id,
        }
        $crate::$emit! { @theme $with, usage:
            an_empty_store_uses_nothing,
            all_versions_below_a_prefix_are_used,
            what_is_beside_a_prefix_is_not_used,
            a_deletion_frees_what_was_used,
        }
        $crate::$emit! { @theme $with, key_catalogue:
            a_store_without_keys_has_no_records,
            a_record_tells_what_was_noted,
            a_record_tells_the_home_of_its_key,
            pages_of_any_size_hold_every_key_once_in_order,
            records_of_one_gun_are_of_no_other,
        }
    };
}

/// Hands the names of the racing cases to the macro `$emit`.
#[doc(hidden)]
#[macro_export]
macro_rules! racing_names {
    ($emit:ident, $with:tt) => {
        $crate::$emit! { @names $with,
            of_twelve_identical_commits_one_is_done,
            of_twelve_commits_without_base_one_is_done,
            of_two_commits_of_different_roles_one_moves,
            commits_of_different_guns_are_all_done,
            of_twelve_deletions_one_finds_something,
            a_commit_is_seen_through_the_other_store,
            heads_that_are_asked_for_at_once_are_each_those_of_their_gun,
            a_poller_beside_writers_misses_nothing,
            of_twelve_new_keys_all_get_the_same,
            of_twelve_bindings_one_stays,
            of_twelve_passphrase_checks_all_get_the_same,
            of_twelve_seals_of_one_key_one_is_put,
            of_twelve_proposals_all_get_the_same,
            of_twelve_that_adopt_a_proposal_one_does,
            of_twelve_bindings_of_a_remote_key_one_stays,
        }
    };
}

/// Emits one test per case of the conformance suite, in one module per theme.
///
/// Takes the path of an async function that makes an empty store: it returns `(Arc<Store>, guard)`
/// where the store implements all traits and dropping the guard removes it.
#[macro_export]
macro_rules! conformance_tests {
    ($fresh:path) => {
        $crate::conformance_names! { conformance_tests, $fresh }
    };
    (@theme $fresh:path, $theme:ident: $($name:ident,)+) => {
        mod $theme {
            $(
                #[tokio::test]
                async fn $name() {
                    let (store, _guard) = $fresh().await;
                    $crate::suite::$theme::$name(&*store).await;
                }
            )+
        }
    };
}

/// All cases of the conformance suite for a type of store: a `Vec<Case<Store>>`.
#[macro_export]
macro_rules! conformance_cases {
    ($store:ty) => {{
        let mut cases: Vec<$crate::suite::Case<$store>> = Vec::new();
        $crate::conformance_names! { conformance_cases, cases }
        cases
    }};
    (@theme $cases:ident, $theme:ident: $($name:ident,)+) => {
        $(
            $cases.push((
                concat!(stringify!($theme), "::", stringify!($name)),
                |store| Box::pin(async move { $crate::suite::$theme::$name(&*store).await }),
            ));
        )+
    };
}

/// Emits one test per racing case.
///
/// Takes the path of an async function that makes an empty database with two stores on it: it
/// returns `(Arc<Store>, Arc<Store>, guard)`.
#[macro_export]
macro_rules! racing_tests {
    ($pair:path) => {
        $crate::racing_names! { racing_tests, $pair }
    };
    (@names $pair:path, $($name:ident,)+) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let (one, two, _guard) = $pair().await;
                $crate::suite::racing::$name(one.clone(), two.clone()).await;
            }
        )+
    };
}

/// All racing cases for a type of store: a `Vec<RacingCase<Store>>`.
#[macro_export]
macro_rules! racing_cases {
    ($store:ty) => {{
        let mut cases: Vec<$crate::suite::RacingCase<$store>> = Vec::new();
        $crate::racing_names! { racing_cases, cases }
        cases
    }};
    (@names $cases:ident, $($name:ident,)+) => {
        $(
            $cases.push((
                stringify!($name),
                |one, two| Box::pin(async move { $crate::suite::racing::$name(one, two).await }),
            ));
        )+
    };
}

#[cfg(test)]
mod tests {
    const THEMES: [&str; 17] = [
        include_str!("aliases.rs"),
        include_str!("archive.rs"),
        include_str!("change_numbers.rs"),
        include_str!("changefeed.rs"),
        include_str!("conflicts.rs"),
        include_str!("inventory.rs"),
        include_str!("key_bindings.rs"),
        include_str!("key_catalogue.rs"),
        include_str!("key_upkeep.rs"),
        include_str!("keys.rs"),
        include_str!("metadata.rs"),
        include_str!("passphrase_moves.rs"),
        include_str!("published.rs"),
        include_str!("racing.rs"),
        include_str!("retention.rs"),
        include_str!("root_walk.rs"),
        include_str!("usage.rs"),
    ];

    #[test]
    fn every_case_is_listed() {
        let list = include_str!("list.rs");
        let mut cases = 0;
        for line in THEMES.iter().flat_map(|theme| theme.lines()) {
            let Some(rest) = line.strip_prefix("pub async fn ") else { continue };
            let name = rest.split(['(', '<']).next().unwrap();
            assert!(list.contains(&format!("            {name},\n")), "{name} is not listed");
            cases += 1;
        }
        assert!(cases > 60, "{cases} cases found: has their form changed?");
    }
}
